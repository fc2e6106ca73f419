#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Captures BFD control packets of real speakers and writes them as vectors.

    sudo ./capture_bfd.py

Two network namespaces are joined by a veth pair, with IPv4 and IPv6. In each runs a BFD speaker, and this
script watches one end of the link with a packet socket. Scenes:

  frr-bird     FRR bfdd and BIRD come up with each other, then FRR is killed: 1 Hz, Init, Up, Poll and Final,
               and BIRD's Down with the diagnostic "detection time expired"
  frr-bird-v6  the same over IPv6, link-local addresses left aside
  admin        FRR's session is shut down by its operator: AdminDown
  rate         FRR's intervals are changed while the session is Up: Poll and Final
  auth-TYPE    two BIRDs with each type of authentication (FRR 8.4 has none)

Every packet that differs from those before in anything but its sequence number and digest becomes a block
of one file per scene; of authenticated packets the first four. The discriminators are random. `--text PROGRAM`, with the
program test_bfd_vectors of the build, fills in `text:`, which was then compared by eye.

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
A4, B4, A6, B6 = "10.0.0.1", "10.0.0.2", "fd00::1", "fd00::2"
PASSWORD = "nigh-password"
AUTHS = {
    "simple": "simple",
    "keyed-md5": "keyed md5",
    "meticulous-keyed-md5": "meticulous keyed md5",
    "keyed-sha1": "keyed sha1",
    "meticulous-keyed-sha1": "meticulous keyed sha1",
}


def run(*args):
    return subprocess.run(args, check=True, capture_output=True, text=True).stdout


