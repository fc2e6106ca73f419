# SPDX-License-Identifier: Apache-2.0
"""The probes that ask over HTTP and TLS, against nginx: http, https, tls, metric.

nighd runs on the node and has no service, only probes. Each test makes one thing wrong on the
server and waits until the probe is down for the right reason, over IPv4 and IPv6 alike; then it
mends it and waits until the probe is up again.
"""

import pytest
from lab.namespaces import require_programs
from lab.nighd import Nighd
from lab.wait import wait_until

require_programs({"nginx": "nginx", "openssl": "openssl"})

NODE = {"v4": "10.0.0.1/24", "v6": "fd00::1/64"}
SERVER = {"v4": "10.0.0.2", "v6": "fd00::2"}
NAME = "www.example.net"
KINDS = ("web", "kept", "secure", "itself", "h2", "hello", "load")

CONFIG = """\
daemon off;
master_process off;
error_log stderr info;
pid {dir}/nginx.pid;
events {{ worker_connections 256; }}
http {{
	log_format kept "$uri $connection $http_user_agent";
	access_log {dir}/access.log kept if=$keep_log;
	map $uri $keep_log {{ /kept 1; default 0; }}
	client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3;
	uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;
	default_type text/plain;
	server {{
		listen 80;
		listen [::]:80;
		listen 443 {tls};
		listen [::]:443 {tls};
		server_name {name};
		ssl_protocols TLSv1.2 TLSv1.3;
		ssl_certificate {dir}/{certificate}.pem;
		ssl_certificate_key {dir}/{certificate}.key;
		location = /health {{ {health} }}
		location = /kept {{ return 200 "ok\\n"; }}
		location = /metrics {{ return 200 "{metrics}"; }}
		location = /large {{ {large} root {dir}; }}
		location / {{ return 404; }}
	}}
}}
"""

GOOD = {
    "tls": "ssl http2",
    "certificate": "good",
    "health": 'add_header X-Role primary; return 200 "all is ok\\n";',
    "metrics": 'up{job=\\"a\\"} 1\\nload{cpu=\\"0\\"} 0.5\\n',
    "large": "",
}


class Certificates:
    """A CA made for this run, and what it has signed."""

    def __init__(self, host, directory):
        self._host = host
        self._dir = directory
        self.ca = directory / "ca.pem"
        self._request("ca", "nigh lab CA", "-x509", "-out", self.ca, "-days", "30")
        names = ",".join(f"IP:{a}" for a in SERVER.values())
        self._sign("good", f"DNS:{NAME},{names}", 30)
        self._sign("short", f"DNS:{NAME},{names}", 5)
        self._sign("expired", f"DNS:{NAME},{names}", -1)
        self._sign("foreign", "DNS:other.example", 30)
        self._request("unknown", NAME, "-x509", "-out", directory / "unknown.pem", "-days", "30")

    def _request(self, name, subject, *args):
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        out = ["-keyout", self._dir / f"{name}.key", "-subj", f"/CN={subject}"]
        self._host.run(["openssl", "req", *key, *out, *args])

    def _sign(self, name, alternatives, days):
        extensions = self._dir / f"{name}.ext"
        extensions.write_text(f"subjectAltName={alternatives}\n", encoding="ascii")
        self._request(name, "server", "-out", self._dir / f"{name}.csr")
        ca = ["-CA", self.ca, "-CAkey", self._dir / "ca.key", "-CAcreateserial"]
        files = ["-in", self._dir / f"{name}.csr", "-out", self._dir / f"{name}.pem"]
        self._host.run([
            *("openssl", "x509", "-req", *ca, *files),
            *("-days", str(days), "-extfile", extensions),
        ])


