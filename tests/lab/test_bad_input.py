# SPDX-License-Identifier: Apache-2.0
"""Bad input from every side: clear errors, and nothing that was announced is lost.

A neighbor (FRR) that hears the node's routes watches over every test of this file: its session must
stay Established and its routes must stay, whatever the others send.
"""

import random
import socket
import struct
import time

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
import yaml
from lab import rogue
from lab.capture import Capture
from lab.nighd import program
from lab.rogue import KEEPALIVE, OPEN, UPDATE, RoguePeer, attribute, message, open_body, update_body
from lab.servers import RogueUdp
from lab.topologies import PREFIX_V4, PREFIX_V6, Pair
from lab.wait import wait_until

ROGUE_AS = 64599
PEERS = 24  # rogue neighbors: each test takes one, so that none inherits another's penalty
DNS_PORT = 5300


# -- rogue name servers: one probe for each of these --


def _answer(query, address="192.0.2.80", rcode=dns.rcode.NOERROR):
    response = dns.message.make_response(dns.message.from_wire(query))
    response.set_rcode(rcode)
    if address:
        response.answer.append(dns.rrset.from_text("www.example.net.", 60, "IN", "A", address))
    return response.to_wire()


def _set(wire, offset, data):
    return wire[:offset] + data + wire[offset + len(data) :]


def _random_bytes(query):
    generator = random.Random(len(query))
    return query[:2] + generator.randbytes(generator.randrange(1, 400))


# What the server sends; how the probe's word for it begins.
REPLIES = {
    "good": (_answer, "ok"),
    "nothing": (lambda q: None, "timeout"),
    "empty": (lambda q: [b""], ("malformed", "timeout")),
    "one-byte": (lambda q: b"x", ("malformed", "timeout")),
    "header-only": (lambda q: _answer(q)[:12], ("malformed", "timeout")),
    "cut-short": (lambda q: _answer(q)[:-3], ("malformed", "content")),
    "other-id": (lambda q: _set(_answer(q), 0, bytes([q[0] ^ 255, q[1]])), "timeout"),
    "a-query": (lambda q: q, ("malformed", "timeout")),
    "other-question": (
        lambda q: _answer(q).replace(b"\x03www", b"\x03vvv"),
        ("malformed", "timeout", "content"),
    ),
    "no-answer": (lambda q: _answer(q, None), "content"),
    "other-address": (lambda q: _answer(q, "192.0.2.81"), "content"),
    "servfail": (lambda q: _answer(q, None, dns.rcode.SERVFAIL), "status"),
    "count-lies": (lambda q: _set(_answer(q), 6, b"\xff\xff"), ("malformed", "content")),
    "name-loops": (lambda q: _set(_answer(q), 12, b"\xc0\x0c"), ("malformed", "timeout")),
    "answer-name-loops": (
        lambda q: (lambda w: w.replace(b"\xc0\x0c\x00\x01", b"\xc0\x21\x00\x01"))(_answer(q)),
        ("malformed", "content"),
    ),
    "data-length-lies": (
        lambda q: _answer(q).replace(b"\x00\x04\xc0\x00\x02\x50", b"\xff\x04\xc0\x00\x02\x50"),
        ("malformed", "content"),
    ),
    "random": (_random_bytes, ("malformed", "timeout", "status", "content")),
    "others-before-good": (lambda q: [b"\0" * 12, _random_bytes(b"\0\0"), _answer(q)], "ok"),
}


@pytest.fixture(scope="module")
def network(lab):
    """The pair, with many addresses for rogue neighbors, and a rogue server for each probe."""
    network = Pair(lab)
    config = network.config()
    for number in range(PEERS):
        network.peer.add_address(f"10.0.0.{100 + number}/24", "eth0")
        config["bgp"]["neighbors"][f"10.0.0.{100 + number}"] = {"as": ROGUE_AS, "passive": True}
    for number, (name, (reply, _)) in enumerate(REPLIES.items()):
        RogueUdp(network.node, "127.0.0.1", DNS_PORT + number, reply)
        config["probes"][name] = {
            "type": "dns",
            "server": f"127.0.0.1:{DNS_PORT + number}",
            "query": "www.example.net A",
            "expect": {"rcode": "NOERROR", "answer": "192.0.2.80"},
            "frequency": "300ms",
            "timeout": "100ms",
            "rise": 2,
            "fall": 2,
        }
    network.good = config
    network.peers = iter(range(100, 100 + PEERS))
    network.start(config)
    return network


