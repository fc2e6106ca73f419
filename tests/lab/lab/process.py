# SPDX-License-Identifier: Apache-2.0
"""Programs that run in a host of the lab.

Each has its own session and a log file in the lab's directory. It is ended by its pid and in no
other way; what is left of its family ends with its namespace. When the tests' own process dies, the
kernel ends it (PDEATHSIG).
"""

import os
import signal
import subprocess
import time
from pathlib import Path

from .wait import wait_until

LOG_TAIL = 20


def descendants(pid):
    """The pids below `pid`, nearest first."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as f:
                    parent = int(f.read().rsplit(")", 1)[1].split()[1])
            except (OSError, IndexError):
                continue
            children.setdefault(parent, []).append(int(entry))
    found, queue = [], [pid]
    while queue:
        for child in children.get(queue.pop(0), []):
            found.append(child)
            queue.append(child)
    return found


def _thread_states(pid):
    """The states of all threads of a process, as in proc(5)."""
    states = set()
    for stat in Path(f"/proc/{pid}/task").glob("*/stat"):
        states.add(stat.read_text(encoding="utf-8", errors="replace").rsplit(")", 1)[1].split()[0])
    return states


class Process:
    """One program: `argv` is run as it is (the namespace puts its own prefix in front)."""

    def __init__(self, name, argv, log, stdin=None, env=None):
        self.name = name
        self.argv = argv
        self.log = log
        self._out = open(log, "ab")
        self._popen = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *argv],
            stdin=stdin if stdin is not None else subprocess.DEVNULL,
            stdout=self._out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, **(env or {})},
        )

    @property
    def pid(self):
        return self._popen.pid

    def running(self):
        return self._popen.poll() is None

    def returncode(self):
        return self._popen.poll()

    def signal(self, number):
        """Sends a signal to the program itself. Returns the time just before (seconds, wall)."""
        now = time.time()
        if self.running():
            os.kill(self.pid, number)
        return now

    def kill(self):
        """SIGKILL, and waits for the end. Returns when it was sent."""
        at = self.signal(signal.SIGKILL)
        self._popen.wait(10)
        return at

    def kill_family(self):
        """SIGKILL to the program and to everything below it."""
        family = [self.pid, *descendants(self.pid)]
        at = time.time()
        for pid in family:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self._popen.wait(10)
        return at

    def freeze(self):
        """SIGSTOP: the program keeps its sockets and does nothing any more. Returns when it was
        sent; by then every thread has stopped."""
        at = self.signal(signal.SIGSTOP)
        wait_until(
            lambda: _thread_states(self.pid) <= {"T"}, 5, f"{self.name} is stopped", poll=0.001
        )
        return at

    def thaw(self):
        return self.signal(signal.SIGCONT)

    def wait(self, deadline=10):
        """Waits for the program's own end; its exit code."""
        return self._popen.wait(deadline)

    def stop(self, deadline=5):
        """Asks it to end, and insists when it does not. Idempotent. Returns when it was asked."""
        at = time.time()
        if self.running():
            self.thaw()
            at = self.signal(signal.SIGTERM)
            try:
                self._popen.wait(deadline)
            except subprocess.TimeoutExpired:
                self.kill_family()
        if not self._out.closed:
            self._out.close()
        return at

    def log_text(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()

    def log_tail(self, lines=LOG_TAIL):
        return "\n".join(self.log_text().splitlines()[-lines:])

    def wait_log(self, text, deadline=10):
        """Waits until the log contains `text`."""

        def seen():
            if text in self.log_text():
                return True
            if not self.running():
                raise AssertionError(
                    f"{self.name} ended with {self.returncode()} before it said {text!r}:\n"
                    f"{self.log_tail()}"
                )
            return False

        wait_until(seen, deadline, lambda: f"{self.name} says {text!r}:\n{self.log_tail()}")
