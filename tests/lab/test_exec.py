# SPDX-License-Identifier: Apache-2.0
"""The exec probe: a program decides, runs as another user, and is killed when it hangs."""

from pathlib import Path

import pytest
from lab.nighd import Nighd
from lab.topologies import PREFIX_V4, Pair
from lab.wait import wait_until


@pytest.fixture(scope="module")
def network(lab):
    return Pair(lab)


@pytest.fixture
def pair(network):
    network.stop()
    yield network
    network.stop()


@pytest.fixture
def flag(pair):
    """A file whose content the probe's program acts on."""
    path = pair.lab.dir / "flag"
    path.write_text("ok\n", encoding="ascii")
    path.chmod(0o644)
    return path


def _config(pair, command, **options):
    config = pair.config()
    config["probes"]["port"] = {
        "type": "exec",
        "command": command,
        "frequency": "200ms",
        "timeout": "150ms",
        "rise": 2,
        "fall": 2,
        **options,
    }
    return config


def test_exit_code_decides(pair, flag):
    nighd = pair.start(_config(pair, ["/bin/grep", "-q", "ok", str(flag)]))
    flag.write_text("no\n", encoding="ascii")
    pair.wait_withdrawn()
    row = nighd.row("show", "probes", probe="port")
    assert row["state"] == "down" and row["last"].startswith("status")
    flag.write_text("ok\n", encoding="ascii")
    pair.wait_announced()


def test_shell_line(pair, flag):
    pair.start(_config(pair, f"test $(cat {flag}) = ok", shell=True))
    flag.write_text("no\n", encoding="ascii")
    pair.wait_withdrawn()


def test_program_runs_as_the_configured_user(pair, flag):
    out = pair.lab.dir / "whoami"
    out.write_text("", encoding="ascii")
    out.chmod(0o666)
    line = f"(id -un; grep '^CapEff' /proc/self/status) >> {out}"
    pair.start(_config(pair, line, shell=True, user="daemon"))
    user, capabilities = out.read_text(encoding="ascii").splitlines()[:2]
    assert user == "daemon"
    assert int(capabilities.split()[1], 16) == 0


def _sleepers(host):
    """The pids of this test's own sleeping programs."""
    found = []
    for pid in host.pids():
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if words[:2] == [b"sleep", b"987654"]:
            found.append(pid)
    return found


def test_program_that_hangs_is_killed_with_all_its_children(pair, flag):
    line = f"grep -q ok {flag} || (sleep 987654 & sleep 987654)"
    nighd = pair.start(_config(pair, line, shell=True))
    flag.write_text("hang\n", encoding="ascii")
    wait_until(lambda: _sleepers(pair.node), 2, "the program hangs")
    pair.wait_withdrawn()
    assert nighd.row("show", "probes", probe="port")["last"].startswith("timeout")
    flag.write_text("ok\n", encoding="ascii")
    pair.wait_announced()
    wait_until(
        lambda: not _sleepers(pair.node), 2, lambda: f"none is left: {_sleepers(pair.node)}"
    )


def test_program_that_does_not_exist_is_down_and_says_so(pair):
    pair.nighd = nighd = Nighd(pair.node, _config(pair, ["/nonexistent/check"])).start()
    row = wait_until(
        lambda: nighd.row("show", "probes", probe="port", state="down"), 5, "the probe is down"
    )
    assert row["last"].startswith("local"), row
    assert pair.router.route(PREFIX_V4) is None
