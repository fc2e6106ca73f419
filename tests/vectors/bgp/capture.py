#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Captures BGP messages of real speakers and writes them as vectors.

    sudo ./capture.py [NAME...]          bird exabgp frr gobgp openbgpd; default: all

Two network namespaces are joined by a veth pair. In one runs the speaker, in the other this script
listens on port 179, plays a neighbor that knows little, and writes down every message that it gets.
Three sessions are held with every speaker:

  plain   4-octet AS numbers, IPv4 and IPv6; routes are announced, asked for again by a
          ROUTE-REFRESH, one is withdrawn, and the speaker is ended
  old     this side knows 2-octet AS numbers alone, the speaker has a 4-octet one
  error   this side sends a header with a broken marker

Each message becomes a block of NAME.txt without its `text:`; `--text PROGRAM`, with the
program test_bgp_vectors of the build, fills it in. What is checked in was compared by eye with the
configurations below.

Nothing is left behind: processes are ended by their own pid, namespaces and files are deleted.
"""

import argparse
import contextlib
import ctypes
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
US, THEM, THEM6 = "10.0.0.1", "10.0.0.2", "fd00::2"
OUR_AS, THEIR_AS, THEIR_LARGE_AS = 64501, 64500, 4200000001
MARKER = b"\xff" * 16
OPEN, UPDATE, NOTIFICATION, KEEPALIVE, REFRESH = 1, 2, 3, 4, 5


def run(*args, **kwargs):
    return subprocess.run(args, check=True, capture_output=True, text=True, **kwargs)


# -- the speakers: configuration, how to start, how to withdraw 192.0.2.0/24 --------------------


class Speaker:
    """One speaker in the namespace `ns`, with its files in `dir`."""

    version = ()
    refresh = True  # answers a ROUTE-REFRESH

    def __init__(self, ns, directory, asn):
        self.ns, self.dir, self.asn, self.process = ns, directory, asn, None

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text, mode=0o644):
        with open(self.path(name), "w") as f:
            f.write(text)
        os.chmod(self.path(name), mode)
        return self.path(name)

    def inside(self, *args):
        return run("ip", "netns", "exec", self.ns, *args)

    def start(self, *args):
        log = open(self.path("log"), "ab")
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", self.ns, *args], stdout=log, stderr=log, stdin=subprocess.DEVNULL
        )

    def stop(self):
        """Asks it to end, by its own pid; `ip netns exec` has become the program itself."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def withdraw(self):
        raise NotImplementedError

    def announce(self):
        """After the session is up, for speakers that take routes from their command line alone."""


class Bird(Speaker):
    version = ("bird", "--version")

    def begin(self):
        conf = self.write(
            "bird.conf",
            f"""router id {THEM};
protocol device {{}}
protocol static s4 {{
  ipv4;
  route 192.0.2.0/24 blackhole;
  route 198.51.100.53/32 blackhole;
}}
protocol static s6 {{
  ipv6;
  route 2001:db8:53::/48 blackhole;
}}
filter to_us {{
  bgp_origin = ORIGIN_IGP;
  if net = 198.51.100.53/32 then {{
    bgp_med = 50;
    bgp_path.prepend({self.asn});
    bgp_community.add((65535, 0));
    bgp_community.add((64500, 7));
    bgp_ext_community.add((rt, 64500, 1));
    bgp_large_community.add((64500, 1, 2));
  }}
  accept;
}}
protocol bgp listener {{
  local {THEM} as {self.asn};
  neighbor {US} as {OUR_AS};
  connect delay time 1;
  graceful restart on;
  ipv4 {{ import all; export filter to_us; next hop self; }};
  ipv6 {{ import all; export filter to_us; next hop address {THEM6}; }};
}}
""",
        )
        self.start("bird", "-f", "-c", conf, "-s", self.path("ctl"), "-P", self.path("pid"))

    def withdraw(self):
        run("birdc", "-s", self.path("ctl"), "disable", "s4")