class Nginx:
    """nginx in one process, so that it can be frozen; started anew for another configuration."""

    def __init__(self, host):
        self.host = host
        self.dir = host.lab.dir / "nginx"
        self.dir.mkdir()
        self.certificates = Certificates(host, self.dir)
        (self.dir / "large").write_bytes(b"x" * 50000)
        self.process = None

    def start(self, **changes):
        self.stop()
        text = CONFIG.format(dir=self.dir, name=NAME, **{**GOOD, **changes})
        (self.dir / "nginx.conf").write_text(text, encoding="ascii")
        (self.dir / "access.log").write_text("", encoding="ascii")
        argv = ["nginx", "-p", self.dir, "-c", self.dir / "nginx.conf", "-g", "user root;"]
        self.process = self.host.spawn("nginx", argv)
        wait_until(self._listens, 10, "nginx listens")
        return self

    def _listens(self):
        """Until then the probes' states may still be those of the server before."""
        return ":80 " in self.host.run(["ss", "-Hltn"]).stdout

    def stop(self):
        if self.process:
            self.process.stop()
            self.process = None

    def kept_connections(self):
        """The connections over which /kept was asked for, and what asked."""
        lines = (self.dir / "access.log").read_text(encoding="ascii").splitlines()
        return [line.split(" ", 2)[1:] for line in lines]


class Network:
    """The two hosts, with everything in order."""

    def __init__(self, lab):
        self.node = lab.host("node")
        self.server = lab.host("server")
        self.node.link(
            *("eth0", self.server, "eth0"),
            NODE.values(),
            [f"{SERVER['v4']}/24", f"{SERVER['v6']}/64"],
        )
        self.nginx = Nginx(self.server).start()
        self.nighd = Nighd(self.node, self.config()).start()

    def config(self):
        probes = {}
        ca = str(self.nginx.certificates.ca)
        for family, address in SERVER.items():
            host = f"[{address}]" if family == "v6" else address
            tls = {"ca": ca, "certificate-days": 10}
            kinds = {
                "web": {
                    "type": "http",
                    "url": f"http://{host}/health",
                    "expect": {"status": "200", "body": "ok", "header": "X-Role: primary"},
                },
                "kept": {"type": "http", "url": f"http://{host}/kept", "reuse": True},
                "large": {"type": "http", "url": f"http://{host}/large"},
                "secure": {
                    "type": "https",
                    "url": f"https://{NAME}/health",
                    "server": address,
                    **tls,
                },
                "itself": {"type": "https", "url": f"https://{host}/health", **tls},
                "h2": {
                    "type": "https",
                    "url": f"https://{NAME}/health",
                    "server": address,
                    "version": "2",
                    "expect": {"body": "ok"},
                    **tls,
                },
                "hello": {
                    "type": "tls",
                    "server": f"{host}:443",
                    "name": NAME,
                    "alpn": ["h2"],
                    **tls,
                },
                "load": {
                    "type": "metric",
                    "url": f"http://{host}/metrics",
                    "metric": 'load{cpu="0"}',
                    "expect": {"below": "0.8"},
                },
            }
            for name, options in kinds.items():
                probes[f"{name}-{family}"] = {
                    "frequency": "300ms",
                    "timeout": "250ms",
                    "rise": 1,
                    "fall": 2,
                    **options,
                }
        return {"node": {"name": "node", "router-id": "10.0.0.1"}, "probes": probes}

    def wait_up(self, *kinds, last="ok"):
        self._wait(kinds, "up", last)

    def wait_down(self, *kinds, why):
        """Down, and the last attempt failed for this reason: the beginning of what is shown."""
        self._wait(kinds, "down", why)

    def _wait(self, kinds, state, last):
        for name in [f"{kind}-{family}" for kind in kinds for family in SERVER]:
            seen = [None]

            def there(name=name, seen=seen):
                seen[0] = self.nighd.row("show", "probes", probe=name)
                return seen[0] and seen[0]["state"] == state and seen[0]["last"].startswith(last)

            wait_until(there, 10, lambda n=name, s=seen: f"{n} is {state} ({last}): {s[0]}")


@pytest.fixture(scope="module")
def network(lab):
    return Network(lab)


@pytest.fixture
def healthy(network):
    """All is well at the start, whatever the test before has left."""
    network.nginx.start()
    network.wait_up(*KINDS, "large")
    return network


def _mended(network, *kinds):
    network.nginx.start()
    network.wait_up(*kinds)


# -- the server --


def test_all_is_well(healthy):
    healthy.wait_up("web", last="ok: 200, 10 bytes")
    healthy.wait_up("large", last="ok: 200, 50 kB")
    healthy.wait_up("secure", "itself", "h2", last="ok: 200, 10 bytes, certificate 29 days")
    healthy.wait_up("hello", last="ok: TLSv1.3, h2, certificate 29 days")
    healthy.wait_up("load", last="ok: load 0.5")


