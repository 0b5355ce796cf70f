"""The Python types of single values, by logical type. Of those that are not named here a value is a list."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Final

PYTHON: Final[Mapping[str, type | tuple[type, ...]]] = {
    "int64": int,
    "float64": (int, float),
    "string": str,
    "bool": bool,
    "datetime": datetime,
    "date": date,
    "binary": bytes,
}
"""What a value is an instance of; True is an int to Python, and none here."""

EXACTLY: Final[Mapping[str, frozenset[type]]] = {
    kind: frozenset(types if isinstance(types, tuple) else (types,)) for kind, types in PYTHON.items()
}
"""What needs no closer look."""