class Frr(Speaker):
    version = ("/usr/lib/frr/bgpd", "--version")

    def begin(self):
        shutil.chown(self.dir, "frr", "frr")
        conf = self.write(
            "bgpd.conf",
            f"""hostname frr-router
router bgp {self.asn}
 bgp router-id {THEM}
 no bgp ebgp-requires-policy
 no bgp network import-check
 neighbor {US} remote-as {OUR_AS}
 neighbor {US} timers connect 1
 neighbor {US} disable-connected-check
 address-family ipv4 unicast
  network 192.0.2.0/24
  network 198.51.100.53/32 route-map rich
 exit-address-family
 address-family ipv6 unicast
  neighbor {US} activate
  neighbor {US} route-map six out
  network 2001:db8:53::/48
 exit-address-family
route-map rich permit 10
 set metric 50
 set as-path prepend {self.asn}
 set community 65535:0 64500:7
 set extcommunity rt 64500:1
 set large-community 64500:1:2
route-map six permit 10
 set ipv6 next-hop global {THEM6}
""",
        )
        shutil.chown(conf, "frr", "frr")
        self.start(
            "/usr/lib/frr/bgpd", "-f", conf, "-i", self.path("pid"), "--no_zebra", "--no_kernel",
            "--vty_socket", self.dir, "-A", "127.0.0.1", "-P", "0",
        )  # fmt: skip

    def withdraw(self):
        self.inside(
            "vtysh", "--vty_socket", self.dir, "-d", "bgpd", "-c", "configure terminal",
            "-c", f"router bgp {self.asn}", "-c", "no network 192.0.2.0/24",
        )  # fmt: skip


class Gobgp(Speaker):
    version = ("gobgpd", "--version")
    port = "50099"

    def begin(self):
        conf = self.write(
            "gobgp.conf",
            f"""[global.config]
  as = {self.asn}
  router-id = "{THEM}"
  port = -1
[[neighbors]]
  [neighbors.config]
    neighbor-address = "{US}"
    peer-as = {OUR_AS}
  [neighbors.timers.config]
    connect-retry = 5
    hold-time = 90
  [neighbors.transport.config]
    local-address = "{THEM}"
  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "ipv4-unicast"
  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "ipv6-unicast"
""",
        )
        self.start(
            "gobgpd", "-f", conf, "-t", "toml", "--api-hosts", "127.0.0.1:" + self.port, "--pprof-disable"
        )

    def cli(self, *args):
        self.inside("gobgp", "-p", self.port, *args)

    def announce(self):
        self.cli("global", "rib", "add", "192.0.2.0/24", "nexthop", THEM, "origin", "igp")
        self.cli(
            "global", "rib", "add", "198.51.100.53/32", "nexthop", THEM, "origin", "igp", "med", "50",
            "community", "65535:0,64500:7", "rt", "64500:1", "large-community", "64500:1:2",
        )  # fmt: skip
        self.cli("global", "rib", "-a", "ipv6", "add", "2001:db8:53::/48", "nexthop", THEM6, "origin", "igp")

    def withdraw(self):
        self.cli("global", "rib", "del", "192.0.2.0/24")


class Openbgpd(Speaker):
    version = ("dpkg-query", "-W", "openbgpd")

    def begin(self):
        conf = self.write(
            "bgpd.conf",
            f"""AS {self.asn} {23456 if self.asn > 65535 else ''}
router-id {THEM}
fib-update no
socket "{self.path('ctl')}"
network 192.0.2.0/24
network 198.51.100.53/32
network 2001:db8:53::/48
neighbor {US} {{
  remote-as {OUR_AS}
  local-address {THEM}
  announce IPv4 unicast
  announce IPv6 unicast
}}
allow from any
allow to any
match to any prefix 198.51.100.53/32 set {{ metric 50 community 65535:0 community 64500:7 \\
  ext-community rt 64500:1 large-community 64500:1:2 prepend-self 1 }}
match to any prefix 2001:db8:53::/48 set nexthop {THEM6}
""",
            0o600,
        )
        script = "mount -t tmpfs tmpfs /run && mkdir /run/openbgpd && exec /usr/sbin/bgpd -d -f " + conf
        self.start("unshare", "-m", "sh", "-c", script)

    def withdraw(self):
        self.inside("bgpctl", "-s", self.path("ctl"), "network", "delete", "192.0.2.0/24")


