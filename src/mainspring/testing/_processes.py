"""Run a function in several fresh processes at once, as a contract test needs it."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any, TypeVar

_T = TypeVar("_T")


def in_processes(function: Callable[..., _T], arguments: Sequence[tuple[Any, ...]]) -> list[_T]:
    """Call an importable function once for each tuple of arguments, each in a process of its own."""
    with ProcessPoolExecutor(len(arguments), mp_context=multiprocessing.get_context("spawn")) as pool:
        return [future.result() for future in [pool.submit(function, *given) for given in arguments]]
