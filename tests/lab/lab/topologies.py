# SPDX-License-Identifier: Apache-2.0
"""The networks of the tests and of the demo."""

from .nighd import Nighd
from .routers import Exabgp, Frr, Neighbor
from .servers import Bind, TcpService
from .wait import wait_until

SERVICE_V4 = "192.0.2.53"
SERVICE_V6 = "2001:db8::53"
PREFIX_V4 = f"{SERVICE_V4}/32"
PREFIX_V6 = f"{SERVICE_V6}/128"


class Server:
    """A name server of the noction network: the host, BIND on it, and who announces it."""

    def __init__(self, host, router, name, number):
        self.host = host
        self.router = router  # the Frr that hears it
        self.name = name
        self.asn = 64500 + number
        self.address = f"10.1.{number}.2"
        self.address_v6 = f"fd00:1:{number}::2"
        self.gateway = f"10.1.{number}.1"
        self.gateway_v6 = f"fd00:1:{number}::1"
        self.bind = Bind(host, name, [SERVICE_V4, SERVICE_V6], self.address)
        self.nighd = None
        self.stand_in = None

    def config(self):
        """nigh.yaml of this server."""
        return {
            "node": {"name": self.host.name, "router-id": self.address},
            "probes": {
                "resolver": {
                    "type": "dns",
                    "server": SERVICE_V4,
                    "query": "www.example.net A",
                    "recursion": False,
                    "expect": {"rcode": "NOERROR", "answer": "192.0.2.80"},
                    "frequency": "100ms",
                    "timeout": "50ms",
                    "rise": 3,
                    "fall": 2,
                }
            },
            "services": {
                "dns": {
                    "addresses": [PREFIX_V4, PREFIX_V6],
                    "require": ["resolver"],
                    # The routers need some time to follow a withdrawal; until then packets come.
                    "drain": "500ms",
                },
            },
            "bgp": {
                "as": self.asn,
                "connect-retry": "1s",
                "neighbors": {
                    self.gateway: {"as": 64500, "families": ["ipv4"]},
                    self.gateway_v6: {"as": 64500, "families": ["ipv6"]},
                },
            },
        }

    def start_nighd(self, config=None):
        self.nighd = Nighd(self.host, config or self.config()).start()
        return self.nighd

    def start_stand_in(self):
        """ExaBGP with fixed announcements, and the addresses put there by hand: plain
        network-layer anycast, to check the network itself."""
        for prefix in (PREFIX_V4, PREFIX_V6):
            self.host.add_address(prefix, "lo")
        self.stand_in = Exabgp(self.host, self.asn, self.address).start([
            Neighbor(self.gateway, 64500, ("ipv4",)),
            Neighbor(self.gateway_v6, 64500, ("ipv6",)),
        ])
        for prefix in (PREFIX_V4, PREFIX_V6):
            self.stand_in.announce(prefix)


class Noction:
    """client-01 — cisco-01 — cisco-02, with a name server behind each router.

    The routers are FRR in AS 64500 with iBGP between them and eBGP to the servers, which are in
    AS 64501 and AS 64502 and share one service address for each family.
    """

    def __init__(self, lab):
        self.lab = lab
        self.client = lab.host("client-01")
        self.cisco1 = lab.host("cisco-01", router=True)
        self.cisco2 = lab.host("cisco-02", router=True)
        host1, host2 = lab.host("nameserver-01"), lab.host("nameserver-02")
        self._cable(self.cisco1, "eth0", self.client, "eth0", "0:1")
        self._cable(self.cisco1, "eth1", self.cisco2, "eth1", "0:12")
        self._cable(self.cisco1, "eth2", host1, "eth0", "1:1")
        self._cable(self.cisco2, "eth2", host2, "eth0", "1:2")
        for host, net in ((self.client, "0:1"), (host1, "1:1"), (host2, "1:2")):
            v4, v6 = self._addresses(net, 1)
            host.ip("route", "add", "default", "via", v4.split("/")[0])
            host.ip("route", "add", "default", "via", v6.split("/")[0])
        self.router1 = Frr(self.cisco1, 64500, "10.0.12.1", redistribute_connected=True)
        self.router2 = Frr(self.cisco2, 64500, "10.0.12.2", redistribute_connected=True)
        self.server1 = Server(host1, self.router1, "ns1", 1)
        self.server2 = Server(host2, self.router2, "ns2", 2)

    @staticmethod
    def _addresses(net, number):
        a, b = net.split(":")
        return f"10.{a}.{b}.{number}/24", f"fd00:{a}:{b}::{number}/64"

    def _cable(self, host, ifname, other, other_ifname, net):
        host.link(ifname, other, other_ifname, self._addresses(net, 1), self._addresses(net, 2))

    def start_routers(self, hold=9):
        """`hold`: seconds after which a silent server is taken for dead."""
        for router, server, other in (
            (self.router1, self.server1, 2),
            (self.router2, self.server2, 1),
        ):
            router.start([
                Neighbor(f"10.0.12.{other}", 64500, ("ipv4",), next_hop_self=True),
                Neighbor(f"fd00:0:12::{other}", 64500, ("ipv6",), next_hop_self=True),
                Neighbor(server.address, server.asn, ("ipv4",), hold=hold),
                Neighbor(server.address_v6, server.asn, ("ipv6",), hold=hold),
            ])

    def start_servers(self):
        for server in (self.server1, self.server2):
            server.bind.start(wait=False)
        for server in (self.server1, self.server2):
            server.bind.wait_ready()

    def start(self, agent="nighd", hold=9):
        """Everything, until the client is answered by the nearest server and each router carries
        both routes."""
        self.start_routers(hold)
        self.start_servers()
        for server in (self.server1, self.server2):
            if agent == "nighd":
                server.start_nighd()
            else:
                server.start_stand_in()
        self.wait_normal()
        return self

    def restore(self):
        """Undoes whatever fault a test has left behind; quick when there is none."""
        self.cisco1.set_link("eth2", "up")
        for server in (self.server1, self.server2):
            if not server.bind.running():
                server.bind.start()
            server.bind.thaw()
            server.bind.mend_zone()
            if server.nighd and not server.nighd.running():
                server.start_nighd()
        self.wait_normal()

    # -- what is normal, what is failed over --

    def next_hops(self):
        """What each router sends the service's packets to, by router and prefix."""
        return {
            (host.name, prefix): host.next_hops(prefix)
            for host in (self.cisco1, self.cisco2)
            for prefix in (PREFIX_V4, PREFIX_V6)
        }

    def wait_next_hops(self, first, second, deadline, what):
        """`first`, `second`: (IPv4, IPv6) next hop of cisco-01 and of cisco-02."""
        expected = {
            ("cisco-01", PREFIX_V4): [first[0]],
            ("cisco-01", PREFIX_V6): [first[1]],
            ("cisco-02", PREFIX_V4): [second[0]],
            ("cisco-02", PREFIX_V6): [second[1]],
        }
        wait_until(
            lambda: self.next_hops() == expected,
            deadline,
            lambda: f"{what}: {expected}, is {self.next_hops()}",
        )

    def wait_normal(self, deadline=20):
        """Each router uses its own server, and knows the other one."""
        s1, s2 = self.server1, self.server2
        self.wait_next_hops(
            (s1.address, s1.address_v6), (s2.address, s2.address_v6), deadline, "normal routes"
        )
        for prefix, far in ((PREFIX_V4, "10.0.12.2"), (PREFIX_V6, "fd00:0:12::2")):
            self.router1.wait_route(prefix, deadline, neighbor=far)
        wait_until(
            lambda: s1.bind.running() and s2.bind.running(), 1, "both name servers are running"
        )

    def wait_failed_over(self, deadline=10):
        """nameserver-01's routes are nowhere any more: not in a BGP table, not in a kernel."""
        s1, s2 = self.server1, self.server2
        self.wait_next_hops(
            ("10.0.12.2", "fd00:0:12::2"), (s2.address, s2.address_v6), deadline, "routes to ns2"
        )
        for prefix, address, near in (
            (PREFIX_V4, s1.address, "10.0.12.1"),
            (PREFIX_V6, s1.address_v6, "fd00:0:12::1"),
        ):
            self.router1.wait_no_route(prefix, deadline, neighbor=address)
            self.router2.wait_no_route(prefix, deadline, neighbor=near)


