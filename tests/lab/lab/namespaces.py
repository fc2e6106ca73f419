# SPDX-License-Identifier: Apache-2.0
"""Hosts of the lab: a network namespace each, with links, addresses and programs.

Everything hangs on a Lab: closing it ends the programs by their pids, deletes the namespaces and
the directory. A run that crashed leaves namespaces behind whose names carry the pid of its process;
the next Lab finds and removes them when no such process is left.
"""

import ctypes
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from pathlib import Path

from .process import Process
from .wait import wait_until

PREFIX = "nighlab"
NETNS_DIR = Path("/run/netns")
CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)

# The first line of a report of AddressSanitizer, LeakSanitizer or UndefinedBehaviorSanitizer.
SANITIZER = re.compile(r"ERROR: (Address|Leak)Sanitizer|: runtime error: ")

# As routers and servers in the field have it; no duplicate address detection, because it only
# costs a second for each address; ICMP errors are all sent, so that traceroute sees every hop.
ROUTER_SYSCTLS = {
    "net/ipv4/ip_forward": 1,
    "net/ipv6/conf/all/forwarding": 1,
}
SYSCTLS = {
    "net/ipv4/conf/all/rp_filter": 0,
    "net/ipv4/conf/default/rp_filter": 0,
    "net/ipv4/icmp_ratelimit": 0,
    "net/ipv6/conf/all/accept_dad": 0,
    "net/ipv6/conf/default/accept_dad": 0,
    "net/ipv6/conf/default/accept_ra": 0,
    "net/ipv6/conf/all/keep_addr_on_down": 1,
    "net/ipv6/conf/default/keep_addr_on_down": 1,
}


class CommandFailed(AssertionError):
    """A command in a host ended with an exit code that was not expected."""


def require_root():
    """Says what to do when the lab cannot work here; never skips."""
    if os.geteuid() != 0:
        raise PermissionError("the lab makes network namespaces: run it as root, or with sudo")


def require_programs(programs):
    """`programs`: {program: Debian package}. All that is missing is said at once."""
    missing = {p: pkg for p, pkg in programs.items() if not _find_program(p)}
    if missing:
        packages = " ".join(sorted(set(missing.values())))
        raise FileNotFoundError(
            f"the lab needs {', '.join(sorted(missing))}: apt-get install {packages}"
        )


def _find_program(program):
    if "/" in program:
        return program if os.access(program, os.X_OK) else None
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def _setns(fd):
    if _libc.setns(fd, CLONE_NEWNET) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), "setns")


class Lab:
    """Owns hosts, programs and the directory of one run."""

    open = []  # all that are not closed, for the report of a failed test
    _serial = 0
    _lock = threading.Lock()

    def __init__(self, title="lab"):
        require_root()
        remove_leftovers()
        with Lab._lock:
            Lab._serial += 1
            self.tag = f"{PREFIX}-{os.getpid()}-{Lab._serial}"
        self.title = title
        self.dir = Path(tempfile.mkdtemp(prefix=f"{self.tag}-"))
        self.dir.chmod(0o755)
        self.hosts = {}
        self.processes = []
        self._at_close = []
        self.reports = []  # of sanitizers, known after close()
        Lab.open.append(self)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def host(self, name, router=False):
        """A new host: an empty network namespace with `lo` up. A router forwards packets."""
        host = Host(self, name, router)
        self.hosts[name] = host
        return host

    def at_close(self, function):
        """Called by close(), last added first, before programs are ended."""
        self._at_close.append(function)

    def close(self):
        """Removes everything. A second Ctrl-C does not interrupt it."""
        before = {s: signal.signal(s, signal.SIG_IGN) for s in (signal.SIGINT, signal.SIGTERM)}
        try:
            self._close()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _close(self):
        while self._at_close:
            try:
                self._at_close.pop()()
            except OSError:
                pass
        for process in reversed(self.processes):
            process.thaw()
            process.signal(signal.SIGTERM)
        for process in reversed(self.processes):
            process.stop()
        self.reports = self.sanitizer_reports()
        for host in self.hosts.values():
            host.delete()
        self.hosts.clear()
        if not os.environ.get("NIGH_LAB_KEEP"):
            shutil.rmtree(self.dir, ignore_errors=True)
        if self in Lab.open:
            Lab.open.remove(self)

    def sanitizer_reports(self):
        """[(program's name, the report's first lines)] of a sanitizer in any program's log."""
        found = []
        for process in self.processes:
            lines = process.log_text().splitlines()
            for number, line in enumerate(lines):
                if SANITIZER.search(line):
                    found.append((process.name, "\n".join(lines[number : number + 12])))
                    break
        return found

    def logs(self):
        """(name, last lines) of each program's log, for the report of a failed test."""
        return [(p.name, p.log_tail()) for p in self.processes if os.path.exists(p.log)]


