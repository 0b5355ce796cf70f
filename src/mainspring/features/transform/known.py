"""Functions of custom transformations: those that this process has seen, and those that it imports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from mainspring.features.functions import changed, helpers_digest, imported, source_digest
from mainspring.features.spec import FunctionSpec

_KNOWN: Final[dict[FunctionSpec, Callable[..., Any]]] = {}


def remember(spec: FunctionSpec, function: Callable[..., Any]) -> None:
    """It need not be imported again by this process, where it may be a notebook's."""
    _KNOWN[spec] = function


def load(spec: FunctionSpec, where: str) -> Callable[..., Any]:
    """The function that a definition was made with.

    Raises:
        UnknownNameError: it cannot be imported.
        IntegrityError: what is imported says something else.
    """
    if spec not in _KNOWN:
        found = imported(spec.reference, where)
        got = source_digest(found, where)
        if got != spec.digest:
            raise changed(spec.digest, got, where)
        helpers = helpers_digest(found)
        if helpers != spec.helpers:
            raise changed(
                spec.helpers or "none", helpers or "none", where, "code and values that the function reaches"
            )
        _KNOWN[spec] = found
    return _KNOWN[spec]
