#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Is what is generated from the schema rows checked in as it is generated?

check_docs.py NIGH TOP: NIGH is the program, TOP the top of the source tree.
"""

import difflib
import subprocess
import sys
from pathlib import Path

GENERATED = {"doc/config.md": "reference", "doc/nigh.schema.json": "schema"}
LINES_SHOWN = 20


def main(nigh, top):
    failed = 0
    for name, word in GENERATED.items():
        made = subprocess.run([nigh, "config", word], check=True, capture_output=True, text=True)
        path = Path(top) / name
        there = path.read_text(encoding="utf-8") if path.exists() else ""
        if there == made.stdout:
            continue
        failed += 1
        print(f"{name} is not what 'nigh config {word}' says: run 'make docs' and commit it")
        diff = difflib.unified_diff(
            there.splitlines(), made.stdout.splitlines(), name, f"nigh config {word}", lineterm=""
        )
        for _, line in zip(range(LINES_SHOWN), diff):
            print(f"  {line}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
