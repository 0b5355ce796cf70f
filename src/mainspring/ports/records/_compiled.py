"""What SQLAlchemy compiles is kept for all engines of this process.

It keeps compiled statements by dialect object, and each engine has one of its own: the second engine of a project, and
whoever opens another project, would compile again what this process has compiled before. That takes longer than
running it.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy.dialects import registry
from sqlalchemy.engine import Dialect
from sqlalchemy.util import LRUCache

MOST: Final = 2_000
"""Statements that are kept; there are some hundred."""

KEPT: Final[dict[str, Any]] = {"compiled_cache": LRUCache(MOST)}
"""Execution options of engines whose dialect is `Alike`, and whose JSON is written by the same function."""


class Alike(Dialect):
    """Equal to every other of its class for a server of the same version: they compile the same."""

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and _version(self) == _version(other)

    def __hash__(self) -> int:
        return hash(type(self))


def driver(made: type[Alike]) -> str:
    """The driver's name in URLs whose engines are to have this dialect."""
    registry.register(f"{made.name}.mainspring", made.__module__, made.__name__)
    return f"{made.name}+mainspring"


def _version(dialect: Any) -> object:
    """The server's; None before the first connection."""
    return getattr(dialect, "server_version_info", None)
