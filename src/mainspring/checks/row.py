"""One row of plain values against a list of expectations, without a frame: for requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import polars as pl

from mainspring.checks.condition import check_columns, parse
from mainspring.checks.rule import RowJudge, Rule
from mainspring.checks.rules import get_rule
from mainspring.checks.spec import Expectation, Severity
from mainspring.errors import InputError, UnknownNameError
from mainspring.lineage.spec import Verdict

_NONE: Final = type(None)


@dataclass(frozen=True, slots=True)
class RowFinding:
    """What expectations found in one row.

    Attributes:
        broken: places, in the list of expectations, of those that the row breaks.
        unjudged: places of those that do not judge it: a value is missing, or their condition is not met.
        verdict: `fail` if a critical expectation is broken, else `insufficient_data` if one judged nothing.
    """

    broken: tuple[int, ...]
    unjudged: tuple[int, ...]
    verdict: Verdict


class RowCheck:
    """Expectations compiled for rows of one schema. It says of a row what `validate` says of a frame of that row.

    Threads may share it. Values are those that polars gives back: int, float, str, bool, date, datetime (aware where
    the column has a time zone), or None.

    Attributes:
        expectations: in the order of the places in a finding.
    """

    def __init__(self, expectations: Sequence[Expectation], types: Mapping[str, pl.DataType]) -> None:
        """Compile.

        Args:
            types: column → polars type, of the columns that are read at least.

        Raises:
            InputError: an expectation does not judge a row by its own values, its rule gives no judgement of single
                rows, or it reads a column of a type that has no plain values.
            UnknownNameError: an expectation reads a column without a type.
        """
        self.expectations = tuple(expectations)
        schema = pl.Schema(types)
        self._judges = [_judge(expectation, schema) for expectation in self.expectations]
        self._allowed = [(name, _allowed(name, schema)) for name in _columns(self.expectations)]
        self._is_critical = [each.severity is Severity.CRITICAL for each in self.expectations]

    def __call__(self, row: Mapping[str, Any]) -> RowFinding:
        """What the expectations find in a row.

        Raises:
            UnknownNameError: a column that is read is not in the row.
            InputError: its value is of another type.
        """
        try:
            for name, allowed in self._allowed:
                if type(row[name]) not in allowed:
                    raise _of_type(name, row[name], allowed)
        except KeyError as error:
            raise UnknownNameError.of("column", error.args[0], row, "the row") from None
        try:
            found = [judge(row) for judge in self._judges]
        except TypeError as error:
            expected = "times with a zone where the column has one, and without where it has none"
            raise InputError(
                expected=expected,
                got=str(error),
                where="the row",
                hint="Give times as polars gives them back.",
            ) from error
        if True not in found and None not in found:
            return _HELD
        broken = tuple(place for place, breaks in enumerate(found) if breaks)
        unjudged = tuple(place for place, breaks in enumerate(found) if breaks is None)
        return RowFinding(broken, unjudged, self._verdict(broken, unjudged))

    def _verdict(self, broken: Sequence[int], unjudged: Sequence[int]) -> Verdict:
        if any(self._is_critical[place] for place in broken):
            return Verdict.FAIL
        waits = any(self._is_critical[place] for place in unjudged)
        return Verdict.INSUFFICIENT_DATA if waits else Verdict.PASS


_HELD: Final = RowFinding((), (), Verdict.PASS)


def _columns(expectations: Sequence[Expectation]) -> list[str]:
    read = dict.fromkeys(column for each in expectations for column in each.columns)
    for each in expectations:
        if each.row_condition is not None:
            read.update(dict.fromkeys(parse(each.row_condition, f"expectation {each.name}").columns()))
    return list(read)


def _judge(expectation: Expectation, schema: pl.Schema) -> RowJudge:
    """True where a row breaks the expectation, None where it is not judged."""
    where = f"expectation {expectation.name}"
    for column in expectation.columns:
        if column not in schema:
            raise UnknownNameError.of("column", column, schema.names(), where)
    rule = get_rule(expectation)
    if rule.row is None or not rule.alone:
        raise InputError(
            expected="expectations that judge a row by its own values",
            got=f"kind {expectation.kind!r}",
            where=where,
            hint="Leave it out for single rows: it needs other rows, or its plug-in gives no `row`.",
        )
    judge = _where_there(expectation, rule, rule.row(expectation, schema))
    if expectation.row_condition is None:
        return judge
    condition = parse(expectation.row_condition, where)
    check_columns(condition, schema, where)
    meets = condition.row(schema)
    return lambda row: judge(row) if meets(row) else None


def _where_there(expectation: Expectation, rule: Rule, breaks: RowJudge) -> RowJudge:
    """Judges only rows in which no column is null, where the rule leaves that to us."""
    if rule.judges_nulls or rule.judged is not None:
        return breaks
    if len(expectation.columns) == 1:
        (column,) = expectation.columns
        return lambda row: None if row[column] is None else breaks(row)
    columns = expectation.columns
    return lambda row: None if any(row[column] is None for column in columns) else breaks(row)


def _allowed(name: str, schema: pl.Schema) -> frozenset[type]:
    """Python types of a column's values."""
    dtype = schema[name]
    if dtype.is_integer():
        return frozenset({int, _NONE})
    for kind, python in (
        (pl.Float64, (float, int)),
        (pl.String, (str,)),
        (pl.Categorical, (str,)),
        (pl.Enum, (str,)),
        (pl.Boolean, (bool,)),
        (pl.Date, (date,)),
        (pl.Datetime, (datetime,)),
    ):
        if dtype == kind:
            return frozenset({*python, _NONE})
    raise InputError(
        expected="columns of whole numbers, float64, text, booleans and times",
        got=f"type {dtype}",
        where=f"column {name!r}",
        hint="Check such a column in a frame.",
    )


def _of_type(name: str, value: object, allowed: frozenset[type]) -> InputError:
    words = " or ".join(sorted(kind.__name__ for kind in allowed if kind is not _NONE))
    return InputError.of_kind(f"{words}, or None", value, f"the row, column {name!r}", "Give a plain value.")
