"""The executions that the code at hand is a part of: what they may not outlive, it may not publish.

Held by a context variable: it follows calls, an engine's tasks and `async` code; a thread that somebody starts by
himself does not have it.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_Inside = tuple[tuple[str, Callable[[], object]], ...]
"""Ids, and whether what was entered is still there: None once it is not."""

_enclosing: ContextVar[_Inside] = ContextVar("mainspring_enclosing", default=())


def enclosing() -> tuple[str, ...]:
    """The ids of the executions around this place that hold a lease, the outermost first."""
    return tuple(execution_id for execution_id, there in _enclosing.get() if there() is not None)


def enter(execution_id: str, block: object) -> None:
    """Be inside one more from here on, until `leave`, or until nobody has the block any more that could end it."""
    _enclosing.set((*_enclosing.get(), (execution_id, weakref.ref(block))))


def leave(execution_id: str) -> None:
    """Be inside it no longer, if one is: it may end in another context than the one where it began."""
    _enclosing.set(tuple(each for each in _enclosing.get() if each[0] != execution_id))


@contextmanager
def within(*execution_ids: str) -> Iterator[None]:
    """Do the block inside these executions and no others: of another process, or none."""
    before = _enclosing.get()
    _enclosing.set(tuple((execution_id, lambda: True) for execution_id in execution_ids))
    try:
        yield
    finally:
        _enclosing.set(before)
