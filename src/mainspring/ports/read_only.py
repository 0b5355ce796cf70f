"""Ports of a project that is opened for reading alone: what writes is refused before it begins."""

from __future__ import annotations

from typing import Any, Final, TypeVar, cast

from mainspring.errors import AccessError

_Port = TypeVar("_Port")

WRITES: Final = {
    "blobs": frozenset({"put", "put_file", "stage", "collect", "delete", "delete_draft"}),
    # Looking for an append syncs what it finds.
    "tables": frozenset({"append", "find_append", "delete_before", "compact", "erase", "alone", "discard"}),
    "keys": frozenset({"put", "delete", "remove", "clear"}),
    "clock": frozenset({"set"}),
}
"""The methods of each port that change something."""


def for_reading(port: _Port, kind: str) -> _Port:
    """The port without its writes: asking for one of them raises AccessError.

    Args:
        kind: a key of `WRITES`.
    """
    return cast(_Port, _ReadOnly(port, kind))


def refused(where: str) -> AccessError:
    """For a write to what is open for reading alone."""
    return AccessError(
        expected="a project that is open for writing",
        got="one that is open read-only",
        where=where,
        hint="Open it without read_only=True, --read-only and home.read_only.",
    )


class _ReadOnly:
    def __init__(self, port: object, kind: str) -> None:
        self._port = port
        self._kind = kind

    def __getattr__(self, name: str) -> Any:
        if name in WRITES[self._kind]:
            raise refused(f"{self._kind}.{name}")
        return getattr(self._port, name)
