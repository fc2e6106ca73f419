# SPDX-License-Identifier: Apache-2.0
"""The probes of applications' protocols: tftp, snmp, radius against tftpd-hpa, Net-SNMP and
FreeRADIUS, smtp against a server in this process.

nighd runs on the node, the servers on a host behind a cable. Each test makes one thing wrong and
waits until the probe is down for the right reason, over IPv4 and IPv6 alike.
"""

import socket
import threading

import pytest
from lab.namespaces import require_programs
from lab.nighd import Nighd
from lab.wait import wait_until

require_programs({"in.tftpd": "tftpd-hpa", "snmpd": "snmpd", "freeradius": "freeradius"})

SERVER = {"v4": "10.0.0.2", "v6": "fd00::2"}
FAMILIES = ("v4", "v6")

RADIUSD = """\
prefix = /usr
libdir = /usr/lib/freeradius
name = lab
logdir = {dir}
run_dir = {dir}
raddbdir = {dir}
security {{
	status_server = {status}
	allow_vulnerable_openssl = yes
}}
client four {{
	ipaddr = 0.0.0.0/0
	secret = testing123
}}
client six {{
	ipv6addr = ::/0
	secret = testing123
}}
modules {{
}}
server lab {{
	listen {{
		type = auth
		ipaddr = *
		port = 1812
	}}
	listen {{
		type = auth
		ipv6addr = ::
		port = 1812
	}}
	authorize {{
	}}
}}
"""


