#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Prints "PASSED FAILED" of a JUnit XML file. A file that is missing or broken counts as one failure, and
so does a skipped test: on a machine where the dependencies are installed, nothing may be skipped."""
import sys
import xml.etree.ElementTree as ET


def count(path):
    try:
        cases = list(ET.parse(path).getroot().iter("testcase"))
    except (OSError, ET.ParseError) as error:
        print(f"{path}: {error}", file=sys.stderr)
        return 0, 1
    bad = [c for c in cases if any(c.find(t) is not None for t in ("failure", "error", "skipped"))]
    for case in bad:
        print(f"not passed: {case.get('classname', '')} {case.get('name', '')}", file=sys.stderr)
    return len(cases) - len(bad), len(bad) if cases else 1


print(*count(sys.argv[1]))
