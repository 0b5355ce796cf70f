"""What a line belongs to: the command, the request, the execution. Held by a context variable, beside no thread."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

MAX_ID_CHARACTERS: Final = 128
_ID: Final = re.compile(rf"[!-~]{{1,{MAX_ID_CHARACTERS}}}")

_process: dict[str, str] = {}
_bound: ContextVar[Mapping[str, str]] = ContextVar("mainspring_log", default={})  # noqa: B039  never written to


def is_id(text: str) -> bool:
    """Whether this can be a correlation or request id: 1 to 128 visible ASCII characters, without a space."""
    return _ID.fullmatch(text) is not None


def context() -> dict[str, str]:
    """The fields that a line said here and at this moment carries: the process' own, then what is bound."""
    return {**_process, **_bound.get()}


@contextmanager
def bound(**fields: str) -> Iterator[None]:
    """Lines said in the block carry these fields, also by what it awaits and by the tasks that it hands to an engine.

    A thread that the block starts by itself does not have them.
    """
    before = bind(fields)
    try:
        yield
    finally:
        restore(before)


def carried() -> dict[str, str]:
    """What is bound here, for work that goes on in another process: bind it there."""
    return dict(_bound.get())


def bind(fields: Mapping[str, str]) -> Mapping[str, str]:
    """Add fields to what is bound here; returns what was before, for `restore`."""
    before = _bound.get()
    _bound.set({**before, **fields} if before else fields)
    return before


def find_bound(name: str) -> str | None:
    """What is bound here under a name; None if nothing is."""
    return _bound.get().get(name)


def restore(before: Mapping[str, str]) -> None:
    """Bind what was bound before, and nothing else."""
    # By value and not by a token: a block may be left in another context than the one in which it was entered.
    _bound.set(before)


def bind_process(fields: Mapping[str, str]) -> None:
    """Fields that every line of this process carries, in place of those that it had."""
    _process.clear()
    _process.update(fields)
