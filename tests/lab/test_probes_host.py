# SPDX-License-Identifier: Apache-2.0
"""The probes of what stands on a host (file, listen, process), and of DHCP servers.

node — server: nighd runs on the node and has no service, only probes. Each test makes one thing
wrong and waits until the probe is down for the right reason; then it mends it.
"""

import os
import socket
import time

import pytest
from lab.namespaces import require_programs
from lab.nighd import Nighd
from lab.servers import Bind
from lab.wait import wait_until

require_programs({"dhcpd": "isc-dhcp-server", "dnsmasq": "dnsmasq-base", "setpriv": "util-linux"})

SERVER = "10.0.0.2"


class Dhcpd:
    """ISC dhcpd, which hears the network by packet sockets."""

    NAME = "dhcpd"

    def __init__(self, host):
        self.host = host
        self.dir = host.lab.dir / self.NAME
        self.dir.mkdir(exist_ok=True)
        self.leases = self.dir / "leases"
        self.process = None

    def start(self, first=100):
        """Offers ten addresses from 10.0.0.`first` on."""
        self.stop()
        self.leases.write_text("", encoding="ascii")
        file = self.dir / "conf"
        file.write_text(self._config(first), encoding="ascii")
        self.process = self.host.spawn(self.NAME, self._argv(file))
        self.process.wait_log(self.READY)

    READY = "Server starting service"

    @staticmethod
    def _config(first):
        return (
            "authoritative; ping-check false; default-lease-time 600;\n"
            "subnet 10.0.0.0 netmask 255.255.255.0 {\n"
            f"  range 10.0.0.{first} 10.0.0.{first + 9}; option routers {SERVER};\n"
            "}\n"
        )

    def _argv(self, file):
        return ["dhcpd", "-4", "-f", "-d", "--no-pid", "-cf", file, "-lf", self.leases, "eth0"]

    def given(self):
        """The leases that were given away, or are set aside in the file."""
        lines = self.leases.read_text(encoding="ascii").splitlines()
        return [line for line in lines if line.startswith("lease ")]

    def stop(self):
        if self.process:
            self.process.stop()
            self.process = None


class Dnsmasq(Dhcpd):
    """dnsmasq, which hears the network by a UDP socket."""

    NAME = "dnsmasq"
    READY = "DHCP, sockets bound"

    @staticmethod
    def _config(first):
        return (
            "port=0\ninterface=eth0\nbind-interfaces\nno-ping\ndhcp-authoritative\nuser=root\n"
            f"dhcp-range=10.0.0.{first},10.0.0.{first + 9},1h\n"
        )

    def _argv(self, file):
        return ["dnsmasq", "--no-daemon", f"--conf-file={file}", f"--dhcp-leasefile={self.leases}"]

    def given(self):
        return self.leases.read_text(encoding="ascii").splitlines()


DHCP_SERVERS = [Dhcpd, Dnsmasq]


class Network:
    """Both hosts, with nothing running but nighd."""

    def __init__(self, lab):
        self.lab = lab
        self.node = lab.host("node")
        self.server = lab.host("server")
        self.node.link("eth0", self.server, "eth0", ["10.0.0.1/24"], [f"{SERVER}/24"])
        self.dhcp = {kind: kind(self.server) for kind in DHCP_SERVERS}
        self.nighd = None

    def config(self):
        def offers():
            return {"offers-from": ["10.0.0.100/30", "10.0.0.104/29"]}

        probes = {
            "relay": {"type": "dhcp", "server": SERVER, "expect": offers()},
            "broadcast": {"type": "dhcp", "interface": "eth0", "expect": offers()},
            "inform": {"type": "dhcp", "server": SERVER, "mode": "inform"},
            "stranger": {
                "type": "dhcp",
                "interface": "eth0",
                "expect": {"server-id": "10.0.0.9"},
            },
            "beat": {
                "type": "file",
                "path": str(self.lab.dir / "beat"),
                "fresh": "1m",
                "content": "ready",
            },
            "process": {
                "type": "process",
                "pid-file": str(self.lab.dir / "sleep.pid"),
                "name": "sleep",
            },
            "udp": {"type": "listen", "address": "127.0.0.1:53", "protocol": "udp"},
            "tcp": {"type": "listen", "address": "127.0.0.1:53", "protocol": "tcp"},
            "tcp6": {"type": "listen", "address": "[::1]:5353", "protocol": "tcp"},
        }
        for probe in probes.values():
            probe.update({"frequency": "300ms", "timeout": "250ms", "rise": 1, "fall": 2})
        return {"node": {"name": "node", "router-id": "10.0.0.1"}, "probes": probes}

    def start(self):
        self.nighd = Nighd(self.node, self.config()).start()
        return self

    def wait(self, name, state, last=""):
        """The probe has the state, and its last attempt ended like this (beginning of the text)."""
        seen = [None]

        def there():
            seen[0] = self.nighd.row("show", "probes", probe=name)
            return seen[0] and seen[0]["state"] == state and seen[0]["last"].startswith(last)

        wait_until(there, 10, lambda: f"{name} is {state} {last}: {seen[0]}")


