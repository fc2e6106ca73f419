# SPDX-License-Identifier: Apache-2.0
"""Waiting: poll a condition until it holds or its deadline has passed. Nothing else sleeps."""

import time

POLL = 0.02


class Deadline(AssertionError):
    """A condition did not become true in time."""


def wait_until(condition, deadline, describe, poll=POLL):
    """Calls `condition` until it returns something true, and returns that.

    `deadline` is in seconds from now. `describe` says what was waited for: a string, or a function
    that returns one and is called only when the deadline has passed (to tell what was seen last).
    """
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            text = describe() if callable(describe) else describe
            raise Deadline(f"not within {deadline:g} s: {text}")
        time.sleep(poll)


def stays(condition, duration, describe, poll=0.05):
    """Asserts that `condition` holds all the time for `duration` seconds."""
    end = time.monotonic() + duration
    while time.monotonic() < end:
        if not condition():
            text = describe() if callable(describe) else describe
            raise AssertionError(f"did not last for {duration:g} s: {text}")
        time.sleep(poll)
