"""Ctrl-C, for work of minutes: Python drops the exception where the signal comes in a callback of its collector."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def interruptible() -> Iterator[Callable[[], None]]:
    """Within the block, what is given raises KeyboardInterrupt if Ctrl-C was pressed and nothing came of it.

    Ctrl-C interrupts at once, as ever; where that is lost, the next call does. Only the main thread hears signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    pressed = threading.Event()

    def press(number: int, frame: FrameType | None) -> None:
        pressed.set()
        signal.default_int_handler(number, frame)

    def check() -> None:
        if pressed.is_set():
            raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler:
        # Somebody decided otherwise: to ignore it, or to handle it.
        yield check
        return
    signal.signal(signal.SIGINT, press)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, before)
