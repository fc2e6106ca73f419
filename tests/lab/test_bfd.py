# SPDX-License-Identifier: Apache-2.0
"""The BFD speaker on real sockets against BIRD and FRR, IPv4 and IPv6, one hop and several.

The speaker is the small program bfd_speak: it writes every change of its state.
"""

import re
import shutil
import time

import pytest
from lab.nighd import build_dir
from lab.wait import stays, wait_until

US = {"ipv4": "10.0.0.1", "ipv6": "fd00::1"}
THEM = {"ipv4": "10.0.0.2", "ipv6": "fd00::2"}
INTERVAL_MS = 100
DETECT = 3 * INTERVAL_MS / 1000
PASSWORD = "nigh-password"


class BirdBfd:
    """BIRD with one session; `extra` goes into its interface's options."""

    def __init__(self, host, family, hops, extra=""):
        options = f"interval {INTERVAL_MS} ms; multiplier 3; {extra}"
        where = "multihop" if hops == "multi" else 'interface "v0"'
        neighbor = f"{US[family]} " + ("" if hops == "multi" else 'dev "v0" ')
        tail = f"local {THEM[family]}" + (" multihop" if hops == "multi" else "")
        self.host, self.dir = host, host.lab.dir / f"bird-{host.name}"
        self.dir.mkdir()
        (self.dir / "bird.conf").write_text(
            f"router id 10.0.0.2;\nlog stderr all;\nprotocol device {{}}\nprotocol bfd {{ {where} {{ {options} }};\n"
            f"neighbor {neighbor}{tail}; }}\n",
            encoding="ascii",
        )
        argv = ["bird", "-f", "-c", self.dir / "bird.conf", "-s", self.dir / "bird.ctl"]
        self.process = host.spawn("bird", [*argv, "-P", self.dir / "bird.pid"])
        wait_until((self.dir / "bird.ctl").exists, 10, self.process.log_tail)

    def state(self):
        text = self.host.run(["birdc", "-r", "-s", self.dir / "bird.ctl", "show", "bfd", "sessions"]).stdout
        match = re.search(r"^(?:10|fd)\S+\s+\S+\s+(\S+)", text, re.M)
        return match.group(1) if match else ""


class FrrBfd:
    """FRR's bfdd, with the zebra that tells it of interfaces."""

    def __init__(self, host, family, _hops):
        self.host, self.dir = host, host.lab.dir / f"frr-{host.name}"
        self.dir.mkdir()
        (self.dir / "zebra.conf").write_text("log stdout informational\n", encoding="ascii")
        (self.dir / "bfdd.conf").write_text(
            f"log stdout informational\nbfd\n peer {US[family]} local-address {THEM[family]} interface v0\n"
            f"  receive-interval {INTERVAL_MS}\n  transmit-interval {INTERVAL_MS}\n  detect-multiplier 3\n",
            encoding="ascii",
        )
        for path in [self.dir, *self.dir.iterdir()]:
            shutil.chown(path, "frr", "frr")
        for daemon, more in (("zebra", []), ("bfdd", ["--bfdctl", self.dir / "bfdctl"])):
            argv = [
                *(f"/usr/lib/frr/{daemon}", "-f", self.dir / f"{daemon}.conf"),
                *("-i", self.dir / f"{daemon}.pid", "-z", self.dir / "zserv.api"),
                *("--vty_socket", self.dir, "-A", "127.0.0.1", "-P", "0"),
            ]
            self.process = host.spawn(daemon, [*argv, *more], private_run=("/run/frr", "frr:frr"))
            wait_until((self.dir / f"{daemon}.vty").exists, 10, self.process.log_tail)

    def state(self):
        argv = ["vtysh", "--vty_socket", self.dir, "-d", "bfdd", "-c", "show bfd peers"]
        match = re.search(r"Status: (\S+)", self.host.run(argv).stdout)
        return match.group(1).capitalize() if match else ""


