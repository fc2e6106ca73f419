# SPDX-License-Identifier: Apache-2.0
"""What operators see and say: status, show, explain, history, drain, admin, reload, /metrics."""

import json
import re
import time

import pytest
from lab.capture import Capture
from lab.servers import TcpService
from lab.topologies import PREFIX_V4, PREFIX_V6, SERVICE_V4, Pair
from lab.wait import wait_until

GRACEFUL_SHUTDOWN = "65535:0"


@pytest.fixture(scope="module")
def network(lab):
    network = Pair(lab)
    network.start()
    return network


@pytest.fixture
def pair(network):
    """Running, announced, with the configuration it began with."""
    if not network.service.running():
        network.service.start()
    if not network.nighd.running():
        network.stop()
        network.start()
    network.nighd.configure(network.config())
    network.nighd.nigh("reload")
    network.nighd.nigh("undrain", "web")
    network.nighd.nigh("admin", "web", "auto")
    network.wait_announced()
    network.nighd.wait_level("web", "up")
    return network


def _json(nighd, *words):
    """What `nigh --json` prints: one object a line; the last one."""
    return json.loads(nighd.nigh("--json", *words).stdout.splitlines()[-1])


# -- looking --


def test_status_says_all_is_well(pair):
    text = pair.nighd.nigh("status").stdout
    assert "web" in text and pair.ROUTER in text and "Established" in text
    assert "All is well." in text


def test_status_says_what_is_wrong(pair):
    pair.service.stop()
    pair.nighd.wait_level("web", "down")
    text = pair.nighd.nigh("status").stdout
    assert "All is well." not in text
    assert re.search(r"service web is down: .*port", text)


def test_every_show_command_answers_in_text_and_json(pair):
    """The daemon's own list of commands is walked; each table describes its columns."""
    commands = [r["command"] for r in _json(pair.nighd, "help")["tables"][0]["rows"]]
    shows = [c.split(" [")[0].split() for c in commands if c.startswith("show ")]
    assert {"services", "probes", "tracks", "intent", "kernel", "config"} <= {s[1] for s in shows}
    for words in [["status"], ["history"], *shows]:
        answer = _json(pair.nighd, *words)
        assert answer["ok"], words
        for table in answer["tables"]:
            keys = [c["key"] for c in table["columns"]]
            assert all(set(row) == set(keys) for row in table["rows"]), words
        assert answer["tables"] or answer["lines"], f"{words} says nothing"
        assert pair.nighd.nigh(*words).stdout.strip()


def test_show_one_by_name(pair):
    rows = _json(pair.nighd, "show", "services", "web")["tables"][0]["rows"]
    assert [r["service"] for r in rows] == ["web"]
    done = pair.nighd.nigh("show", "services", "wbe", check=False)
    assert done.returncode == 1 and "wbe" in done.stderr


def test_show_tells_the_chain(pair):
    nighd = pair.nighd
    assert nighd.row("show", "probes", probe="port")["state"] == "up"
    assert nighd.row("show", "kernel", address=PREFIX_V4)["present"] == "yes"
    assert nighd.row("show", "intent", kind="route", prefix=PREFIX_V6)["wanted"] == "yes"


def test_explain_names_every_link_of_the_chain(pair):
    text = pair.nighd.nigh("explain", SERVICE_V4).stdout
    for word in ("service web", "port", f"127.0.0.1:{pair.PORT}", "kernel", "intent", pair.ROUTER):
        assert word in text, f"{word!r} is missing in:\n{text}"


def test_explain_says_why_a_route_is_gone(pair):
    pair.service.stop()
    pair.wait_withdrawn()
    text = pair.nighd.nigh("explain", SERVICE_V4).stdout
    assert "down" in text and "refused" in text and "do not announce" in text


def test_history_keeps_what_happened(pair):
    at = time.time_ns()
    pair.service.stop()
    pair.wait_withdrawn()
    pair.service.start()
    pair.wait_announced()
    pair.nighd.wait_level("web", "up")
    events = _json(pair.nighd, "history", "--since", "1m")["tables"][0]["rows"]
    levels = [
        (e["from"], e["to"])
        for e in events
        if e["kind"] == "service" and e["object"] == "web" and e["time"] >= at
    ]
    assert levels == [("up", "down"), ("down", "up")]
    assert all(e["why"] for e in events)


# -- saying --


def test_drain_keeps_the_route_and_asks_routers_to_leave(pair):
    pair.nighd.nigh("drain", "web")
    assert pair.nighd.level("web") == "drained"
    for prefix in (PREFIX_V4, PREFIX_V6):
        pair.router.wait_route(prefix, communities=[GRACEFUL_SHUTDOWN])
    pair.nighd.nigh("undrain", "web")
    for prefix in (PREFIX_V4, PREFIX_V6):
        pair.router.wait_route(prefix, communities=[])


def test_drain_ends_by_itself(pair):
    pair.nighd.nigh("drain", "web", "--for", "500ms")
    pair.router.wait_route(PREFIX_V4, communities=[GRACEFUL_SHUTDOWN])
    pair.router.wait_route(PREFIX_V4, communities=[])
    pair.nighd.wait_level("web", "up")


