# SPDX-License-Identifier: Apache-2.0
"""`listens`: the kernel tells that a port is deserted, long before a probe would ask.

The probe asks once a minute, so only the watch on the sockets can explain what happens here.
"""

import pytest
from lab.client import Client
from lab.topologies import SERVICE_V4, Noction
from lab.wait import stays


def _config(server):
    config = server.config()
    config["probes"]["resolver"].update({"frequency": "1m", "timeout": "1s", "rise": 1})
    config["services"]["dns"]["listens"] = ["udp/53", "tcp/53"]
    return config


@pytest.fixture(scope="module")
def noction(lab):
    net = Noction(lab)
    net.start_routers()
    net.start_servers()
    for server in (net.server1, net.server2):
        server.start_nighd(_config(server))
    net.wait_normal()
    return net


def _why(server):
    return server.nighd.row("show", "tracks", track="dns udp/53")["why"]


@pytest.mark.parametrize("fault", ["kill", "stop"])
def test_end_of_the_server_is_seen_at_once(noction, fault):
    server = noction.server1
    with Client(noction.client, SERVICE_V4) as client:
        client.wait_server("ns1", 10)
        at = getattr(server.bind, fault)()
        client.wait_server("ns2", 10)
        print(f"moved after {(client.first_answer('ns2', at) - at) * 1000:.0f} ms")
        assert server.nighd.level("dns") == "down"
        assert "no socket" in _why(server) or "ended" in _why(server)
        asked = server.nighd.row("show", "probes", probe="resolver")["asked"]
        server.bind.start()
        noction.wait_normal()
        client.wait_server("ns1", 10)
    # The server that is there again was worth a question out of turn.
    assert server.nighd.row("show", "probes", probe="resolver")["asked"] > asked


def test_explain_and_history_name_the_port(noction):
    server = noction.server1
    server.bind.kill()
    server.nighd.wait_level("dns", "down")
    lines = server.nighd.lines("explain", SERVICE_V4)
    assert any("listen dns udp/53: down" in line for line in lines)
    server.bind.start()
    noction.wait_normal()
    rows = server.nighd.rows("history")
    assert any(r["object"] == "dns udp/53" and r["to"] == "down" for r in rows)


def test_reconfiguration_of_the_server_is_no_alarm(noction):
    """rndc reload keeps the sockets: nothing moves."""
    server = noction.server1
    before = len(server.nighd.rows("history"))
    server.bind.rndc("reload")
    stays(lambda: server.nighd.level("dns") == "up", 1, "the service stays up")
    assert len(server.nighd.rows("history")) == before
