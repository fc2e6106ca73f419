# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the lab. Run it as root: /usr/bin/python3 -m pytest tests/lab"""

import pytest
from lab import routers, servers
from lab.namespaces import Lab, require_programs, require_root

PROGRAMS = {
    **routers.PROGRAMS,
    **servers.PROGRAMS,
    "ip": "iproute2",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "traceroute": "traceroute",
}


def pytest_configure(config):
    config.addinivalue_line("markers", "lab: needs root, namespaces and the counterparts")


def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(pytest.mark.lab)


def pytest_sessionstart(session):
    """Nothing is skipped: what is missing is said, with the remedy, and the run has failed."""
    if session.config.option.collectonly:
        return
    try:
        require_root()
        require_programs(PROGRAMS)
    except OSError as e:
        pytest.exit(str(e), returncode=1)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows the last lines of every program that is in the lab."""
    report = (yield).get_result()
    if report.failed:
        for lab in Lab.open:
            for name, text in lab.logs():
                report.sections.append((f"log of {name}", text))


@pytest.fixture(scope="module")
def lab(request):
    """An empty lab that is gone, with all that is in it, when the module's tests are done."""
    with Lab(request.module.__name__) as the_lab:
        yield the_lab
    # A sanitizer's word counts even when every test has passed.
    assert not the_lab.reports, "\n".join(f"{name}: {text}" for name, text in the_lab.reports)
