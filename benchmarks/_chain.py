"""A pipeline of as many steps as wished, each of which does nothing but its bookkeeping."""

from __future__ import annotations

from typing import Any

import mainspring as ms


@ms.step
def first(*, start: int) -> int:
    return start


@ms.step
def following(value: int) -> int:
    return value + 1


@ms.pipeline
def chain(start: int, length: int) -> Any:
    value = first(start=start)
    for _ in range(length - 1):
        value = following(value)
    return value