class Speaker:
    def __init__(self, host, family, hops="single", auth=()):
        argv = [build_dir() / "tests/unit/bfd/bfd_speak", US[family], THEM[family], hops, INTERVAL_MS, *auth]
        self.process = host.spawn("bfd_speak", argv)

    def lines(self):
        return self.process.log_text().splitlines()

    def wait(self, line, deadline, count=1):
        wait_until(lambda: self.lines().count(line) >= count, deadline, lambda: f"{line!r}, not {self.lines()}")


def _hosts(lab, name):
    us, them = lab.host(f"us{name}"), lab.host(f"them{name}")
    us.link("v0", them, "v0", (f"{US['ipv4']}/24", f"{US['ipv6']}/64"), (f"{THEM['ipv4']}/24", f"{THEM['ipv6']}/64"))
    return us, them


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
@pytest.mark.parametrize("kind, hops", [(BirdBfd, "single"), (BirdBfd, "multi"), (FrrBfd, "single")])
def test_a_session_through_its_life(lab, kind, hops, family):
    us, them = _hosts(lab, f"{kind.__name__[0]}{hops[0]}{family[-1]}".lower())
    router = kind(them, family, hops)
    speaker = Speaker(us, family, hops)
    speaker.wait("Up none up", 10)
    wait_until(lambda: router.state() == "Up", 5, "the router says Up")
    stays(lambda: speaker.lines()[-1] == "Up none up", 2, lambda: f"Up: {speaker.lines()}")

    router.process.freeze()
    frozen = time.monotonic()
    speaker.wait("Down detection time expired failed", DETECT + 0.5)
    assert time.monotonic() - frozen > DETECT / 2
    router.process.thaw()
    speaker.wait("Up detection time expired up", 10)

    wait_until(lambda: router.state() == "Up", 5, "the router says Up again")
    speaker.process.stop()
    assert router.state() != "Up"
    assert any(re.fullmatch(r"accepted \d+", line) for line in speaker.lines()), speaker.lines()


@pytest.mark.parametrize("kind", ["simple", "keyed-md5", "meticulous-keyed-md5", "keyed-sha1", "meticulous-keyed-sha1"])
def test_authentication(lab, kind):
    us, them = _hosts(lab, kind.replace("meticulous", "x")[:12].replace("-", ""))
    words = kind.replace("-", " ")
    router = BirdBfd(them, "ipv4", "single", f'authentication {words}; password "{PASSWORD}" {{ id 7; }};')
    wrong = Speaker(us, "ipv4", auth=(kind, 7, PASSWORD[:-1] + "x"))
    stays(lambda: not wrong.lines(), 1.5, lambda: f"not heard: {wrong.lines()}")
    wrong.process.stop()
    assert any(line.startswith("auth-digest ") for line in wrong.lines()), wrong.lines()
    right = Speaker(us, "ipv4", auth=(kind, 7, PASSWORD))
    right.wait("Up none up", 12)
    wait_until(lambda: router.state() == "Up", 5, "the router says Up")
    stays(lambda: right.lines()[-1] == "Up none up", 2, lambda: f"Up: {right.lines()}")
    right.process.stop()
    assert not any(line.startswith("auth-") for line in right.lines()), right.lines()


def test_a_packet_from_beyond_the_link_is_dropped(lab):
    us, them = _hosts(lab, "ttl")
    speaker = Speaker(us, "ipv4")
    sock = them.socket(2, 2)  # AF_INET, SOCK_DGRAM: with the kernel's usual TTL of 64
    packet = bytes.fromhex("204003180000001100000000000f4240000f424000000000")

    def dropped():
        sock.sendto(packet, (US["ipv4"], 3784))
        return not speaker.process.running()

    stays(lambda: not dropped(), 1, "the speaker runs")
    sock.close()
    speaker.process.stop()
    assert any(line.startswith("ttl ") for line in speaker.lines()), speaker.lines()
    assert not any(line.startswith("Init") for line in speaker.lines()), speaker.lines()
