"""Runs all expectations over a frame in one polars scan."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, Final

import polars as pl

from mainspring.checks.arguments import find_environment
from mainspring.checks.rule import Found
from mainspring.checks.rules import find_plugin
from mainspring.checks.scan import Asked, Scan, examples
from mainspring.checks.spec import Expectation, Plain, Result, Severity, Validation
from mainspring.errors import InputError
from mainspring.frames import frame_in_memory
from mainspring.lineage.spec import Verdict

N_EXAMPLES: Final = 5
_TOLERANCE: Final = Fraction(1, 10**9)
"""Of a row, for shares that were computed: 1 - 9/10 is a little less than 0.1."""


@dataclass(frozen=True)
class Judged:
    """A frame that was validated, and which of its rows broke what.

    Attributes:
        frame: as it was given.
        validation: what the expectations found.
        broken: per expectation about rows, positions (u32) of the rows that break it, whatever its `mostly`.
    """

    frame: pl.DataFrame
    validation: Validation
    broken: dict[int, pl.Series]

    @cached_property
    def n_failed(self) -> int:
        """Rows that break at least one expectation."""
        return _positions(self.broken.values()).n_unique()

    def failing(self) -> pl.DataFrame:
        """Every row that breaks an expectation: see `failing_rows`."""
        return self._with_reasons(self._reasons(self.broken))

    def rejected(self) -> pl.DataFrame:
        """Rows that break a critical expectation which did not hold, in the form of `failing_rows`."""
        return self._with_reasons(self._reasons(self._rejecting))

    def passed(self) -> pl.DataFrame:
        """The other rows, as they are in the frame."""
        rejected = _positions(self.broken[index] for index in self._rejecting)
        if not len(rejected):
            return self.frame
        kept = pl.repeat(value=True, n=self.frame.height, eager=True).scatter(rejected, values=False)
        return self.frame.filter(kept)

    @property
    def _rejecting(self) -> list[int]:
        results = self.validation.results
        return [
            index
            for index in self.broken
            if results[index].verdict is Verdict.FAIL
            and results[index].expectation.severity is Severity.CRITICAL
        ]

    def _reasons(self, indexes: Iterable[int]) -> pl.DataFrame:
        """`_row` and `_broken` (names of expectations, in their order) of every row that breaks one of these."""
        names = [result.expectation.name for result in self.validation.results]
        parts = [
            pl.DataFrame({"_row": self.broken[index]}).with_columns(pl.lit(names[index]).alias("_broken"))
            for index in indexes
            if len(self.broken[index])
        ]
        if not parts:
            return pl.DataFrame(schema={"_row": pl.UInt32, "_broken": pl.List(pl.String)})
        return pl.concat(parts).group_by("_row", maintain_order=True).agg("_broken").sort("_row")

    def _with_reasons(self, reasons: pl.DataFrame) -> pl.DataFrame:
        rows = self.frame[reasons.get_column("_row")]
        return pl.concat([reasons.select("_row"), rows, reasons.select("_broken")], how="horizontal")


def _positions(parts: Iterable[pl.Series]) -> pl.Series:
    """Those of all parts, some of them several times."""
    return pl.concat([pl.Series(dtype=pl.UInt32), *parts])


def validate(
    frame: object, expectations: Iterable[Expectation], *, n_examples: int = N_EXAMPLES
) -> Validation:
    """What the expectations find in `frame`, in one scan whatever their number and conditions.

    Args:
        frame: polars or pandas frame, or Arrow data (n rows); of a lazy polars one the columns that are read are
            collected once.
        expectations: made by `ms.expect`; none gives a validation that passes.
        n_examples: how many breaking rows each result shows at most.

    Raises:
        UnknownNameError: an expectation reads a column that the frame does not have.
        InputError: an expectation's parameters do not fit the column's type.
        PluginError: the plug-in that an expectation was made with is not installed, or cannot be used.
    """
    given = frame if isinstance(frame, pl.LazyFrame) else frame_in_memory(frame, "expectations")
    scan = Scan(checked(expectations), given.collect_schema())
    return _judge(_collected(given, scan), scan, n_examples).validation


def judge(frame: pl.DataFrame, expectations: Iterable[Expectation]) -> Judged:
    """The same, with the rows that broke something: their reasons cost no second look at the others.

    Raises:
        As `validate`.
    """
    return _judge(frame, Scan(checked(expectations), frame.schema), N_EXAMPLES)


def failing_rows(frame: object, expectations: Iterable[Expectation]) -> pl.DataFrame:
    """Every row that breaks an expectation about rows, whatever its `mostly` and severity.

    Returns:
        The frame's columns, with `_row` (its position in the frame, from 0) in front and `_broken` (the names
        of the expectations that the row breaks) at the end, in row order.
    """
    return judge(frame_in_memory(frame, "failing_rows"), expectations).failing()


def _collected(frame: pl.DataFrame | pl.LazyFrame, scan: Scan) -> pl.DataFrame:
    if isinstance(frame, pl.DataFrame):
        return frame
    # Without a column there would be no rows to count.
    return frame.select(scan.columns or scan.schema.names()[:1]).collect()


def in_environment(expectations: Iterable[Expectation], environment: str) -> list[Expectation]:
    """Those that say something of rows in `environment`, "training" or "serving".

    Raises:
        InputError: there is no such environment, or something else is among the expectations.
    """
    wanted = find_environment(environment, "in_environment")
    return [item for item in checked(expectations) if item.environment in (None, wanted)]


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


def _judge(frame: pl.DataFrame, scan: Scan, n_examples: int) -> Judged:
    found = scan.run(frame)
    results = tuple(result_of(asked, found, frame, scan.schema, n_examples) for asked in scan.asked)
    broken = {
        index: found[asked.broken] for index, asked in enumerate(scan.asked) if asked.broken is not None
    }
    return Judged(frame, Validation(n_rows=int(found["n_rows"]), results=results), broken)


def result_of(
    asked: Asked, found: Mapping[str, Any], frame: pl.DataFrame, schema: pl.Schema, n_examples: int
) -> Result:
    """What one expectation says of the aggregates that it asked for; `frame` has its examples."""
    expectation = asked.expectation
    n_rows = int(found[asked.n_rows])
    n_null = 0 if asked.n_null is None else int(found[asked.n_null])
    plugin = find_plugin(expectation.kind)
    told: dict[str, Any] = {
        "expectation": expectation,
        "n_rows": n_rows,
        "n_null": n_null,
        "n_failed": 0,
        "plugin": None if plugin is None else plugin.origin(),
    }
    if asked.broken is not None:
        positions = found[asked.broken]
        told["n_failed"] = len(positions)
        if len(positions):
            shown = examples(frame, expectation.columns, positions.head(n_examples).to_list())
            told["examples"] = tuple(_example(value) for value in shown)
        return Result(**told, verdict=_verdict(n_rows - n_null, len(positions), expectation.mostly))
    whole = _whole(asked, found, n_rows, schema)
    if asked.rule.holds is not None:
        told["examples"] = (n_rows,)
    return Result(
        **told, verdict=_VERDICTS[whole.holds], observed=_json(whole.observed), details=_json(whole.details)
    )


_VERDICTS: Final = {True: Verdict.PASS, False: Verdict.FAIL, None: Verdict.INSUFFICIENT_DATA}


def _whole(asked: Asked, found: Mapping[str, Any], n_rows: int, schema: pl.Schema) -> Found:
    """What a rule about the whole frame found."""
    rule, expectation = asked.rule, asked.expectation
    if rule.shape is not None:
        return rule.shape(expectation, schema)
    if rule.holds is not None:
        return Found(rule.holds(expectation, n_rows), n_rows)
    assert rule.finds is not None and asked.measures is not None
    values = {name: found[key] for name, key in asked.measures.items()}
    listed = {name: each.to_list() if isinstance(each, pl.Series) else each for name, each in values.items()}
    return rule.finds(expectation, listed)


def _json(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _json(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json(item) for item in value]
    return _plain(value)


def _verdict(n_judged: int, n_failed: int, mostly: float) -> Verdict:
    if n_judged == 0:
        return Verdict.INSUFFICIENT_DATA
    if n_failed == 0:
        return Verdict.PASS
    # Compared as counts, and by the share as it is written: a row more or less must not hang on its binary digits.
    allowed = math.floor((1 - Fraction(str(mostly))) * n_judged + _TOLERANCE)
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
