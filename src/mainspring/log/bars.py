"""Bars on standard error for work that takes long: the one way in which progress is drawn.

A bar is drawn from a second of work on, and only where standard error is a terminal. Bars of work within other work,
or of other threads, stand below one another.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import ProgressColumn

DELAY_S: Final = 1.0
"""What ends before is not told of: a bar that flashes up says nothing."""


@contextmanager
def drawn(text: str, total: int) -> Iterator[Callable[[], None]]:
    """A bar with so many parts, or an endless one for 0; gives what is to be called once a part."""
    if _board.hushed or not sys.stderr.isatty():
        yield lambda: None
        return
    bar = _Bar(text, total)
    delay = threading.Timer(DELAY_S, bar.show)
    delay.daemon = True
    delay.start()
    try:
        yield bar.advance
    finally:
        delay.cancel()
        delay.join()
        bar.end()


def hush(quiet: bool) -> bool:
    """Draw nothing from now on, or draw again; returns what held before. For commands whose output programs read."""
    before, _board.hushed = _board.hushed, quiet
    return before


def columns() -> list[ProgressColumn]:
    """What a line of progress is made of, wherever it is drawn."""
    from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn

    class Parts(MofNCompleteColumn):
        """Parts done of all; nothing where nobody knows how many there are and none was counted."""

        def render(self, task: Any) -> Any:
            return super().render(task) if task.total or task.completed else ""

    return [
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=28),
        Parts(),
        TimeElapsedColumn(),
    ]


class _Bar:
    """A line of the board, from when it is shown to its end."""

    def __init__(self, text: str, total: int) -> None:
        self._text = text
        self._total = total or None
        self._done = 0
        self._task: Any = None
        self._ended = False
        self._lock = threading.Lock()

    def advance(self) -> None:
        with self._lock:
            self._done += 1
            if self._task is not None:
                _board.drawing.update(self._task, completed=self._done)

    def show(self) -> None:
        with self._lock:
            if not self._ended:
                self._task = _board.add(self._text, self._total, self._done)

    def end(self) -> None:
        with self._lock:
            self._ended = True
            if self._task is not None:
                _board.remove(self._task)


class _Board:
    """The lines that are shown; drawn from the first to the last."""

    def __init__(self) -> None:
        self.drawing: Any = None
        self.hushed = False
        self._n_lines = 0
        self._lock = threading.Lock()

    def add(self, text: str, total: int | None, done: int) -> Any:
        from rich.console import Console
        from rich.progress import Progress

        with self._lock:
            if not self._n_lines:
                self.drawing = _progress(Progress, Console(stderr=True))
                self.drawing.start()
            self._n_lines += 1
            return self.drawing.add_task(text, total=total, completed=done)

    def remove(self, task: Any) -> None:
        with self._lock:
            self.drawing.remove_task(task)
            self._n_lines -= 1
            if not self._n_lines:
                self.drawing.stop()


def _progress(kind: Callable[..., Any], console: Console) -> Any:
    # Output of the program stays where it goes: a bar must not stand between it and a pipe.
    return kind(
        *columns(),
        console=console,
        transient=True,
        refresh_per_second=8,
        redirect_stdout=False,
        redirect_stderr=True,
    )


_board: Final = _Board()