class Exabgp(Speaker):
    version = ("exabgp", "--version")
    refresh = False  # 4.2.21 does nothing any more after one

    def begin(self):
        fifo = self.path("commands")
        os.mkfifo(fifo)
        rich = (
            "med 50 as-path [ %d %d ] community [ 65535:0 64500:7 ] "
            "extended-community [ target:64500:1 ] large-community [ 64500:1:2 ]" % (self.asn, self.asn)
        )
        conf = self.write(
            "exabgp.conf",
            f"""process script {{
  run /bin/cat {fifo};
  encoder text;
}}
neighbor {US} {{
  router-id {THEM};
  local-address {THEM};
  local-as {self.asn};
  peer-as {OUR_AS};
  host-name exa;
  domain-name example.net;
  capability {{ route-refresh enable; graceful-restart 120; }}
  family {{ ipv4 unicast; ipv6 unicast; }}
  api {{ processes [ script ]; }}
  announce {{
    ipv4 {{
      unicast 192.0.2.0/24 next-hop {THEM};
      unicast 198.51.100.53/32 next-hop {THEM} {rich};
    }}
    ipv6 {{ unicast 2001:db8:53::/48 next-hop {THEM6}; }}
  }}
}}
""",
        )
        env = ["exabgp.daemon.user=root", "exabgp.daemon.drop=false", "exabgp.api.cli=false"]
        self.start("env", *env, "exabgp", conf)
        self.fifo = os.open(fifo, os.O_RDWR)

    def withdraw(self):
        os.write(self.fifo, f"withdraw route 192.0.2.0/24 next-hop {THEM}\n".encode())


SPEAKERS = {"bird": Bird, "exabgp": Exabgp, "frr": Frr, "gobgp": Gobgp, "openbgpd": Openbgpd}


# -- our side -----------------------------------------------------------------------------------


def message(kind, body=b""):
    return MARKER + struct.pack("!HB", 19 + len(body), kind) + body


def our_open(as4):
    caps = bytes.fromhex("010400010001" "010400020001" "0200" "4600")
    if as4:
        caps += struct.pack("!BBI", 65, 4, OUR_AS)
    params = bytes([2, len(caps)]) + caps
    body = struct.pack("!BHH4sB", 4, OUR_AS, 90, socket.inet_aton(US), len(params)) + params
    return message(OPEN, body)


class Session:
    """One connection of the speaker; `messages` are those that it sent."""

    def __init__(self, listener):
        listener.settimeout(60)
        self.sock, _ = listener.accept()
        self.buffer, self.messages, self.closed = b"", [], False

    def send(self, data):
        with contextlib.suppress(OSError):
            self.sock.sendall(data)

    def read(self, seconds):
        """Waits for the next message; None when it closed or said nothing for so long."""
        deadline = time.monotonic() + seconds
        while True:
            if len(self.buffer) >= 19:
                length = struct.unpack("!H", self.buffer[16:18])[0]
                if len(self.buffer) >= length:
                    whole, self.buffer = self.buffer[:length], self.buffer[length:]
                    self.messages.append(whole)
                    return whole
            self.sock.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                data = self.sock.recv(65536)
            except (socket.timeout, ConnectionError):
                return None
            if not data:
                self.closed = True
                return None
            self.buffer += data

    def read_until(self, kind, seconds):
        while True:
            m = self.read(seconds)
            if m is None or m[18] == kind:
                return m

    def read_all(self, quiet):
        while self.read(quiet) is not None:
            pass

    def establish(self, as4):
        self.send(our_open(as4))
        if self.read_until(OPEN, 30) is None:
            sys.exit("no OPEN from the speaker")
        self.send(message(KEEPALIVE))
        if self.read_until(KEEPALIVE, 30) is None:
            sys.exit("no KEEPALIVE from the speaker")


def plain(speaker, listener):
    session = Session(listener)
    session.establish(as4=True)
    speaker.announce()
    session.read_all(6)
    if speaker.refresh:
        session.send(message(REFRESH, bytes.fromhex("00010001")))
        session.read_all(3)
    speaker.withdraw()
    session.read_all(3)
    speaker.stop()
    session.read_all(5)
    return session.messages


def old(speaker, listener):
    session = Session(listener)
    session.establish(as4=False)
    speaker.announce()
    session.read_all(6)
    return session.messages


