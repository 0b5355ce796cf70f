"""The schema that a profile suggests, for a person to edit: every column's type, and how often it lacks a value."""

from __future__ import annotations

import math
import re
from typing import Final

import polars as pl

from mainspring.checks.column import ColumnProfile
from mainspring.checks.infer import CONFIDENCE, check_confidence, upper_limit
from mainspring.checks.profile import Profile, profile
from mainspring.features.column import Column
from mainspring.features.schema import STORAGE
from mainspring.frames import frame_in_memory

#: Type that a profile names → logical type, by the word before what it says of itself: `Enum(categories=['a'])`.
_NAMED: Final = {
    **{str(kind): "int64" for kind in pl.datatypes.group.INTEGER_DTYPES},
    **dict.fromkeys(("Float16", "Float32", "Float64", "Decimal"), "float64"),
    **dict.fromkeys(("String", "Categorical", "Enum"), "string"),
    "Boolean": "bool",
    "Datetime": "datetime",
    "Date": "date",
    "Binary": "binary",
}
_NESTED: Final = re.compile(r"List\((?P<item>.+)\)|Array\((?P<part>.+), shape=\((?P<width>\d+),?\)\)")


class SchemaDraft(dict[str, Column]):
    """Column → `ms.column`: what `features.group(schema=…)` takes. Printed it is Python to paste and edit."""

    def __str__(self) -> str:
        lines = (
            f"    {name!r}: ms.column({column.type!r}, description={column.description!r}),\n"
            for name, column in self.items()
        )
        return "{\n" + "".join(lines) + "}"


def draft_schema(data: object, *, confidence: float = CONFIDENCE) -> SchemaDraft:
    """The schema that profiled rows suggest: a draft that somebody looks through, and describes in words of his own.

    Each description says how many rows lack a value (null or NaN), and up to which share of all rows to come may: the
    upper limit of Clopper and Pearson (1934), which for none of n rows and 95 % is 3 / n. Keys and times may lack none.
    The type is None, which a group refuses, where the rows do not tell one: of nulls alone, or of a type that groups
    do not have. Arrays that a group keeps are lists in its profile. Nothing is said of personal data, which values do
    not tell: `personal=` is for you to add.

    Args:
        data: a profile, such as `group.profile()`; or rows: a polars or pandas frame, or Arrow data.
        confidence: of each limit by itself, in (0.5, 1).

    Raises:
        InputError: neither, or the confidence is out of range.
    """
    check_confidence(confidence, "draft_schema")
    found = data if isinstance(data, Profile) else profile(frame_in_memory(data, "draft_schema"))
    return SchemaDraft({column.name: _drafted(column, confidence) for column in found.columns})


def _drafted(column: ColumnProfile, confidence: float) -> Column:
    kind = _logical(column.dtype)
    lacks = _lacking(column.n_missing, column.n_rows, confidence)
    if kind is None and column.dtype != str(pl.Null):
        lacks = f"{column.dtype} is no type of a group; {lacks}"
    return Column(kind, description=lacks)


def _logical(dtype: str) -> str | None:
    """The logical type of a polars type's name; None where groups have none, as `schema.logical` of the type."""
    nested = _NESTED.fullmatch(dtype)
    if nested is None:
        return _NAMED.get(dtype.partition("(")[0])
    inner = nested["item"] or nested["part"]
    item = "float32" if inner == "Float32" else _logical(inner)
    kind = f"list[{item}]" if nested["width"] is None else f"array[{item},{nested['width']}]"
    return kind if kind in STORAGE else None


def _lacking(n_missing: int, n_rows: int, confidence: float) -> str:
    if not n_rows:
        return "no rows"
    seen = "no row of" if not n_missing else "all of" if n_missing == n_rows else f"{n_missing:,} of"
    rows = f"{seen} {n_rows:,} rows without a value"
    if n_missing == n_rows:
        return rows
    # Up, so that what is said still is a limit.
    limit = math.ceil(upper_limit(n_missing, n_rows, confidence) * 1e4) / 1e2
    return f"{rows}: at most {limit:g} % are ({confidence * 100:g} % confidence)"