class Pair:
    """The smallest network: one node with one service, one router (FRR) that hears it.

    The service is a TCP listener that the test opens and closes; nothing but BGP and the host's
    addresses is in play.
    """

    NODE, NODE_V6 = "10.0.0.1", "fd00::1"
    ROUTER, ROUTER_V6 = "10.0.0.2", "fd00::2"
    PORT = 8053

    def __init__(self, lab):
        self.lab = lab
        self.node = lab.host("node")
        self.peer = lab.host("router", router=True)
        self.node.link(
            *("eth0", self.peer, "eth0"),
            [f"{self.NODE}/24", f"{self.NODE_V6}/64"],
            [f"{self.ROUTER}/24", f"{self.ROUTER_V6}/64", "10.0.0.66/24"],
        )
        self.router = Frr(self.peer, 64500, self.ROUTER).start([
            Neighbor(self.NODE, 64501, ("ipv4",)),
            Neighbor(self.NODE_V6, 64501, ("ipv6",)),
        ])
        self.service = TcpService(self.node, "127.0.0.1", self.PORT)
        self.nighd = None

    def config(self, **service):
        """nigh.yaml of the node; keywords are options of the service."""
        return {
            "node": {"name": "node", "router-id": self.NODE},
            "probes": {
                "port": {
                    "type": "tcp",
                    "server": f"127.0.0.1:{self.PORT}",
                    "frequency": "100ms",
                    "timeout": "50ms",
                    "rise": 2,
                    "fall": 2,
                }
            },
            "services": {
                "web": {"addresses": [PREFIX_V4, PREFIX_V6], "require": ["port"], **service},
            },
            "bgp": {
                "as": 64501,
                "connect-retry": "1s",
                "neighbors": {
                    self.ROUTER: {"as": 64500, "families": ["ipv4"]},
                    self.ROUTER_V6: {"as": 64500, "families": ["ipv6"]},
                },
            },
        }

    def start(self, config=None):
        """The service and a fresh nighd, until the router has both routes. Nothing may be running
        (stop())."""
        self.service.start()
        self.nighd = Nighd(self.node, config or self.config()).start()
        self.wait_announced()
        return self.nighd

    def stop(self):
        """Nothing is left of an earlier start, whatever became of it."""
        if self.nighd:
            self.nighd.stop()
            self.nighd = None
        self.service.stop()
        for prefix in (PREFIX_V4, PREFIX_V6):
            if prefix in self.node.addresses("lo"):
                self.node.ip("address", "del", prefix, "dev", "lo")
            self.router.wait_no_route(prefix)

    def wait_announced(self, deadline=15):
        for prefix in (PREFIX_V4, PREFIX_V6):
            self.router.wait_route(prefix, deadline)

    def wait_withdrawn(self, deadline=5):
        for prefix in (PREFIX_V4, PREFIX_V6):
            self.router.wait_no_route(prefix, deadline)
