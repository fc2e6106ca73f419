# SPDX-License-Identifier: Apache-2.0
"""nighd in a host of the lab, and nigh to talk to it.

The programs come from the build directory that the environment variable NIGH_BUILD names, or from
`build/` at the top of the tree.
"""

import copy
import http.client
import json
import os
import socket
from pathlib import Path

import yaml

from .process import descendants
from .wait import wait_until

TOP = Path(__file__).resolve().parents[3]
HTTP_PORT = 9753


def build_dir():
    build = Path(os.environ.get("NIGH_BUILD", TOP / "build"))
    return build if build.is_absolute() else TOP / build


def program(name):
    """The path of `nighd` or `nigh`; says how to get it when it is not there."""
    for path in (build_dir() / "src" / ("daemon" if name == "nighd" else "cli") / name,):
        if os.access(path, os.X_OK):
            return path
    raise FileNotFoundError(
        f"{name} is not in {build_dir()}: build it with 'make', or set NIGH_BUILD to its directory"
    )


class NighFailed(AssertionError):
    """nigh ended with another exit code than 0."""


class Nighd:
    """One node: its configuration, its processes, its answers."""

    def __init__(self, host, config):
        self.host = host
        self.dir = host.lab.dir / f"nighd-{host.name}"
        self.dir.mkdir(exist_ok=True)
        self.socket = self.dir / "nigh.sock"
        self.file = self.dir / "nigh.yaml"
        self.process = None
        self.configure(config)

    # -- configuration --

    def configure(self, config):
        """Writes nigh.yaml: a dict, which gets a `control` section, or text as it is."""
        if isinstance(config, str):
            text = config
        else:
            self.config = copy.deepcopy(config)
            self.config["control"] = {"socket": str(self.socket), "http": f"127.0.0.1:{HTTP_PORT}"}
            text = yaml.safe_dump(self.config, sort_keys=False)
        self.file.write_text(text, encoding="utf-8")

    # -- processes --

    def start(self, wait=True):
        argv = [program("nighd"), "-c", self.file, "--foreground"]
        self.process = self.host.spawn("nighd", argv)
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self, deadline=10):
        def answers():
            if not self.process.running():
                raise AssertionError(
                    f"nighd ended with {self.process.returncode()}:\n{self.process.log_tail()}"
                )
            try:
                return self.ask("status").get("ok")
            except OSError:
                return False

        wait_until(answers, deadline, lambda: f"nighd answers:\n{self.process.log_tail()}")

    def running(self):
        return self.process is not None and self.process.running()

    @property
    def helper_pid(self):
        return self.process.pid

    @property
    def engine_pid(self):
        """The unprivileged process that decides and speaks."""
        for pid in descendants(self.helper_pid):
            comm = Path(f"/proc/{pid}/comm").read_text(encoding="ascii").strip()
            if comm == "nighd-engine":
                return pid
        raise AssertionError(f"{self.process.name} has no engine:\n{self.process.log_tail()}")

    def stop(self, deadline=10):
        return self.process.stop(deadline) if self.process else None

    def wait_gone(self, deadline=5):
        """All of the family has ended."""
        self.process.wait(deadline)

    # -- asking --

    def nigh(self, *words, check=True):
        """Runs `nigh WORDS…`; its CompletedProcess."""
        done = self.host.run(
            [program("nigh"), "--socket", self.socket, *words], check=False, timeout=30
        )
        if check and done.returncode != 0:
            raise NighFailed(
                f"nigh {' '.join(words)}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
            )
        return done

    def ask(self, *words):
        """One request over the socket, without the command line; the answer's object."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            s.settimeout(5)
            s.connect(str(self.socket))
            s.sendall(json.dumps({"words": words}).encode() + b"\n")
            data = b""
            while not data.endswith(b"\n"):
                piece = s.recv(65536)
                if not piece:
                    break
                data += piece
        return json.loads(data)

    def rows(self, *words, table=0):
        """The rows of an answer's table."""
        answer = self.ask(*words)
        if not answer.get("ok"):
            raise NighFailed(f"{' '.join(words)}: {answer.get('error')}")
        return answer["tables"][table]["rows"]

    def row(self, *words, **match):
        """The first row whose values are these, or None."""
        for row in self.rows(*words):
            if all(row.get(k) == v for k, v in match.items()):
                return row
        return None

    def lines(self, *words):
        return [line["text"] for line in self.ask(*words).get("lines", [])]

    def level(self, service):
        row = self.row("show", "services", service=service)
        return row["level"] if row else None

    def wait_level(self, service, level, deadline=10):
        wait_until(
            lambda: self.level(service) == level,
            deadline,
            lambda: f"service {service} {level}, is {self.row('show', 'services', service=service)}"
            f"\n{self.process.log_tail()}",
        )

    def neighbor(self, address):
        """The neighbor's row of `status`."""
        for row in self.rows("status", table=2):
            if row["neighbor"] == address:
                return row
        return None

    def http(self, path="/metrics", method="GET"):
        """(status, headers, text) of the HTTP server, asked from inside the host."""

        def get():
            connection = http.client.HTTPConnection("127.0.0.1", HTTP_PORT, timeout=5)
            connection.request(method, path)
            response = connection.getresponse()
            text = response.read().decode("utf-8")
            connection.close()
            return response.status, dict(response.getheaders()), text

        return self.host.inside(get)