def test_killed(healthy):
    healthy.nginx.process.kill()
    healthy.wait_down(*KINDS, why="refused: connect: Connection refused")
    _mended(healthy, *KINDS)


def test_frozen(healthy):
    healthy.nginx.process.freeze()
    healthy.wait_down("web", "kept", "load", why="timeout: connected, but no answer")
    healthy.wait_down(
        "secure", "itself", "h2", "hello", why="timeout: connected, but the TLS handshake"
    )
    healthy.nginx.process.thaw()
    healthy.wait_up(*KINDS)


def test_restarted(healthy):
    """A kept connection that is gone is replaced."""
    healthy.nginx.start()
    healthy.wait_up(*KINDS)
    wait_until(lambda: len(healthy.nginx.kept_connections()) > 6, 10, "the kept ones go on")


def test_kept_connections_are_kept(healthy):
    def enough():
        return len(healthy.nginx.kept_connections()) >= 20

    wait_until(enough, 20, "nginx logs")
    seen = healthy.nginx.kept_connections()[-12:]
    assert len({connection for connection, _ in seen}) == 2, seen  # one for each family
    assert {agent.split("/")[0] for _, agent in seen} == {"nigh"}


def test_unreachable(healthy):
    healthy.node.ip("route", "add", "unreachable", SERVER["v4"])
    healthy.node.ip("route", "add", "unreachable", SERVER["v6"], "metric", "1")
    try:
        healthy.wait_down("web", "secure", "hello", "load", why="unreachable: connect: ")
    finally:
        healthy.node.ip("route", "del", "unreachable", SERVER["v4"])
        healthy.node.ip("route", "del", "unreachable", SERVER["v6"], "metric", "1")
    healthy.wait_up(*KINDS)


# -- the answer --


def test_wrong_status(healthy):
    healthy.nginx.start(health="return 503;", metrics="", large="deny all;")
    healthy.wait_down("web", why="status: 503, expected 200")
    healthy.wait_down("secure", "h2", why="status: 503, expected 200-399")
    healthy.wait_down("large", why="status: 403")
    healthy.wait_down("load", why="content: there is no load")
    healthy.wait_up("kept", "hello")
    _mended(healthy, *KINDS)


def test_wrong_content(healthy):
    healthy.nginx.start(
        health='add_header X-Role primary; return 200 "wrong\\n";',
        metrics='load{cpu=\\"0\\"} 0.9\\n',
    )
    healthy.wait_down("web", "h2", why="content: 200, what is expected is not in the body")
    healthy.wait_down("load", why="content: load 0.9, expected below 0.8")
    healthy.nginx.start(health='add_header X-Role standby; return 200 "ok\\n";')
    healthy.wait_down("web", why="content: 200, header X-Role: standby")
    _mended(healthy, *KINDS)


def test_slow(healthy):
    healthy.nginx.start(large="limit_rate 1000;")
    healthy.wait_down("large", why="timeout: the answer did not end")
    healthy.wait_up("web")
    _mended(healthy, "large")


def test_without_http2(healthy):
    healthy.nginx.start(tls="ssl")
    healthy.wait_down("h2", why="content: 200 by HTTP/1.1, expected HTTP/2")
    healthy.wait_down("hello", why="tls: ")
    healthy.wait_up("secure")
    _mended(healthy, *KINDS)


def test_no_tls_on_the_port(healthy):
    healthy.nginx.start(tls="")
    healthy.wait_down("secure", "itself", "h2", "hello", why="tls: ")
    _mended(healthy, *KINDS)


# -- the certificate --


@pytest.mark.parametrize(
    "certificate,why",
    [
        ("expired", "tls: certificate has expired"),
        ("unknown", "tls: self-signed certificate"),
        ("short", "tls: certificate 4 days, expected at least 10"),
        ("foreign", "tls: "),
    ],
)
def test_certificate(healthy, certificate, why):
    healthy.nginx.start(certificate=certificate)
    healthy.wait_down("secure", "itself", "h2", "hello", why=why)
    healthy.wait_up("web")
    _mended(healthy, *KINDS)
