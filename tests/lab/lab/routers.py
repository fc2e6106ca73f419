# SPDX-License-Identifier: Apache-2.0
"""Real BGP speakers as neighbors of nigh, each behind the same interface.

    start(neighbors)            writes the configuration and starts it
    session_state(address)      the state's word of RFC 4271 ("Established", "Active", ...)
    routes(family)              what it has learned, as Route, from its own command line
    stop(), kill(), freeze()    of its programs
"""

import dataclasses
import json
import os
import re
import shutil

from .wait import wait_until

FAMILIES = ("ipv4", "ipv6")
PROGRAMS = {
    "/usr/lib/frr/bgpd": "frr",
    "vtysh": "frr",
    "bird": "bird2",
    "birdc": "bird2",
    "gobgpd": "gobgpd",
    "gobgp": "gobgpd",
    "/usr/sbin/bgpd": "openbgpd",
    "bgpctl": "openbgpd",
    "exabgp": "exabgp",
}


@dataclasses.dataclass
class Neighbor:
    """A neighbor as configured on a counterpart."""

    address: str
    asn: int
    families: tuple = FAMILIES
    hold: int = 9
    next_hop_self: bool = False


@dataclasses.dataclass
class Route:
    """A route that a counterpart has learned, in one form for all of them."""

    prefix: str
    next_hop: str
    neighbor: str = ""
    med: int | None = None
    local_pref: int | None = None
    communities: list = dataclasses.field(default_factory=list)
    as_path: list = dataclasses.field(default_factory=list)
    best: bool = True


class Router:
    """What all counterparts share."""

    kind = ""

    def __init__(self, host, asn, router_id):
        self.host = host
        self.asn = asn
        self.router_id = router_id
        self.neighbors = []
        self.programs = []
        self.dir = host.lab.dir / f"{self.kind}-{host.name}"
        self.dir.mkdir(exist_ok=True)

    def __repr__(self):
        return f"<{self.kind} {self.host.name}>"

    def start(self, neighbors):
        self.neighbors = list(neighbors)
        self._start()
        return self

    def _start(self):
        raise NotImplementedError

    def session_state(self, address):
        raise NotImplementedError

    def routes(self, family):
        raise NotImplementedError

    def stop(self):
        for program in reversed(self.programs):
            program.stop()
        self.programs = []

    def kill(self):
        """SIGKILL: no farewell to the neighbors."""
        for program in reversed(self.programs):
            program.kill_family()
        self.programs = []

    def neighbor(self, address):
        return next(n for n in self.neighbors if n.address == address)

    def route(self, prefix, neighbor=None):
        """The route for `prefix` (of that neighbor, or the best), or None."""
        family = "ipv6" if ":" in prefix else "ipv4"
        for r in self.routes(family):
            if r.prefix == prefix and (r.neighbor == neighbor if neighbor else r.best):
                return r
        return None

    def wait_session(self, address, deadline=15, state="Established"):
        last = []

        def reached():
            last[:] = [self.session_state(address)]
            return last[0] == state

        wait_until(reached, deadline, lambda: f"{self}: session {address} {state}, is {last}")

    def wait_route(self, prefix, deadline=5, neighbor=None, **expected):
        """Waits until the route is there with these attributes; returns it."""
        last = []

        def there():
            last[:] = [self.route(prefix, neighbor)]
            r = last[0]
            return r if r and all(getattr(r, k) == v for k, v in expected.items()) else None

        return wait_until(
            there, deadline, lambda: f"{self}: route {prefix} {expected or ''}, is {last[0]}"
        )

    def wait_no_route(self, prefix, deadline=5, neighbor=None):
        wait_until(
            lambda: self.route(prefix, neighbor) is None,
            deadline,
            lambda: f"{self}: no route {prefix}, is {self.route(prefix, neighbor)}",
        )


# What FRR and OpenBGPD call the well-known communities (RFC 1997, RFC 8326, RFC 7999).
COMMUNITY_WORDS = {
    "gracefulShutdown": "65535:0",
    "GRACEFUL_SHUTDOWN": "65535:0",
    "blackhole": "65535:666",
    "BLACKHOLE": "65535:666",
    "noExport": "65535:65281",
    "NO_EXPORT": "65535:65281",
    "noAdvertise": "65535:65282",
    "NO_ADVERTISE": "65535:65282",
}


def _communities(words):
    return sorted(COMMUNITY_WORDS.get(w, w) for w in words)


