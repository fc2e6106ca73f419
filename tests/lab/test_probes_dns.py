# SPDX-License-Identifier: Apache-2.0
"""The dns probe against BIND, NSD, Knot and Unbound: good answers, and every fault by its word."""

import pytest
from lab import nameservers
from lab.nameservers import Knot, Nsd, Unbound, sign, zone_text
from lab.namespaces import require_programs
from lab.nighd import Nighd
from lab.servers import Bind
from lab.wait import wait_until

DAY = 86400
BIND, NSD, KNOT, UNBOUND = "127.0.1.1", "127.0.1.2", "127.0.1.3", "127.0.1.4"
ADDRESSES = {"bind": BIND, "nsd": NSD, "knot": KNOT, "unbound": UNBOUND}


class Servers:
    """One host with all four."""

    def __init__(self, lab):
        require_programs(nameservers.PROGRAMS)
        self.host = lab.host("servers")
        for address in ADDRESSES.values():
            self.host.add_address(f"{address}/32", "lo")
        self.bind = Bind(self.host, "bind1", [], BIND)
        good, good_ds = self._sign("good.example", -DAY, 30 * DAY)
        expired, expired_ds = self._sign("expired.example", -30 * DAY, -DAY)
        self.nsd = Nsd(
            self.host,
            "nsd1",
            NSD,
            {
                "example.net": zone_text("nsd1", NSD, 5),
                "good.example": good,
                "expired.example": expired,
            },
        )
        self.knot = Knot(self.host, "knot1", KNOT, {"example.net": zone_text("knot1", KNOT, 9)})
        self.unbound = Unbound(
            self.host,
            "unbound1",
            UNBOUND,
            NSD,
            {"example.net": None, "good.example": good_ds, "expired.example": expired_ds},
        )
        self.start()

    def _sign(self, zone, begins, ends):
        directory = self.host.lab.dir / f"keys-{zone}"
        return sign(self.host, directory, zone, zone_text("ns", NSD), begins, ends)

    def start(self):
        """All that are not running, and nothing that a test has frozen."""
        if not self.bind.running():
            self.bind.start()
        self.bind.thaw()
        for server in (self.nsd, self.knot, self.unbound):
            if not server.running():
                server.start()
            server.thaw()

    def get(self, kind):
        return getattr(self, kind)


@pytest.fixture(scope="module")
def all_servers(lab):
    return Servers(lab)


@pytest.fixture
def servers(all_servers):
    all_servers.start()
    return all_servers


@pytest.fixture
def probe(servers):
    """probe(why, detail, **options): starts nighd with this probe and waits for the verdict."""
    started = []

    def run(why, detail="", **options):
        config = {
            "node": {"name": "servers", "router-id": "192.0.2.1"},
            "probes": {
                "p": {
                    "type": "dns",
                    "query": "www.example.net A",
                    "frequency": "200ms",
                    "timeout": "150ms",
                    "rise": 2,
                    "fall": 2,
                    **options,
                }
            },
        }
        for nighd in started:
            nighd.stop()
        started[:] = [Nighd(servers.host, config).start()]
        return verdict(started[0], why, detail)

    yield run
    for nighd in started:
        nighd.stop()


def verdict(nighd, why, detail=""):
    """Waits until the probe is up (why: ok) or down with that word."""
    state = "up" if why == "ok" else "down"

    def seen():
        row = nighd.row("show", "probes", probe="p")
        if not row:
            return False  # the configuration is not yet in force
        return row["state"] == state and row["last"].startswith(why) and detail in str(row)

    wait_until(
        seen, 10, lambda: f"{state}, {why}, {detail}: {nighd.row('show', 'probes', probe='p')}"
    )
    return nighd


@pytest.mark.parametrize("protocol", ["udp", "tcp"])
@pytest.mark.parametrize("kind", ADDRESSES)
def test_good_answer(probe, kind, protocol):
    probe(
        "ok", "192.0.2.80", server=ADDRESSES[kind], protocol=protocol, expect={"answer": "192.0.2.80"}
    )


@pytest.mark.parametrize("kind", ADDRESSES)
def test_killed_is_refused_and_frozen_is_a_timeout(probe, servers, kind):
    nighd = probe("ok", server=ADDRESSES[kind])
    servers.get(kind).freeze()
    verdict(nighd, "timeout")
    servers.get(kind).thaw()
    verdict(nighd, "ok")
    servers.get(kind).kill()
    verdict(nighd, "refused")
    servers.start()
    verdict(nighd, "ok")


