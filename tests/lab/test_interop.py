# SPDX-License-Identifier: Apache-2.0
"""nighd against FRR, BIRD, GoBGP, OpenBGPD and ExaBGP, IPv4 and IPv6, eBGP; and FRR over iBGP.

One node with a session to each of them at the same time, on one Ethernet. Both families are carried
by a session of their own address family; the iBGP session carries both over IPv4.
"""

import dataclasses
import time

import pytest
from lab.capture import Capture
from lab.nighd import Nighd
from lab.routers import KINDS, Frr, Neighbor
from lab.servers import TcpService
from lab.wait import stays, wait_until

NODE, NODE_V6 = "10.0.0.1", "fd00::1"
AS, ROUTER_AS = 64501, 64500
PORT = 8053
PLAIN = {"ipv4": "192.0.2.53/32", "ipv6": "2001:db8::53/128"}
LONGER = {"ipv4": "192.0.2.54/32", "ipv6": "2001:db8::54/128"}
SESSION = {"ipv4": NODE, "ipv6": NODE_V6}


@dataclasses.dataclass
class Network:
    """The node, its counterparts by name, and what passes the node's link."""

    nighd: Nighd
    service: TcpService
    routers: dict
    capture: Capture


def _config(neighbors):
    return {
        "node": {"name": "node", "router-id": NODE},
        "probes": {
            "port": {
                "type": "tcp",
                "server": f"127.0.0.1:{PORT}",
                "frequency": "100ms",
                "timeout": "50ms",
                "rise": 2,
                "fall": 2,
            }
        },
        "services": {
            "plain": {
                "addresses": list(PLAIN.values()),
                "require": ["port"],
                "attributes": {"med": 50, "communities": ["64501:7", "64501:1000"]},
            },
            "longer": {
                "addresses": list(LONGER.values()),
                "require": ["port"],
                "attributes": {"prepend": 2, "local-pref": 200},
            },
        },
        "bgp": {"as": AS, "connect-retry": "1s", "neighbors": neighbors},
    }


@pytest.fixture(scope="module")
def network(lab):
    switch, node = lab.host("switch"), lab.host("node")
    switch.bridge()
    node.link("eth0", switch, "node", [f"{NODE}/24", f"{NODE_V6}/64"])
    switch.ip("link", "set", "node", "master", "br0")
    routers, neighbors = {}, {}
    for number, name in enumerate([*KINDS, "ibgp"], start=11):
        host = lab.host(name, router=True)
        address, address_v6 = f"10.0.0.{number}", f"fd00::{number}"
        host.link("eth0", switch, f"to-{name}", [f"{address}/24", f"{address_v6}/64"])
        switch.ip("link", "set", f"to-{name}", "master", "br0")
        if name == "ibgp":
            sessions = [Neighbor(NODE, AS)]
            neighbors[address] = {"as": AS, "next-hop-ipv6": NODE_V6}
            routers[name] = Frr(host, AS, address).start(sessions)
            continue
        sessions = [Neighbor(NODE, AS, ("ipv4",)), Neighbor(NODE_V6, AS, ("ipv6",))]
        neighbors[address] = {"as": ROUTER_AS, "families": ["ipv4"]}
        neighbors[address_v6] = {"as": ROUTER_AS, "families": ["ipv6"]}
        routers[name] = KINDS[name](host, ROUTER_AS, address).start(sessions)
    capture = Capture(node, "eth0")
    service = TcpService(node, "127.0.0.1", PORT).start()
    nighd = Nighd(node, _config(neighbors)).start()
    return Network(nighd, service, routers, capture)


@pytest.fixture(params=list(KINDS))
def router(request, network):
    return network.routers[request.param]


@pytest.fixture(params=["ipv4", "ipv6"])
def family(request):
    return request.param


@pytest.fixture
def healthy(network):
    """The service is up and has been announced to everybody."""
    if not network.service.running():
        network.service.start()
    network.nighd.wait_level("plain", "up")
    return network


def test_session_comes_up(healthy, router, family):
    router.wait_session(SESSION[family])
    address = router.router_id if family == "ipv4" else f"fd00::{router.router_id.split('.')[-1]}"
    seen = healthy.nighd.neighbor(address)
    assert seen["state"] == "Established" and seen["announced"] == 2


def test_route_has_its_attributes(healthy, router, family):
    router.wait_route(
        PLAIN[family],
        next_hop=SESSION[family],
        med=50,
        communities=["64501:1000", "64501:7"],
        as_path=[AS],
    )


def test_prepended_route_has_a_longer_path(healthy, router, family):
    route = router.wait_route(LONGER[family], next_hop=SESSION[family], as_path=[AS] * 3)
    assert route.communities == []
    assert route.local_pref in (None, 100), "LOCAL_PREF must not leave the AS"


def test_kernel_route_follows(healthy, family):
    """FRR and BIRD use what we announced: their hosts send the packets to us."""
    for name in ("frr", "bird"):
        healthy.routers[name].host.wait_next_hops(PLAIN[family], [SESSION[family]], 5)


def test_ibgp(healthy):
    """Over iBGP: LOCAL_PREF is sent, the path is empty; both families in one session."""
    router = healthy.routers["ibgp"]
    router.wait_session(NODE)
    for family, next_hop in SESSION.items():
        router.wait_route(PLAIN[family], next_hop=next_hop, as_path=[], med=50, local_pref=100)
        router.wait_route(LONGER[family], next_hop=next_hop, local_pref=200)


def test_failed_probe_withdraws_and_recovery_announces(healthy):
    """Everywhere at once: all counterparts, both families, both services."""
    places = [
        (router, prefixes[family])
        for router in healthy.routers.values()
        for prefixes in (PLAIN, LONGER)
        for family in SESSION
    ]
    for router, prefix in places:
        router.wait_route(prefix)
    at = time.time()
    healthy.service.stop()
    for router, prefix in places:
        router.wait_no_route(prefix)
    assert not healthy.capture.messages(at, "NOTIFICATION"), "the sessions stay up"
    healthy.service.start()
    for router, prefix in places:
        router.wait_route(prefix)


def test_nothing_is_sent_when_nothing_changed(healthy):
    """Samples come ten times a second, and no UPDATE follows from them."""
    for router in healthy.routers.values():
        router.wait_route(PLAIN["ipv4"])
    at = time.time()
    stays(lambda: not healthy.capture.messages(at, "UPDATE", NODE), 1.0, "no UPDATE leaves")


def test_session_returns_after_the_router_restarted(healthy, router):
    router.stop()
    address = router.router_id
    wait_until(
        lambda: healthy.nighd.neighbor(address)["state"] != "Established",
        5,
        lambda: f"the session goes down: {healthy.nighd.neighbor(address)}",
    )
    router.start(router.neighbors)
    for family, prefix in PLAIN.items():
        router.wait_session(SESSION[family], 20)
        router.wait_route(prefix)


def test_everything_we_sent_was_well_formed(healthy):
    """Looked at from outside, over the whole module: no malformed message, no complaint."""
    assert not healthy.capture.messages(kind="MALFORMED")
    # Message header, OPEN and UPDATE errors; ends of sessions (Cease, FSM) belong to the restarts.
    notifications = healthy.capture.messages(kind="NOTIFICATION")
    assert not [m for m in notifications if m.code[0] in (1, 2, 3)]