def _json(text):
    """JSON of a command line tool; {} when there is nothing to say."""
    text = text.strip()
    return json.loads(text) if text else {}


class Frr(Router):
    """FRRouting: zebra (installs into the host's kernel) and bgpd."""

    kind = "frr"

    def __init__(self, host, asn, router_id, redistribute_connected=False):
        super().__init__(host, asn, router_id)
        self.redistribute_connected = redistribute_connected

    def _config(self):
        lines = [
            f"hostname {self.host.name}",
            "log stdout informational",
            f"router bgp {self.asn}",
            f" bgp router-id {self.router_id}",
            " bgp log-neighbor-changes",
            " no bgp ebgp-requires-policy",
            " no bgp default ipv4-unicast",
        ]
        for n in self.neighbors:
            lines += [
                f" neighbor {n.address} remote-as {n.asn}",
                f" neighbor {n.address} timers {max(1, n.hold // 3)} {n.hold}",
                f" neighbor {n.address} timers connect 1",
            ]
        for family in FAMILIES:
            lines.append(f" address-family {family} unicast")
            if self.redistribute_connected:
                lines.append("  redistribute connected")
            for n in self.neighbors:
                if family in n.families:
                    lines.append(f"  neighbor {n.address} activate")
                    if n.next_hop_self:
                        lines.append(f"  neighbor {n.address} next-hop-self")
            lines.append(" exit-address-family")
        return "\n".join(lines) + "\n"

    def _start(self):
        (self.dir / "zebra.conf").write_text("log stdout informational\n", encoding="ascii")
        (self.dir / "bgpd.conf").write_text(self._config(), encoding="ascii")
        for path in [self.dir, *self.dir.iterdir()]:
            shutil.chown(path, "frr", "frr")
        # The private /run/frr keeps files of several FRRs apart that no option moves.
        for daemon in ("zebra", "bgpd"):
            argv = [
                *(f"/usr/lib/frr/{daemon}", "-f", self.dir / f"{daemon}.conf"),
                *("-i", self.dir / f"{daemon}.pid", "-z", self.dir / "zserv.api"),
                *("--vty_socket", self.dir, "-A", "127.0.0.1", "-P", "0"),
            ]
            socket = self.dir / f"{daemon}.vty"
            socket.unlink(missing_ok=True)
            program = self.host.spawn(daemon, argv, private_run=("/run/frr", "frr:frr"))
            self.programs.append(program)
            wait_until(
                socket.exists, 10, lambda p=program: f"{p.name} is ready:\n{p.log_tail()}"
            )

    def vtysh(self, *commands, daemon="bgpd"):
        argv = ["vtysh", "--vty_socket", self.dir, "-d", daemon]
        for command in commands:
            argv += ["-c", command]
        return self.host.run(argv).stdout

    def session_state(self, address):
        shown = _json(self.vtysh(f"show bgp neighbors {address} json"))
        return shown.get(address, {}).get("bgpState", "Idle")

    def routes(self, family):
        table = _json(self.vtysh(f"show bgp {family} unicast json")).get("routes", {})
        found = []
        for prefix in table:
            detail = _json(self.vtysh(f"show bgp {family} unicast {prefix} json"))
            for path in detail.get("paths", []):
                found.append(self._route(prefix, path))
        return found

    def route(self, prefix, neighbor=None):
        family = "ipv6" if ":" in prefix else "ipv4"
        detail = _json(self.vtysh(f"show bgp {family} unicast {prefix} json"))
        if detail.get("prefix") != prefix:
            return None
        for path in detail.get("paths", []):
            r = self._route(prefix, path)
            if r.neighbor == neighbor if neighbor else r.best:
                return r
        return None

    @staticmethod
    def _route(prefix, path):
        hops = path.get("nexthops", [])
        hop = next((h for h in hops if h.get("scope", "global") == "global"), {})
        segments = path.get("aspath", {}).get("segments", [])
        return Route(
            prefix=prefix,
            next_hop=hop.get("ip", ""),
            neighbor=path.get("peer", {}).get("peerId", ""),
            med=path.get("metric"),
            local_pref=path.get("locPrf"),
            communities=_communities(path.get("community", {}).get("list", [])),
            as_path=[asn for s in segments for asn in s.get("list", [])],
            best=path.get("bestpath", {}).get("overall", False),
        )


