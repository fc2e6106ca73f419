# SPDX-License-Identifier: Apache-2.0
"""The probes of the network's own protocols: icmp-echo, ntp, udp, udp-echo, tcp-connect.

node — router — server: nighd runs on the node and has no service, only probes. Each test makes one
thing wrong on the router or the server and waits until the probe is down for the right reason, over
IPv4 and IPv6 alike; then it mends it and waits until the probe is up again.
"""

import socket
import struct
import threading
import time

import pytest
from lab.namespaces import require_programs
from lab.nighd import Nighd
from lab.servers import RogueUdp
from lab.wait import wait_until

require_programs({"chronyd": "chrony", "nft": "nftables"})

SERVER = {"v4": "10.0.1.2", "v6": "fd00:1::2"}
ROUTER = {"v4": "10.0.0.2", "v6": "fd00::2"}
FAMILIES = ("v4", "v6")
ECHO_PORT = 7
BANNER_PORT = 25


class Chrony:
    """chronyd that serves its host's own clock and touches no clock."""

    def __init__(self, host):
        self.host = host
        self.process = None

    def start(self, *lines):
        """`lines`: of chrony.conf, such as "local stratum 3"; without `local` it has no time."""
        self.stop()
        directory = self.host.lab.dir / "chrony"
        directory.mkdir(exist_ok=True)
        file = directory / "chrony.conf"
        file.write_text(
            "\n".join([
                "allow all",
                "cmdport 0",
                "bindcmdaddress /",
                f"pidfile {directory}/chronyd.pid",
                *lines,
                "",
            ]),
            encoding="ascii",
        )
        self.process = self.host.spawn("chronyd", ["chronyd", "-x", "-d", "-u", "root", "-f", file])
        with self.host.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(0.1)
            s.connect(("127.0.0.1", 123))
            wait_until(lambda: self._answers(s), 5, lambda: self.process.log_tail())

    @staticmethod
    def _answers(s):
        try:
            s.send(b"\x23" + bytes(47))
            return len(s.recv(64)) == 48
        except OSError:
            return False

    def stop(self):
        if self.process:
            self.process.stop()
            self.process = None


class Banner:
    """A TCP server in this process: says `text` to whoever connects, then waits for the end."""

    def __init__(self, host, family, text):
        self.text = text
        self._socket = host.inside(lambda: self._open(family))
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        host.lab.at_close(self.stop)

    @staticmethod
    def _open(family):
        s = socket.socket(socket.AF_INET6 if family == "v6" else socket.AF_INET)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((SERVER[family], BANNER_PORT))
        s.listen(64)
        return s

    def _run(self):
        while True:
            try:
                connection, _ = self._socket.accept()
                with connection:
                    connection.settimeout(2)
                    connection.sendall(self.text)
                    connection.recv(1)
            except TimeoutError:
                continue
            except ConnectionError:
                continue
            except OSError:
                return

    def stop(self):
        if self._socket.fileno() >= 0:
            self._socket.shutdown(2)
            self._socket.close()
            self._thread.join(5)


class Network:
    """The three hosts, with everything in order."""

    def __init__(self, lab):
        self.lab = lab
        self.node = lab.host("node")
        self.router = lab.host("router", router=True)
        self.server = lab.host("server")
        self.node.link(
            *("eth0", self.router, "eth0"),
            ["10.0.0.1/24", "fd00::1/64"],
            ["10.0.0.2/24", "fd00::2/64"],
        )
        self.router.link(
            *("eth1", self.server, "eth0"),
            ["10.0.1.1/24", "fd00:1::1/64"],
            ["10.0.1.2/24", "fd00:1::2/64"],
        )
        for host, v4, v6 in (
            (self.node, "10.0.0.2", "fd00::2"),
            (self.server, "10.0.1.1", "fd00:1::1"),
        ):
            host.ip("route", "add", "default", "via", v4)
            host.ip("route", "add", "default", "via", v6)
        # Error messages are to come at once, each time.
        for host in (self.router, self.server):
            host.sysctl("net/ipv6/icmp/ratelimit", 0)
        self.chrony = Chrony(self.server)
        self.nighd = None

    @staticmethod
    def config():
        probes = {}
        for family, address in SERVER.items():
            kinds = {
                "ping": {"type": "icmp-echo", "server": address, "ttl": 9, "tos": 184},
                "near": {"type": "icmp-echo", "server": address, "ttl": 1},
                "time": {
                    "type": "ntp",
                    "server": address,
                    "expect": {"stratum": 4, "offset": "500ms"},
                },
                "echo": {"type": "udp-echo", "server": address, "size": 1000},
                "any": {
                    "type": "udp",
                    "server": f"[{address}]:9" if family == "v6" else f"{address}:9",
                    "send": "status\\n",
                    "expect": "regex:^ok",
                },
                "mail": {
                    "type": "tcp-connect",
                    "server": (
                        f"[{address}]:{BANNER_PORT}"
                        if family == "v6"
                        else f"{address}:{BANNER_PORT}"
                    ),
                    "expect": "regex:^220 ",
                },
            }
            for name, options in kinds.items():
                probes[f"{name}-{family}"] = {
                    "frequency": "200ms",
                    "timeout": "150ms",
                    "rise": 1,
                    "fall": 2,
                    **options,
                }
        return {"node": {"name": "node", "router-id": "10.0.0.1"}, "probes": probes}

    def start(self):
        self.nighd = Nighd(self.node, self.config()).start()
        return self

    def wait_up(self, *names):
        for name in names:
            self._wait(name, "up", "")

    def wait_down(self, name, why):
        """Down, and the last attempt failed for this reason (a word and the beginning of what
        follows)."""
        self._wait(name, "down", why)

    def _wait(self, name, state, last):
        seen = [None]

        def there():
            seen[0] = self.nighd.row("show", "probes", probe=name)
            return seen[0] and seen[0]["state"] == state and seen[0]["last"].startswith(last)

        wait_until(there, 10, lambda: f"{name} is {state} {last}: {seen[0]}")