def error(speaker, listener):
    session = Session(listener)
    session.establish(as4=True)
    session.send(b"\xff" * 15 + b"\xfe" + struct.pack("!HB", 19, KEEPALIVE))
    session.read_all(6)
    return [m for m in session.messages if m[18] == NOTIFICATION]


SCENES = {
    "plain": (plain, THEIR_AS, "as4 ipv4 ipv6"),
    "old": (old, THEIR_LARGE_AS, "as2 ipv4 ipv6"),
    "error": (error, THEIR_AS, "as4 ipv4 ipv6"),
}


# -- the network, and the result ----------------------------------------------------------------


@contextlib.contextmanager
def network():
    a, b = f"bgpcap-a-{os.getpid()}", f"bgpcap-b-{os.getpid()}"
    try:
        for ns in (a, b):
            run("ip", "netns", "add", ns)
            run("ip", "-n", ns, "link", "set", "lo", "up")
        run("ip", "-n", a, "link", "add", "v0", "type", "veth", "peer", "name", "v0", "netns", b)
        for ns, v4, v6 in ((a, US, "fd00::1"), (b, THEM, THEM6)):
            run("ip", "-n", ns, "addr", "add", v4 + "/24", "dev", "v0")
            run("ip", "-n", ns, "addr", "add", v6 + "/64", "dev", "v0", "nodad")
            run("ip", "-n", ns, "link", "set", "v0", "up")
        yield a, b
    finally:
        for ns in (a, b):
            subprocess.run(["ip", "netns", "del", ns], capture_output=True, check=False)


@contextlib.contextmanager
def listen_in(ns):
    """A listening socket of another namespace, opened by entering it for a moment."""
    libc = ctypes.CDLL(None)
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open("/run/netns/" + ns, os.O_RDONLY)
    if libc.setns(there, 0) != 0:
        sys.exit("setns failed: run this as root")
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((US, 179))
    listener.listen(4)
    libc.setns(home, 0)
    os.close(home)
    os.close(there)
    try:
        yield listener
    finally:
        listener.close()


def capture(name):
    """[(scene, flags, message)] without repetitions."""
    found, seen = [], set()
    for scene, (play, asn, flags) in SCENES.items():
        with contextlib.ExitStack() as stack:
            directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="bgpcap-"))
            os.chmod(directory, 0o755)
            ours, theirs = stack.enter_context(network())
            listener = stack.enter_context(listen_in(ours))
            speaker = SPEAKERS[name](theirs, directory, asn)
            try:
                speaker.begin()
                for m in play(speaker, listener):
                    if m not in seen:
                        seen.add(m)
                        found.append((scene, flags, m))
            except BaseException:
                sys.stderr.write(open(speaker.path("log")).read()[-4000:])
                raise
            finally:
                speaker.stop()
    return found


def version_of(name):
    out = subprocess.run(SPEAKERS[name].version, capture_output=True, text=True, check=False)
    return (out.stdout + out.stderr).strip().splitlines()[0]


def write_vectors(name, found, program):
    texts = [""] * len(found)
    if program:
        lines = "".join(f"{flags} {m.hex()}\n" for _, flags, m in found)
        texts = run(program, "--text", input=lines).stdout.splitlines()
    with open(os.path.join(HERE, name + ".txt"), "w") as f:
        f.write(f"# Captured by capture.py from: {version_of(name)}\n")
        for (scene, flags, m), text in zip(found, texts):
            f.write(f"\nabout: {name}, {scene}\nflags: {flags}\nmessage:\n")
            for i in range(0, len(m), 32):
                f.write(f"  {m[i:i + 32].hex()}\n")
            f.write(f"text: {text}\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=" ".join(SPEAKERS))
    parser.add_argument("--text", metavar="PROGRAM", help="test_bgp_vectors, to fill in the texts")
    args = parser.parse_args()
    for name in args.names or SPEAKERS:
        if name not in SPEAKERS:
            sys.exit(f"{name}: unknown speaker, known are {', '.join(SPEAKERS)}")
        found = capture(name)
        write_vectors(name, found, args.text)
        print(f"{name}: {len(found)} messages")


if __name__ == "__main__":
    main()