class Bird(Router):
    """BIRD 2, which installs into the host's kernel, too."""

    kind = "bird"

    def _name(self, n):
        return f"n{self.neighbors.index(n)}"

    def _config(self):
        parts = [f"router id {self.router_id};\nlog stderr all;\nprotocol device {{ }}\n"]
        for family in FAMILIES:
            parts.append(f"protocol kernel {{ {family} {{ import none; export all; }}; }}\n")
        for n in self.neighbors:
            parts.append(
                f"protocol bgp {self._name(n)} {{\n"
                f"\tlocal as {self.asn};\n\tneighbor {n.address} as {n.asn};\n"
                f"\thold time {n.hold};\n\tconnect retry time 1;\n\tconnect delay time 1;\n"
                "\terror wait time 1, 2;\n"
            )
            for family in n.families:
                hop = " next hop self;" if n.next_hop_self else ""
                parts.append(f"\t{family} {{ import all; export all;{hop} }};\n")
            parts.append("}\n")
        return "".join(parts)

    def _start(self):
        (self.dir / "bird.conf").write_text(self._config(), encoding="ascii")
        (self.dir / "bird.ctl").unlink(missing_ok=True)
        argv = ["bird", "-f", "-c", self.dir / "bird.conf", "-s", self.dir / "bird.ctl"]
        program = self.host.spawn("bird", [*argv, "-P", self.dir / "bird.pid"])
        self.programs.append(program)
        wait_until(
            (self.dir / "bird.ctl").exists, 10, lambda: f"bird is ready:\n{program.log_tail()}"
        )

    def birdc(self, command):
        argv = ["birdc", "-r", "-s", self.dir / "bird.ctl", *command.split()]
        return self.host.run(argv).stdout

    def session_state(self, address):
        text = self.birdc(f"show protocols all {self._name(self.neighbor(address))}")
        match = re.search(r"BGP state:\s+(\S+)", text)
        return match.group(1) if match else "Idle"

    def routes(self, family):
        text = self.birdc(f"show route all table master{family[-1]}")
        found, prefix = [], ""
        for line in text.splitlines():
            head = re.match(r"^(\S*)\s+unicast \[(\S+) .*?\] (\*)?", line)
            if head:
                prefix = head.group(1) or prefix
                number = re.fullmatch(r"n(\d+)", head.group(2))
                neighbor = self.neighbors[int(number.group(1))].address if number else ""
                found.append(Route(prefix, "", neighbor, best=bool(head.group(3))))
                continue
            attribute = re.match(r"^\tBGP\.(\w+): (.*)$", line)
            if attribute and found:
                self._attribute(found[-1], *attribute.groups())
        return found

    @staticmethod
    def _attribute(route, name, value):
        if name == "next_hop":
            route.next_hop = value.split()[0]
        elif name == "med":
            route.med = int(value)
        elif name == "local_pref":
            route.local_pref = int(value)
        elif name == "as_path":
            route.as_path = [int(a) for a in value.split()]
        elif name == "community":
            pairs = re.findall(r"\((\d+),(\d+)\)", value)
            route.communities = sorted(f"{a}:{b}" for a, b in pairs)


class Gobgp(Router):
    """GoBGP: a table, no kernel."""

    kind = "gobgp"
    PORT = 50051

    def _config(self):
        parts = [
            f'[global.config]\nas = {self.asn}\nrouter-id = "{self.router_id}"\n'
            'local-address-list = ["0.0.0.0", "::"]\n'
        ]
        for n in self.neighbors:
            parts.append(
                f'[[neighbors]]\n[neighbors.config]\nneighbor-address = "{n.address}"\n'
                f"peer-as = {n.asn}\n"
                f"[neighbors.timers.config]\nhold-time = {n.hold}\n"
                f"keepalive-interval = {max(1, n.hold // 3)}\n"
                "connect-retry = 1\nidle-hold-time-after-reset = 1\n"
            )
            for family in n.families:
                parts.append(
                    f'[[neighbors.afi-safis]]\n[neighbors.afi-safis.config]\n'
                    f'afi-safi-name = "{family}-unicast"\n'
                )
        return "".join(parts)

    def _start(self):
        (self.dir / "gobgpd.toml").write_text(self._config(), encoding="ascii")
        argv = ["gobgpd", "-f", self.dir / "gobgpd.toml", "--pprof-disable"]
        program = self.host.spawn("gobgpd", [*argv, "--api-hosts", f"127.0.0.1:{self.PORT}"])
        self.programs.append(program)
        wait_until(
            lambda: self.host.run(self._argv("global"), check=False).returncode == 0,
            10,
            lambda: f"gobgpd is ready:\n{program.log_tail()}",
        )

    def _argv(self, command):
        return ["gobgp", "-p", self.PORT, *command.split()]

    def session_state(self, address):
        words = ("Unknown", "Idle", "Connect", "Active", "OpenSent", "OpenConfirm", "Established")
        for shown in _json(self.host.run(self._argv("-j neighbor")).stdout) or []:
            if shown["state"].get("neighbor_address") == address:
                return words[shown["state"].get("session_state", 0)]
        return "Idle"

    def routes(self, family):
        table = _json(self.host.run(self._argv(f"-j global rib -a {family}")).stdout)
        return [self._route(prefix, p) for prefix, paths in table.items() for p in paths]

    @staticmethod
    def _route(prefix, path):
        route = Route(prefix, "", path.get("source-id", ""), best=path.get("best", False))
        route.neighbor = path.get("neighbor-ip", route.neighbor)
        for a in path["attrs"]:
            if a["type"] == 2:
                route.as_path = [asn for s in a["as_paths"] for asn in s["asns"]]
            elif a["type"] == 3:
                route.next_hop = a["nexthop"]
            elif a["type"] == 4:
                route.med = a["metric"]
            elif a["type"] == 5:
                route.local_pref = a["value"]
            elif a["type"] == 8:
                route.communities = sorted(f"{c >> 16}:{c & 0xFFFF}" for c in a["communities"])
            elif a["type"] == 14:
                route.next_hop = a["nexthop"]
        return route


