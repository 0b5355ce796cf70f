"""How long work tells whoever watches how far it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TypeAlias

Progress: TypeAlias = Callable[[str, int], AbstractContextManager[Callable[[], None]]]
"""Given what is done and how many parts it has, a block that calls what it gets once a part."""


@contextmanager
def silent(_text: str, _total: int) -> Iterator[Callable[[], None]]:
    """Nobody watches."""
    yield lambda: None
