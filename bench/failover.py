#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How long a fail-over takes: from the fault of a name server to the withdrawal on the wire, and to
the client's first answer from the other server. See bench/README.md for what exactly is measured.
"""

import argparse
import json
import os
import random
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "lab"))

# pylint: disable=wrong-import-position
from lab.capture import Capture
from lab.client import Client
from lab.namespaces import Lab
from lab.topologies import PREFIX_V4, SERVICE_V4, Noction

FAULTS = ("kill", "stop", "freeze")
ROWS = (
    ("wire", "fault -> withdrawal on the wire"),
    ("client", "fault -> client answered by the other server"),
    ("router", "withdrawal -> client answered (router's part)"),
)


def _config(server, options):
    config = server.config()
    config["probes"]["resolver"].update(
        frequency=options.frequency, timeout=options.timeout, rise=options.rise, fall=options.fall
    )
    if options.listens:
        config["services"]["dns"]["listens"] = ["udp/53", "tcp/53"]
    return config


def _fault(bind, fault):
    return {"kill": bind.kill, "stop": bind.stop, "freeze": bind.freeze}[fault]()


def _mend(bind, fault):
    if fault == "freeze":
        bind.thaw()
    else:
        bind.start()


def _run_once(net, options):
    """One fail-over; a dict of seconds, and the number of lost queries."""
    with Client(net.client, SERVICE_V4, options.rate) as client, Capture(
        net.cisco1, "eth2"
    ) as link:
        client.wait_server("ns1", 10)
        # The fault must not fall always into the same moment of the probe's period.
        time.sleep(random.uniform(0.0, 1.0))
        at = _fault(net.server1.bind, options.fault)
        withdrawal = link.wait_withdrawal(PREFIX_V4, at, 30, net.server1.address)
        client.wait_server("ns2", 30)
        answer = client.first_answer("ns2", at)
        lost = client.lost(at, answer)
    _mend(net.server1.bind, options.fault)
    net.wait_normal()
    return {
        "wire": withdrawal.time - at,
        "client": answer - at,
        "router": answer - withdrawal.time,
        "lost": lost,
    }


def _table(results):
    print(f"{'':<48}{'min':>10}{'median':>10}{'max':>10}")
    for key, text in ROWS:
        values = [r[key] * 1000 for r in results]
        cells = "".join(
            f"{v:>7.1f} ms" for v in (min(values), statistics.median(values), max(values))
        )
        print(f"{text:<48}{cells}")
    lost = [r["lost"] for r in results]
    cells = "".join(f"{v:>10.0f}" for v in (min(lost), statistics.median(lost), max(lost)))
    print(f"{'queries lost':<48}{cells}")


def _options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", help="directory with the built programs (build/)")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--rate", type=int, default=1000, help="queries a second")
    parser.add_argument("--fault", choices=FAULTS, default="kill")
    parser.add_argument("--frequency", default="100ms")
    parser.add_argument("--timeout", default="50ms")
    parser.add_argument("--rise", type=int, default=3)
    parser.add_argument("--fall", type=int, default=2)
    parser.add_argument("--listens", action="store_true", help="let the kernel watch udp/53 and tcp/53")
    parser.add_argument("--json", help="write every run's numbers to this file")
    return parser.parse_args()


def main():
    options = _options()
    if options.build:
        os.environ["NIGH_BUILD"] = os.path.abspath(options.build)
    with Lab("failover") as lab:
        net = Noction(lab)
        net.start_routers()
        net.start_servers()
        for server in (net.server1, net.server2):
            server.start_nighd(_config(server, options))
        net.wait_normal()
        print(
            f"fault: {options.fault} named; probe every {options.frequency}, timeout "
            f"{options.timeout}, fall {options.fall}; {options.rate} queries/s; "
            f"{options.runs} runs\n"
        )
        results = [_run_once(net, options) for _ in range(options.runs)]
    _table(results)
    if options.json:
        Path(options.json).write_text(json.dumps(results, indent=1) + "\n", encoding="ascii")
    return 0


if __name__ == "__main__":
    sys.exit(main())
