"""Bars of progress: only on a terminal, only for what takes long, one below another."""

from __future__ import annotations

import io
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from mainspring.log import bars

SHOW_CURSOR = "\x1b[?25h"


class Terminal(io.StringIO):
    """Standard error, as a terminal or not."""

    def __init__(self, *, is_terminal: bool = True) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """What is to be standard error: a terminal that keeps what is written, and bars come at once."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(bars, "DELAY_S", 0.0)
    monkeypatch.setattr(bars._board, "hushed", False)
    return Terminal()


@contextmanager
def standard_error(found: Terminal) -> Iterator[None]:
    """Within a test: pytest puts its own there before each."""
    before, sys.stderr = sys.stderr, found
    try:
        yield
    finally:
        sys.stderr = before


def drawn_until(terminal: Terminal, *texts: str) -> None:
    """Wait for a picture that has all of these."""
    for _ in range(500):
        if all(text in terminal.getvalue() for text in texts):
            return
        time.sleep(0.02)
    raise AssertionError(terminal.getvalue())


def timers() -> list[threading.Thread]:
    """What would draw a bar."""
    return [
        thread
        for thread in threading.enumerate()
        if isinstance(thread, threading.Timer) and thread.is_alive()
    ]


def test_parts_are_counted(terminal: Terminal) -> None:
    """The text, what is done and of how many; of an endless one what is done."""
    with standard_error(terminal):
        with bars.drawn("files [read]", 3) as advance:
            advance()
            advance()
            drawn_until(terminal, "files [read]", "2/3")
        with bars.drawn("chunks", 0) as advance:
            advance()
            drawn_until(terminal, "chunks", "1/?")


def test_work_within_work_stands_below_it(terminal: Terminal) -> None:
    """Also that of another thread; the board ends with the last of them, and begins anew."""
    with standard_error(terminal):

        def other() -> None:
            with bars.drawn("third", 9) as advance:
                advance()
                drawn_until(terminal, "third", "1/9")

        with bars.drawn("first", 7) as advance, bars.drawn("second", 8):
            advance()
            thread = threading.Thread(target=other)
            thread.start()
            drawn_until(terminal, "first", "1/7", "second", "0/8")
            thread.join()
        with bars.drawn("again", 1):
            drawn_until(terminal, "again")


def test_what_is_soon_done_is_not_told_of(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written by work that ends before the delay, and no thread is left."""
    with standard_error(terminal):
        monkeypatch.setattr(bars, "DELAY_S", 3600.0)
        with bars.drawn("files", 3) as advance:
            advance()
        assert not terminal.getvalue()
        assert not timers()


def test_no_terminal_no_bar(terminal: Terminal) -> None:
    """A file or a pipe gets nothing; nor does a terminal while a program reads what is printed."""
    nowhere = Terminal(is_terminal=False)
    with standard_error(nowhere), bars.drawn("files", 3) as advance:
        advance()
        assert not timers()
    before = bars.hush(True)
    with standard_error(terminal), bars.drawn("files", 3) as advance:
        advance()
        assert not timers()
    assert bars.hush(before) is True
    assert not nowhere.getvalue() + terminal.getvalue()


def test_a_failure_ends_the_bar(terminal: Terminal) -> None:
    """The terminal is given back whatever is raised."""
    with standard_error(terminal):
        with pytest.raises(ValueError, match="broken"), bars.drawn("files", 3):
            drawn_until(terminal, "files")
            raise ValueError("broken")
        assert SHOW_CURSOR in terminal.getvalue()
