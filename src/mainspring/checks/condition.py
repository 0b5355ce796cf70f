"""Conditions on rows, such as `origin == 'JFK' and temp > 3`: parsed once, judged by polars or for one row.

The language is the part of Python that pandas' `query` and Great Expectations' `col("temp") > 3` have in common with
SQL: comparisons of columns with values or with each other, `in`, `and`, `or`, `not`, and whether a value is there.
As in SQL, a comparison with null is unknown, and so is its negation; a row is taken only where the whole is true. NaN
counts as null.
"""

from __future__ import annotations

import ast
import operator
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, reduce
from typing import Any, Final

import polars as pl

from mainspring.checks.values import missing, typed_value
from mainspring.errors import InputError, UnknownNameError

Row = Mapping[str, Any]
Judge = Callable[[Row], bool | None]

_OPERATORS: Final[dict[type[ast.cmpop], Callable[[Any, Any], Any]]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_NULL_TESTS: Final = {
    "isnull": True,
    "isna": True,
    "isNull": True,
    "notnull": False,
    "notna": False,
    "notNull": False,
}
_QUOTED: Final = re.compile(r"""('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`[^`]*`)""")
_AS_PYTHON: Final = {"AND": "and", "OR": "or", "NOT": "not", "IN": "in", "&": "and", "|": "or", "~": "not"}
_WORDS: Final = re.compile(r"\b(?:AND|OR|NOT|IN)\b|[&|~]")
_MAX_LENGTH: Final = 10_000


class Condition(ABC):
    """What is true of some rows."""

    @abstractmethod
    def expr(self, schema: pl.Schema) -> pl.Expr:
        """A boolean expression (n,), null where it is unknown."""

    @abstractmethod
    def row(self, types: Mapping[str, pl.DataType]) -> Judge:
        """The same of one row of plain values; None where it is unknown."""

    @abstractmethod
    def columns(self) -> Iterator[str]:
        """Columns that it reads."""


@dataclass(frozen=True)
class Column:
    """A column on one side of a comparison."""

    name: str


@dataclass(frozen=True)
class Compare(Condition):
    """A column compared with a value or with another column."""

    column: str
    operate: Callable[[Any, Any], Any]
    other: Any

    def expr(self, schema: pl.Schema) -> pl.Expr:
        return self.operate(_present(self.column, schema), self._other(schema))  # type: ignore[no-any-return]

    def _other(self, schema: pl.Schema) -> Any:
        if isinstance(self.other, Column):
            return _present(self.other.name, schema)
        return pl.lit(typed_value(self.other, self.column, schema[self.column], "row_condition"))

    def row(self, types: Mapping[str, pl.DataType]) -> Judge:
        column, operate = self.column, self.operate
        if isinstance(self.other, Column):
            other = self.other.name

            def compare(row: Row) -> bool | None:
                left, right = _seen(row[column]), _seen(row[other])
                return None if left is None or right is None else operate(left, right)

            return compare
        value = typed_value(self.other, column, types[column], "row_condition")

        def judge(row: Row) -> bool | None:
            left = _seen(row[column])
            return None if left is None else operate(left, value)

        return judge

    def columns(self) -> Iterator[str]:
        yield self.column
        if isinstance(self.other, Column):
            yield self.other.name


@dataclass(frozen=True)
class Among(Condition):
    """A column's value is one of some."""

    column: str
    values: tuple[Any, ...]

    def expr(self, schema: pl.Schema) -> pl.Expr:
        return _any([Compare(self.column, operator.eq, value).expr(schema) for value in self.values])

    def row(self, types: Mapping[str, pl.DataType]) -> Judge:
        column = self.column
        values = [typed_value(value, column, types[column], "row_condition") for value in self.values]

        def judge(row: Row) -> bool | None:
            found = _seen(row[column])
            return None if found is None else found in values

        return judge

    def columns(self) -> Iterator[str]:
        yield self.column


@dataclass(frozen=True)
class Null(Condition):
    """A column's value is not there, or is there."""

    column: str
    is_null: bool

    def expr(self, schema: pl.Schema) -> pl.Expr:
        found = missing(self.column, schema)
        return found if self.is_null else ~found

    def row(self, types: Mapping[str, pl.DataType]) -> Judge:  # noqa: ARG002 - any type may be null
        column, wanted = self.column, self.is_null
        return lambda row: (_seen(row[column]) is None) is wanted

    def columns(self) -> Iterator[str]:
        yield self.column


@dataclass(frozen=True)
class Every(Condition):
    """All parts are true."""

    parts: tuple[Condition, ...]

    def expr(self, schema: pl.Schema) -> pl.Expr:
        return reduce(operator.and_, (part.expr(schema) for part in self.parts))

    def row(self, types: Mapping[str, pl.DataType]) -> Judge:
        parts = [part.row(types) for part in self.parts]

        def judge(row: Row) -> bool | None:
            found = [part(row) for part in parts]
            return False if False in found else None if None in found else True

        return judge

    def columns(self) -> Iterator[str]:
        for part in self.parts:
            yield from part.columns()


@dataclass(frozen=True)
class Not(Condition):
    """A part is false."""

    part: Condition

    def expr(self, schema: pl.Schema) -> pl.Expr:
        return ~self.part.expr(schema)

    def row(self, types: Mapping[str, pl.DataType]) -> Judge:
        part = self.part.row(types)

        def judge(row: Row) -> bool | None:
            found = part(row)
            return None if found is None else not found

        return judge

    def columns(self) -> Iterator[str]:
        yield from self.part.columns()


def _any(parts: list[pl.Expr]) -> pl.Expr:
    return reduce(operator.or_, parts)


def _present(column: str, schema: pl.Schema) -> pl.Expr:
    found = pl.col(column)
    if schema[column].is_float():
        return found.fill_nan(None)
    return found.cast(pl.String) if isinstance(schema[column], pl.Categorical | pl.Enum) else found


def _seen(value: Any) -> Any:
    return None if value != value else value  # noqa: PLR0124 - NaN differs from itself


@lru_cache(maxsize=1024)
def _parsed(text: str) -> Condition:
    return _Reader(text).read()


def parse(text: object, where: str) -> Condition:
    """The condition that a text says.

    Raises:
        InputError: it is no text, or says something that a condition cannot.
    """
    if not isinstance(text, str) or not text.strip() or len(text) > _MAX_LENGTH:
        raise InputError(
            expected="a condition as text",
            got=repr(text)[:200],
            where=f"{where}, row_condition",
            hint="Write it such as \"origin == 'JFK' and temp > 3\".",
        )
    try:
        return _parsed(text)
    except (_Unreadable, SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InputError(
            expected="a condition of comparisons, `in`, `and`, `or`, `not` and `.isnull()`",
            got=f"{text[:200]!r}: {error}",
            where=f"{where}, row_condition",
            hint='Write it such as "origin == \'JFK\' and temp > 3", or with col("name").',
        ) from None


def check_columns(condition: Condition, schema: pl.Schema, where: str) -> None:
    """Refuses a condition that reads a column which is not there.

    Raises:
        UnknownNameError: it does.
    """
    for column in condition.columns():
        if column not in schema:
            raise UnknownNameError.of("column", column, schema.names(), f"{where}, row_condition")


class _Unreadable(Exception):
    """A part of a condition that is none."""


class _Reader:
    """Reads the syntax tree of one condition."""

    def __init__(self, text: str) -> None:
        parts = _QUOTED.split(text.strip())
        # Outside of quotes: SQL's words, pandas' signs (which bind as the words do), and its backticks around names.
        parts[::2] = [_WORDS.sub(lambda found: f" {_AS_PYTHON[found[0]]} ", part) for part in parts[::2]]
        quoted = [f"col({part[1:-1]!r})" if part.startswith("`") else part for part in parts[1::2]]
        parts[1::2] = quoted
        self._text = "".join(parts).strip()

    def read(self) -> Condition:
        return self._condition(ast.parse(self._text, mode="eval").body)

    def _condition(self, node: ast.expr) -> Condition:
        match node:
            case ast.BoolOp(op=ast.And(), values=values):
                return Every(tuple(map(self._condition, values)))
            case ast.BoolOp(op=ast.Or(), values=values):
                return _either([self._condition(value) for value in values])
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return Not(self._condition(operand))
            case ast.Compare(left=left, ops=ops, comparators=comparators):
                sides = [left, *comparators]
                found = [self._compare(*each) for each in zip(sides, ops, sides[1:], strict=False)]
                return found[0] if len(found) == 1 else Every(tuple(found))
            case ast.Call(func=ast.Attribute(value=value, attr=attr), args=[], keywords=[]) if (
                attr in _NULL_TESTS
            ):
                return Null(self._column(value).name, _NULL_TESTS[attr])
        raise _Unreadable(f"{ast.unparse(node)} is no condition")

    def _compare(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> Condition:
        if isinstance(op, ast.In | ast.NotIn):
            values = self._value(right)
            if not isinstance(values, tuple) or not values:
                raise _Unreadable("`in` needs a list of values")
            found = Among(self._column(left).name, values)
            return found if isinstance(op, ast.In) else Not(found)
        operate = _OPERATORS.get(type(op))
        if operate is None:
            raise _Unreadable(f"{ast.unparse(left)} is compared by something else than == != < <= > >= in")
        one, other = self._value(left), self._value(right)
        if not isinstance(one, Column):
            one, other, operate = other, one, _MIRRORED[operate]
        if not isinstance(one, Column) or isinstance(other, tuple):
            raise _Unreadable("a comparison needs a column and a value")
        return Compare(one.name, operate, other)

    def _column(self, node: ast.expr) -> Column:
        found = self._value(node)
        if not isinstance(found, Column):
            raise _Unreadable(f"{ast.unparse(node)} is no column")
        return found

    def _value(self, node: ast.expr) -> Any:
        match node:
            case ast.Name(id=name):
                return Column(name)
            case ast.Call(func=ast.Name(id="col"), args=[ast.Constant(value=str(name))], keywords=[]):
                return Column(name)
            case ast.Call(
                func=ast.Name(id="date" | "datetime"), args=[ast.Constant(value=str(text))], keywords=[]
            ):
                return text
            case ast.Constant(value=bool() | int() | float() | str()):
                return node.value
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float())):
                return -node.operand.value  # type: ignore[attr-defined]
            case ast.List(elts=elts) | ast.Tuple(elts=elts) | ast.Set(elts=elts):
                return tuple(self._value(each) for each in elts)
        raise _Unreadable(f"{ast.unparse(node)} is no column and no value")


_MIRRORED: Final[dict[Any, Any]] = {
    operator.eq: operator.eq,
    operator.ne: operator.ne,
    operator.lt: operator.gt,
    operator.le: operator.ge,
    operator.gt: operator.lt,
    operator.ge: operator.le,
}


def _either(parts: list[Condition]) -> Condition:
    """One of the parts is true: by De Morgan, which holds for three values too."""
    return Not(Every(tuple(Not(part) for part in parts)))