@pytest.fixture(scope="module")
def network(lab):
    return Network(lab).start()


def _both(name):
    return [f"{name}-{family}" for family in FAMILIES]


# -- icmp-echo --


def test_ping(network):
    network.wait_up(*_both("ping"))


def test_ping_of_a_host_that_is_silent(network):
    network.wait_up(*_both("ping"))
    network.server.sysctl("net/ipv4/icmp_echo_ignore_all", 1)
    network.server.sysctl("net/ipv6/icmp/echo_ignore_all", 1)
    for name in _both("ping"):
        network.wait_down(name, "timeout: no reply")
    network.server.sysctl("net/ipv4/icmp_echo_ignore_all", 0)
    network.server.sysctl("net/ipv6/icmp/echo_ignore_all", 0)
    network.wait_up(*_both("ping"))


@pytest.mark.parametrize(
    "v4, v6, said_v4, said_v6",
    [
        ("host-unreachable", "addr-unreachable", "host unreachable", "address unreachable"),
        ("net-unreachable", "no-route", "network unreachable", "no route"),
        ("admin-prohibited", "admin-prohibited", *2 * ["administratively prohibited"]),
    ],
)
def test_ping_hears_that_there_is_no_way(network, v4, v6, said_v4, said_v6):
    network.wait_up(*_both("ping"))
    network.router.run([
        "nft",
        "add table inet wall; add chain inet wall forward { type filter hook forward priority 0; };"
        f"add rule inet wall forward icmp type echo-request reject with icmp type {v4};"
        f"add rule inet wall forward icmpv6 type echo-request reject with icmpv6 type {v6}",
    ])
    network.wait_down("ping-v4", f"unreachable: {said_v4}, says {ROUTER['v4']}")
    network.wait_down("ping-v6", f"unreachable: {said_v6}, says {ROUTER['v6']}")
    network.router.run(["nft", "delete table inet wall"])
    network.wait_up(*_both("ping"))


def test_ping_hears_that_it_went_too_far(network):
    for family in FAMILIES:
        network.wait_down(
            f"near-{family}", f"unreachable: time to live exceeded, says {ROUTER[family]}"
        )


def test_ping_without_a_route(network):
    network.wait_up(*_both("ping"))
    network.node.ip("route", "del", "default")
    network.node.ip("-6", "route", "del", "default")
    for name in _both("ping"):
        network.wait_down(name, "unreachable: send")
    network.node.ip("route", "add", "default", "via", ROUTER["v4"])
    network.node.ip("route", "add", "default", "via", ROUTER["v6"])
    network.wait_up(*_both("ping"))


def test_packets_carry_their_options(network):
    """TTL and TOS of a shared socket's packets, as the router's firewall sees them."""
    network.wait_up(*_both("ping"))
    rules = "add table inet look; add chain inet look pre { type filter hook prerouting priority 0; };"
    rules += "add rule inet look pre icmp type echo-request ip ttl 9 ip dscp ef counter;"
    rules += "add rule inet look pre icmpv6 type echo-request ip6 hoplimit 9 ip6 dscp ef counter"
    network.router.run(["nft", rules])

    def seen():
        text = network.router.run(["nft", "list table inet look"]).stdout
        return text.count("counter packets") == 2 and "counter packets 0 " not in text

    wait_until(seen, 5, lambda: network.router.run(["nft", "list table inet look"]).stdout)
    network.router.run(["nft", "delete table inet look"])


