"""Runs all expectations over a frame in one polars scan."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Final

import polars as pl

from mainspring.checks.rules import find_plugin, get_rule
from mainspring.checks.spec import Expectation, Plain, Result, Validation
from mainspring.errors import InputError, UnknownNameError
from mainspring.lineage.spec import Verdict

N_EXAMPLES: Final = 5


def validate(frame: pl.DataFrame | pl.LazyFrame, expectations: Iterable[Expectation]) -> Validation:
    """What the expectations find in `frame`, in one scan whatever their number.

    Args:
        frame: polars frame (n rows); a lazy one is collected once, and only the columns that are read.
        expectations: made by `ms.expect`; none gives a validation that passes.

    Raises:
        UnknownNameError: an expectation reads a column that the frame does not have.
        InputError: an expectation's parameters do not fit the column's type.
        PluginError: the plug-in that an expectation was made with is not installed, or cannot be used.
    """
    listed = checked(expectations)
    lazy = frame.lazy()
    schema = lazy.collect_schema()
    aggregates = [pl.len().alias("n_rows")]
    for index, expectation in enumerate(listed):
        aggregates += _aggregates(index, expectation, schema)
    row = lazy.select(aggregates).collect().row(0, named=True)
    n_rows = int(row["n_rows"])
    results = (_result(index, expectation, n_rows, row) for index, expectation in enumerate(listed))
    return Validation(n_rows=n_rows, results=tuple(results))


def failing_rows(frame: pl.DataFrame | pl.LazyFrame, expectations: Iterable[Expectation]) -> pl.DataFrame:
    """Every row that breaks an expectation about rows, whatever its `mostly` and severity.

    Returns:
        The frame's columns, with `_row` (its position in the frame, from 0) in front and `_broken` (the names
        of the expectations that the row breaks) at the end, in row order.
    """
    lazy = frame.lazy()
    schema = lazy.collect_schema()
    names: list[str] = []
    masks: list[pl.Expr] = []
    for expectation in checked(expectations):
        mask = _mask(expectation, schema)
        if mask is not None:
            masks.append(mask.alias(f"_broken.{len(names)}"))
            names.append(expectation.name)
    if not masks:
        empty = pl.lit([], dtype=pl.List(pl.String)).alias("_broken")
        return lazy.with_row_index("_row").with_columns(empty).head(0).collect()
    flags = [mask.meta.output_name() for mask in masks]
    # Few rows break anything: names are only put together for those.
    broken = lazy.with_row_index("_row").with_columns(masks).filter(pl.any_horizontal(flags))
    named = [pl.when(pl.col(flag)).then(pl.lit(name)) for flag, name in zip(flags, names, strict=True)]
    listed = pl.concat_list(named).list.drop_nulls().alias("_broken")
    return broken.with_columns(listed).drop(flags).collect()


def checked(expectations: Iterable[Expectation]) -> Sequence[Expectation]:
    """The expectations as a list.

    Raises:
        InputError: something else is among them.
    """
    hint = "Write a list such as [ms.expect.not_null('origin')]."
    given: object = expectations
    # One alone is a pydantic value, whose fields one could iterate over, and text has letters.
    if isinstance(given, str | Expectation):
        raise InputError.of_kind("a list of expectations", given, "expectations", hint)
    listed = list(expectations)
    for item in listed:
        if not isinstance(item, Expectation):
            raise InputError.of_kind("expectations made by ms.expect", item, "expectations", hint)
    return listed


def _aggregates(index: int, expectation: Expectation, schema: pl.Schema) -> list[pl.Expr]:
    mask = _mask(expectation, schema)
    if mask is None:
        return []
    columns = expectation.columns
    shown = pl.col(columns[0]) if len(columns) == 1 else pl.struct(columns)
    judged = _judged(expectation)
    return [
        (pl.len() - judged.sum() if judged is not None else pl.lit(0)).alias(f"{index}.n_null"),
        mask.sum().alias(f"{index}.n_failed"),
        shown.filter(mask).head(N_EXAMPLES).implode().alias(f"{index}.examples"),
    ]


def _mask(expectation: Expectation, schema: pl.Schema) -> pl.Expr | None:
    """True (n,) where a judged row breaks the expectation; None for a rule about the whole frame."""
    for column in expectation.columns:
        if column not in schema:
            raise UnknownNameError.of(
                "column",
                column,
                schema.names(),
                where=f"expectation {expectation.name}",
            )
    rule = get_rule(expectation)
    if rule.breaks is None:
        return None
    breaks = rule.breaks(expectation, schema)
    judged = _judged(expectation)
    return (breaks if judged is None else breaks & judged).fill_null(value=False)


def _judged(expectation: Expectation) -> pl.Expr | None:
    if get_rule(expectation).judges_nulls:
        return None
    return pl.all_horizontal([pl.col(column).is_not_null() for column in expectation.columns])


def _result(index: int, expectation: Expectation, n_rows: int, row: dict[str, Any]) -> Result:
    rule, plugin = get_rule(expectation), find_plugin(expectation.kind)
    origin = None if plugin is None else plugin.origin()
    if rule.holds is not None:
        verdict = Verdict.PASS if rule.holds(expectation, n_rows) else Verdict.FAIL
        return Result(
            expectation=expectation,
            n_rows=n_rows,
            n_null=0,
            n_failed=0,
            examples=(n_rows,),
            verdict=verdict,
            plugin=origin,
        )
    n_null, n_failed = int(row[f"{index}.n_null"]), int(row[f"{index}.n_failed"])
    return Result(
        expectation=expectation,
        n_rows=n_rows,
        n_null=n_null,
        n_failed=n_failed,
        examples=tuple(_example(value) for value in row[f"{index}.examples"] or ()),
        verdict=_verdict(n_rows - n_null, n_failed, expectation.mostly),
        plugin=origin,
    )


def _verdict(n_judged: int, n_failed: int, mostly: float) -> Verdict:
    if n_judged == 0:
        return Verdict.INSUFFICIENT_DATA
    # Compared as counts: 1 - 3/10 is not 0.7 in binary, and a row more or less must not hang on that.
    allowed = math.floor((1.0 - mostly) * n_judged + 1e-9)
    return Verdict.PASS if n_failed <= allowed else Verdict.FAIL


def _example(value: object) -> Plain | dict[str, Plain]:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return _plain(value)


def _plain(value: object) -> Plain:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    return str(value)
