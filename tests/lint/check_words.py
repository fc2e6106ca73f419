#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What must and must not stand in a source.

Every source names its licence in its first line (behind "#!" in a script), and every .c then says in a
comment what it is. File names are unique below src/. Some functions of the C library are never called,
nothing is left for later, and no #if stands inside a function: a feature is a file.
"""
import re

import lintlib

LICENCE = "SPDX-License-Identifier: Apache-2.0"
CALLS = {
    "strcpy": "use str_copy()", "strcat": "use struct str", "sprintf": "use snprintf() or str_printf()",
    "vsprintf": "use vsnprintf() or str_vprintf()", "gets": "use fgets()", "atoi": "use str_to_i64()",
    "atol": "use str_to_i64()", "strtok": "use strcspn()", "alloca": "use an array or mem_alloc()",
}
CALL = re.compile(r"\b(" + "|".join(CALLS) + r")\s*\(")
LEFTOVER = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")
CONDITIONAL = re.compile(r"^\s*#\s*(if|ifdef|ifndef|elif|else)\b")


def check_opening(path, lines):
    first = 1 if lines[0].startswith("#!") else 0
    if LICENCE not in "".join(lines[first:first + 1]):
        yield lintlib.problem(path, first + 1, "no licence", f'write "{LICENCE}" here, in a comment')
    elif path.suffix == ".c" and (len(lines) < 3 or not lines[1].startswith("/*")):
        yield lintlib.problem(path, 2, "no introduction", "say in a comment what the file is and how it works")


def check_lines(path, lines):
    for number, line in enumerate(lines, 1):
        match = LEFTOVER.search(line)
        if match:
            yield lintlib.problem(path, number, f"'{match.group()}' is left behind", "do it now, or open an issue")


def check_code(path, text):
    code = lintlib.code_only(text).split("\n")
    for number, line in enumerate(code, 1):
        for match in CALL.finditer(line):
            yield lintlib.problem(path, number, f"{match.group(1)}() is not used here", CALLS[match.group(1)])
    for name, _first, opened, closed in lintlib.functions(text):
        for number in range(opened, closed):
            if CONDITIONAL.match(code[number - 1]):
                yield lintlib.problem(path, number, f"conditional compilation inside {name}()",
                                      "put the variants into files and let meson choose")


def check_unique(root):
    seen = {}
    for path in lintlib.files(root, ["src"], ["*.c", "*.h"]):
        if path.name in seen:
            yield lintlib.problem(path, 1, f"{seen[path.name]} has the same name", "prefix it with its folder's word")
        seen.setdefault(path.name, path.relative_to(root))


def check(root, _build):
    problems = list(check_unique(root))
    paths = lintlib.files(root, ["src", "tests", "bench", "tools"], ["*.c", "*.h", "*.py", "*.sh", "meson.build"])
    for path in paths:
        text = path.read_text()
        lines = text.split("\n")
        problems += check_opening(path, lines)
        problems += check_lines(path, lines)
        if path.suffix in (".c", ".h"):
            problems += check_code(path, text)
    return len(paths), problems


lintlib.run(check)
