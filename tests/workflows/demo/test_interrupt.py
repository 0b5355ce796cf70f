"""Ctrl-C that Python drops is heard at the next look."""

from __future__ import annotations

import gc
import os
import signal
import weakref
from collections.abc import Iterator

import pytest

from mainspring.workflows.demo.telling.interrupt import interruptible


class Circle:
    """Collected only by the collector."""

    def __init__(self) -> None:
        self.me = self


@pytest.fixture(autouse=True)
def _as_in_a_terminal() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_press_that_a_callback_swallows_is_raised_by_the_next_look() -> None:
    circle = Circle()
    watched = weakref.ref(circle, lambda _: os.kill(os.getpid(), signal.SIGINT))
    with interruptible() as check:
        check()
        del circle
        gc.collect()
        assert watched() is None
        with pytest.raises(KeyboardInterrupt):
            check()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_press_elsewhere_interrupts_at_once() -> None:
    with interruptible(), pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)


def test_whoever_ignores_it_is_left_alone() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with interruptible() as check:
        os.kill(os.getpid(), signal.SIGINT)
        check()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
