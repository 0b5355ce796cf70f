"""Functions of custom transformations: those that this process has seen, and those that it imports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from mainspring.errors import InputError
from mainspring.features.code.functions import changed, helpers_digest, imported, source_digest
from mainspring.features.spec import FunctionSpec, Transformations

_KNOWN: Final[dict[FunctionSpec, Callable[..., Any]]] = {}


def remember(spec: FunctionSpec, function: Callable[..., Any]) -> None:
    """It need not be imported again by this process, where it may be a notebook's."""
    _KNOWN[spec] = function


def check_importable(transformations: Transformations, where: str) -> None:
    """Refuses functions that no other process can import: of a notebook or script, or inside of another function.

    Raises:
        InputError: there is one.
    """
    for step in transformations.steps:
        function = step.transform.apply
        if function is None:
            continue
        module, _, qualname = function.reference.partition(":")
        if module == "__main__" or "<" in qualname:
            raise InputError(
                expected="functions of a module that a serving process imports",
                got=function.reference,
                where=f"{where}, transform.custom({step.transform.options['name']!r})",
                hint="Move the function to a file of the project, such as features/transforms.py, import it from "
                "there, and define the view's next version with it.",
            )


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
                spec.helpers or "none",
                helpers or "none",
                where,
                "code and values that the function reaches or was made with",
            )
        _KNOWN[spec] = found
    return _KNOWN[spec]
