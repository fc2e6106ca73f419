# SPDX-License-Identifier: Apache-2.0
"""The noction network: every fault of nameserver-01 moves the client to nameserver-02 and back,
and no route to the dead node is left in either router's BGP table or kernel.

The client asks 200 times a second. Outages are printed (pytest -s), not asserted closely: that is
what bench/ is for. What is asserted is a bound that only a missing mechanism would exceed.
"""

import os
import signal
import time

import pytest
from lab.client import Client
from lab.topologies import PREFIX_V4, PREFIX_V6, SERVICE_V4, SERVICE_V6, Noction
from lab.wait import stays, wait_until

HOLD = 3  # seconds: what the routers wait for a node that is silent but not gone


@pytest.fixture(scope="module")
def network(lab):
    return Noction(lab).start(hold=HOLD)


@pytest.fixture
def noction(network):
    """Normal at the start, whatever the test before has left."""
    network.restore()
    return network


@pytest.fixture
def client(noction):
    with Client(noction.client, SERVICE_V4) as c:
        c.wait_server("ns1", 5)
        yield c


def _failed_over(noction, client, at, bound):
    """The client is answered by nameserver-02, within `bound` seconds; nothing is left."""
    client.wait_server("ns2", bound + 5)
    outage = client.first_answer("ns2", at) - at
    print(f"moved after {outage * 1000:.0f} ms, {client.lost(at, at + outage)} queries lost")
    assert outage < bound
    noction.wait_failed_over()


def _failed_back(noction, client):
    noction.wait_normal()
    client.wait_server("ns1", 10)


def _is_gone(pid):
    """Ended, if perhaps not yet reaped by a parent that is frozen."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            return f.read().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


# -- the service --


def test_process_killed(noction, client):
    at = noction.server1.bind.kill()
    _failed_over(noction, client, at, 2)
    noction.server1.bind.start()
    _failed_back(noction, client)


def test_process_stopped(noction, client):
    at = noction.server1.bind.stop()
    _failed_over(noction, client, at, 2)
    noction.server1.bind.start()
    _failed_back(noction, client)


def test_process_frozen(noction, client):
    at = noction.server1.bind.freeze()
    _failed_over(noction, client, at, 2)
    noction.server1.bind.thaw()
    _failed_back(noction, client)


def test_servfail(noction, client):
    at = time.time()
    noction.server1.bind.fail_zone()
    _failed_over(noction, client, at, 3)
    noction.server1.bind.mend_zone()
    _failed_back(noction, client)


def test_wrong_answer(noction, client):
    """NOERROR with another address than expected: the service is wrong, not dead."""
    at = time.time()
    noction.server1.bind.set_answer("192.0.2.81")
    _failed_over(noction, client, at, 3)
    noction.server1.bind.mend_zone()
    _failed_back(noction, client)


# -- the link --


def test_link_down(noction, client):
    at = time.time()
    noction.cisco1.set_link("eth2", "down")
    _failed_over(noction, client, at, 2)
    noction.cisco1.set_link("eth2", "up")
    _failed_back(noction, client)


# -- nighd --


def test_engine_killed(noction, client):
    """Death withdraws: the sessions close with the engine, and the helper ends with it."""
    nighd = noction.server1.nighd
    at = time.time()
    os.kill(nighd.engine_pid, signal.SIGKILL)
    _failed_over(noction, client, at, 2)
    nighd.wait_gone()
    noction.server1.start_nighd()
    _failed_back(noction, client)


def test_helper_killed(noction, client):
    nighd = noction.server1.nighd
    engine = nighd.engine_pid
    at = nighd.process.kill()
    _failed_over(noction, client, at, 2)
    wait_until(lambda: _is_gone(engine), 5, "the engine has ended, too")
    noction.server1.start_nighd()
    _failed_back(noction, client)


def test_engine_frozen_and_then_the_service_killed(noction, client):
    """A frozen engine cannot withdraw; the helper notices its silence and ends it."""
    nighd = noction.server1.nighd
    os.kill(nighd.engine_pid, signal.SIGSTOP)
    at = noction.server1.bind.kill()
    _failed_over(noction, client, at, HOLD + 2)
    nighd.wait_gone()
    assert "engine" in nighd.process.log_tail(3), "it says why"
    noction.server1.bind.start()
    noction.server1.start_nighd()
    _failed_back(noction, client)


def test_helper_frozen(noction, client):
    """Without a helper nothing can be put right any more: the engine leaves."""
    nighd = noction.server1.nighd
    engine = nighd.engine_pid
    at = nighd.process.freeze()
    _failed_over(noction, client, at, 6)
    wait_until(lambda: _is_gone(engine), 5, "the engine has ended")
    nighd.process.kill_family()
    noction.server1.start_nighd()
    _failed_back(noction, client)


def test_all_of_nighd_frozen_and_then_the_service_killed(noction, client):
    """Nobody is there to withdraw: the routers' hold time is the last line of defence."""
    nighd = noction.server1.nighd
    pids = (nighd.helper_pid, nighd.engine_pid)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    at = noction.server1.bind.kill()
    _failed_over(noction, client, at, HOLD + 3)
    for pid in pids:
        os.kill(pid, signal.SIGCONT)
    # Thawed, it finds its sessions gone and its service dead, and must not announce.
    stays(lambda: client.recent_servers() == {"ns2"}, 1.0, "the client stays at ns2")
    noction.restore()
    _failed_back(noction, client)


def test_nighd_stopped(noction, client):
    """An orderly stop withdraws first and removes the address later: no query is lost."""
    at = noction.server1.nighd.stop()
    _failed_over(noction, client, at, 2)
    assert client.lost(at, time.time() - 0.2) == 0
    for prefix in (PREFIX_V4, PREFIX_V6):
        assert prefix not in noction.server1.host.addresses("lo")
    noction.server1.start_nighd()
    _failed_back(noction, client)


# -- IPv6, and both at once --


def test_ipv6_fails_over_alike(noction):
    with Client(noction.client, SERVICE_V6) as client:
        client.wait_server("ns1", 5)
        at = noction.server1.bind.kill()
        _failed_over(noction, client, at, 2)
        noction.server1.bind.start()
        _failed_back(noction, client)


def test_both_down_leaves_no_route(noction, client):
    """No healthy server: no route, rather than one that leads to a dead server."""
    noction.server1.bind.kill()
    noction.server2.bind.kill()
    for router in (noction.router1, noction.router2):
        for prefix in (PREFIX_V4, PREFIX_V6):
            router.wait_no_route(prefix)
            router.host.wait_next_hops(prefix, [], 5)
    noction.server2.bind.start()
    client.wait_server("ns2", 10)
    noction.server1.bind.start()
    _failed_back(noction, client)
