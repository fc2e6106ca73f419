#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`nigh probe`: verdicts, words, exit codes, against small servers of our own on the loopback.
Usage: check_probe.py NIGH"""
import socket
import subprocess
import sys
import threading

nigh = sys.argv[1]
failures = []


def expect(words, status, *parts):
    run = subprocess.run([nigh, "probe", *words], capture_output=True, text=True, timeout=60)
    text = run.stdout + run.stderr
    if run.returncode != status or any(part not in text for part in parts):
        failures.append(f"nigh probe {' '.join(words)}: exit {run.returncode}, wanted {status} and {parts}:\n{text}")
    return text


def closed_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


server = socket.create_server(("127.0.0.1", 0))
port = server.getsockname()[1]
threading.Thread(target=lambda: [server.accept()[0].close() for _ in range(3)], daemon=True).start()

expect(["tcp", f"127.0.0.1:{port}"], 0, "ok in", "connected")
text = expect(["tcp", f"server=127.0.0.1:{port}", "count=2", "frequency=50ms", "timeout=50ms"], 0)
if text.count("connected") != 2:
    failures.append(f"count=2 asked {text.count('connected')} times")
expect(["tcp", f"127.0.0.1:{closed_port()}"], 1, "refused in", "the port is closed")
expect(["dns", f"127.0.0.1:{closed_port()}", "www.example.net A"], 1, "refused in")
user = "user=root" if subprocess.run(["id", "-u"], capture_output=True, text=True).stdout == "0\n" else "user=nobody"
expect(["exec", "command=[/bin/echo, hello]", user, "timeout=1s", "frequency=1s"], 0, "ok in", "hello")
expect(["exec", "/bin/false", user, "timeout=1s", "frequency=1s"], 1, "status in", "exit code 1")
expect(["exec", "command=[/bin/sleep, 60]", user], 1, "timeout in", "killed")

expect([], 2, "usage: nigh probe TYPE")
expect(["dsn", "127.0.0.1"], 2, "types: dns")
expect(["tcp"], 2, "server", "usage:")
expect(["tcp", "127.0.0.1:1", "more"], 2, "'more' is one value too many")
expect(["tcp", "127.0.0.1:1", "sevrer=1"], 2, "unknown option 'sevrer'", "did you mean 'server'")
expect(["tcp", "127.0.0.1:1", "count=x"], 2, "usage:")
expect(["dns", "127.0.0.1", "nothing"], 2, "must be a name and a type")

for failure in failures:
    print(failure, file=sys.stderr)
sys.exit(1 if failures else 0)