class Host:
    """A namespace with a folder and the processes that were started in it."""

    def __init__(self, stack, ns):
        self.ns = ns
        self.dir = stack.enter_context(tempfile.TemporaryDirectory(prefix="bfdcap-"))
        self.processes = []
        run("ip", "netns", "add", ns)
        stack.callback(lambda: subprocess.run(["ip", "netns", "del", ns], check=False))
        stack.callback(self.stop)

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="ascii") as f:
            f.write(text)
        return self.path(name)

    def start(self, *args):
        with open(self.path("log"), "ab") as log:
            process = subprocess.Popen(
                ["ip", "netns", "exec", self.ns, *args], stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        self.processes.append(process)
        return process

    def stop(self, how=signal.SIGTERM):
        for process in reversed(self.processes):
            process.send_signal(how)
        for process in self.processes:
            process.wait(10)
        self.processes = []

    def bird(self, neighbor, local, extra=""):
        conf = self.write(
            "bird.conf",
            f"""router id {A4};
protocol device {{}}
protocol bfd {{
  interface "v0" {{ min rx interval 200 ms; min tx interval 300 ms; multiplier 3; {extra} }};
  neighbor {neighbor} dev "v0" local {local};
}}
""",
        )
        self.start("bird", "-f", "-c", conf, "-s", self.path("bird.ctl"))

    def frr(self, neighbor, local):
        shutil.chown(self.dir, "frr", "frr")
        conf = self.write(
            "bfdd.conf",
            f"""bfd
 peer {neighbor} local-address {local} interface v0
  receive-interval 300
  transmit-interval 250
  detect-multiplier 4
""",
        )
        zebra = self.write("zebra.conf", "")
        shutil.chown(conf, "frr", "frr")
        shutil.chown(zebra, "frr", "frr")
        common = ("-z", self.path("zserv"), "--vty_socket", self.dir, "-A", "127.0.0.1", "-P", "0")
        self.start("/usr/lib/frr/zebra", "-f", zebra, "-i", self.path("zebra.pid"), *common)
        deadline = time.monotonic() + 10
        while not os.path.exists(self.path("zserv")) and time.monotonic() < deadline:
            time.sleep(0.05)
        self.start(
            "/usr/lib/frr/bfdd", "-f", conf, "-i", self.path("bfdd.pid"), "--bfdctl", self.path("bfdctl"), *common
        )
        self.peer = f"peer {neighbor} local-address {local} interface v0"

    def vtysh(self, *lines):
        args = [word for line in ("configure terminal", "bfd", self.peer, *lines) for word in ("-c", line)]
        run("ip", "netns", "exec", self.ns, "vtysh", "--vty_socket", self.dir, "-d", "bfdd", *args)


@contextlib.contextmanager
def link():
    """Two hosts that can reach each other, and a packet socket at one end."""
    with contextlib.ExitStack() as stack:
        a, b = Host(stack, f"bfdcap-a-{os.getpid()}"), Host(stack, f"bfdcap-b-{os.getpid()}")
        run("ip", "-n", a.ns, "link", "add", "v0", "type", "veth", "peer", "name", "v0", "netns", b.ns)
        for host, addresses in ((a, (A4 + "/24", A6 + "/64")), (b, (B4 + "/24", B6 + "/64"))):
            run("ip", "-n", host.ns, "link", "set", "lo", "up")
            run("ip", "-n", host.ns, "link", "set", "v0", "up")
            for address in addresses:
                dad = ["nodad"] if ":" in address else []
                run("ip", "-n", host.ns, "address", "add", address, "dev", "v0", *dad)
        yield a, b, stack.enter_context(tap(a.ns))


def tap(ns):
    libc = ctypes.CDLL(None, use_errno=True)
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open("/run/netns/" + ns, os.O_RDONLY)
    if libc.setns(there, 0) != 0:
        sys.exit("setns failed: run this as root")
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    sock.bind(("v0", 0))
    libc.setns(home, 0)
    os.close(home)
    os.close(there)
    return sock


def bfd_payload(frame):
    """(source, TTL, source port, payload) of a frame that is BFD, else None."""
    (ethertype,) = struct.unpack_from("!H", frame, 12)
    ip = frame[14:]
    if ethertype == 0x0800 and ip[9] == 17:
        source, ttl, udp = socket.inet_ntop(socket.AF_INET, ip[12:16]), ip[8], ip[(ip[0] & 15) * 4 :]
    elif ethertype == 0x86DD and ip[6] == 17:
        source, ttl, udp = socket.inet_ntop(socket.AF_INET6, ip[8:24]), ip[7], ip[40:]
    else:
        return None
    sport, dport, length = struct.unpack_from("!HHH", udp)
    return (source, ttl, sport, udp[8:length]) if dport == 3784 else None


def listen(sock, seconds, into):
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        sock.settimeout(left)
        try:
            found = bfd_payload(sock.recv(4096))
        except TimeoutError:
            return
        if found:
            into.append(found)


def scene_frr_bird(sock, a, b, packets, six=False):
    a.bird(B6 if six else B4, A6 if six else A4)
    b.frr(A6 if six else A4, B6 if six else B4)
    listen(sock, 8, packets)
    b.stop(signal.SIGKILL)
    listen(sock, 3, packets)


def scene_admin(sock, a, b, packets):
    a.bird(B4, A4)
    b.frr(A4, B4)
    listen(sock, 8, packets)
    b.vtysh("shutdown")
    listen(sock, 3, packets)


def scene_rate(sock, a, b, packets):
    a.bird(B4, A4)
    b.frr(A4, B4)
    listen(sock, 8, [])
    b.vtysh("transmit-interval 700", "receive-interval 400")
    listen(sock, 3, packets)


def scene_auth(kind):
    def play(sock, a, b, packets):
        extra = f'authentication {AUTHS[kind]}; password "{PASSWORD}" {{ id 7; }};'
        a.bird(B4, A4, extra)
        b.bird(A4, B4, extra)
        listen(sock, 6, packets)

    return play


SCENES = {
    "frr-bird": scene_frr_bird,
    "frr-bird-v6": lambda *args: scene_frr_bird(*args, six=True),
    "admin": scene_admin,
    "rate": scene_rate,
    **{"auth-" + kind: scene_auth(kind) for kind in AUTHS},
}


def distinct(packets):
    """Without repetitions; discriminators count, sequence numbers and digests do not."""
    seen, kept = set(), []
    for packet in packets:
        if packet[3][:24] not in seen:
            seen.add(packet[3][:24])
            kept.append(packet)
    return kept


def text_of(program, packet):
    done = subprocess.run([program, "--text"], input=packet.hex() + "\n", capture_output=True, text=True, check=True)
    return done.stdout.strip()


def write(scene, packets, program):
    frr = run("/usr/lib/frr/bfdd", "--version").split("\n")[0]
    bird = subprocess.run(["bird", "--version"], capture_output=True, text=True, check=True).stderr.strip()
    with open(os.path.join(HERE, scene + ".txt"), "w", encoding="ascii") as f:
        f.write(f"# Captured by capture_bfd.py from: {bird}")
        f.write("\n" if scene.startswith("auth-") else f"; {frr}\n")
        for source, ttl, sport, data in packets:
            who = "FRR" if source in (B4, B6) and not scene.startswith("auth-") else "BIRD"
            f.write(f"\nabout: {who}, from {source}, TTL {ttl}, port {sport}\n")
            if scene.startswith("auth-"):
                f.write(f"key: {scene[5:]} 7 {PASSWORD}\n")
            f.write(f"packet: {data.hex()}\n")
            if program:
                f.write(f"text: {text_of(program, data)}\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("scenes", nargs="*", default=list(SCENES))
    parser.add_argument("--text", metavar="PROGRAM")
    args = parser.parse_args()
    for scene in args.scenes:
        packets = []
        with link() as (a, b, sock):
            SCENES[scene](sock, a, b, packets)
        # An authenticated packet's sequence number and digest are what it is captured for.
        kept = packets[:4] if scene.startswith("auth-") else distinct(packets)
        if not kept:
            sys.exit(f"{scene}: nothing captured")
        write(scene, kept, args.text)
        print(f"{scene}: {len(kept)} of {len(packets)} packets")


if __name__ == "__main__":
    main()