def test_ping_that_a_reload_brings(network):
    """The privileged side opens the raw sockets only once the configuration has such a probe."""
    config = {"node": {"name": "server", "router-id": SERVER["v4"]}}
    config["probes"] = {"none": {"type": "tcp", "server": "127.0.0.1:1"}}
    nighd = Nighd(network.server, config).start()
    for name, address in (("back-v4", "10.0.0.1"), ("back-v6", "fd00::1")):
        config["probes"][name] = {"type": "icmp-echo", "server": address, "rise": 1}
    nighd.configure(config)
    nighd.nigh("reload")
    for name in ("back-v4", "back-v6"):
        wait_until(
            lambda n=name: nighd.row("show", "probes", probe=n, state="up"),
            5,
            lambda: f"both are up: {nighd.rows('show', 'probes')}",
        )
    nighd.stop()


# -- ntp --


def test_time(network):
    network.chrony.start("local stratum 3")
    network.wait_up(*_both("time"))


def test_time_server_stops_and_freezes(network):
    network.chrony.start("local stratum 3")
    network.wait_up(*_both("time"))
    network.chrony.process.freeze()
    for name in _both("time"):
        network.wait_down(name, "timeout: no answer")
    network.chrony.process.thaw()
    network.wait_up(*_both("time"))
    network.chrony.process.kill()
    for name in _both("time"):
        network.wait_down(name, "refused")


def test_time_server_without_time(network):
    network.chrony.start()
    for name in _both("time"):
        network.wait_down(name, "status: not synchronised")
    network.chrony.start("local stratum 3")
    network.wait_up(*_both("time"))


def test_time_server_far_from_its_clock(network):
    network.chrony.start("local stratum 5")
    for name in _both("time"):
        network.wait_down(name, "content: stratum 5, expected at most 4")


def test_time_server_that_refuses(network):
    """A kiss-o'-death, and a reply to somebody else's request."""
    network.chrony.stop()

    def kiss(query):
        return b"\xe4\x00\x06\xec" + bytes(8) + b"DENY" + bytes(8) + query[40:48] + bytes(16)

    def stranger(_query):
        return b"\x24\x02\x06\xec" + bytes(12) + bytes(8) + b"notyours" + bytes(16)

    for family, reply, why in (
        ("v4", kiss, "status: kiss-o'-death DENY"),
        ("v6", kiss, "status: kiss-o'-death DENY"),
        ("v4", stranger, "timeout: no answer; 1 datagrams ignored"),
    ):
        server = RogueUdp(network.server, SERVER[family], 123, reply)
        network.wait_down(f"time-{family}", why)
        server.stop()


def test_time_that_is_wrong(network):
    """A well-formed reply with a clock a minute ahead."""
    network.chrony.stop()

    def ahead(query):
        now = struct.pack("!II", int(time.time()) + 2208988800 + 60, 0)
        return b"\x24\x02\x06\xec" + bytes(8) + b"GPS\0" + now + query[40:48] + now + now

    server = RogueUdp(network.server, SERVER["v4"], 123, ahead)
    network.wait_down("time-v4", "content: offset +")
    server.stop()


# -- udp-echo, udp --


@pytest.mark.parametrize("family", FAMILIES)
def test_echo(network, family):
    name = f"echo-{family}"
    network.wait_down(name, "refused")
    server = RogueUdp(network.server, SERVER[family], ECHO_PORT, bytes)
    network.wait_up(name)
    server.reply = lambda query: query[:-1] + b"?"
    network.wait_down(name, "content: byte 1000 of 1000")
    server.reply = lambda query: query[:-1]
    network.wait_down(name, "content: 999 bytes came back of 1000")
    server.reply = lambda query: None
    network.wait_down(name, "timeout: no answer")
    server.stop()
    network.wait_down(name, "refused")


@pytest.mark.parametrize("family", FAMILIES)
def test_udp(network, family):
    name = f"any-{family}"
    server = RogueUdp(
        network.server, SERVER[family], 9, lambda q: b"ok 1.2" if q == b"status\n" else b"what?"
    )
    network.wait_up(name)
    server.reply = lambda query: b"error 7\r\n"
    network.wait_down(name, 'content: got "error 7"')
    server.stop()
    network.wait_down(name, "refused")


# -- tcp-connect --


@pytest.mark.parametrize("family", FAMILIES)
def test_tcp_connect(network, family):
    name = f"mail-{family}"
    network.wait_down(name, "refused")
    server = Banner(network.server, family, b"220 mail.example.net\r\n")
    network.wait_up(name)
    server.text = b"554 no service here\r\n"
    network.wait_down(name, 'timeout: got "554 no service here"')
    server.stop()
    network.wait_down(name, "refused")
