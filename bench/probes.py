#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a DNS probe costs: CPU per probe, memory and punctuality of nighd with many probes, beside a
program that does nothing but ask (dns_limit.c). See bench/README.md for what exactly is measured.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TOP / "tests" / "lab"))

# pylint: disable=wrong-import-position
from lab.namespaces import Lab
from lab.nighd import Nighd, build_dir
from lab.process import descendants

PORT = 5300


def _config(count, options):
    """nigh.yaml with `count` probes, each with a name of its own."""
    probe = {
        "type": "dns",
        "server": f"127.0.0.1:{PORT}",
        "recursion": False,
        "frequency": "1s",
        "timeout": "300ms",
        **({"tos": 4} if options.own_sockets else {}),
    }
    return {
        "node": {"name": "bench", "router-id": "192.0.2.1"},
        "probes": {
            f"p{i}": {
                **probe,
                "query": f"p{i}.example.net A",
                "expect": {"answer": "192.0.2.80"},
            }
            for i in range(count)
        },
    }


def _cpu_ns(pids):
    """Time on a CPU so far (schedstat counts in nanoseconds)."""
    return sum(int(Path(f"/proc/{pid}/schedstat").read_text("ascii").split()[0]) for pid in pids)


def _rss_kb(pids):
    total = 0
    for pid in pids:
        found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text("ascii"))
        total += int(found[1]) if found else 0
    return total


def _lag(nighd):
    """(p50, p99) of how late the loop's timers ran, in ms, as upper bounds of the buckets; counted
    since the start."""
    _, _, text = nighd.http()
    buckets = [
        (float(bound), int(float(count)))
        for bound, count in re.findall(r'^nigh_loop_lag\w*_bucket\{le="([^"]+)"\} (\S+)', text, re.M)
    ]
    if not buckets:
        return None
    total = buckets[-1][1]
    return [next(b for b, n in buckets if n >= total * q) * 1000 for q in (0.5, 0.99)]


class Responder:
    """dns_echo in the host, with its windows."""

    def __init__(self, host):
        self._process = host.spawn("dns_echo", [build_dir() / "bench" / "dns_echo", PORT])
        self._seen = 0

    def _signal(self, number):
        self._process.signal(number)

    def begin(self):
        self._signal(signal.SIGUSR1)

    def end(self):
        self._signal(signal.SIGUSR2)
        limit = time.monotonic() + 10
        while time.monotonic() < limit:
            lines = [l for l in self._process.log_text().splitlines() if l.startswith("{")]
            if len(lines) > self._seen:
                self._seen = len(lines)
                return json.loads(lines[-1])
            time.sleep(0.02)
        raise TimeoutError("dns_echo does not report")


def _measure(responder, pids, seconds):
    responder.begin()
    cpu, begin = _cpu_ns(pids), time.monotonic()
    time.sleep(seconds)
    cpu, took = _cpu_ns(pids) - cpu, time.monotonic() - begin
    window = responder.end()
    return {
        "rate": window["received"] / took,
        "cpu_us": cpu / 1000 / max(window["received"], 1),
        "rss_kb": _rss_kb(pids),
        "off_p50_us": window["off_p50_us"],
        "off_p99_us": window["off_p99_us"],
    }


def _run_limit(host, responder, count, options):
    process = host.spawn("dns_limit", [build_dir() / "bench" / "dns_limit", PORT, count])
    time.sleep(options.warm_up)
    result = _measure(responder, [process.pid], options.seconds)
    process.stop()
    return result


def _run_nighd(host, responder, count, options):
    nighd = Nighd(host, _config(count, options)).start()
    time.sleep(options.warm_up)
    pids = [nighd.helper_pid, *descendants(nighd.helper_pid)]
    result = _measure(responder, pids, options.seconds)
    result["lag_ms"] = _lag(nighd)
    rows = nighd.rows("show", "probes")
    result["up"] = sum(1 for r in rows if r["state"] == "up")
    nighd.stop()
    return result


def _options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", help="directory with the built programs (build/)")
    parser.add_argument("--counts", type=int, nargs="+", default=[10, 1000, 10000])
    parser.add_argument("--seconds", type=float, default=10, help="length of a window")
    parser.add_argument("--warm-up", type=float, default=4)
    parser.add_argument(
        "--own-sockets", action="store_true", help="a socket for each attempt (by setting tos)"
    )
    parser.add_argument("--json", help="write the numbers to this file")
    return parser.parse_args()


def _print(count, who, r):
    lag = " / ".join(f"{v:g}" for v in r["lag_ms"]) if r.get("lag_ms") else "-"
    print(
        f"{count:>7} {who:<10}{r['rate']:>10.0f}{r['cpu_us']:>10.2f}{r['rss_kb']:>10}"
        f"{r['off_p50_us'] / 1000:>11.2f}{r['off_p99_us'] / 1000:>11.2f}{lag:>14}",
        flush=True,
    )


def main():
    options = _options()
    if options.build:
        os.environ["NIGH_BUILD"] = os.path.abspath(options.build)
    subprocess.run(
        ["ninja", "-C", str(build_dir()), "bench/dns_echo", "bench/dns_limit"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    results = []
    print(
        f"{'probes':>7} {'':<10}{'per s':>10}{'CPU us':>10}{'RSS KiB':>10}{'off p50 ms':>11}"
        f"{'off p99 ms':>11}{'lag p50/p99 ms':>14}"
    )
    with Lab("probes") as lab:
        host = lab.host("bench")
        responder = Responder(host)
        for count in options.counts:
            limit = _run_limit(host, responder, count, options)
            _print(count, "dns_limit", limit)
            nighd = _run_nighd(host, responder, count, options)
            _print(count, "nighd", nighd)
            ratio = nighd["cpu_us"] / limit["cpu_us"]
            print(f"{'':>7} ratio {ratio:.2f}; {nighd['up']} of {count} probes are up", flush=True)
            results.append({"count": count, "limit": limit, "nighd": nighd, "ratio": ratio})
    if options.json:
        Path(options.json).write_text(json.dumps(results, indent=1) + "\n", encoding="ascii")
    return 0


if __name__ == "__main__":
    sys.exit(main())
