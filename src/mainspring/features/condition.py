"""Which rows of the spine a view is about: comparisons of its columns, declared, stored and in one form.

As in SQL, a comparison with null is unknown, and so is its negation; a row is taken only where the whole is true.
NaN counts as null. Times are compared as instants, naive ones are UTC.

The rules about nulls are those of `checks.condition`, the language is another: that one is text in the words of pandas
and Great Expectations, kept as it was written, which also compares columns with each other and is judged row by row.
This one is part of what a view is: built by operators, with one form whoever writes it, so that equal filters give
equal digests.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, Final, Literal

import polars as pl
from pydantic import Field

from mainspring.errors import InputError
from mainspring.lineage.spec import Value
from mainspring.types import utc

Scalar = bool | int | float | str

_STORED: Final = {bool: "bool", int: "number", float: "number", str: "string"}
_SIGNS: Final = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}


class Condition(Value):
    """What is true of some rows; combined by `&`, `|` and `~`.

    Attributes:
        op: eq, ne, lt, le, gt, ge, in, null, and, or, not.
        column: what is compared; None for and, or, not.
        kind: of the values: number, string, bool, datetime or date; None where there are none.
        values: what it is compared with, one or (`in`) several, each once and sorted; times as text of ISO 8601.
        parts: what `and`, `or` and `not` combine.
    """

    op: Literal["eq", "ne", "lt", "le", "gt", "ge", "in", "null", "and", "or", "not"]
    column: str | None = None
    kind: str | None = None
    values: tuple[Scalar, ...] = ()
    parts: tuple[Condition, ...] = Field(default=())

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that it reads, in order of first use."""
        own = (self.column,) if self.column is not None else ()
        return tuple(dict.fromkeys([*own, *(name for part in self.parts for name in part.columns)]))

    @property
    def compared(self) -> tuple[tuple[str, str], ...]:
        """Each column that is compared with a value, and the value's kind."""
        own = ((self.column, self.kind),) if self.column is not None and self.kind is not None else ()
        return (*own, *(pair for part in self.parts for pair in part.compared))

    def __and__(self, other: Condition) -> Condition:
        return Condition(op="and", parts=(self, _condition(other)))

    def __or__(self, other: Condition) -> Condition:
        return Condition(op="or", parts=(self, _condition(other)))

    def __invert__(self) -> Condition:
        return Condition(op="not", parts=(self,))

    def __bool__(self) -> bool:
        raise InputError(
            expected="conditions combined by &, | and ~",
            got="and, or, not, or a chain such as 1 < column < 3",
            where="condition",
            hint="Write (ms.spine('a') > 1) & (ms.spine('a') < 3), with parentheses.",
        )

    def __str__(self) -> str:
        if self.op == "not":
            return f"not ({self.parts[0]})"
        if self.parts:
            return f" {self.op} ".join(f"({part})" for part in self.parts)
        if self.op == "null":
            return f"{self.column} is null"
        if self.op == "in":
            return f"{self.column} in {list(self.values)!r}"
        return f"{self.column} {_SIGNS[self.op]} {self.values[0]!r}"

    def of(self, frame: pl.DataFrame, where: str) -> pl.Series:
        """Whether it is true, row by row; (n,), without nulls.

        Raises:
            InputError: a column is missing, or is not of the values' type.
        """
        return frame.select(self._expr(frame.schema, where).fill_null(False).alias("taken")).to_series()

    def _expr(self, schema: pl.Schema, where: str) -> pl.Expr:
        if self.op == "not":
            return ~self.parts[0]._expr(schema, where)
        if self.parts:
            left, right = (part._expr(schema, where) for part in self.parts)
            return left & right if self.op == "and" else left | right
        found = self._present(schema, where)
        if self.op == "null":
            return found.is_null()
        values = [_restored(value, str(self.kind)) for value in self.values]
        if self.op == "in":
            return pl.any_horizontal([found == pl.lit(value) for value in values])
        comparisons: dict[str, Any] = {
            "eq": found.__eq__,
            "ne": found.__ne__,
            "lt": found.__lt__,
            "le": found.__le__,
            "gt": found.__gt__,
            "ge": found.__ge__,
        }
        compared: pl.Expr = comparisons[self.op](pl.lit(values[0]))
        return compared

    def _present(self, schema: pl.Schema, where: str) -> pl.Expr:
        name = str(self.column)
        if name not in schema:
            raise InputError(
                expected=f"the column {name!r}, which the view's condition reads",
                got=f"the columns {', '.join(schema.names())}",
                where=where,
                hint="Add the column to the spine.",
            )
        kind = _kind_of(schema[name])
        if self.kind is not None and kind not in (self.kind, None):
            raise InputError(
                expected=f"a column of type {self.kind}",
                got=f"type {schema[name]}",
                where=f"{where}, column {name!r} of the condition {self}",
                hint="Cast the column of the spine, or compare it with a value of its own type.",
            )
        found = pl.col(name)
        if schema[name].is_float():
            return found.fill_nan(None)
        if isinstance(schema[name], pl.Datetime):
            zone = schema[name].time_zone  # type: ignore[attr-defined]
            return found.dt.convert_time_zone("UTC") if zone else found.dt.replace_time_zone("UTC")
        return found.cast(pl.String) if kind == "string" else found


