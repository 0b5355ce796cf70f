"""Arguments of expectations at the door: each is brought to plain values, or refused."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import Any, Final, TypedDict

from mainspring.checks.condition import parse
from mainspring.checks.spec import Environment, Expectation, Plain, Severity
from mainspring.errors import InputError, UnknownNameError
from mainspring.types import utc

Bound = int | float | str | date | datetime | None
"""A number, text or time; a naive time is UTC. None = that side is open."""

Item = bool | int | float | str | date | datetime
"""A value of a set."""


class Told(TypedDict, total=False):
    """What every expectation takes beside its own arguments.

    Attributes:
        severity: "critical" (the default) fails a validation, "warning" and "info" are only told.
        meta: plain JSON for people and other tools; nothing reads it here.
        environment: "training" or "serving" for what says nothing of rows elsewhere; None = holds in both.
    """

    severity: str
    meta: Mapping[str, Any]
    environment: str | None


class Options(Told, total=False):
    """What an expectation about some of the rows takes, too.

    Attributes:
        row_condition: judges only rows where it holds, such as "origin == 'JFK' and temp > 3".
    """

    row_condition: str | None


class RowOptions(Options, total=False):
    """What an expectation about single rows takes, too.

    Attributes:
        mostly: the share of judged rows that must hold, in [0, 1]; 1.0 by default.
    """

    mostly: float


_TOLD: Final = ("severity", "meta", "environment")
_ALLOWED: Final = {
    "told": _TOLD,
    "frame": (*_TOLD, "row_condition"),
    "rows": (*_TOLD, "row_condition", "mostly"),
}


def made(
    kind: str,
    columns: tuple[str, ...],
    parameters: Mapping[str, Any],
    options: Mapping[str, Any],
    takes: str = "rows",
    distribution: str | None = None,
) -> Expectation:
    """The expectation of these arguments, whose options are checked here.

    Args:
        takes: which options there are: those of "rows", of the "frame", or only what is "told".

    Raises:
        InputError: an option is unknown or wrong, or a column's name is no text.
    """
    where = f"expect.{kind}"
    for name in options:
        if name not in _ALLOWED[takes]:
            raise UnknownNameError.of("argument", name, _ALLOWED[takes], where)
    for column in columns:
        column_name(column, where)
    return Expectation(
        kind=kind,
        columns=columns,
        parameters=dict(parameters),
        severity=_severity(options.get("severity", "critical"), where),
        mostly=_mostly(options.get("mostly", 1.0), where),
        row_condition=_condition(options.get("row_condition"), where),
        meta=_meta(options.get("meta"), where),
        environment=find_environment(options.get("environment"), where),
        distribution=distribution,
    )


def find_environment(given: object, where: str) -> Environment | None:
    """The environment of that name; None for None.

    Raises:
        InputError: there is no such environment.
    """
    if given is not None and given not in tuple(Environment):
        hint = "Leave it out for what holds in both."
        raise refused('environment "training" or "serving"', repr(given), where, hint)
    return None if given is None else Environment(str(given))


def _severity(given: object, where: str) -> Severity:
    if given not in tuple(Severity):
        hint = "Only a critical one fails a validation."
        raise refused('severity "critical", "warning" or "info"', repr(given), where, hint)
    return Severity(str(given))


def _mostly(given: object, where: str) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0.0 <= given <= 1.0:
        raise refused("mostly in [0, 1]", repr(given), where, "0.99 lets one row in a hundred break it.")
    return float(given)


def _condition(given: object, where: str) -> str | None:
    if given is not None:
        parse(given, where)
    return None if given is None else str(given)


def _meta(given: object, where: str) -> dict[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, Mapping) or not is_json(dict(given)):
        raise refused(
            "meta as a mapping of plain JSON", repr(given)[:200], where, "Leave it out, or give a dict."
        )
    return dict(given)


def is_json(value: object) -> bool:
    """Whether a value is plain JSON with text as keys."""
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and is_json(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return all(is_json(item) for item in value)
    return is_plain(value)


def is_plain(value: object) -> bool:
    """Whether a value is one that JSON can hold as it is."""
    return value is None or (
        isinstance(value, bool | int | float | str)
        and not (isinstance(value, float) and not math.isfinite(value))
    )


def column_name(given: object, where: str) -> str:
    """The name of a column."""
    if not isinstance(given, str) or not given:
        raise refused("the name of a column", repr(given), where, "Name the column as text.")
    return given


def column_names(given: object, where: str, at_least: int = 1) -> tuple[str, ...]:
    """Names of different columns, from a list of them."""
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise refused("a list of columns", repr(given), where, "Write a list such as ['a', 'b'].")
    listed = tuple(given)
    for each in listed:
        column_name(each, where)
    if len(listed) < at_least or len(set(listed)) < len(listed):
        words = "one or more" if at_least == 1 else f"{at_least} or more"
        raise refused(f"{words} different columns", repr(list(listed)), where, "Name each column once.")
    return listed


def bounds(
    low: object, high: object, where: str, *, strict_min: object = False, strict_max: object = False
) -> dict[str, Any]:
    """Both ends of a range as parameters; an end that is not strict leaves that word out."""
    if low is None and high is None:
        raise refused("at least one bound", "None on both sides", where, "Give low, high or both.")
    found = {"low": plain_bound(low, where), "high": plain_bound(high, where)}
    if low is not None and high is not None:
        ordered(found["low"], found["high"], where)
    strict = {
        "strict_min": flag(strict_min, "strict_min", where),
        "strict_max": flag(strict_max, "strict_max", where),
    }
    return {**found, **{name: True for name, is_strict in strict.items() if is_strict}}


def number_bounds(
    low: object,
    high: object,
    where: str,
    *,
    take: Callable[[object, str, str], float],
    strict_min: object = False,
    strict_max: object = False,
) -> dict[str, Any]:
    """The same of numbers that `take` accepts: `number`, `count` or `share`."""
    for given in (low, high):
        if given is not None:
            take(given, "bound", where)
    return bounds(low, high, where, strict_min=strict_min, strict_max=strict_max)


def plain_bound(given: object, where: str) -> Plain:
    """A bound as JSON holds it: times become ISO 8601 text."""
    if isinstance(given, datetime):
        return utc(given).isoformat()
    if isinstance(given, date):
        return given.isoformat()
    if given is None or isinstance(given, str):
        return given
    if isinstance(given, bool) or not isinstance(given, int | float) or not math.isfinite(given):
        raise refused(
            "a finite number, text or time as bound", repr(given), where, "None leaves a side open."
        )
    return given


def ordered(low: object, high: object, where: str) -> None:
    """Refuses a lower bound above the upper one."""
    try:
        right = low <= high  # type: ignore[operator]
    except TypeError:
        right = False
    if not right:
        raise refused(
            "low <= high, of one type", f"low={low!r}, high={high!r}", where, "Swap or correct them."
        )


def value_set(given: object, where: str) -> tuple[Plain, ...]:
    """One or more values, none of them None; times become ISO 8601 text."""
    if isinstance(given, str | bytes):
        raise refused("a list of values", repr(given), where, f"Write [{given!r}] for a set of one value.")
    if not isinstance(given, Iterable):
        raise refused("a list of values", repr(given), where, "Write a list such as ['a', 'b'].")
    listed = tuple(given)
    if not listed or any(value is None for value in listed):
        hint = "Nulls are not judged here; use expect.not_null for them."
        raise refused("one or more values, none of them None", repr(list(listed))[:200], where, hint)
    return tuple(_set_item(value, where) for value in listed)


def _set_item(value: object, where: str) -> Plain:
    if isinstance(value, datetime):
        return utc(value).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if not is_plain(value):
        raise refused("plain finite values", repr(value), where, "Give numbers, text, times or booleans.")
    return value  # type: ignore[return-value]


def number(given: object, name: str, where: str) -> float:
    """A finite number."""
    if isinstance(given, bool) or not isinstance(given, int | float) or not math.isfinite(given):
        raise refused(f"a finite number as {name}", repr(given), where, "Give an int or a float.")
    return given


def count(given: object, name: str, where: str) -> int:
    """A whole number from 0."""
    if isinstance(given, bool) or not isinstance(given, int) or given < 0:
        raise refused(f"a whole number, 0 or more, as {name}", repr(given), where, "Count with an int.")
    return given


def share(given: object, name: str, where: str) -> float:
    """A number in [0, 1]."""
    if not 0.0 <= number(given, name, where) <= 1.0:
        raise refused(f"a share in [0, 1] as {name}", repr(given), where, "0.5 is half of the rows.")
    return number(given, name, where)


def flag(given: object, name: str, where: str) -> bool:
    """True or False."""
    if not isinstance(given, bool):
        raise refused(f"{name} as True or False", repr(given), where, f"Leave {name} out, or give a bool.")
    return given


def choice(given: object, name: str, known: tuple[str, ...], where: str) -> str:
    """One of some words."""
    if given not in known:
        raise UnknownNameError.of(name, given, known, where)
    return str(given)


def text(given: object, name: str, where: str) -> str:
    """Text that is not empty."""
    if not isinstance(given, str) or not given:
        raise refused(f"text as {name}", repr(given), where, "Write it in quotes; it must not be empty.")
    return given


def texts(given: object, name: str, where: str) -> tuple[str, ...]:
    """One or more texts, from a list."""
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise refused(f"a list of texts as {name}", repr(given), where, "Write a list, also of one.")
    listed = tuple(given)
    if not listed:
        raise refused(f"one or more texts as {name}", "none", where, "An empty list says nothing.")
    return tuple(text(each, name, where) for each in listed)


def refused(expected: str, got: str, where: str, hint: str) -> InputError:
    """The four parts of a refusal."""
    return InputError(expected=expected, got=got, where=where, hint=hint)
