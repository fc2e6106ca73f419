#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A folder is a layer: a file includes its own folder's headers and those of lower layers, no others.

Folders of one layer do not know each other; proto/bgp and proto/bfd are two folders. What they need from
each other goes through a port header in core/. A header named *_priv.h is for its folder alone. Project
headers are included as "folder/file.h". Tests may include what they test.
"""
import re

import lintlib

LAYERS = {
    "base": 0,
    "loop": 1,
    "conf": 2,
    "core": 3,
    "probe": 4, "proto": 4, "kernel": 4, "backend": 4, "heal": 4,
    "control": 5,
    "daemon": 6,
    "cli": 7, "sim": 7, "plan": 7,
}
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"')


def complaint(folder, name, src):
    """What is wrong with a file in `folder` that includes `name`, and what to do; None if nothing is."""
    if "/" not in name:
        return f'"{name}" has no folder', 'write "folder/file.h"'
    if not (src / name).is_file():
        return f'"{name}" is not below src/', 'name it "folder/file.h", or use <> for a header of the system'
    other = name.rsplit("/", 1)[0]
    if other == folder:
        return None
    if name.endswith("_priv.h"):
        return f'"{name}" is private to {other}/', f"use a public header of {other}/"
    mine, theirs = LAYERS[folder.split("/")[0]], LAYERS.get(other.split("/")[0])
    if theirs is None:
        return f"{other}/ has no layer", "give it a number in tests/lint/check_layers.py"
    if theirs > mine:
        return f"{folder}/ (layer {mine}) includes {other}/ (layer {theirs})", "let the upper layer call down"
    if theirs == mine:
        return f"{folder}/ and {other}/ are of one layer ({mine})", "put what they share into a port header in core/"
    return None


def check(root, _build):
    src = root / "src"
    problems = []
    paths = lintlib.files(root, ["src"], ["*.c", "*.h"])
    for path in paths:
        folder = str(path.parent.relative_to(src))
        if folder.split("/")[0] not in LAYERS:
            problems.append(lintlib.problem(path, 1, f"{folder}/ has no layer",
                                            "give it a number in tests/lint/check_layers.py"))
            continue
        for number, line in enumerate(path.read_text().split("\n"), 1):
            match = INCLUDE.match(line)
            wrong = complaint(folder, match.group(1), src) if match else None
            if wrong:
                problems.append(lintlib.problem(path, number, *wrong))
    return len(paths), problems


lintlib.run(check)
