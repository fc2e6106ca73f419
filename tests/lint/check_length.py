#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A function has at most 80 lines between its braces, a file at most 800 lines.

A flat switch that is an RFC's table may be longer: the line before the function says so with the comment
"lint: flat table".
"""
import lintlib

FUNCTION_LINES = 80
FILE_LINES = 800
FLAT_TABLE = "/* lint: flat table */"


def check(root, _build):
    problems = []
    paths = lintlib.files(root, ["src", "tests", "bench"], ["*.c", "*.h"])
    for path in paths:
        text = path.read_text()
        lines = text.split("\n")
        if len(lines) - 1 > FILE_LINES:
            print(f"{path}:1: warning: {len(lines) - 1} lines: split it by topic")
        for name, first, opened, closed in lintlib.functions(text):
            length = closed - opened - 1
            if length > FUNCTION_LINES and FLAT_TABLE not in lines[first - 1:opened]:
                problems.append(lintlib.problem(path, opened, f"{name}() has {length} lines, {FUNCTION_LINES} are allowed",
                                                "take a part out into a function with a name of its own"))
    return len(paths), problems


lintlib.run(check)
