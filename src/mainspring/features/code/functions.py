"""Functions of the user that a definition names: by where they are, and by the digest of what they say."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import textwrap
from collections.abc import Callable
from typing import Any

from mainspring.errors import InputError, IntegrityError, UnknownNameError
from mainspring.features.code.closure import code_closure


def reference_of(function: Callable[..., Any]) -> str:
    """`module:qualname`, from which another process imports it."""
    return f"{function.__module__}:{function.__qualname__}"


def source_digest(function: Callable[..., Any], where: str) -> str:
    """SHA-256 of the function's source.

    Raises:
        InputError: its source cannot be read.
    """
    try:
        source = textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError) as error:
        raise InputError(
            expected="a function whose source can be read",
            got=getattr(function, "__qualname__", repr(function)),
            where=where,
            hint="Define it in a file that can be imported, not at a prompt.",
        ) from error
    return hashlib.sha256(source.encode()).hexdigest()


def helpers_digest(function: Callable[..., Any]) -> str | None:
    """Of the first-party code and values that a function reaches beside its own source; None where there are none."""
    return code_closure(function).helpers_of(function)


def imported(reference: str, where: str) -> Any:
    """What is at that place.

    Raises:
        UnknownNameError: it cannot be imported.
    """
    module, _, qualname = reference.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in qualname.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise UnknownNameError(
            expected="a function that can be imported",
            got=reference,
            where=where,
            hint="Define it in a module of the project and start where that module can be imported.",
        ) from error
    return found


def changed(expected: str, got: str, where: str, what: str = "function") -> IntegrityError:
    """The function at the place, or what it reaches, is not that which the definition was made with."""
    return IntegrityError(
        expected=f"the {what} that was defined with ({expected[:12]})",
        got=got[:12],
        where=where,
        hint=f"Restore the {what}, or define a new version of the view.",
    )
