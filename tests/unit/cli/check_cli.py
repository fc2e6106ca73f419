#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""nigh against a daemon that this script plays: what it prints, and how it exits.

check_cli.py NIGH: NIGH is the program.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

DEADLINE = 20


class Daemon:
    """Answers each request with the next of `answers`: an object, bytes as they are, or None to hang up."""

    def __init__(self, path, answers):
        self.answers = list(answers)
        self.asked = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while self.answers:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            with client, client.makefile("rb") as lines:
                self.serve(client, lines)

    def serve(self, client, lines):
        for line in lines:
            self.asked.append(json.loads(line)["words"])
            answer = self.answers.pop(0)
            if answer is None:
                return
            data = answer if isinstance(answer, bytes) else json.dumps(answer).encode() + b"\n"
            client.sendall(data)
            if not self.answers:
                return

    def close(self):
        self.listener.close()


def table(columns, *rows, title=None):
    """Columns as 'key:HEAD:unit'."""
    heads = [dict(zip(("key", "head", "unit"), c.split(":"))) for c in columns.split()]
    return {
        "title": title,
        "columns": heads,
        "rows": [dict(zip([h["key"] for h in heads], r)) for r in rows],
    }


def good(*tables, lines=(), again=None):
    answer = {"ok": True, "tables": list(tables), "lines": [{"level": n, "text": t} for n, t in lines]}
    if again:
        answer["again"] = {"after_ms": 1, "words": again}
    return answer


class Bench:
    def __init__(self, nigh, directory):
        self.nigh = nigh
        self.dir = Path(directory)
        self.path = self.dir / "nigh.sock"

    def run(self, *words, answers=(), env=None):
        """What `nigh WORDS` does with these answers: (exit status, output, errors, requests)."""
        self.path.unlink(missing_ok=True)
        daemon = Daemon(self.path, answers) if answers else None
        base = {"PATH": os.environ["PATH"], "TZ": "UTC", "NIGH_SOCKET": str(self.path)}
        done = subprocess.run(
            [self.nigh, *words], capture_output=True, timeout=DEADLINE, check=False, env=base | (env or {})
        )
        if daemon:
            daemon.close()
        return done.returncode, done.stdout.decode(), done.stderr.decode(), daemon and daemon.asked


def expect(got, want, what):
    if got != want:
        raise AssertionError(f"{what}: expected\n{want!r}\ngot\n{got!r}")


def check_usage(b):
    for words in ((), ("-s",), ("status", "--socket"), ("--jsn", "status"), ("x",) * 65, ("config",),
                  ("config", "chek", "f"), ("config", "check", "a", "b"), ("config", "schema", "x")):
        status, out, err, _ = b.run(*words)
        expect((status, out), (2, ""), words)
        assert "nigh: " in err or "usage: " in err, err
    for words in (("--help",), ("-h",), ("--version",), ("status", "--help")):
        status, out, err, _ = b.run(*words)
        expect((status, err), (0, ""), words)
        assert out.startswith(("usage: nigh", "nigh ")), out


def check_local(b):
    file = b.dir / "nigh.yaml"
    file.write_text("services: {dns: {addresses: [192.0.2.53]}}\n", encoding="utf-8")
    expect(b.run("config", "check", str(file)), (0, f"{file}: good\n", "", None), "good file")
    file.write_text("services: {dns: {}}\n", encoding="utf-8")
    status, out, err, _ = b.run("config", "check", str(file))
    expect((status, out), (1, ""), "bad file")
    assert err.startswith(f"{file}:1:17: 'addresses' is missing"), err
    status, out, err, _ = b.run("config", "check", str(b.dir / "none"))
    expect((status, out), (1, ""), "no file")
    assert "No such file" in err, err
    assert json.loads(b.run("config", "schema")[1])["$schema"]
    assert b.run("config", "reference")[1].startswith("# Configuration")


