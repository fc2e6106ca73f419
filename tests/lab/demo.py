#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The demo: two name servers share one address, one of them dies, the other one answers.

Builds the noction network out of namespaces, shows what a client sees before, during and after the
fault, and removes everything again, also after Ctrl-C and after a failure. Needs root.
"""

import argparse
import os
import re
import signal
import sys
import time

from lab import routers, servers
from lab.capture import Capture
from lab.client import Client
from lab.namespaces import Lab, require_programs, require_root
from lab.nighd import program
from lab.topologies import PREFIX_V4, SERVICE_V4, Noction

PICTURE = """\
    client-01 ──── cisco-01 ──────────── cisco-02          AS 64500, FRR
                      │                     │
                      │ BGP                 │ BGP
                      │                     │
                nameserver-01         nameserver-02        BIND and nighd
                  AS 64501              AS 64502
                 192.0.2.53            192.0.2.53          the same address
"""

NAMES = {
    "10.0.1.1": "cisco-01",
    "10.0.12.2": "cisco-02",
    "192.0.2.53": "the service",
}
RATE = 1000


class Screen:
    """What the demo prints: headings, commands as they are run, and their output."""

    def __init__(self):
        colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self._bold, self._dim, self._off = (
            ("\033[1m", "\033[2m", "\033[0m") if colour else ("", "", "")
        )

    @staticmethod
    def say(text=""):
        print(text, flush=True)

    def head(self, text):
        self.say(f"\n{self._bold}{text}{self._off}")

    def command(self, host, line):
        prompt = "$" if host.name.startswith("client") else "#"
        self.say(f"{self._dim}{host.name}{prompt}{self._off} {line}")

    def run(self, host, line, argv=None, keep=None):
        """Shows a command, runs it in the host and shows what it says; `keep` filters lines."""
        self.command(host, line)
        for text in host.run(argv or line.split(), check=False).stdout.splitlines():
            if text.strip() and (keep is None or keep(text)):
                self.say(f"  {text}")


def _traceroute(screen, host):
    """One probe a hop is enough, and the names say more than the addresses."""
    screen.command(host, f"traceroute -n {SERVICE_V4}")
    argv = ["traceroute", "-n", "-q", "1", "-N", "1", "-w", "1", "-m", "6", SERVICE_V4]
    for text in host.run(argv, check=False).stdout.splitlines()[1:]:
        match = re.match(r"\s*(\d+)\s+(\S+)", text)
        if match:
            number, address = match.groups()
            screen.say(f"  {number}  {address:<12} {NAMES.get(address, '')}")


def _client_sees(screen, client):
    screen.run(client, f"dig +short @{SERVICE_V4} www.example.net A")
    screen.run(client, f"dig +short @{SERVICE_V4} id.server CH TXT")
    _traceroute(screen, client)


def _nigh(screen, server, *words):
    """A nigh command of a server, with the socket's option left out of what is shown."""
    screen.command(server.host, "nigh " + " ".join(words))
    for text in server.nighd.nigh(*words).stdout.splitlines():
        screen.say(f"  {text}".rstrip())


def _ms(seconds):
    return f"{seconds * 1000:.1f} ms" if seconds < 0.1 else f"{seconds * 1000:.0f} ms"


def _fail_over(screen, net, client):
    screen.head("2. The name server process on nameserver-01 is killed")
    link = Capture(net.cisco1, "eth2")
    screen.command(net.server1.host, f"kill -9 {net.server1.bind.process.pid}      # named")
    at = net.server1.bind.kill()
    withdrawal = link.wait_withdrawal(PREFIX_V4, at, 10, net.server1.address)
    client.wait_server("ns2", 10)
    answer = client.first_answer("ns2", at)
    screen.say(f"  {_ms(withdrawal.time - at):>8}  nighd has withdrawn {PREFIX_V4} (on the wire)")
    screen.say(f"  {_ms(answer - at):>8}  client-01 is answered by nameserver-02: the outage")
    screen.say(f"  {client.lost(at, answer):>8}  queries were lost, at {RATE} a second")
    link.close()
    _client_sees(screen, net.client)
    _nigh(screen, net.server1, "explain", SERVICE_V4)


def _fail_back(screen, net, client):
    screen.head("3. The name server on nameserver-01 is started again")
    at = time.time()
    screen.command(net.server1.host, "named")
    net.server1.bind.start()
    client.wait_server("ns1", 20)
    answer = client.first_answer("ns1", at)
    screen.say(f"  {_ms(answer - at):>8}  client-01 is answered by nameserver-01 again")
    screen.say(f"  {client.lost(at, time.time() - 0.5):>8}  queries were lost on the way back")
    _client_sees(screen, net.client)


def demo(screen, lab):
    screen.head("Two name servers share one address; a client asks the nearest one.")
    screen.say(PICTURE)
    net = Noction(lab)
    net.start()
    screen.head("1. All is well: nameserver-01 answers")
    _client_sees(screen, net.client)
    _nigh(screen, net.server1, "status")
    with Client(net.client, SERVICE_V4, RATE) as client:
        client.wait_server("ns1", 5)
        _fail_over(screen, net, client)
        _fail_back(screen, net, client)
    screen.head("Done; the network is removed.")


def main():
    parser = argparse.ArgumentParser(description="A name server dies, the route leaves.")
    parser.add_argument("--build", help="directory with the built programs (build/)")
    options = parser.parse_args()
    if options.build:
        os.environ["NIGH_BUILD"] = os.path.abspath(options.build)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    screen = Screen()
    try:
        require_root()
        require_programs({**routers.PROGRAMS, **servers.PROGRAMS, "traceroute": "traceroute"})
        program("nighd")
        program("nigh")
        with Lab("demo") as lab:
            try:
                demo(screen, lab)
            except AssertionError as e:
                for name, text in lab.logs():
                    print(f"--- log of {name}\n{text}", file=sys.stderr)
                print(f"\nThe demo failed: {e}", file=sys.stderr)
                return 1
    except OSError as e:
        print(f"demo: {e}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        screen.say("\nInterrupted; the network is removed.")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
