"""Spans of time as callers give them."""

from __future__ import annotations

from datetime import timedelta

from mainspring.errors import InputError

Seconds = float | timedelta
"""A span: a number of seconds, or a timedelta."""


def seconds(given: object, name: str, where: str) -> float:
    """A span in seconds.

    Args:
        given: a number of seconds, or a timedelta.
        name: of the argument.

    Raises:
        InputError: it is neither.
    """
    if isinstance(given, timedelta):
        return given.total_seconds()
    if isinstance(given, int | float) and not isinstance(given, bool):
        return given
    raise InputError.of_kind(
        f"{name} as a number of seconds or a timedelta", given, where, f"Write {name}=timedelta(hours=1)."
    )


def find_seconds(given: object, name: str, where: str) -> float | None:
    """The same; None stays None."""
    return None if given is None else seconds(given, name, where)
