# SPDX-License-Identifier: Apache-2.0
"""NSD, Knot and Unbound (with DNS over TLS), and signed zones for them. BIND is in servers.py."""

import os
import signal
import time

from .client import ANSWER, ask
from .process import descendants
from .wait import wait_until

PROGRAMS = {
    "nsd": "nsd",
    "knotd": "knot",
    "unbound": "unbound",
    "dig": "bind9-dnsutils",
    "openssl": "openssl",
    "dnssec-keygen": "bind9-utils",
    "dnssec-signzone": "bind9-utils",
}

ZONE = """\
$TTL 60
@ IN SOA {name}.example.net. hostmaster.example.net. {serial} 3600 600 86400 60
@ IN NS {name}.example.net.
{name} IN A {address}
www IN A {answer}
www IN AAAA 2001:db8::80
*.random IN A {answer}
@ IN MX 10 mail.example.net.
who IN TXT "{name}"
"""


class NameServer:
    """What they have in common: a host, an address, zones as {name: text}, a process."""

    kind = ""

    def __init__(self, host, name, address, zones):
        self.host = host
        self.name = name
        self.address = address
        self.dir = host.lab.dir / f"{self.kind}-{name}"
        self.dir.mkdir(exist_ok=True)
        self.zones = zones
        self.process = None
        for zone, text in zones.items():
            (self.dir / f"{zone}.zone").write_text(text, encoding="ascii")

    def _files(self):
        return [(zone, self.dir / f"{zone}.zone") for zone in self.zones]

    def config(self):
        """The text of its configuration file."""
        raise NotImplementedError

    def argv(self, path):
        """How to start it in the foreground."""
        raise NotImplementedError

    def start(self):
        path = self.dir / "server.conf"
        path.write_text(self.config(), encoding="ascii")
        self.process = self.host.spawn(f"{self.kind}-{self.name}", self.argv(path))
        wait_until(self._ready, 10, lambda: f"{self.kind} answers:\n{self.process.log_tail()}")
        return self

    def running(self):
        return self.process is not None and self.process.running()

    def _signal(self, number):
        """To all of its processes: NSD answers from children."""
        for pid in [*descendants(self.process.pid), self.process.pid]:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def freeze(self):
        self._signal(signal.SIGSTOP)

    def thaw(self):
        self._signal(signal.SIGCONT)

    def kill(self):
        self._signal(signal.SIGKILL)
        self.process.wait(5)

    def _ready(self):
        if not self.process.running():
            raise AssertionError(f"{self.kind} ended:\n{self.process.log_tail()}")
        answer = ask(self.host, self.address, timeout=0.3)
        return answer and answer[1] == "NOERROR"


class Nsd(NameServer):
    """An authoritative server."""

    kind = "nsd"

    def config(self):
        zones = "".join(
            f'zone:\n  name: "{zone}"\n  zonefile: "{file}"\n' for zone, file in self._files()
        )
        return (
            f"server:\n  ip-address: {self.address}@53\n  username: root\n"
            f'  zonesdir: "{self.dir}"\n  database: ""\n  pidfile: "{self.dir}/nsd.pid"\n'
            f'  xfrdfile: "{self.dir}/xfrd.state"\n  zonelistfile: "{self.dir}/zone.list"\n'
            f'  xfrdir: "{self.dir}"\n  identity: "{self.name}"\n  nsid: "ascii_{self.name}"\n'
            f"  server-count: 1\n  reuseport: no\nremote-control:\n  control-enable: no\n{zones}"
        )

    def argv(self, path):
        return ["nsd", "-d", "-c", path]


class Knot(NameServer):
    """An authoritative server."""

    kind = "knot"

    def config(self):
        zones = "".join(f"  - domain: {z}\n    file: {file}\n" for z, file in self._files())
        return (
            f"server:\n  rundir: {self.dir}\n  user: root:root\n  listen: {self.address}@53\n"
            f"  identity: {self.name}\n  nsid: {self.name}\n  udp-workers: 1\n  tcp-workers: 1\n"
            f"  background-workers: 1\nlog:\n  - target: stderr\n    any: info\n"
            f"database:\n  storage: {self.dir}\ntemplate:\n  - id: default\n"
            f"    storage: {self.dir}\n    zonefile-sync: -1\n    journal-content: none\n"
            f"zone:\n{zones}"
        )

    def argv(self, path):
        return ["knotd", "-c", path]