class Host:
    """A network namespace. Interfaces carry the same names as on a real machine (eth0, lo)."""

    def __init__(self, lab, name, router=False):
        self.lab = lab
        self.name = name
        self.netns = f"{lab.tag}-{name}"
        self.path = NETNS_DIR / self.netns
        self._counter = 0
        _ip("netns", "add", self.netns)
        self._prefix = ["nsenter", f"--net={self.path}"]
        for key, value in {**SYSCTLS, **(ROUTER_SYSCTLS if router else {})}.items():
            self.sysctl(key, value)
        self.ip("link", "set", "lo", "up")

    def __repr__(self):
        return f"<{self.name}>"

    # -- commands and programs --

    def run(self, argv, check=True, timeout=15, text_in=None):
        """Runs a command to its end; its subprocess.CompletedProcess (text, stderr apart)."""
        done = subprocess.run(
            [*self._prefix, *[str(a) for a in argv]],
            stdin=subprocess.DEVNULL if text_in is None else None,
            input=text_in,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
        if check and done.returncode != 0:
            raise CommandFailed(
                f"{self.name}: {' '.join(map(str, argv))}: exit code {done.returncode}\n"
                f"{done.stdout}{done.stderr}"
            )
        return done

    def spawn(self, name, argv, private_run=None, stdin=None, env=None):
        """Starts a program. `private_run`: (directory, owner) that it gets as a private tmpfs, so
        that several of them do not meet in /run."""
        argv = [str(a) for a in argv]
        if private_run:
            directory, owner = private_run
            script = (
                'mkdir -p "$1" && mount -t tmpfs tmpfs "$1" && chown "$2" "$1" '
                '&& shift 2 && exec "$@"'
            )
            argv = ["unshare", "-m", "sh", "-c", script, "sh", directory, owner, *argv]
        self._counter += 1
        log = self.lab.dir / f"{self.name}-{name}-{self._counter}.log"
        process = Process(f"{self.name}/{name}", [*self._prefix, *argv], log, stdin, env)
        self.lab.processes.append(process)
        return process

    def ip(self, *args, check=True):
        return self.run(["ip", *args], check=check).stdout

    def ip_json(self, *args):
        text = self.ip("-j", *args)
        return json.loads(text) if text.strip() else []

    def sysctl(self, key, value):
        self.inside(lambda: Path("/proc/sys", key).write_text(str(value), encoding="ascii"))

    # -- doing something inside, in this process --

    def inside(self, function):
        """Calls `function` in a thread that is in this namespace: its sockets stay there."""
        box = {}

        def body():
            try:
                fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
                try:
                    _setns(fd)
                finally:
                    os.close(fd)
                box["value"] = function()
            except BaseException as e:  # pylint: disable=broad-except
                box["error"] = e

        thread = threading.Thread(target=body, daemon=True)
        thread.start()
        thread.join()
        if "error" in box:
            raise box["error"]
        return box["value"]

    def socket(self, *args):
        return self.inside(lambda: socket.socket(*args))

    # -- links and addresses --

    def link(self, ifname, other, other_ifname, addresses=(), other_addresses=()):
        """A cable from this host to another: a veth pair, both ends up, with their addresses."""
        _ip(
            *("link", "add", "name", ifname, "netns", self.netns, "type", "veth"),
            *("peer", "name", other_ifname, "netns", other.netns),
        )
        ends = ((self, ifname, addresses), (other, other_ifname, other_addresses))
        for host, name, own in ends:
            for address in own:
                host.add_address(address, name)
            host.ip("link", "set", name, "up")

    def bridge(self, ifname="br0"):
        self.ip("link", "add", "name", ifname, "type", "bridge", "forward_delay", "0")
        self.ip("link", "set", ifname, "up")

    def add_address(self, address, ifname):
        args = ["address", "add", address, "dev", ifname]
        if ":" in address:
            args.append("nodad")
        self.ip(*args)

    def addresses(self, ifname):
        """{"10.0.0.1/24", "2001:db8::1/128", ...} on an interface."""
        found = set()
        for link in self.ip_json("address", "show", "dev", ifname):
            for a in link.get("addr_info", []):
                found.add(f"{a['local']}/{a['prefixlen']}")
        return found

    def set_link(self, ifname, state):
        """Up or down, as if the cable were plugged or pulled at this end."""
        self.ip("link", "set", ifname, state)

    def routes(self, prefix):
        """The kernel's routes for exactly this prefix, each {via, dev, protocol, metric}."""
        family = "-6" if ":" in prefix else "-4"
        bare = re.sub(r"/(32|128)$", "", prefix)
        found = []
        for r in self.ip_json(family, "route", "show", "table", "all", "exact", prefix):
            if r.get("type") in ("local", "anycast", "multicast") or r.get("table") == "local":
                continue
            if r.get("dst") not in (prefix, bare):
                continue
            hops = r.get("nexthops") or [r]
            for hop in hops:
                via = hop.get("gateway") or hop.get("via", {}).get("host")
                found.append({
                    "via": via,
                    "dev": hop.get("dev"),
                    "protocol": r.get("protocol"),
                    "metric": r.get("metric"),
                })
        return found

    def next_hops(self, prefix):
        return sorted(r["via"] or r["dev"] for r in self.routes(prefix))

    def wait_next_hops(self, prefix, expected, deadline):
        wait_until(
            lambda: self.next_hops(prefix) == sorted(expected),
            deadline,
            lambda: f"{self.name}: kernel route {prefix} via {expected}, is {self.routes(prefix)}",
        )

    # -- the end --

    def pids(self):
        text = subprocess.run(
            ["ip", "netns", "pids", self.netns], capture_output=True, text=True, check=False
        ).stdout
        return [int(p) for p in text.split()]

    def delete(self):
        delete_namespace(self.netns)


def delete_namespace(netns):
    """Ends what still runs in the namespace, each by its pid, and deletes it."""
    text = subprocess.run(
        ["ip", "netns", "pids", netns], capture_output=True, text=True, check=False
    ).stdout
    for pid in text.split():
        if int(pid) != os.getpid():
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                pass
    subprocess.run(["ip", "netns", "delete", netns], capture_output=True, check=False)


def remove_leftovers():
    """Removes what a crashed run left behind: its process is gone, its namespaces are not."""
    if not NETNS_DIR.is_dir():
        return
    pattern = re.compile(rf"{PREFIX}-(\d+)-\d+-")
    for entry in [*os.listdir(NETNS_DIR), *os.listdir(tempfile.gettempdir())]:
        match = pattern.match(entry)
        if not match or _is_lab_process(int(match.group(1))):
            continue
        if (NETNS_DIR / entry).exists():
            delete_namespace(entry)
        elif not os.environ.get("NIGH_LAB_KEEP"):
            shutil.rmtree(Path(tempfile.gettempdir(), entry), ignore_errors=True)


def _is_lab_process(pid):
    if pid == os.getpid():
        return True
    try:
        return b"python" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _ip(*args):
    done = subprocess.run(["ip", *args], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise CommandFailed(f"ip {' '.join(args)}: {done.stderr.strip()}")