class Openbgpd(Router):
    """OpenBGPD (portable): a table, no kernel."""

    kind = "openbgpd"

    def _config(self):
        parts = [
            f'AS {self.asn}\nrouter-id {self.router_id}\nfib-update no\nconnect-retry 1\n'
            f'socket "{self.dir}/bgpd.sock"\n'
        ]
        for n in self.neighbors:
            announce = "".join(
                f"\tannounce {f.replace('ip', 'IP')} {'unicast' if f in n.families else 'none'}\n"
                for f in FAMILIES
            )
            parts.append(
                f"neighbor {n.address} {{\n\tremote-as {n.asn}\n\tholdtime {n.hold}\n{announce}}}\n"
            )
        parts.append("allow from any\nallow to any\n")
        return "".join(parts)

    def _start(self):
        config = self.dir / "bgpd.conf"
        config.write_text(self._config(), encoding="ascii")
        os.chmod(config, 0o600)
        program = self.host.spawn(
            "openbgpd",
            ["/usr/sbin/bgpd", "-d", "-f", config],
            private_run=("/run/openbgpd", "root:root"),
        )
        self.programs.append(program)
        wait_until(
            lambda: self.host.run(self._argv("show"), check=False).returncode == 0,
            10,
            lambda: f"bgpd is ready:\n{program.log_tail()}",
        )

    def _argv(self, command):
        return ["bgpctl", "-j", "-s", self.dir / "bgpd.sock", *command.split()]

    def session_state(self, address):
        shown = _json(self.host.run(self._argv("show neighbor")).stdout)
        for n in shown.get("neighbors", []):
            if n.get("remote_addr") == address:
                return n["state"]
        return "Idle"

    def routes(self, family):
        shown = _json(self.host.run(self._argv(f"show rib {family} detail")).stdout)
        return [self._route(r) for r in shown.get("rib", [])]

    @staticmethod
    def _route(r):
        return Route(
            prefix=r["prefix"],
            next_hop=r.get("exit_nexthop", ""),
            neighbor=r.get("neighbor", {}).get("remote_addr", ""),
            med=r.get("metric"),
            local_pref=r.get("localpref"),
            communities=_communities(r.get("communities", [])),
            as_path=[int(a) for a in r.get("aspath", "").split()],
            best=r.get("best", False),
        )


EXABGP_ENV = {
    "exabgp.daemon.user": "root",
    "exabgp.daemon.drop": "false",
    "exabgp.api.cli": "false",
    "exabgp.api.ack": "false",
    "exabgp.log.all": "false",
    "exabgp.log.destination": "stdout",
    "exabgp.log.level": "INFO",
    "exabgp.log.reactor": "true",
    "exabgp.log.network": "true",
}

# Reads commands from a pipe and hands them to ExaBGP, one process for each direction: what a
# health check script of the classic setup does. The recorder keeps its standard output open (no
# exec): ExaBGP takes the end of that for its death.
FEED = "#!/bin/sh\nexec cat {fifo}\n"
RECORD = "#!/bin/sh\ncat >>{record}\nexit 0\n"