@pytest.fixture(scope="module")
def network(lab):
    return Network(lab).start()


# -- dhcp --


@pytest.fixture(params=DHCP_SERVERS, ids=lambda kind: kind.NAME)
def dhcp(network, request):
    server = network.dhcp[request.param]
    server.start()
    yield server
    server.stop()


ASKED = ("relay", "broadcast", "inform")


def test_dhcp_offers_and_no_lease_is_left(network, dhcp):
    for name in ASKED:
        network.wait(name, "up")
    assert dhcp.given() == []


def test_dhcp_server_is_killed(network, dhcp):
    for name in ASKED:
        network.wait(name, "up")
    dhcp.process.kill()
    for name in ASKED:
        network.wait(name, "down", "timeout: no answer")


def test_dhcp_server_freezes(network, dhcp):
    for name in ASKED:
        network.wait(name, "up")
    dhcp.process.freeze()
    for name in ASKED:
        network.wait(name, "down", "timeout: no answer")
    dhcp.process.thaw()
    for name in ASKED:
        network.wait(name, "up")


def test_dhcp_server_offers_from_another_pool(network, dhcp):
    for name in ASKED:
        network.wait(name, "up")
    dhcp.start(first=150)
    for name in ("relay", "broadcast"):
        network.wait(name, "down", "content: 10.0.0.15")
    network.wait("inform", "up", "ok")


def test_dhcp_answers_of_other_servers_do_not_count(network, dhcp):
    network.wait("broadcast", "up")
    network.wait("stranger", "down", f"timeout: no answer but of other servers, last {SERVER}")


def test_dhcp_interface_goes_down(network, dhcp):
    network.wait("broadcast", "up")
    network.node.set_link("eth0", "down")
    network.wait("broadcast", "down")
    network.node.set_link("eth0", "up")
    network.wait("broadcast", "up")


# -- file --


def test_file(network):
    path = network.lab.dir / "beat"
    network.wait("beat", "down", "status: there is no such file")
    path.write_text("ready\n", encoding="ascii")
    path.chmod(0o644)
    network.wait("beat", "up", "ok")
    path.write_text("failed\n", encoding="ascii")
    network.wait("beat", "down", 'content: got "failed"')
    path.write_text("ready\n", encoding="ascii")
    network.wait("beat", "up", "ok")
    old = time.time() - 3600
    os.utime(path, (old, old))
    network.wait("beat", "down", "status: written 1h")
    path.write_text("ready\n", encoding="ascii")
    network.wait("beat", "up", "ok")
    path.chmod(0o600)
    network.wait("beat", "down", "local: read: Permission denied")
    path.unlink()
    os.mkfifo(path)
    network.wait("beat", "down", "status: not a regular file")
    path.unlink()


# -- listen --


def test_listen_follows_a_name_server(network):
    bind = Bind(network.node, "ns", [], "10.0.0.1")
    bind.start()
    for name in ("udp", "tcp"):
        network.wait(name, "up", "ok")
    bind.process.freeze()  # its sockets are still there: this kind sees no more than that
    for name in ("udp", "tcp"):
        network.wait(name, "up", "ok")
    bind.process.kill()
    for name in ("udp", "tcp"):
        network.wait(name, "down", "refused: no socket serves it")


def test_listen_on_all_addresses(network):
    network.wait("tcp6", "down", "refused")
    with network.node.socket(socket.AF_INET6, socket.SOCK_STREAM) as s:
        s.bind(("::", 5353))
        network.wait("tcp6", "down", "refused")
        s.listen(8)
        network.wait("tcp6", "up", "ok: bound to ::")
    network.wait("tcp6", "down", "refused")


# -- process --


def test_process(network):
    file = network.lab.dir / "sleep.pid"
    network.wait("process", "down", "status: there is no pid file")
    process = network.node.spawn("sleep", ["sleep", "987655"])
    wait_until(
        lambda: os.readlink(f"/proc/{process.pid}/exe").endswith("/sleep"), 5, "sleep has started"
    )
    file.write_text(f"{process.pid}\n", encoding="ascii")
    file.chmod(0o644)
    network.wait("process", "up", "ok")
    process.kill()
    network.wait("process", "down", f"status: there is no process {process.pid}")
    file.write_text(f"{network.nighd.helper_pid}\n", encoding="ascii")
    network.wait("process", "down", f"status: process {network.nighd.helper_pid} is 'nighd")
    file.write_text("none\n", encoding="ascii")
    network.wait("process", "down", "malformed: the pid file holds no process number")
    file.unlink()
