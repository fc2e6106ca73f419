# SPDX-License-Identifier: Apache-2.0
"""The service address on the host: there before the route, gone after it, repaired or respected."""

import time

import pytest
from lab.addresses import AddressMonitor
from lab.capture import Capture
from lab.topologies import PREFIX_V4, PREFIX_V6, SERVICE_V4, SERVICE_V6, Pair
from lab.wait import stays, wait_until

BOTH = [(PREFIX_V4, SERVICE_V4), (PREFIX_V6, SERVICE_V6)]


@pytest.fixture(scope="module")
def network(lab):
    return Pair(lab)


@pytest.fixture
def pair(network):
    network.stop()
    yield network
    network.stop()


def test_address_comes_before_the_route(pair):
    with AddressMonitor(pair.node) as monitor, Capture(pair.peer, "eth0") as capture:
        pair.start()
        for prefix, address in BOTH:
            assert prefix in pair.node.addresses("lo")
            added = monitor.changes(address)[0]
            announced = capture.announcements(prefix)[0]
            # The monitor's time is taken after the fact, so allow for its own delay.
            assert added.added and added.time < announced.time + 0.05


def test_address_that_is_there_is_adopted(pair):
    for prefix, _ in BOTH:
        pair.node.add_address(prefix, "lo")
    with AddressMonitor(pair.node) as monitor:
        pair.start()
        for _, address in BOTH:
            assert not [c for c in monitor.changes(address) if not c.added], "it was taken off"


def test_stop_withdraws_and_then_removes_the_address(pair):
    nighd = pair.start(pair.config(drain="300ms"))
    with AddressMonitor(pair.node) as monitor, Capture(pair.peer, "eth0") as capture:
        at = nighd.stop()
        assert nighd.process.returncode() == 0
        for prefix, address in BOTH:
            withdrawn = capture.withdrawals(prefix, at)
            assert withdrawn, f"{prefix} was not withdrawn by an UPDATE"
            removed = monitor.wait_change(address, False, at, 2)
            assert removed.time - withdrawn[0].time >= 0.3
            assert prefix not in pair.node.addresses("lo")
        goodbye = capture.messages(at, "NOTIFICATION", pair.NODE)
        assert [m.code for m in goodbye] == [(6, 2)], "Cease, Administrative Shutdown"
        assert goodbye[0].time > capture.withdrawals(PREFIX_V4, at)[0].time
    pair.wait_withdrawn()


def test_deleted_address_is_put_back(pair):
    pair.start()
    with AddressMonitor(pair.node) as monitor:
        at = time.time()
        for prefix, address in BOTH:
            pair.node.ip("address", "del", prefix, "dev", "lo")
            monitor.wait_change(address, False, at, 2)
            monitor.wait_change(address, True, at, 5)
    for prefix, _ in BOTH:
        wait_until(lambda p=prefix: p in pair.node.addresses("lo"), 2, f"{prefix} on lo")
    pair.wait_announced(5)


def test_deleted_address_withdraws_when_asked_to(pair):
    pair.start(pair.config(**{"if-missing": "withdraw"}))
    pair.node.ip("address", "del", PREFIX_V4, "dev", "lo")
    pair.router.wait_no_route(PREFIX_V4)
    stays(
        lambda: PREFIX_V4 not in pair.node.addresses("lo"), 0.5, f"{PREFIX_V4} stays away from lo"
    )
    assert pair.router.route(PREFIX_V6), "the other address was not touched"
    pair.node.add_address(PREFIX_V4, "lo")
    pair.router.wait_route(PREFIX_V4)


def test_other_addresses_are_left_alone(pair):
    pair.node.add_address("192.0.2.99/32", "lo")
    nighd = pair.start()
    nighd.stop()
    assert "192.0.2.99/32" in pair.node.addresses("lo")
    pair.node.ip("address", "del", "192.0.2.99/32", "dev", "lo")
