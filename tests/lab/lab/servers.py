# SPDX-License-Identifier: Apache-2.0
"""Services of the lab: BIND, and small listeners inside this process."""

import socket
import threading

from .client import ANSWER, ask
from .wait import wait_until

CONFIG = """\
options {{
	directory "{dir}";
	pid-file "{dir}/named.pid";
	session-keyfile "{dir}/session.key";
	lock-file none;
	managed-keys-directory "{dir}";
	listen-on port 53 {{ {v4} }};
	listen-on-v6 port 53 {{ {v6} }};
	server-id "{name}";
	hostname "{name}";
	version none;
	recursion no;
	dnssec-validation no;
	notify no;
	allow-query {{ any; }};
	minimal-responses yes;
}};
controls {{ inet 127.0.0.1 port 953 allow {{ 127.0.0.1; }} keys {{ lab; }}; }};
key lab {{ algorithm hmac-sha256; secret "bmlnaCBsYWIga2V5LCBub3QgYSBzZWNyZXQu"; }};
zone "example.net" {{ type primary; file "{dir}/example.net.zone"; }};
"""

RNDC = """\
key lab { algorithm hmac-sha256; secret "bmlnaCBsYWIga2V5LCBub3QgYSBzZWNyZXQu"; };
options { default-key lab; default-server 127.0.0.1; default-port 953; };
"""

ZONE = """\
$TTL 60
@ IN SOA {name}.example.net. hostmaster.example.net. {serial} 3600 600 86400 60
@ IN NS {name}.example.net.
{name} IN A {address}
www IN A {answer}
who IN TXT "{name}"
"""

PROGRAMS = {"named": "bind9", "rndc": "bind9-utils", "dig": "bind9-dnsutils"}


class Bind:
    """named in a host: authoritative for example.net, on the service addresses and its own.

    It may be started before the service addresses exist: it listens on them as soon as they do.
    """

    def __init__(self, host, name, service_addresses, own_address):
        self.host = host
        self.name = name
        self.addresses = [*service_addresses, own_address, "127.0.0.1"]
        self.own_address = own_address
        self.dir = host.lab.dir / f"bind-{name}"
        self.dir.mkdir(exist_ok=True)
        self.process = None
        self._serial = 1
        self._write_config()
        self._write_zone()
        (self.dir / "rndc.conf").write_text(RNDC, encoding="ascii")

    def _write_config(self):
        def listed(colon):
            found = [a for a in self.addresses if (":" in a) == colon]
            return " ".join(f"{a};" for a in found) or "none;"

        text = CONFIG.format(dir=self.dir, name=self.name, v4=listed(False), v6=listed(True))
        (self.dir / "named.conf").write_text(text, encoding="ascii")

    def _write_zone(self, answer=ANSWER):
        text = ZONE.format(
            name=self.name, serial=self._serial, address=self.own_address, answer=answer
        )
        (self.dir / "example.net.zone").write_text(text, encoding="ascii")
        self._serial += 1

    def start(self, wait=True):
        # One worker thread: a small server, and a quick start.
        argv = ["named", "-g", "-n", "1", "-c", self.dir / "named.conf"]
        self.process = self.host.spawn(f"named-{self.name}", argv)
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self, deadline=10):
        def ready():
            if not self.process.running():
                raise AssertionError(f"named ended:\n{self.process.log_tail()}")
            answer = ask(self.host, self.own_address, timeout=0.2)
            return answer and answer[1] == "NOERROR"

        wait_until(ready, deadline, lambda: f"named answers:\n{self.process.log_tail()}")

    def running(self):
        return self.process is not None and self.process.running()

    def kill(self):
        return self.process.kill()

    def stop(self):
        return self.process.stop()

    def freeze(self):
        return self.process.freeze()

    def thaw(self):
        return self.process.thaw()

    def rndc(self, *args, check=True):
        return self.host.run(["rndc", "-c", self.dir / "rndc.conf", *args], check=check)

    def fail_zone(self):
        """The zone does not load any more: the server lives and says SERVFAIL."""
        (self.dir / "example.net.zone").write_text("this is no zone\n", encoding="ascii")
        # A reload keeps the old zone when the new one is broken; a reconfiguration from nothing
        # does not.
        self._without_zone()
        self._write_config()
        self.rndc("reconfig")
        self._wait_rcode("SERVFAIL")

    def set_answer(self, address):
        """The zone loads and says something else."""
        self._write_zone(address)
        self.rndc("reload", "example.net")

    def mend_zone(self):
        self._write_zone()
        self.rndc("reload", "example.net", check=False)
        self.rndc("reload")
        self._wait_rcode("NOERROR")

    def _without_zone(self):
        path = self.dir / "named.conf"
        lines = path.read_text(encoding="ascii").splitlines(keepends=True)
        path.write_text("".join(l for l in lines if not l.startswith("zone ")), encoding="ascii")
        self.rndc("reconfig")

    def _wait_rcode(self, rcode):
        last = []

        def seen():
            last[:] = [ask(self.host, self.own_address, timeout=0.2)]
            return last[0] and last[0][1] == rcode

        wait_until(seen, 10, lambda: f"{self.name} answers {rcode}, last {last}")


class TcpService:
    """A TCP listener inside this process: accepts and closes. The simplest service there is."""

    def __init__(self, host, address, port):
        self.host = host
        self.address = address
        self.port = port
        self._socket = None
        self._thread = None
        host.lab.at_close(self.stop)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def start(self):
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        s = self.host.socket(family, socket.SOCK_STREAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((self.address, self.port))
        s.listen(64)
        self._socket = s
        self._thread = threading.Thread(target=self._run, args=(s,), daemon=True)
        self._thread.start()
        return self

    def running(self):
        return self._socket is not None

    @staticmethod
    def _run(s):
        while True:
            try:
                connection, _ = s.accept()
                connection.close()
            except OSError:
                return

    def stop(self):
        """Closes the port: connections are refused from now on."""
        if self._socket:
            self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()
            self._thread.join(5)
            self._socket = None


class RogueUdp:
    """Answers every datagram with what `reply(query)` returns (bytes, a list of them, or None)."""

    def __init__(self, host, address, port, reply):
        self.reply = reply
        self.received = 0
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._socket = host.socket(family, socket.SOCK_DGRAM)
        self._socket.bind((address, port))
        self._socket.settimeout(0.1)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        host.lab.at_close(self.stop)

    def _run(self):
        while not self._stopped.is_set():
            try:
                query, peer = self._socket.recvfrom(4096)
            except OSError:
                continue
            self.received += 1
            answers = self.reply(query) or []
            for answer in [answers] if isinstance(answers, bytes) else answers:
                self._socket.sendto(answer, peer)

    def stop(self):
        self._stopped.set()
        self._thread.join(5)
        self._socket.close()