class Unbound(NameServer):
    """A resolver that asks `upstream` for every zone, and validates those with a DS record."""

    kind = "unbound"

    def __init__(self, host, name, address, upstream, anchors):
        super().__init__(host, name, address, {})
        self.upstream = upstream
        self.tls_name = f"{name}.example.net"
        self.certificate = self.dir / "certificate.pem"
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        names = f"subjectAltName=DNS:{self.tls_name},IP:{address}"
        host.run([
            *("openssl", "req", "-x509", *key, "-keyout", self.dir / "key.pem", "-days", "30"),
            *("-subj", f"/CN={self.tls_name}", "-addext", names, "-out", self.certificate),
        ])
        # nighd's engine reads it as another user.
        self.certificate.chmod(0o644)
        self.anchors = anchors  # {zone: its DS record, or None for an unsigned zone}

    def config(self):
        anchors = "".join(f'  trust-anchor: "{ds}"\n' for ds in self.anchors.values() if ds)
        stubs = "".join(
            f'stub-zone:\n  name: "{zone}"\n  stub-addr: {self.upstream}\n'
            for zone in self.anchors
        )
        local = "".join(f'  local-zone: "{zone}" transparent\n' for zone in self.anchors)
        return (
            f'server:\n  interface: {self.address}\n  interface: {self.address}@853\n'
            f'  tls-service-key: "{self.dir}/key.pem"\n  tls-service-pem: "{self.certificate}"\n'
            f'  tls-port: 853\n  username: ""\n  chroot: ""\n'
            f'  directory: "{self.dir}"\n  pidfile: "{self.dir}/unbound.pid"\n'
            f"  access-control: 127.0.0.0/8 allow\n  do-not-query-localhost: no\n"
            f'  identity: "{self.name}"\n  nsid: "ascii_{self.name}"\n  use-syslog: no\n'
            f'  module-config: "validator iterator"\n  num-threads: 1\n  cache-min-ttl: 0\n'
            f"  cache-max-negative-ttl: 0\n  infra-host-ttl: 1\n"
            f"{local}{anchors}{stubs}remote-control:\n  control-enable: no\n"
        )

    def argv(self, path):
        return ["unbound", "-d", "-p", "-c", path]

    def _ready(self):
        if not self.process.running():
            raise AssertionError(f"unbound ended:\n{self.process.log_tail()}")
        words = ["dig", "+short", "+tries=1", "+time=1", f"@{self.address}", "www.example.net"]
        return self.host.run(words, check=False).stdout.strip() == ANSWER


def zone_text(name, address, serial=1):
    return ZONE.format(name=name, address=address, serial=serial, answer=ANSWER)


def sign(host, directory, zone, text, begins, ends):
    """(the signed zone's text, its DS record); the signatures are good between two moments, in
    seconds from now."""
    directory.mkdir(exist_ok=True)
    keys = [
        host.run(
            ["dnssec-keygen", "-q", "-K", directory, "-a", "ECDSAP256SHA256", *flags, zone]
        ).stdout.strip()
        for flags in (["-f", "KSK"], [])
    ]
    lines = [(directory / f"{key}.key").read_text(encoding="ascii") for key in keys]
    source, target = directory / "plain.zone", directory / "signed.zone"
    source.write_text(text + "".join(lines), encoding="ascii")
    start, end = (
        time.strftime("%Y%m%d%H%M%S", time.gmtime(time.time() + t)) for t in (begins, ends)
    )
    words = ["dnssec-signzone", "-P", "-K", directory, "-d", directory, "-o", zone]
    host.run([*words, "-s", start, "-e", end, "-f", target, source])
    ds = (directory / f"dsset-{zone}.").read_text(encoding="ascii").splitlines()[0]
    return target.read_text(encoding="ascii"), " ".join(ds.split())
