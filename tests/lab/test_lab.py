# SPDX-License-Identifier: Apache-2.0
"""The lab checks itself, without nighd: ExaBGP stands in for it. When these fail, the fault is in
the lab or in the machine, and no other failure means anything."""

import os
import subprocess
import sys
import time

import pytest
from lab.capture import Capture
from lab.client import Client, ask
from lab.namespaces import NETNS_DIR, Lab, remove_leftovers
from lab.routers import KINDS, Exabgp, Neighbor
from lab.topologies import PREFIX_V4, PREFIX_V6, SERVICE_V4, SERVICE_V6, Noction


def _switch(lab, count):
    """`count` hosts on one Ethernet: 10.0.0.N/24 and fd00::N/64."""
    switch = lab.host("switch")
    switch.bridge()
    hosts = []
    for n in range(1, count + 1):
        host = lab.host(f"host-{n}")
        host.link("eth0", switch, f"port{n}", [f"10.0.0.{n}/24", f"fd00::{n}/64"])
        switch.ip("link", "set", f"port{n}", "master", "br0")
        hosts.append(host)
    return hosts


def test_counterparts_show_what_they_learn():
    """Every counterpart's table is read in the same form."""
    with Lab() as lab:
        node, *hosts = _switch(lab, 1 + len(KINDS))
        routers = []
        for n, (kind, host) in enumerate(zip(KINDS.values(), hosts), start=2):
            extra = {"listen": True} if kind is Exabgp else {}
            router = kind(host, 64500, f"10.0.0.{n}", **extra)
            router.start([
                Neighbor("10.0.0.1", 64501, ("ipv4",)),
                Neighbor("fd00::1", 64501, ("ipv6",)),
            ])
            routers.append(router)
        capture = Capture(node, "eth0")
        sender = Exabgp(node, 64501, "10.0.0.1").start([
            Neighbor(f"{net}{n}", 64500, (family,))
            for n in range(2, 2 + len(KINDS))
            for net, family in (("10.0.0.", "ipv4"), ("fd00::", "ipv6"))
        ])
        for router in routers:
            router.wait_session("10.0.0.1")
            router.wait_session("fd00::1")
        attributes = "med 50 community [64501:7 65535:0] as-path [64501 64501]"
        sender.announce(PREFIX_V4, attributes=attributes)
        sender.announce(PREFIX_V6, attributes=attributes)
        expected = {
            "med": 50,
            "communities": ["64501:7", "65535:0"],
            "as_path": [64501, 64501],
        }
        for router in routers:
            router.wait_route(PREFIX_V4, next_hop="10.0.0.1", neighbor="10.0.0.1", **expected)
            router.wait_route(PREFIX_V6, next_hop="fd00::1", neighbor="fd00::1", **expected)
        since = time.time()
        sender.withdraw(PREFIX_V4)
        sender.withdraw(PREFIX_V6)
        for router in routers:
            router.wait_no_route(PREFIX_V4)
            router.wait_no_route(PREFIX_V6)
        assert {m.target for m in capture.withdrawals(PREFIX_V4, since, "10.0.0.1")} == {
            f"10.0.0.{n}" for n in range(2, 2 + len(KINDS))
        }
        assert not capture.messages(kind="MALFORMED")


@pytest.fixture(scope="module")
def noction(lab):
    return Noction(lab).start(agent="stand-in")


@pytest.mark.parametrize("address", [SERVICE_V4, SERVICE_V6])
def test_client_follows_the_route(noction, address):
    """The announcement decides who answers, and the client sees how long it took."""
    prefix = PREFIX_V6 if ":" in address else PREFIX_V4
    with Client(noction.client, address) as client:
        client.wait_server("ns1", 5)
        at = time.time()
        noction.server1.stand_in.withdraw(prefix)
        client.wait_server("ns2", 5)
        moved = client.first_answer("ns2", at) - at
        assert 0 < moved < 2
        noction.server1.stand_in.announce(prefix)
        client.wait_server("ns1", 5)
        # A withdrawal alone loses nothing: the old server still answers what reaches it.
        assert client.lost(at, time.time() - 0.2) == 0


def test_death_of_the_announcer_moves_the_client(noction):
    with Client(noction.client, SERVICE_V4) as client:
        client.wait_server("ns1", 5)
        noction.server1.stand_in.kill()
        noction.wait_failed_over()
        client.wait_server("ns2", 5)
        noction.server1.host.ip("address", "flush", "dev", "lo", "scope", "global")
        noction.server1.start_stand_in()
        noction.wait_normal()
        client.wait_server("ns1", 5)


def test_bind_can_be_broken_in_every_way(noction):
    """Each fault shows as what it is, and is undone."""
    bind, client = noction.server1.bind, noction.client
    good = ("ns1", "NOERROR", ["192.0.2.80"])
    assert ask(client, SERVICE_V4) == good
    bind.fail_zone()
    assert ask(client, SERVICE_V4) == ("ns1", "SERVFAIL", [])
    bind.mend_zone()
    assert ask(client, SERVICE_V4) == good
    bind.freeze()
    assert ask(client, SERVICE_V4, timeout=0.2) is None
    bind.thaw()
    assert ask(client, SERVICE_V4) is not None
    bind.kill()
    assert ask(client, SERVICE_V4, timeout=0.2) is None
    bind.start()
    assert ask(client, SERVICE_V4) == good
    bind.stop()
    assert ask(client, SERVICE_V4, timeout=0.2) is None
    bind.start()
    assert ask(client, SERVICE_V4) == good


def test_leftovers_of_a_crashed_run_are_removed():
    """A run that was killed leaves namespaces and processes; the next one removes them."""
    script = (
        "import os, signal, sys; sys.path.insert(0, sys.argv[1])\n"
        "from lab.namespaces import Lab\n"
        "lab = Lab(); lab.host('left').spawn('sleeper', ['sleep', '1000'])\n"
        "print(lab.tag, lab.dir, flush=True); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    here = os.path.dirname(os.path.abspath(__file__))
    done = subprocess.run(
        [sys.executable, "-c", script, here], capture_output=True, text=True, check=False
    )
    tag, directory = done.stdout.split()
    assert (NETNS_DIR / f"{tag}-left").exists()
    remove_leftovers()
    assert not (NETNS_DIR / f"{tag}-left").exists()
    assert not os.path.exists(directory)