@pytest.fixture
def pair(network):
    """Watches the honest neighbor's session and routes over the whole test."""
    if not network.nighd.running():  # the test before has failed; this one stands for itself
        network.stop()
        network.start(network.good)
    with Capture(network.peer, "eth0") as capture:
        at = time.time()
        yield network
        assert network.nighd.running(), network.nighd.process.log_tail()
        for prefix in (PREFIX_V4, PREFIX_V6):
            assert network.router.route(prefix), f"{prefix} is lost"
            lost = [m for m in capture.withdrawals(prefix, at) if m.target == network.ROUTER]
            assert not lost, f"{prefix} was withdrawn"
        assert network.router.session_state(network.NODE) == "Established"
        goodbyes = capture.messages(at, "NOTIFICATION", network.NODE)
        assert not [m for m in goodbyes if m.target == network.ROUTER]


# -- DNS --


@pytest.mark.parametrize("name", REPLIES)
def test_malformed_dns_answer(pair, name):
    expected = REPLIES[name][1]
    state = "up" if expected == "ok" else "down"
    row = wait_until(
        lambda: pair.nighd.row("show", "probes", probe=name, state=state),
        5,
        lambda: f"{name}: {pair.nighd.row('show', 'probes', probe=name)}",
    )
    assert row["last"].startswith(expected), row


# -- configuration --

# A change to the good file, and what the message must contain.
MISTAKES = {
    "unknown-key": (lambda c: c["services"]["web"].update(adresses=["192.0.2.1/32"]), "addresses"),
    "dangling-name": (lambda c: c["services"]["web"].update(require=["prot"]), "port"),
    "unit": (lambda c: c["probes"]["port"].update(frequency="100 parsecs"), "frequency"),
    "no-unit": (lambda c: c["probes"]["port"].update(timeout="50"), "timeout"),
    "type": (lambda c: c["probes"]["port"].update(type="tcpp"), "tcp"),
    "prefix": (lambda c: c["services"]["web"].update(addresses=["192.0.2.300/32"]), "192.0.2.300"),
    "as-range": (lambda c: c["bgp"].update({"as": 4294967296}), "as"),
    "as-missing": (lambda c: c["bgp"].pop("as"), "as"),
    "hold-time": (lambda c: c["bgp"].update({"hold-time": "1s"}), "hold-time"),
    "neighbor": (lambda c: c["bgp"]["neighbors"].update({"10.0.0.x": {"as": 1}}), "10.0.0.x"),
    "timeout-longer": (lambda c: c["probes"]["port"].update(timeout="10s"), "timeout"),
    "two-services": (
        lambda c: c["services"].update(twin={"addresses": [PREFIX_V4]}),
        "192.0.2.53",
    ),
    "later": (lambda c: c.update(ospf={"interfaces": {}}), "ospf"),
}


def _broken(pair, mistake):
    config = yaml.safe_load(yaml.safe_dump(pair.good))
    mistake(config)
    return config


def _check(pair, text):
    """nighd --check and nigh config check agree; the first one's message."""
    path = pair.nighd.dir / "broken.yaml"
    if isinstance(text, bytes):
        path.write_bytes(text)
    else:
        path.write_text(text, encoding="utf-8")
    done = pair.node.run([program("nighd"), "-c", path, "--check"], check=False)
    same = pair.node.run([program("nigh"), "config", "check", path], check=False)
    assert same.returncode == done.returncode
    return done.returncode, done.stderr + done.stdout, str(path)


@pytest.mark.parametrize("name", MISTAKES)
def test_mistake_is_named_with_its_place(pair, name):
    mistake, word = MISTAKES[name]
    status, text, path = _check(pair, yaml.safe_dump(_broken(pair, mistake), sort_keys=False))
    assert status == 1
    line = next(l for l in text.splitlines() if l.startswith(path))
    number, column = line[len(path) + 1 :].split(":")[:2]
    assert int(number) > 0 and int(column) > 0
    assert word in text


