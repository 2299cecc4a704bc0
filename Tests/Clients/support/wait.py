"""Waiting on a condition, never for a span of time."""

import time

PATIENCE = 15.0
"""Seconds until a promise that has not come true counts as broken."""


def until(condition, what, patience=PATIENCE):
    """The first truthy value of `condition()`; fails with `what` when the patience is over."""
    deadline = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {patience} s in vain: {what}; last seen: {value!r}")
        time.sleep(0.01)
