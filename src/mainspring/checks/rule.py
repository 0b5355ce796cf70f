"""How one kind of expectation is judged: polars expressions, which `validate` runs all at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import polars as pl

from mainspring.checks.spec import Expectation

Of = Callable[[str], pl.Expr]
"""A column as an expression: its rows under the expectation's condition."""

Types = Mapping[str, pl.DataType]

ValueJudge = Callable[[Any], bool]
"""Of one value, which is not null unless the rule judges nulls: whether it breaks the expectation."""

RowJudge = Callable[[Mapping[str, Any]], bool | None]
"""Of one row: whether it breaks the expectation; None = it is not judged."""


@dataclass(frozen=True)
class Found:
    """What a rule about the whole frame found.

    Attributes:
        holds: None where there was nothing to judge.
        observed: what was compared with the expectation's arguments.
        details: what else people need to understand it.
    """

    holds: bool | None
    observed: Any
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Rule:
    """How one kind is judged, by exactly one of `breaks`, `holds`, `measures` (with `finds`) and `shape`.

    Attributes:
        breaks: for rules about rows: a boolean expression (n,) that is true where a row breaks the
            expectation. Its value on rows that are not judged does not matter, unless `judges_nulls`.
        holds: for rules about the number of rows: whether a frame of that many rows is right.
        judges_nulls: whether null rows are judged too; otherwise they are counted apart and pass.
        told_by: for rules about rows of one column: what tells that no row breaks it. "bounds": neither the least nor
            the greatest value does. "presence": it only asks whether there is a value. None = only the rows tell.
        clear: for rules about rows: a boolean aggregate that is true only where no row breaks it. Where there is no
            condition it is asked first, because finding the rows takes much longer.
        check: raises InputError for an expectation whose columns or parameters are wrong; None = any will do. It is
            called when the expectation is made.
        judged: a boolean expression (n,) without nulls that is true where a row is judged; None = where none of the
            columns is null.
        alone: whether a row is judged by its own values, not by those of other rows.
        value: for rules that judge rows alone by one column: the same judgement of one plain value.
        row: for those that judge them by several columns: of one row of plain values.
        measures: for rules about the whole frame: aggregates by name. Equal names mean equal aggregates, whichever
            expectation asks for them.
        finds: what the aggregates' values say.
        shape: for rules about names and types of columns: what the schema says. No row is read.
    """

    breaks: Callable[[Expectation, pl.Schema], pl.Expr] | None = None
    holds: Callable[[Expectation, int], bool] | None = None
    judges_nulls: bool = False
    told_by: Literal["presence", "bounds"] | None = None
    clear: Callable[[Expectation], pl.Expr | None] | None = None
    check: Callable[[Expectation], None] | None = None
    judged: Callable[[Expectation], pl.Expr] | None = None
    alone: bool = False
    value: Callable[[Expectation, Types], ValueJudge] | None = None
    row: Callable[[Expectation, Types], RowJudge] | None = None
    measures: Callable[[Expectation, pl.Schema, Of], dict[str, pl.Expr]] | None = None
    finds: Callable[[Expectation, Mapping[str, Any]], Found] | None = None
    shape: Callable[[Expectation, pl.Schema], Found] | None = None
