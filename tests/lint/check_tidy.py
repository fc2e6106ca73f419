#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""clang-tidy over every source that the build directory compiles, two at a time.

Which checks run, and why some do not, stands in .clang-tidy and tests/.clang-tidy.
"""
import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import lintlib

# The build may use gcc, whose warning options clang does not all know.
OPTIONS = ["--quiet", "--warnings-as-errors=*", "--extra-arg=-Wno-unknown-warning-option",
           "--extra-arg=-Wno-ignored-optimization-argument"]


def tidy(build, path):
    result = subprocess.run(["clang-tidy", "-p", str(build), *OPTIONS, str(path)], capture_output=True, text=True)
    return (result.stdout + result.stderr).rstrip() if result.returncode != 0 else None


def check(root, build):
    paths = set()
    for entry in json.loads((build / "compile_commands.json").read_text()):
        path = Path(entry["directory"], entry["file"]).resolve()
        if any(path.is_relative_to(root / folder) for folder in ("src", "tests", "bench")):
            paths.add(path)
    # The largest first, so that no long one is left for the end.
    ordered = sorted(paths, key=lambda path: -os.path.getsize(path))
    with ThreadPoolExecutor(2) as pool:
        results = pool.map(lambda path: tidy(build, path), ordered)
    return len(paths), [text for text in results if text]


lintlib.run(check)
