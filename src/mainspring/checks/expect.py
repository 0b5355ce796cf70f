"""Constructors of expectations, used as `ms.expect.between("temp", -40, 130)`.

Every rule about rows judges only rows where its columns are not null: say `not_null` beside it where a value
must be there. `mostly` is the share of judged rows that must hold. NaN is neither null nor in any range, and
`not_null` takes it for missing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import date, datetime

from mainspring.checks.spec import Expectation, Plain, Severity
from mainspring.errors import InputError
from mainspring.types import utc

Bound = int | float | str | date | datetime | None


def between(
    column: str,
    low: Bound = None,
    high: Bound = None,
    *,
    severity: str = "critical",
    mostly: float = 1.0,
) -> Expectation:
    """Values lie in [low, high], both ends included; None leaves a side open. NaN lies in no range.

    Args:
        column: a numeric, time or text column (text compares by code point).
        low: smallest right value; a naive datetime is read as UTC.
        high: largest right value.
        severity: "critical" fails a validation, "warning" only reports.
        mostly: share of non-null rows that must hold, in (0, 1].

    Raises:
        InputError: both sides are open, low > high, or an argument is of another type.
    """
    where = f"expect.between({column!r})"
    if low is None and high is None:
        raise _refused("at least one bound", "None on both sides", where, "Give low, high or both.")
    bounds = {"low": _plain_bound(low, where), "high": _plain_bound(high, where)}
    if low is not None and high is not None:
        _ordered(bounds["low"], bounds["high"], where)
    return _make("between", (column,), dict(bounds), severity, mostly)


def not_null(column: str, *, severity: str = "critical", mostly: float = 1.0) -> Expectation:
    """A value is there: neither null nor NaN. Here every row is judged."""
    return _make("not_null", (column,), {}, severity, mostly)


def in_set(
    column: str,
    values: Iterable[Plain],
    *,
    severity: str = "critical",
    mostly: float = 1.0,
) -> Expectation:
    """Values are among `values`, which are of the column's own type.

    Raises:
        InputError: `values` is empty, is one text, or holds None (nulls are never judged).
    """
    where = f"expect.in_set({column!r})"
    if isinstance(values, str | bytes):
        raise _refused(
            "a list of values",
            repr(values),
            where,
            f"Write [{values!r}] for a set of one value.",
        )
    listed = tuple(values)
    if not listed or any(value is None for value in listed):
        hint = "Nulls are not judged here; use expect.not_null for them."
        raise _refused(
            "one or more values, none of them None",
            repr(list(listed))[:200],
            where,
            hint,
        )
    for value in listed:
        if not _is_plain(value):
            raise _refused(
                "plain finite values",
                repr(value),
                where,
                "Give numbers, text or booleans.",
            )
    return _make("in_set", (column,), {"values": listed}, severity, mostly)


def unique(columns: str | Iterable[str], *, severity: str = "critical", mostly: float = 1.0) -> Expectation:
    """No two rows carry the same combination of values; every row of a repeated combination breaks it.

    Rows with a null among `columns` are not judged, as in SQL.
    """
    listed = (columns,) if isinstance(columns, str) else tuple(columns)
    if not listed or len(set(listed)) < len(listed):
        raise _refused(
            "one or more different columns",
            repr(list(listed)),
            "expect.unique",
            "Name each column once.",
        )
    return _make("unique", listed, {}, severity, mostly)


def matches(column: str, regex: str, *, severity: str = "critical", mostly: float = 1.0) -> Expectation:
    """The whole text matches `regex` (syntax of the Rust `regex` crate: no look-around, no back-references).

    Raises:
        InputError: `regex` does not compile.
    """
    import polars as pl

    where = f"expect.matches({column!r})"
    if not isinstance(regex, str):
        raise _refused(
            "a regular expression as text",
            repr(regex),
            where,
            "Write it such as r'[A-Z]{3}'.",
        )
    try:
        pl.Series([""]).str.contains(rf"\A(?:{regex})\z")
    except pl.exceptions.ComputeError as error:
        hint = "Polars uses Rust's regex syntax: no look-around and no back-references."
        raise _refused("a regular expression that compiles", repr(regex), where, hint) from error
    return _make("matches", (column,), {"regex": regex}, severity, mostly)


def row_count(low: int | None = None, high: int | None = None, *, severity: str = "critical") -> Expectation:
    """The frame has between `low` and `high` rows, both included; None leaves a side open."""
    where = "expect.row_count"
    if low is None and high is None:
        raise _refused("at least one bound", "None on both sides", where, "Give low, high or both.")
    for bound in (low, high):
        if bound is not None and (isinstance(bound, bool) or not isinstance(bound, int) or bound < 0):
            raise _refused(
                "whole numbers of rows, 0 or more",
                repr(bound),
                where,
                "Count rows with an int.",
            )
    if low is not None and high is not None:
        _ordered(low, high, where)
    return _make("row_count", (), {"low": low, "high": high}, severity, 1.0)


def of(
    kind: str,
    *columns: str,
    severity: str = "critical",
    mostly: float = 1.0,
    **parameters: Plain | list[Plain] | tuple[Plain, ...],
) -> Expectation:
    """An expectation of a kind that a plug-in adds: `of("multiple_of", "seats", by=5)`.

    Args:
        kind: the plug-in's name in the group `mainspring.expectations`.
        columns: the columns that it reads.
        parameters: the rule's own, as its plug-in documents them: plain values, or lists of them.

    Raises:
        UnknownNameError: no installed plug-in adds that kind.
        PluginError: the plug-in cannot be used.
        InputError: a parameter is not plain, or is not what the rule takes.
    """
    from mainspring.checks.rules import find_plugin, get_rule

    where = f"expect.of({kind!r})"
    plugin = find_plugin(kind)
    made = _make(kind, columns, {}, severity, mostly, None if plugin is None else plugin.distribution)
    rule = get_rule(made)
    if plugin is None:
        raise _refused("a kind that a plug-in adds", f"{kind!r}, which is ours", where, f"Use expect.{kind}.")
    if rule.breaks is not None and not columns:
        raise _refused("the columns that the rule reads", "none", where, "Name them behind the kind.")
    plain = {name: tuple(value) if isinstance(value, list) else value for name, value in parameters.items()}
    for name, value in plain.items():
        for item in value if isinstance(value, tuple) else (value,):
            if not _is_plain(item):
                raise _refused("plain finite values", repr(item), f"{where}, {name}", "Give numbers or text.")
    made = made.model_copy(update={"parameters": plain})
    if rule.check is not None:
        rule.check(made)
    return made


def _is_plain(value: object) -> bool:
    return value is None or (
        isinstance(value, bool | int | float | str)
        and not (isinstance(value, float) and not math.isfinite(value))
    )


def _make(
    kind: str,
    columns: tuple[str, ...],
    parameters: dict[str, Plain | tuple[Plain, ...]],
    severity: str,
    mostly: float,
    distribution: str | None = None,
) -> Expectation:
    where = f"expect.{kind}"
    for column in columns:
        if not isinstance(column, str) or not column:
            raise _refused("the name of a column", repr(column), where, "Name the column as text.")
    if severity not in tuple(Severity):
        raise _refused(
            'severity "critical" or "warning"',
            repr(severity),
            where,
            "Only a critical one fails.",
        )
    if isinstance(mostly, bool) or not isinstance(mostly, int | float) or not 0.0 < mostly <= 1.0:
        raise _refused(
            "mostly in (0, 1]",
            repr(mostly),
            where,
            "0.99 lets one row in a hundred break it.",
        )
    return Expectation(
        kind=kind,
        columns=columns,
        parameters=parameters,
        severity=Severity(severity),
        mostly=float(mostly),
        distribution=distribution,
    )


def _plain_bound(bound: object, where: str) -> Plain:
    if isinstance(bound, datetime):
        return utc(bound).isoformat()
    if isinstance(bound, date):
        return bound.isoformat()
    if bound is None or isinstance(bound, str):
        return bound
    if isinstance(bound, bool) or not isinstance(bound, int | float) or not math.isfinite(bound):
        raise _refused(
            "a finite number, text or time as bound",
            repr(bound),
            where,
            "None leaves a side open.",
        )
    return bound


def _ordered(low: object, high: object, where: str) -> None:
    try:
        right = low <= high  # type: ignore[operator]
    except TypeError:
        right = False
    if not right:
        raise _refused(
            "low <= high, of one type",
            f"low={low!r}, high={high!r}",
            where,
            "Swap or correct them.",
        )


def _refused(expected: str, got: str, where: str, hint: str) -> InputError:
    return InputError(expected=expected, got=got, where=where, hint=hint)
