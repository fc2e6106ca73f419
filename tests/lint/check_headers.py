#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every header compiles alone: it includes what it uses, so that the order of includes never matters."""
import subprocess
from concurrent.futures import ThreadPoolExecutor

import lintlib

COMPILER = ["gcc", "-std=gnu17", "-D_GNU_SOURCE", "-fsyntax-only", "-Wall", "-Wextra", "-Werror",
            "-Wno-unused-parameter", "-x", "c"]


def compile_alone(root, path):
    command = COMPILER + [f"-I{root}/src", f"-I{path.parent}", str(path)]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode == 0:
        return None
    return lintlib.problem(path, 1, "does not compile alone", "include what it uses") + "\n" + result.stderr.rstrip()


def check(root, _build):
    paths = lintlib.files(root, ["src", "tests", "bench"], ["*.h"])
    with ThreadPoolExecutor(2) as pool:
        results = pool.map(lambda path: compile_alone(root, path), paths)
    return len(paths), [text for text in results if text]


lintlib.run(check)