class Mail:
    """An SMTP server in this process, one connection at a time."""

    def __init__(self, host, address, greeting=b"220 mx ESMTP\r\n", ehlo=b"250 mx\r\n"):
        self.greeting, self.ehlo = greeting, ehlo
        self._socket = host.socket(
            socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM
        )
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((address, 25))
        self._socket.listen(64)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        host.lab.at_close(self.stop)

    def _serve(self, connection):
        connection.settimeout(2)
        connection.sendall(self.greeting)
        if connection.recv(512).startswith(b"EHLO "):
            connection.sendall(self.ehlo)
            connection.recv(512)

    def _run(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                try:
                    self._serve(connection)
                except OSError:
                    pass  # the client went first

    def stop(self):
        if self._socket.fileno() >= 0:
            self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()
            self._thread.join(5)


class Network:
    """The node and the server, with nothing running on the server."""

    def __init__(self, lab):
        self.lab = lab
        self.node = lab.host("node")
        self.server = lab.host("server")
        self.node.link(
            *("eth0", self.server, "eth0"),
            ["10.0.0.1/24", "fd00::1/64"],
            [f"{SERVER['v4']}/24", f"{SERVER['v6']}/64"],
        )
        self.server.sysctl("net/ipv6/icmp/ratelimit", 0)
        self.files = lab.dir / "tftp"
        self.files.mkdir()
        self.files.chmod(0o755)
        (self.files / "boot").write_text("hello\n", encoding="ascii")
        self.nighd = None

    @staticmethod
    def config():
        probes = {}
        for family, address in SERVER.items():
            kinds = {
                "file": {"type": "tftp", "file": "boot"},
                "agent": {"type": "snmp"},
                "name": {"type": "snmp", "oid": "1.3.6.1.2.1.1.4.0", "expect": "regex:^lab$"},
                "stranger": {"type": "snmp", "community": "wrong"},
                "users": {"type": "radius", "secret": "testing123"},
                "forger": {"type": "radius", "secret": "wrong"},
                "mail": {"type": "smtp", "ehlo": "node.example.net"},
            }
            for name, options in kinds.items():
                probes[f"{name}-{family}"] = {
                    "server": address,
                    "frequency": "250ms",
                    "timeout": "200ms",
                    "rise": 1,
                    "fall": 2,
                    **options,
                }
        return {"node": {"name": "node", "router-id": "10.0.0.1"}, "probes": probes}

    def start(self):
        self.nighd = Nighd(self.node, self.config()).start()
        return self

    # -- servers --

    def tftpd(self):
        argv = ["in.tftpd", "--listen", "--foreground", "--secure", self.files]
        return self.server.spawn("tftpd", argv)

    def snmpd(self, contact="lab"):
        directory = self.lab.dir / "snmp"
        directory.mkdir(exist_ok=True)
        file = directory / "snmpd.conf"
        file.write_text(
            f"rocommunity public\nrocommunity6 public\nsysContact {contact}\n", encoding="ascii"
        )
        argv = ["snmpd", "-f", "-C", "-c", file, "-Lo", "-p", directory / "pid", "udp:161", "udp6:161"]
        return self.server.spawn("snmpd", argv, env={"SNMP_PERSISTENT_DIR": str(directory)})

    def radiusd(self, status="yes"):
        directory = self.lab.dir / "radius"
        directory.mkdir(exist_ok=True)
        text = RADIUSD.format(dir=directory, status=status)
        (directory / "radiusd.conf").write_text(text, encoding="ascii")
        return self.server.spawn("radiusd", ["freeradius", "-f", "-l", "stdout", "-d", directory])

    # -- waiting --

    def wait(self, name, state, last=""):
        """Both families' probes are in that state, and their last attempts ended like that."""
        for family in FAMILIES:
            self._wait(f"{name}-{family}", state, last)

    def _wait(self, name, state, last):
        seen = [None]

        def there():
            seen[0] = self.nighd.row("show", "probes", probe=name)
            return seen[0] and seen[0]["state"] == state and seen[0]["last"].startswith(last)

        wait_until(there, 15, lambda: f"{name} is {state} {last}: {seen[0]}")


@pytest.fixture(scope="module")
def network(lab):
    return Network(lab).start()


def test_tftp(network):
    network.wait("file", "down", "refused")
    server = network.tftpd()
    network.wait("file", "up")
    (network.files / "boot").rename(network.files / "other")
    network.wait("file", "down", "status: error 1: File not found")
    (network.files / "other").rename(network.files / "boot")
    network.wait("file", "up")
    server.freeze()
    network.wait("file", "down", "timeout: no answer")
    server.thaw()
    network.wait("file", "up")
    server.kill()
    network.wait("file", "down", "refused")


def test_snmp(network):
    network.wait("agent", "down", "refused")
    server = network.snmpd()
    for name in ("agent", "name"):
        network.wait(name, "up")
    network.wait("stranger", "down", "timeout: no answer")
    server.freeze()
    network.wait("agent", "down", "timeout: no answer")
    server.thaw()
    network.wait("agent", "up")
    server.kill()
    network.wait("agent", "down", "refused")
    server = network.snmpd(contact="somebody")
    network.wait("agent", "up")
    network.wait("name", "down", 'content: got "somebody"')
    server.stop()


def test_radius(network):
    network.wait("users", "down", "refused")
    server = network.radiusd()
    network.wait("users", "up")
    network.wait("forger", "down", "timeout: no answer")
    server.freeze()
    network.wait("users", "down", "timeout: no answer")
    server.thaw()
    network.wait("users", "up")
    server.kill()
    network.wait("users", "down", "refused")
    server = network.radiusd(status="no")
    network.wait("users", "down", "timeout: no answer")
    server.stop()


def test_smtp(network):
    network.wait("mail", "down", "refused")
    servers = [Mail(network.server, address) for address in SERVER.values()]
    network.wait("mail", "up")
    for field, text, why in (
        ("ehlo", b"451 try later\r\n", "status: answer to EHLO: 451 try later"),
        ("greeting", b"421 too many\r\n", "status: greeting: 421 too many"),
        ("greeting", b"SSH-2.0-OpenSSH\r\n", "malformed: the greeting is no SMTP reply"),
    ):
        for server in servers:
            setattr(server, field, text)
        network.wait("mail", "down", why)
    for server in servers:
        server.stop()
    network.wait("mail", "down", "refused")