class spine:  # noqa: N801  read as a word in `ms.spine("distance") > 100`
    """A column of the spine, to be compared: `ms.spine("distance") > 100`.

    `==`, `!=`, `<`, `<=`, `>`, `>=`, `.is_in([...])` and `.is_null()` make a condition.
    """

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, name: str) -> None:
        self._name = name

    def is_in(self, values: Iterable[object]) -> Condition:
        """The column's value is one of these; at least one, all of one type."""
        stored = [_stored(value, self._name) for value in values]
        kinds = {kind for kind, _ in stored}
        if len(kinds) != 1:
            raise InputError(
                expected="values of one type",
                got=", ".join(sorted(kinds)) or "none",
                where=f"condition on column {self._name!r}",
                hint="Write ms.spine('carrier').is_in(['AA', 'UA']).",
            )
        # Equal conditions have one form, whatever the order they were written in.
        return Condition(
            op="in", column=self._name, kind=kinds.pop(), values=tuple(sorted({value for _, value in stored}))
        )

    def is_null(self) -> Condition:
        """The column has no value; `~` of it for one that has."""
        return Condition(op="null", column=self._name)

    def __eq__(self, other: object) -> Condition:  # type: ignore[override]
        return self._compare("eq", other)

    def __ne__(self, other: object) -> Condition:  # type: ignore[override]
        return self._compare("ne", other)

    def __lt__(self, other: object) -> Condition:
        return self._compare("lt", other)

    def __le__(self, other: object) -> Condition:
        return self._compare("le", other)

    def __gt__(self, other: object) -> Condition:
        return self._compare("gt", other)

    def __ge__(self, other: object) -> Condition:
        return self._compare("ge", other)

    def _compare(self, op: Any, other: object) -> Condition:
        kind, value = _stored(other, self._name)
        return Condition(op=op, column=self._name, kind=kind, values=(value,))


def _condition(given: object) -> Condition:
    if isinstance(given, Condition):
        return given
    raise InputError.of_kind(
        "a condition",
        given,
        "condition",
        "Write ms.spine('distance') > 100; put each comparison in parentheses.",
    )


def _stored(value: object, name: str) -> tuple[str, Scalar]:
    """The kind of a value and the value as JSON holds it."""
    if isinstance(value, datetime):
        return "datetime", utc(value).isoformat()
    if isinstance(value, date):
        return "date", value.isoformat()
    # JSON has neither NaN nor infinities.
    if isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value)):
        return _STORED[type(value)], value
    raise InputError(
        expected="a finite number, text, boolean, date or time",
        got=repr(value),
        where=f"condition on column {name!r}",
        hint=f"Write ms.spine({name!r}).is_null() for what is not there.",
    )


def _restored(value: Scalar, kind: str) -> object:
    if kind == "datetime":
        return datetime.fromisoformat(str(value))
    return date.fromisoformat(str(value)) if kind == "date" else value


def _kind_of(dtype: pl.DataType) -> str | None:
    """The kind of a column; None for one that has no values or none that can be compared."""
    if dtype.is_numeric():
        return "number"
    if isinstance(dtype, pl.Datetime):
        return "datetime"
    kinds = {
        pl.String: "string",
        pl.Categorical: "string",
        pl.Enum: "string",
        pl.Boolean: "bool",
        pl.Date: "date",
    }
    if dtype == pl.Null:
        return None
    return next((kind for other, kind in kinds.items() if dtype == other), str(dtype))
