"""Guards: what has to be in a store for a put to be written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from mainspring.errors import ConflictError
from mainspring.ports.keys._codec import encode
from mainspring.ports.keys._entry import Entry

Guards: TypeAlias = Mapping[bytes, Entry | None]
"""Keys, and what each has to hold; None = nothing."""


class OvertakenError(ConflictError):
    """A guard of a put holds something else by now: nothing more of it was written."""


def encode_guards(space: str, start: bytes, guards: Guards | None) -> list[tuple[bytes, bytes | None]]:
    """The key behind `start` of each guard, and what has to be stored there; None = nothing.

    Raises:
        InputError: as for `encode`.
    """
    found = (guards or {}).items()
    return [(start + key, None if entry is None else encode(space, entry)) for key, entry in found]


def overtaken(space: str, where: str) -> OvertakenError:
    """For a guard that holds something else."""
    return OvertakenError(
        expected="the guards that the put was given",
        got="another one by now",
        where=f"{where}, keys space {space!r}",
        hint="Read the guards and what is to be written anew, and put that.",
    )