class Exabgp(Router):
    """ExaBGP: keeps no table, so its updates (JSON) are recorded and played back here.

    It announces, too, by the lines that scripts print: announce(), withdraw().
    """

    kind = "exabgp"

    def __init__(self, host, asn, router_id, listen=False):
        super().__init__(host, asn, router_id)
        self.listen = listen  # by default it only connects, as most people run it
        self._feed = None

    def _config(self):
        parts = [
            f"process feed {{ run {self.dir}/feed; encoder text; }}\n"
            f"process record {{ run {self.dir}/record; encoder json; }}\n"
        ]
        for number, n in enumerate(self.neighbors):
            families = "".join(f"\t\t{f} unicast;\n" for f in n.families)
            parts.append(
                f"neighbor {n.address} {{\n\trouter-id {self.router_id};\n"
                f"\tlocal-address {self._local(n.address)};\n\tlocal-as {self.asn};\n"
                f"\tpeer-as {n.asn};\n\thold-time {n.hold};\n"
                f"\tfamily {{\n{families}\t}}\n"
                f"\tapi feed{number} {{ processes [ feed ]; }}\n"
                f"\tapi record{number} {{ processes [ record ]; neighbor-changes; "
                "receive { parsed; update; } }\n}\n"
            )
        return "".join(parts)

    def _local(self, address):
        """Our own address on the way to a neighbor."""
        return self.host.ip_json("route", "get", address)[0]["prefsrc"]

    def _start(self):
        self._record = self.dir / "received.json"
        self._record.touch()
        fifo = self.dir / "feed.fifo"
        if not fifo.exists():
            os.mkfifo(fifo)
        for name, text in (("feed", FEED), ("record", RECORD)):
            path = self.dir / name
            path.write_text(text.format(fifo=fifo, record=self._record), encoding="ascii")
            path.chmod(0o755)
        config = self.dir / "exabgp.conf"
        config.write_text(self._config(), encoding="ascii")
        self.programs.append(self.host.spawn("exabgp", ["exabgp", config], env=self._env()))
        self._feed = os.open(fifo, os.O_RDWR)

    def _env(self):
        env = dict(EXABGP_ENV)
        if self.listen:
            env["exabgp.tcp.bind"] = " ".join(self._local(n.address) for n in self.neighbors)
        return env

    def stop(self):
        super().stop()
        self._close_feed()

    def kill(self):
        super().kill()
        self._close_feed()

    def _close_feed(self):
        if self._feed is not None:
            os.close(self._feed)
            self._feed = None

    def command(self, line):
        os.write(self._feed, (line + "\n").encode("ascii"))

    def announce(self, prefix, next_hop="self", attributes=""):
        self.command(f"announce route {prefix} next-hop {next_hop} {attributes}".rstrip())

    def withdraw(self, prefix, next_hop="self"):
        self.command(f"withdraw route {prefix} next-hop {next_hop}")

    def _received(self):
        for line in self._record.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                pass  # a line that is being written

    def session_state(self, address):
        state = "Idle"
        for message in self._received():
            n = message.get("neighbor", {})
            if message.get("type") == "state" and n.get("address", {}).get("peer") == address:
                state = {"up": "Established", "connected": "Connect"}.get(n["state"], "Idle")
        return state

    def routes(self, family):
        table = {}
        for message in self._received():
            n = message.get("neighbor", {})
            peer = n.get("address", {}).get("peer")
            if message.get("type") == "state" and n["state"] != "up":
                table = {k: r for k, r in table.items() if k[0] != peer}
            update = n.get("message", {}).get("update") if message.get("type") == "update" else None
            if update:
                self._update(table, peer, update, f"{family} unicast")
        return list(table.values())

    @staticmethod
    def _update(table, peer, update, family):
        for item in update.get("withdraw", {}).get(family, []):
            table.pop((peer, item["nlri"]), None)
        a = update.get("attribute", {})
        for next_hop, items in update.get("announce", {}).get(family, {}).items():
            for item in items:
                table[(peer, item["nlri"])] = Route(
                    prefix=item["nlri"],
                    next_hop=next_hop,
                    neighbor=peer,
                    med=a.get("med"),
                    local_pref=a.get("local-preference"),
                    communities=sorted(f"{c[0]}:{c[1]}" for c in a.get("community", [])),
                    as_path=list(a.get("as-path", [])),
                )


KINDS = {k.kind: k for k in (Frr, Bird, Gobgp, Openbgpd, Exabgp)}
