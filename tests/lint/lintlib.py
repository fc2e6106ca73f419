# SPDX-License-Identifier: Apache-2.0
"""What the checks share: finding files, knowing functions, reporting.

A check is a script of its own, `check.py ROOT [BUILD]`, that hands a function to run(). That function
returns how many things it looked at and what it found wrong. A check that looked at nothing fails: it was
pointed at the wrong place.
"""
import re
import sys
from pathlib import Path

SKIPPED = re.compile(r"^(\.|build|__pycache__)")
TOKENS = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def files(root, folders, patterns):
    """The files below the folders that match one of the patterns, sorted; build directories are left out."""
    found = set()
    for folder in folders:
        for pattern in patterns:
            for path in (root / folder).rglob(pattern):
                if path.is_file() and not any(SKIPPED.match(p) for p in path.relative_to(root).parts):
                    found.add(path)
    return sorted(found)


def code_only(text):
    """C text with comments and the insides of literals blanked; lines stay where they are."""
    def blank(match):
        token = match.group()
        lines = re.sub(r"[^\n]", " ", token)
        return f'"{lines[1:-1]}"' if token[0] == '"' else lines
    return TOKENS.sub(blank, text)


def functions(text):
    """(name, first line, line of the opening brace, line of the closing brace), counted from 1.

    The layout that clang-format enforces makes this exact: only a function's braces stand alone in the
    first column, its name begins the line behind its return type, and a blank line stands before it all.
    """
    lines = text.split("\n")
    opened = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            opened = number
        elif line == "}" and opened is not None:
            first = opened
            while first > 1 and lines[first - 2].strip() not in ("", "}"):
                first -= 1
            names = [re.match(r"(\w+)\(", part) for part in lines[first - 1:opened]]
            name = next((match.group(1) for match in names if match), "?")
            yield name, first, opened, number
            opened = None


def problem(path, line, what, remedy):
    return f"{path}:{line}: {what}: {remedy}"


def run(check):
    """Runs `check(root, build)` with paths from the command line; prints what it found, exits 1 if any."""
    if len(sys.argv) < 2:
        sys.exit(f"usage: {sys.argv[0]} ROOT [BUILD]")
    root = Path(sys.argv[1]).resolve()
    build = Path(sys.argv[2]).resolve() if len(sys.argv) > 2 else None
    count, problems = check(root, build)
    for text in problems:
        print(text.replace(f"{root}/", ""))
    if count == 0:
        print(f"{root}: nothing to check: name the top of the source tree and a configured build directory")
    sys.exit(1 if problems or count == 0 else 0)
