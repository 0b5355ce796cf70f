"""A few long computations at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from mainspring.ports.engine import n_processors

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def each(
    function: Callable[[_Item], _Result], items: Sequence[_Item], *, at_once: bool = True
) -> list[_Result]:
    """What the function makes of each item, in order; in threads, because what is long in it leaves the interpreter."""
    if len(items) < 2 or not at_once:
        return [function(item) for item in items]
    with ThreadPoolExecutor(min(len(items), n_processors())) as pool:
        return list(pool.map(function, items))
