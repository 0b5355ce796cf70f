"""The executions that the code at hand is a part of: what they may not outlive, it may not publish.

Held by a context variable: it follows calls, an engine's tasks and `async` code; a thread that somebody starts by
himself does not have it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_enclosing: ContextVar[tuple[str, ...]] = ContextVar("mainspring_enclosing", default=())


def enclosing() -> tuple[str, ...]:
    """The ids of the executions around this place that hold a lease, the outermost first."""
    return _enclosing.get()


def enter(execution_id: str) -> tuple[str, ...]:
    """Be inside one more from here on; returns what was before, for `leave`."""
    before = _enclosing.get()
    _enclosing.set((*before, execution_id))
    return before


def leave(execution_id: str, before: tuple[str, ...]) -> None:
    """Be where one was before `enter`."""
    # Otherwise it ends elsewhere than it began, and nothing here is inside it.
    if _enclosing.get()[-1:] == (execution_id,):
        _enclosing.set(before)


@contextmanager
def within(*execution_ids: str) -> Iterator[None]:
    """Do the block inside these executions and no others: of another process, or none."""
    before = _enclosing.get()
    _enclosing.set(execution_ids)
    try:
        yield
    finally:
        _enclosing.set(before)