def check_unreachable(b):
    status, out, err, _ = b.run("status")
    expect((status, out), (3, ""), "no socket")
    assert str(b.path) in err and "is nighd running" in err, err
    status, _, err, _ = b.run("status", "-s", "/" + "x" * 200)
    expect(status, 3, "path too long")
    for answer in (None, b"not json\n"):
        status, out, err, _ = b.run("status", answers=[answer])
        expect((status, out), (3, ""), answer)
        assert err.startswith("nigh: "), err


def check_refused(b):
    bad = {"ok": False, "error": "no:\nf.yaml:1:1: x\nf.yaml:2:1: y"}
    expect(b.run("reload", answers=[bad])[:3], (1, "", f"nigh: {bad['error']}\n"), "refused")
    expect(b.run("reload", answers=[bad | {"usage": True}])[0], 2, "usage")
    status, out, _, _ = b.run("reload", "--json", answers=[bad])
    expect((status, json.loads(out)), (1, bad), "refused, as JSON")


def check_words(b):
    one = good(lines=[(0, "yes")])
    words = ("drain", "a b", "--for", "1m")
    status, out, _, asked = b.run("--json", *words, answers=[one])
    expect((status, out.count("\n"), json.loads(out), asked), (0, 1, one, [list(words)]), "words go out as they are")
    expect(b.run(f"--socket={b.path}", "x", answers=[one], env={"NIGH_SOCKET": "/none"})[0], 0, "--socket=")
    expect(b.run("x", "-s", str(b.path), answers=[one], env={"NIGH_SOCKET": "/none"})[0], 0, "-s")


def check_tables(b):
    t = table("a:NAME:text b:N:number c:FOR:duration d:AGO:ago e:AT:time f:S:state",
              ("näh", 7, 1234567, 65_432_100_000, 1_700_000_000_123_456_789, "up"),
              ("longer", 1000, None, 300_000_000, None, ""))
    out = b.run("x", answers=[good(t, lines=[(0, "head"), (1, "deeper")])])[1]
    expect(out.split("\n"), [
        "NAME       N  FOR     AGO    AT                       S",
        "näh        7  1.23ms  1m5s   2023-11-14 22:13:20.123  up",
        "longer  1000  -       300ms  -                        -",
        "", "head", "  deeper", ""], "a table")
    out = b.run("x", answers=[good(table("a:A:text", title="neighbors"), table("b:B:text", ("x",)))])[1]
    expect(out, "no neighbors\n\nB\nx\n", "an empty table with a name")


def check_again(b):
    columns = "t:TIME:time o:OBJECT:text w:WHY:text"
    first = good(table(columns, (0, "a-long-name", "x")), again="history --follow --after 1")
    empty = good(table(columns), again="history --follow --after 1")
    second = good(table(columns, (0, "b", "y")), again="history --follow --after 2")
    answers = [first, empty, second, None]
    status, out, _, asked = b.run("history", "--follow", answers=answers)
    expect(out.split("\n"), [
        "TIME                     OBJECT       WHY",
        "1970-01-01 00:00:00.000  a-long-name  x",
        "1970-01-01 00:00:00.000  b            y", ""], "columns stay in place")
    expect(status, 3, "the daemon went away")
    expect([" ".join(a) for a in asked], [
        "history --follow", "history --follow --after 1", "history --follow --after 1",
        "history --follow --after 2"], "requests")
    out = b.run("--json", "history", "--follow", answers=answers)[1]
    expect([json.loads(line) for line in out.splitlines()], [first, second], "only what happened, as JSON")


def check_watch(b):
    status, out, _, asked = b.run("--watch", "x", answers=[
        good(lines=[(0, "one")]), None, good(lines=[(0, "two")]), {"ok": False, "error": "enough"}])
    expect((status, out, len(asked)), (1, "one\ntwo\n", 4), "a daemon that restarts is waited for")


def main(nigh):
    checks = [check_usage, check_local, check_unreachable, check_refused, check_words, check_tables,
              check_again, check_watch]
    with tempfile.TemporaryDirectory(prefix="nigh-cli-") as directory:
        for check in checks:
            check(Bench(nigh, directory))
            print(f"{check.__name__}: fine")


if __name__ == "__main__":
    main(sys.argv[1])