def test_what_is_preferred_only_degrades(pair):
    """A preferred probe that fails makes the path longer; the route stays."""
    config = pair.config(prefer=["fast"])
    config["probes"]["fast"] = {**config["probes"]["port"], "server": f"127.0.0.1:{pair.PORT + 1}"}
    with TcpService(pair.node, "127.0.0.1", pair.PORT + 1) as fast:
        pair.nighd.configure(config)
        pair.nighd.nigh("reload")
        pair.nighd.wait_level("web", "up")
        pair.router.wait_route(PREFIX_V4, as_path=[64501])
        fast.stop()
        pair.nighd.wait_level("web", "degraded")
        pair.router.wait_route(PREFIX_V4, as_path=[64501] * 3)
        fast.start()
        pair.router.wait_route(PREFIX_V4, as_path=[64501])


def test_admin_down_withdraws_although_healthy(pair):
    pair.nighd.nigh("admin", "web", "down")
    pair.wait_withdrawn()
    assert pair.nighd.row("show", "services", service="web")["admin"] == "down"
    pair.nighd.nigh("admin", "web", "auto")
    pair.wait_announced()


def test_reload_changes_the_route_and_nothing_else(pair):
    with Capture(pair.peer, "eth0") as capture:
        at = time.time()
        config = pair.config(attributes={"med": 70})
        pair.nighd.configure(config)
        pair.nighd.nigh("reload")
        pair.router.wait_route(PREFIX_V4, med=70)
        pair.router.wait_route(PREFIX_V6, med=70)
        assert not capture.withdrawals(PREFIX_V4, at), "changed, not withdrawn and announced"
        assert not capture.messages(at, "OPEN"), "the sessions were not touched"
        assert not capture.messages(at, "NOTIFICATION")


def test_reload_without_a_change_sends_nothing(pair):
    with Capture(pair.peer, "eth0") as capture:
        at = time.time()
        pair.nighd.nigh("reload")
        # The next keepalive is the proof that time has passed and the session lives.
        wait_until(lambda: capture.messages(at, "KEEPALIVE", pair.NODE), 6, "a keepalive")
        assert not capture.messages(at, "UPDATE", pair.NODE)
        assert not capture.messages(at, "OPEN")


def test_reload_by_signal_takes_a_service_away_and_brings_it_back(pair):
    config = pair.config()
    second = {"addresses": ["192.0.2.77/32"], "require": ["port"]}
    pair.nighd.configure({**config, "services": {**config["services"], "second": second}})
    pair.nighd.process.signal(1)
    pair.router.wait_route("192.0.2.77/32")
    pair.nighd.configure(config)
    pair.nighd.process.signal(1)
    pair.router.wait_no_route("192.0.2.77/32")
    wait_until(
        lambda: "192.0.2.77/32" not in pair.node.addresses("lo"), 5, "its address is gone, too"
    )
    assert pair.router.route(PREFIX_V4)


# -- exit codes --


def test_unknown_command_is_usage_and_suggests(pair):
    done = pair.nighd.nigh("shwo", "services", check=False)
    assert done.returncode == 2
    assert "unknown command" in done.stderr and "show services" in done.stderr


def test_no_daemon_is_its_own_exit_code(pair):
    done = pair.nighd.nigh("-s", "/nonexistent/nigh.sock", "status", check=False)
    assert done.returncode == 3 and "/nonexistent/nigh.sock" in done.stderr


# -- metrics --

SAMPLE = re.compile(
    r'^([a-z_][a-z0-9_]*)(\{[a-z_]+="(?:[^"\\\n]|\\.)*"(?:,[a-z_]+="(?:[^"\\\n]|\\.)*")*\})? '
    r"(-?[0-9.]+(?:e[+-]?[0-9]+)?|[+-]Inf|NaN)$"
)


def _metrics(nighd):
    """{name{labels}: value}, after checking the text format (version 0.0.4)."""
    status, headers, text = nighd.http("/metrics")
    assert status == 200
    assert headers["Content-Type"].startswith("text/plain")
    found, types = {}, {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in types, f"{name} is announced twice"
            types[name] = kind
        elif line.startswith("# HELP "):
            assert len(line.split(" ", 3)) == 4
        else:
            match = SAMPLE.match(line)
            assert match, f"not a sample: {line}"
            name, labels, value = match.groups()
            family = re.sub(r"_(bucket|sum|count)$", "", name)
            assert name in types or types.get(family) == "histogram", f"{name} has no type"
            key = name + (labels or "")
            assert key not in found, f"{key} is there twice"
            found[key] = float(value)
    assert text.endswith("\n")
    return found


def test_metrics_parse_and_follow_the_state(pair):
    up = _metrics(pair.nighd)
    assert up['nigh_service_level{service="web"}'] == 3
    pair.service.stop()
    pair.nighd.wait_level("web", "down")
    down = _metrics(pair.nighd)
    assert down['nigh_service_level{service="web"}'] == 0
    refused = 'nigh_probe_samples_total{probe="port",why="refused"}'
    assert down[refused] > up.get(refused, 0)


def test_http_serves_nothing_else(pair):
    assert pair.nighd.http("/")[0] in (200, 404)
    assert pair.nighd.http("/nothing")[0] == 404
    assert pair.nighd.http("/metrics", "POST")[0] in (405, 501)
    assert pair.nighd.level("web") == "up"