def test_all_mistakes_are_said_at_once(pair):
    def everything(config):
        for name in ("unknown-key", "unit", "type", "as-range", "dangling-name"):
            MISTAKES[name][0](config)

    status, text, path = _check(pair, yaml.safe_dump(_broken(pair, everything), sort_keys=False))
    assert status == 1
    assert sum(1 for line in text.splitlines() if line.startswith(path)) >= 5, text


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\x00\x01\x02",
        b"\xff\xfe\xfd",
        b"[" * 5000,
        b"a: &a [*a, *a]\n",
        b"services: {web: {addresses: [",
        b"- a\n- list\n",
        b"just words\n",
        b"bgp:\n\tas: 1\n",
        b"node: {name: a}\nnode: {name: b}\n",
        b"{{}}: {}\n" * 3,
    ],
    ids=lambda text: repr(text[:16]),
)
def test_rubbish_is_no_configuration(pair, text):
    status, said, path = _check(pair, text)
    assert status == 1 and path in said, said


def test_missing_file_is_named(pair):
    done = pair.node.run([program("nighd"), "-c", "/nonexistent/nigh.yaml", "--check"], check=False)
    assert done.returncode == 1 and "/nonexistent/nigh.yaml" in done.stderr


@pytest.mark.parametrize("name", ["unknown-key", "dangling-name", "as-range"])
def test_bad_reload_changes_nothing(pair, name):
    mistake, word = MISTAKES[name]
    pair.nighd.configure(_broken(pair, mistake))
    done = pair.nighd.nigh("reload", check=False)
    assert done.returncode == 1
    assert word in done.stderr and str(pair.nighd.file) in done.stderr
    assert any("last reload" in line for line in pair.nighd.lines("status"))
    pair.nighd.configure(pair.good)
    pair.nighd.nigh("reload")
    assert not any("last reload" in line for line in pair.nighd.lines("status"))


# -- the control socket and HTTP --


@pytest.mark.parametrize(
    "request_",
    [
        b"\n",
        b"{\n",
        b"null\n",
        b"[]\n",
        b'{"words": 3}\n',
        b'{"words": [1, null]}\n',
        b'{"words": []}\n',
        b'{"words": ["' + b"x" * 3000 + b'"]}\n',
        b'{"words": [' + b'"a",' * 1000 + b'"a"]}\n',
        b"\x00\xff\xfe\n",
        b"[" * 20000 + b"\n",
    ],
    ids=lambda r: repr(r[:16]),
)
def test_bad_request_is_refused(pair, request_):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(5)
        s.connect(str(pair.nighd.socket))
        s.sendall(request_)
        answer = s.recv(65536)
        assert answer == b"" or b'"ok":false' in answer.replace(b" ", b"")
    assert pair.nighd.ask("status")["ok"]


def test_endless_request_is_cut_off(pair):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(5)
        s.connect(str(pair.nighd.socket))
        with pytest.raises(OSError):
            for _ in range(1000):
                s.sendall(b"x" * 65536)
    assert pair.nighd.ask("status")["ok"]


def test_many_clients_do_not_shut_others_out_for_ever(pair):
    clients = []
    for _ in range(200):
        s = socket.socket(socket.AF_UNIX)
        s.setblocking(False)
        try:
            s.connect(str(pair.nighd.socket))
        except BlockingIOError:
            pass
        clients.append(s)
    for s in clients:
        s.close()
    wait_until(lambda: _answers(pair.nighd), 5, "nighd answers again")


def _answers(nighd):
    try:
        return nighd.ask("status")["ok"]
    except (OSError, ValueError):
        return False


def test_bad_http(pair):
    endless = b"GET /" + b"a" * 100000 + b"\r\n"
    for data in (b"\r\n\r\n", b"GET\r\n\r\n", b"\x16\x03\x01\x00", endless):
        with pair.node.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
            s.settimeout(1)
            s.connect(("127.0.0.1", 9753))
            try:
                s.sendall(data)
                s.recv(65536)
            except OSError:
                pass
    assert pair.nighd.http("/metrics")[0] == 200


# -- BGP --


@pytest.fixture
def peer_address(network):
    """An address of a rogue neighbor that no other test has used."""
    return f"10.0.0.{next(network.peers)}"


