"""Kinds about the table itself: which columns it has, of which types, and how many rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Unpack

import polars as pl

from mainspring.checks.arguments import (
    Options,
    RowOptions,
    Told,
    column_name,
    column_names,
    count,
    flag,
    made,
    number_bounds,
    text,
    texts,
)
from mainspring.checks.kind import kind
from mainspring.checks.kinds.ranges import LOW_HIGH, within
from mainspring.checks.rule import Found, Rule
from mainspring.checks.spec import Expectation
from mainspring.errors import UnknownNameError


def _exists(expectation: Expectation, schema: pl.Schema) -> Found:
    column, index = expectation.parameters["column"], expectation.parameters["index"]
    names = schema.names()
    place = names.index(column) if column in names else None
    return Found(place is not None and index in (None, place), place)


@kind(Rule(shape=_exists), "expect_column_to_exist", names={"index": "column_index"}, reads=False)
def column_exists(column: str, index: int | None = None, **options: Unpack[Told]) -> Expectation:
    """The column is there; with `index` at that place, from 0."""
    where = "expect.column_exists"
    given = {
        "column": column_name(column, where),
        "index": None if index is None else count(index, "index", where),
    }
    return made("column_exists", (), given, options, "told")


def _differing(expectation: Expectation, schema: pl.Schema) -> tuple[list[str], list[str]]:
    """Columns that are wanted and not there, and those that are there and not wanted."""
    wanted, names = expectation.parameters["columns"], schema.names()
    return [name for name in wanted if name not in names], [name for name in names if name not in wanted]


def _is_set(expectation: Expectation, schema: pl.Schema) -> Found:
    absent, strange = _differing(expectation, schema)
    holds = not absent and not (strange and expectation.parameters["exact"])
    return Found(holds, schema.names(), {"absent": absent, "strange": strange})


@kind(
    Rule(shape=_is_set),
    "expect_table_columns_to_match_set",
    names={"columns": "column_set", "exact": "exact_match"},
    reads=False,
)
def columns_in_set(columns: Iterable[str], *, exact: bool = True, **options: Unpack[Told]) -> Expectation:
    """The table has these columns in any order and, if `exact`, no others."""
    where = "expect.columns_in_set"
    given = {"columns": column_names(columns, where), "exact": flag(exact, "exact", where)}
    return made("columns_in_set", (), given, options, "told")


def _is_list(expectation: Expectation, schema: pl.Schema) -> Found:
    absent, strange = _differing(expectation, schema)
    wanted = list(expectation.parameters["columns"])
    return Found(schema.names() == wanted, schema.names(), {"absent": absent, "strange": strange})


@kind(
    Rule(shape=_is_list),
    "expect_table_columns_to_match_ordered_list",
    names={"columns": "column_list"},
    reads=False,
)
def columns_in_order(columns: Iterable[str], **options: Unpack[Told]) -> Expectation:
    """The table has exactly these columns in this order."""
    given = {"columns": column_names(columns, "expect.columns_in_order")}
    return made("columns_in_order", (), given, options, "told")


def _column_count(expectation: Expectation, schema: pl.Schema) -> Found:
    given = expectation.parameters
    if "value" in given:
        return Found(len(schema) == given["value"], len(schema))
    return Found(within(given["low"], given["high"], given)(len(schema)), len(schema))


@kind(Rule(shape=_column_count), "expect_table_column_count_to_equal")
def column_count_is(value: int, **options: Unpack[Told]) -> Expectation:
    """The table has exactly `value` columns."""
    given = {"value": count(value, "value", "expect.column_count_is")}
    return made("column_count_is", (), given, options, "told")


@kind(Rule(shape=_column_count), "expect_table_column_count_to_be_between", names=LOW_HIGH)
def column_count(low: int | None = None, high: int | None = None, **options: Unpack[Told]) -> Expectation:
    """The table has between `low` and `high` columns, both included; None leaves a side open."""
    given = number_bounds(low, high, "expect.column_count", take=count)
    return made("column_count", (), given, options, "told")


def _row_count(expectation: Expectation, n_rows: int) -> bool:
    given = expectation.parameters
    if "value" in given:
        return bool(n_rows == given["value"])
    return within(given["low"], given["high"], given)(n_rows)


@kind(Rule(holds=_row_count), "expect_table_row_count_to_equal")
def row_count_is(value: int, **options: Unpack[Options]) -> Expectation:
    """The table has exactly `value` rows."""
    given = {"value": count(value, "value", "expect.row_count_is")}
    return made("row_count_is", (), given, options, "frame")


@kind(
    Rule(holds=_row_count),
    "expect_table_row_count_to_be_between",
    names=LOW_HIGH,
)
def row_count(
    low: int | None = None,
    high: int | None = None,
    *,
    strict_min: bool = False,
    strict_max: bool = False,
    **options: Unpack[Options],
) -> Expectation:
    """The frame has between `low` and `high` rows, both included; None leaves a side open."""
    where = "expect.row_count"
    given = number_bounds(low, high, where, strict_min=strict_min, strict_max=strict_max, take=count)
    return made("row_count", (), given, options, "frame")


_TYPES: Final[dict[str, tuple[Any, ...]]] = {
    "int8": (pl.Int8,),
    "int16": (pl.Int16,),
    "int32": (pl.Int32,),
    "int64": (pl.Int64,),
    "uint8": (pl.UInt8,),
    "uint16": (pl.UInt16,),
    "uint32": (pl.UInt32,),
    "uint64": (pl.UInt64,),
    "float32": (pl.Float32,),
    "float64": (pl.Float64,),
    "int": (pl.Int8, pl.Int16, pl.Int32, pl.Int64),
    "integer": (pl.Int8, pl.Int16, pl.Int32, pl.Int64),
    "bigint": (pl.Int64,),
    "float": (pl.Float32, pl.Float64),
    "double": (pl.Float64,),
    "bool": (pl.Boolean,),
    "boolean": (pl.Boolean,),
    "bool_": (pl.Boolean,),
    "str": (pl.String,),
    "string": (pl.String,),
    "utf8": (pl.String,),
    "text": (pl.String,),
    "varchar": (pl.String,),
    "object": (pl.String,),
    "category": (pl.Categorical, pl.Enum),
    "categorical": (pl.Categorical,),
    "enum": (pl.Enum,),
    "date": (pl.Date,),
    "time": (pl.Time,),
    "datetime": (pl.Datetime,),
    "timestamp": (pl.Datetime,),
    "datetime64": (pl.Datetime,),
    "datetime64[ns]": (pl.Datetime,),
    "datetime64[us]": (pl.Datetime,),
    "datetime64[ns, utc]": (pl.Datetime,),
    "datetime64[us, utc]": (pl.Datetime,),
    "duration": (pl.Duration,),
    "binary": (pl.Binary,),
    "bytes": (pl.Binary,),
    "decimal": (pl.Decimal,),
    "list": (pl.List,),
    "array": (pl.Array,),
    "struct": (pl.Struct,),
}
"""Types by the names of polars, of feature groups, of numpy and pandas, and of SQL; in lower case."""


def _check_type(name: str, where: str) -> None:
    if name.lower() not in _TYPES:
        raise UnknownNameError.of("type", name, _TYPES, where)


def _of_type(expectation: Expectation, schema: pl.Schema) -> Found:
    given = expectation.parameters
    dtype = schema[expectation.columns[0]]
    wanted = given["types"] if "types" in given else (given["type"],)
    return Found(any(dtype in _TYPES[name.lower()] for name in wanted), str(dtype))


@kind(Rule(shape=_of_type), "expect_column_values_to_be_of_type", names={"type": "type_"})
def of_type(column: str, type: str, **options: Unpack[RowOptions]) -> Expectation:  # noqa: A002 - its name
    """The column is of that type, by the name of polars, pandas or SQL.

    All values of a polars column are of its type: `mostly` and `row_condition` change nothing.

    Raises:
        UnknownNameError: there is no type of that name.
    """
    where = f"expect.of_type({column!r})"
    _check_type(text(type, "type", where), where)
    return made("of_type", (column,), {"type": type}, options)


@kind(Rule(shape=_of_type), "expect_column_values_to_be_in_type_list", names={"types": "type_list"})
def of_types(column: str, types: Iterable[str], **options: Unpack[RowOptions]) -> Expectation:
    """The column is of one of these types, as in `of_type`."""
    where = f"expect.of_types({column!r})"
    listed = texts(types, "types", where)
    for name in listed:
        _check_type(name, where)
    return made("of_types", (column,), {"types": listed}, options)
