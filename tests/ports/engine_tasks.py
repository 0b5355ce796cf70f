"""What the engine's tests ask workers to do; a module of its own, so that a worker starts in no time."""

from __future__ import annotations

import ctypes
import faulthandler
import os
import signal
import time
from typing import Any


def pid() -> int:
    return os.getpid()


def leave() -> None:
    os._exit(3)


def kill_self() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def segfault() -> None:
    faulthandler.disable()
    ctypes.string_at(0)


def fork_and_die() -> None:
    """A child of the worker outlives it, with all its pipes."""
    if os.fork() == 0:
        time.sleep(60)
        os._exit(0)
    os._exit(5)


def hang() -> None:
    while True:
        time.sleep(60)


def hold_the_lock() -> None:
    """Hangs with the interpreter's lock held, as an extension may."""
    ctypes.PyDLL(None).sleep(3600)


class Unpicklable:
    def __reduce__(self) -> Any:
        raise TypeError("not this one")


class Opens:
    """Packs, and does not unpack."""

    def __reduce__(self) -> Any:
        return refuse, ()


def refuse() -> None:
    raise TypeError("came to nothing")


class OddError(Exception):
    """Packs, and does not unpack: its constructor takes more than the message."""

    def __init__(self, code: int, place: str) -> None:
        super().__init__(f"{code} in {place}")


def odd() -> None:
    raise OddError(7, "the cellar")


def same(value: Any) -> Any:
    return value