def _rogue(pair, address):
    return RoguePeer(pair.peer, address, pair.NODE, ROGUE_AS, address)


LONG = open_body(ROGUE_AS, "10.0.0.99")
BEFORE_OPEN = {
    "marker": (message(OPEN, LONG, marker=b"\xfe" * 16), (1, 1)),
    "too-short": (message(OPEN, LONG, length=18), (1, 2)),
    "too-long": (message(OPEN, LONG, length=65535), (1, 2)),
    "open-too-short": (message(OPEN, LONG[:5]), (1, 2)),
    "type": (message(99), (1, 3)),
    "version": (message(OPEN, b"\x03" + LONG[1:]), (2, 1)),
    "as": (message(OPEN, open_body(64598, "10.0.0.99")), (2, 2)),
    "identifier": (message(OPEN, open_body(ROGUE_AS, "0.0.0.0")), (2, 3)),
    "hold-time": (message(OPEN, open_body(ROGUE_AS, "10.0.0.99", hold=1)), (2, 6)),
    "keepalive-first": (message(KEEPALIVE), (5, 1)),
}


@pytest.mark.parametrize("name", BEFORE_OPEN)
def test_malformed_bgp_before_the_session(pair, peer_address, name):
    data, code = BEFORE_OPEN[name]
    with _rogue(pair, peer_address) as peer:
        peer.send(data)
        assert peer.notification() == code


ORIGIN = attribute(0x40, 1, b"\0")
PATH = attribute(0x40, 2, b"\x02\x01" + struct.pack("!I", ROGUE_AS))
HOP = attribute(0x40, 3, bytes([10, 0, 0, 99]))
NLRI = bytes([24, 198, 51, 100])

# Malformed, but the session survives (RFC 7606): our routes hang on it.
SURVIVED = {
    "origin-value": update_body(attribute(0x40, 1, b"\7") + PATH + HOP, NLRI),
    "origin-length": update_body(attribute(0x40, 1, b"\0\0") + PATH + HOP, NLRI),
    "path-segment": update_body(ORIGIN + attribute(0x40, 2, b"\x09\x01\0\0\0\1") + HOP, NLRI),
    "no-next-hop": update_body(ORIGIN + PATH, NLRI),
    "communities-empty": update_body(ORIGIN + PATH + HOP + attribute(0xC0, 8, b""), NLRI),
    "unknown-optional": update_body(ORIGIN + PATH + HOP + attribute(0xC0, 255, b"\0" * 200), NLRI),
}


@pytest.mark.parametrize("name", SURVIVED)
def test_malformed_update_does_not_end_the_session(pair, peer_address, name):
    with _rogue(pair, peer_address).establish() as peer:
        peer.send(message(UPDATE, SURVIVED[name]))
        peer.send(message(KEEPALIVE))
        wait_until(
            lambda: pair.nighd.neighbor(peer_address)["state"] == "Established",
            2,
            lambda: str(pair.nighd.neighbor(peer_address)),
        )
        # What answers comes after the UPDATE was read: the next keepalive, not a NOTIFICATION.
        while True:
            kind, body = peer.receive()
            assert kind != rogue.NOTIFICATION, f"the session was ended with {body[:2]!r}"
            if kind == KEEPALIVE:
                break


FATAL = {
    "withdrawn-length": (b"\xff\xff\0\0", (3, 1)),
    "attributes-length": (b"\0\0\xff\xff", (3, 1)),
    "prefix-length": (update_body(ORIGIN + PATH + HOP, b"\x21\1\2\3\4\5"), (3, 10)),
}


@pytest.mark.parametrize("name", FATAL)
def test_update_that_cannot_be_read_ends_only_that_session(pair, peer_address, name):
    body, code = FATAL[name]
    with _rogue(pair, peer_address).establish() as peer:
        peer.send(message(UPDATE, body))
        assert peer.notification() == code


def test_unknown_neighbor_is_not_let_in(pair):
    pair.peer.add_address("10.0.0.250/24", "eth0")
    with RoguePeer(pair.peer, "10.0.0.250", pair.NODE, ROGUE_AS, "10.0.0.250") as peer:
        try:
            peer.send(message(OPEN, LONG))
        except OSError:
            pass
        assert peer.receive_kind(OPEN) is None