@pytest.mark.parametrize("kind", ADDRESSES)
def test_identity_of_this_node(probe, kind):
    # BIND sends an NSID of its own as well: server-id serves both.
    for identity in ("nsid", "chaos"):
        probe("ok", server=ADDRESSES[kind], identity={identity: f"{kind}1"})
        probe("content", "other", server=ADDRESSES[kind], identity={identity: "other"})


def test_servfail_is_a_status(probe, servers):
    nighd = probe("ok", server=BIND)
    servers.bind.fail_zone()
    verdict(nighd, "status")
    servers.bind.mend_zone()
    verdict(nighd, "ok")


def test_wrong_answer(probe):
    probe("content", "192.0.2.81", server=NSD, expect={"answer": "192.0.2.81"})
    probe("status", "NXDOMAIN", server=NSD, query="no.example.net A")
    probe("ok", server=NSD, query="no.example.net A", expect={"rcode": "NXDOMAIN"})
    probe("status", "REFUSED", server=KNOT, query="www.example.org A")


def test_other_types_and_patterns(probe):
    mx = {"server": KNOT, "query": "example.net MX"}
    probe("ok", **mx, expect={"answer": "10 mail.example.net"})
    probe("ok", **mx, expect={"answer": "regex:^10 mail"})
    probe("content", **mx, expect={"answer": "regex:^20 mail"})
    v6 = {"server": UNBOUND, "query": "www.example.net AAAA"}
    probe("ok", **v6, expect={"answer": "2001:db8::80"})


def test_flags(probe):
    probe("ok", server=NSD, expect={"flags": ["aa"]})
    probe("content", "flag ra is not set", server=NSD, expect={"flags": ["aa", "ra"]})
    probe("ok", server=UNBOUND, expect={"flags": ["ra"]})
    probe("content", "flag aa is not set", server=UNBOUND, expect={"flags": ["aa"]})


def test_random_label(probe):
    probe("ok", server=UNBOUND, query="random.example.net A", **{"random-label": True})
    probe("status", "NXDOMAIN", server=NSD, **{"random-label": True})


def test_signatures(probe):
    good, expired = "www.good.example A", "www.expired.example A"
    probe("ok", server=NSD, query=good, **{"signature-left": "2d"})
    probe("content", "expires in", server=NSD, query=good, **{"signature-left": "40d"})
    probe("content", "expired", server=NSD, query=expired, **{"signature-left": "2d"})
    probe("content", "not signed", server=NSD, **{"signature-left": "2d"})


def test_validating_resolver(probe):
    good, expired = "www.good.example A", "www.expired.example A"
    probe("ok", server=UNBOUND, query=good, dnssec=True, expect={"flags": ["ad"]})
    probe("content", "flag ad is not set", server=UNBOUND, dnssec=True, expect={"flags": ["ad"]})
    probe("status", "SERVFAIL", server=UNBOUND, query=expired)
    probe("ok", server=UNBOUND, query=expired, cd=True)


def test_serial_against_the_primary(probe, servers):
    soa = {"server": NSD, "query": "example.net SOA"}
    probe("ok", "serial 5", **soa, serial={"primary": KNOT, "max-lag": 4})
    probe("content", "the primary has 9", **soa, serial={"primary": KNOT, "max-lag": 3})
    probe("ok", "ahead", **{**soa, "server": KNOT}, serial={"primary": NSD})
    servers.knot.freeze()
    probe("ok", "the primary: no answer", **soa, serial={"primary": KNOT})
    nighd = probe("timeout", **soa, serial={"primary": KNOT, "require-primary": True})
    servers.knot.thaw()
    verdict(nighd, "content", "the primary has 9")


def test_own_socket(probe, servers):
    """With an option of the socket, the same words."""
    nighd = probe("ok", server=NSD, source="127.0.0.9", tos=184)
    servers.nsd.kill()
    verdict(nighd, "refused")


def test_over_tls(probe, servers):
    tls = {"server": UNBOUND, "protocol": "tls", "timeout": "190ms"}
    ca, name = str(servers.unbound.certificate), servers.unbound.tls_name
    nighd = probe("ok", "192.0.2.80", **tls, ca=ca)  # by its address
    servers.unbound.freeze()
    verdict(nighd, "timeout")
    servers.unbound.thaw()
    verdict(nighd, "ok")
    probe("ok", **tls, ca=ca, **{"tls-name": name}, identity={"chaos": "unbound1"})
    probe("tls", "mismatch", **tls, ca=ca, **{"tls-name": "other.example.net"})
    probe("tls", "self-signed", **tls)  # the system does not know it
    probe("ok", **tls, verify=False)
    probe("ok", **tls, ca=ca, **{"certificate-days": 20})
    probe("tls", "too few days", **tls, ca=ca, **{"certificate-days": 40})
    probe("refused", server=NSD, protocol="tls")
