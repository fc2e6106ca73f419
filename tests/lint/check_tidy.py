#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""clang-tidy over every source that the build directory compiles, two at a time.

Which checks run, and why some do not, stands in .clang-tidy and tests/.clang-tidy. A source that was clean is
not looked at again until it, a header of it, or the configuration changes: BUILD/lint/ remembers a digest of
all that went in. To see how the analyzer came to what it says, run clang-tidy -p BUILD FILE.
"""
import hashlib
import json
import os
import re
import shlex
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import lintlib

# The build may use gcc, whose warning options clang does not all know.
OPTIONS = ["--quiet", "--warnings-as-errors=*", "--extra-arg=-Wno-unknown-warning-option",
           "--extra-arg=-Wno-ignored-optimization-argument"]
FINDING = re.compile(r"^(\S+:\d+):\d+: (?:error|warning): (.*)$", re.M)
# What a compile command says about its outputs, with the number of words.
OUTPUTS = {"-c": 1, "-MD": 1, "-o": 2, "-MF": 2, "-MQ": 2}


def preprocessed(entry):
    """What the compiler reads, comments included, since those may switch checks off."""
    words = shlex.split(entry["command"])
    command = []
    while words:
        skip = OUTPUTS.get(words[0], 0)
        command += words[:1] if skip == 0 else []
        words = words[max(skip, 1):]
    return subprocess.run([*command, "-E", "-C"], cwd=entry["directory"], capture_output=True).stdout


def tidy(build, path, digest):
    clean = build / "lint" / digest
    if clean.exists():
        return []
    result = subprocess.run(["clang-tidy", "-p", str(build), *OPTIONS, str(path)], cwd=build,
                            capture_output=True, text=True)
    if result.returncode == 0:
        clean.parent.mkdir(exist_ok=True)
        clean.touch()
        return []
    found = FINDING.findall(result.stdout)
    return [f"{place_of(build, place)}: {what}" for place, what in found] or [result.stdout + result.stderr]


def place_of(build, place):
    """clang-tidy names some files relative to the build directory, with or without the slash it needs."""
    name, line = place.rsplit(":", 1)
    return f"{(build / re.sub(r'[.][.](?=[a-z])', '../', name)).resolve()}:{line}"


def check(root, build):
    entries = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        path = Path(entry["directory"], entry["file"]).resolve()
        if any(path.is_relative_to(root / folder) for folder in ("src", "tests", "bench")):
            entries[path] = entry
    settings = b"".join(path.read_bytes() for path in [Path(__file__), *sorted(root.glob("**/.clang-tidy"))])

    def look(path):
        digest = hashlib.sha256(settings + str(path).encode() + preprocessed(entries[path])).hexdigest()
        return tidy(build, path, digest)

    # The largest first, so that no long one is left for the end.
    ordered = sorted(entries, key=lambda path: -os.path.getsize(path))
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(look, ordered))
    # A mistake in a header is found once for every source that includes it.
    return len(entries), sorted({text for found in results for text in found})


lintlib.run(check)
