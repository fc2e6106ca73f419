#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""No mutable variable outlives a function, except in base/log.c and daemon/main.c.

What the compiler made of the sources is the truth: every object file below src/ is asked for its symbols in
writable sections. Constants that hold addresses live in .data.rel.ro, which is read-only once the program
runs. Needs a build directory in which everything is built.
"""
import json
import re
import subprocess
from pathlib import Path

import lintlib

ALLOWED = {"base/log.c", "daemon/main.c"}
# objdump -t: address, seven flags, section, size, name. The sixth flag is d for a section's own symbol; the last
# is O for an object, blank for a thread-local or untyped one.
SYMBOL = re.compile(r"^[0-9a-f]+ .{5}(.)(.) (\S+)\s+[0-9a-f]+\s+(?:\.hidden )?(\S+)$")
MUTABLE = re.compile(r"^(\*COM\*|\.(bss|data|sbss|sdata|tbss|tdata)(\..*)?)$")
MADE_BY_COMPILER = re.compile(r"^(__|\.L)")


def mutable_symbols(obj):
    """Names as the source has them: the compiler tells function statics apart by a number behind a dot."""
    text = subprocess.run(["objdump", "-t", obj], check=True, capture_output=True, text=True).stdout
    for line in text.split("\n"):
        match = SYMBOL.match(line)
        if not match:
            continue
        special, kind, section, name = match.groups()
        if special == "d" or kind not in "O " or not MUTABLE.match(section) or section.startswith(".data.rel.ro"):
            continue
        if not MADE_BY_COMPILER.match(name):
            yield name.split(".")[0]


def line_of(path, name):
    lines = path.read_text().split("\n")
    return next((n for n, line in enumerate(lines, 1) if re.search(rf"\b{re.escape(name)}\b", line)), 1)


def check(root, build):
    src = root / "src"
    problems = []
    count = 0
    for entry in json.loads((build / "compile_commands.json").read_text()):
        directory = Path(entry["directory"])
        path = (directory / entry["file"]).resolve()
        if not path.is_relative_to(src) or str(path.relative_to(src)) in ALLOWED:
            continue
        obj = directory / entry["output"]
        count += 1
        if not obj.is_file():
            problems.append(lintlib.problem(path, 1, "has not been compiled", f"run ninja -C {build}"))
            continue
        for name in mutable_symbols(obj):
            problems.append(lintlib.problem(path, line_of(path, name), f"'{name}' is mutable and global or static",
                                            "make it const, or a member of the object it belongs to"))
    return count, problems


lintlib.run(check)
