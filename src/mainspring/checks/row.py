"""One row of plain values against a list of expectations, without a frame: for requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

import polars as pl

from mainspring.checks.condition import check_columns, parse
from mainspring.checks.rule import RowJudge, Rule, ValueJudge
from mainspring.checks.rules import get_rule
from mainspring.checks.spec import Expectation, Severity
from mainspring.errors import InputError, UnknownNameError
from mainspring.lineage.spec import Verdict

_NONE: Final = type(None)


@dataclass(slots=True)
class _Column:
    """What is asked of one column's value, by places in the list of expectations.

    Attributes:
        allowed: Python types of its values.
        judges: of a value that is there.
        of_null: of None; the others are unjudged then.
    """

    name: str
    allowed: frozenset[type]
    judges: list[tuple[int, ValueJudge]] = field(default_factory=list)
    of_null: list[tuple[int, ValueJudge]] = field(default_factory=list)
    unjudged: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, name: str, schema: pl.Schema) -> _Column:
        if name not in schema:
            raise UnknownNameError.of("column", name, schema.names(), "types of the row")
        return cls(name, _allowed(name, schema))

    def add(self, place: int, judge: ValueJudge, *, judges_nulls: bool) -> None:
        self.judges.append((place, judge))
        if judges_nulls:
            self.of_null.append((place, judge))
        else:
            self.unjudged.append(place)


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
        self._columns = [_Column.of(name, schema) for name in _columns(self.expectations)]
        self._wider: list[tuple[int, RowJudge]] = []
        by_name = {column.name: column for column in self._columns}
        for place, expectation in enumerate(self.expectations):
            rule = _alone(expectation, schema)
            if rule.value is None or expectation.row_condition is not None:
                self._wider.append((place, _judge(expectation, rule, schema)))
            else:
                column = by_name[expectation.columns[0]]
                column.add(place, rule.value(expectation, schema), judges_nulls=rule.judges_nulls)
        self._is_critical = [each.severity is Severity.CRITICAL for each in self.expectations]

    def __call__(self, row: Mapping[str, Any]) -> RowFinding:
        """What the expectations find in a row.

        Raises:
            UnknownNameError: a column that is read is not in the row.
            InputError: its value is of another type.
        """
        try:
            broken, unjudged = self._judged(row)
        except KeyError as error:
            raise UnknownNameError.of("column", error.args[0], row, "the row") from None
        except TypeError as error:
            expected = "times with a zone where the column has one, and without where it has none"
            raise InputError(
                expected=expected,
                got=str(error),
                where="the row",
                hint="Give times as polars gives them back.",
            ) from error
        if not broken and not unjudged:
            return _HELD
        return RowFinding(tuple(sorted(broken)), tuple(sorted(unjudged)), self._verdict(broken, unjudged))

    def _judged(self, row: Mapping[str, Any]) -> tuple[list[int], list[int]]:
        broken: list[int] = []
        unjudged: list[int] = []
        for column in self._columns:
            value = row[column.name]
            if type(value) not in column.allowed:
                raise _of_type(column.name, value, column.allowed)
            if value is None:
                unjudged += column.unjudged
            for place, breaks in column.of_null if value is None else column.judges:
                if breaks(value):
                    broken.append(place)
        for place, judge in self._wider:
            found = judge(row)
            if found is None:
                unjudged.append(place)
            elif found:
                broken.append(place)
        return broken, unjudged

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


def _alone(expectation: Expectation, schema: pl.Schema) -> Rule:
    """The rule of an expectation that judges a row by its own values."""
    where = f"expectation {expectation.name}"
    for column in expectation.columns:
        if column not in schema:
            raise UnknownNameError.of("column", column, schema.names(), where)
    rule = get_rule(expectation)
    if not rule.alone or (rule.row is None and rule.value is None):
        raise InputError(
            expected="expectations that judge a row by its own values",
            got=f"kind {expectation.kind!r}",
            where=where,
            hint="Leave it out for single rows: it needs other rows, or its plug-in gives no `value` and no `row`.",
        )
    return rule


def _judge(expectation: Expectation, rule: Rule, schema: pl.Schema) -> RowJudge:
    """Of a whole row: True where it breaks the expectation, None where it is not judged."""
    judge = _of_row(expectation, rule, schema)
    if expectation.row_condition is None:
        return judge
    where = f"expectation {expectation.name}"
    condition = parse(expectation.row_condition, where)
    check_columns(condition, schema, where)
    meets = condition.row(schema)
    return lambda row: judge(row) if meets(row) else None


def _of_row(expectation: Expectation, rule: Rule, schema: pl.Schema) -> RowJudge:
    columns = expectation.columns
    if rule.value is not None:
        (column,), breaks = columns, rule.value(expectation, schema)
        if rule.judges_nulls:
            return lambda row: breaks(row[column])
        return lambda row: None if row[column] is None else breaks(row[column])
    assert rule.row is not None
    judge = rule.row(expectation, schema)
    if rule.judges_nulls or rule.judged is not None:
        return judge
    return lambda row: None if any(row[column] is None for column in columns) else judge(row)


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
