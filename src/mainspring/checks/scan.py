"""A list of expectations as one polars query: what several of them need is computed once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any, Final

import polars as pl

from mainspring.checks.condition import Condition, check_columns, parse
from mainspring.checks.rule import Rule
from mainspring.checks.rules import get_rule
from mainspring.checks.spec import Expectation
from mainspring.checks.values import is_text
from mainspring.errors import InputError, UnknownNameError

_ROW: Final = "mainspring:row"
# Polars streams by default (2.1.0), and then finds positions in a single thread. In memory its elimination of common
# parts takes `x.sort()` for the `x` of which `x.sort().len()` needs no order; what rules share has one name anyway.
_OPTIMIZATIONS: Final = pl.QueryOptFlags(comm_subexpr_elim=False)
_NONE: Final = pl.Series(dtype=pl.UInt32)
"""The positions of no row."""


@dataclass(frozen=True)
class Asked:
    """Names of the aggregates that one expectation needs.

    Attributes:
        n_rows: of the rows that meet its condition.
        n_null: of those not judged; None = none.
        broken: of the positions (u32) of rows that break it; None for a rule about the whole frame.
        measures: the rule's own name → the aggregate's.
    """

    expectation: Expectation
    rule: Rule
    n_rows: str
    n_null: str | None = None
    broken: str | None = None
    measures: dict[str, str] | None = None


class Scan:
    """One query for all expectations of a list, over frames of one schema."""

    def __init__(self, expectations: Sequence[Expectation], schema: pl.Schema) -> None:
        """Compile.

        Raises:
            UnknownNameError: an expectation reads a column that the schema does not have.
            InputError: an expectation's parameters do not fit a column's type.
            PluginError: the plug-in that an expectation was made with is not installed, or cannot be used.
        """
        self.schema = schema
        self._aggregates: dict[str, pl.Expr] = {"n_rows": pl.len()}
        # What other rows say counts only among those that meet the condition: such rules see no others.
        self._within: dict[str, tuple[pl.Expr, dict[str, pl.Expr]]] = {}
        # Rules that one figure may clear at a fraction of the cost: its name, and the positions for where it does not.
        self._screened: dict[str, tuple[str, pl.Expr]] = {}
        self._slow: set[str] = set()
        self.asked = [self._ask(expectation) for expectation in expectations]
        self._aggregates = {name: self._aggregates[name] for name in _dealt(self._aggregates, self._slow)}

    def run(self, frame: pl.DataFrame) -> dict[str, Any]:
        """Every aggregate's value by name: scalars, and series where it is a list.

        Raises:
            InputError: an expectation asks of columns what their types do not allow.
        """
        try:
            return self._found(frame)
        except pl.exceptions.PolarsError as error:
            for asked in self.asked:
                _refuse_unless_fit(asked.expectation, self.schema, error)
            raise

    def _found(self, frame: pl.DataFrame) -> dict[str, Any]:
        queries = [
            frame.lazy().with_row_index(_ROW).filter(condition).select(_named(exprs))
            for condition, exprs in self._within.values()
        ]
        found = _collected([frame.lazy().select(_named(self._aggregates)), *queries])
        for name, (clear, _) in self._screened.items():
            if found[clear]:
                found[name] = _NONE
        unclear = {name: expr for name, (_, expr) in self._screened.items() if name not in found}
        return found | (_collected([frame.lazy().select(_named(unclear))]) if unclear else {})

    @property
    def columns(self) -> list[str]:
        """Columns that are read, in the schema's order."""
        read = {column for asked in self.asked for column in asked.expectation.columns}
        for asked in self.asked:
            condition = _condition_of(asked.expectation)
            read |= set() if condition is None else set(condition.columns())
        return [name for name in self.schema.names() if name in read]

    def _ask(self, expectation: Expectation) -> Asked:
        for column in expectation.columns:
            if column not in self.schema:
                names = self.schema.names()
                raise UnknownNameError.of("column", column, names, where=f"expectation {expectation.name}")
        condition = _condition_of(expectation)
        if condition is not None:
            check_columns(condition, self.schema, f"expectation {expectation.name}")
        rule = get_rule(expectation)
        part = _Part(
            expectation, rule, self.schema, None if condition is None else condition.expr(self.schema)
        )
        n_rows = self._add("n_rows", part, part.n_rows())
        if rule.breaks is not None:
            broken = self._broken(part)
            return Asked(expectation, rule, n_rows, self._n_null(part), broken)
        if rule.measures is None:
            return Asked(expectation, rule, n_rows)
        found = rule.measures(expectation, self.schema, part.of)
        measures = {name: self._add(name, part, expr) for name, expr in found.items()}
        return Asked(expectation, rule, n_rows, self._n_null(part), measures=measures)

    def _broken(self, part: _Part) -> str:
        name = f"broken {_identity(part.expectation)}"
        clear = None if part.condition is not None else part.clear()
        if clear is not None:
            positions = part.mask().arg_true().implode()
            self._screened[name] = self._add(f"clear {name}", part, clear), positions
            return name
        if part.condition is None or part.rule.alone:
            name = self._add(name, part, part.mask().arg_true().implode())
            if not part.rule.judges_nulls and any(
                is_text(self.schema[column]) for column in part.expectation.columns
            ):
                self._slow.add(name)
            return name
        text = str(part.expectation.row_condition)
        name = f"{name} where {text}"
        _, exprs = self._within.setdefault(text, (part.condition, {}))
        exprs.setdefault(name, pl.col(_ROW).gather(part.mask().arg_true()).implode())
        return name

    def _n_null(self, part: _Part) -> str | None:
        columns = part.expectation.columns
        if part.rule.judges_nulls or not columns:
            return None
        if len(columns) == 1 and part.rule.judged is None:
            return self._add(f"n_null({columns[0]})", part, part.n_null())
        ignored = part.expectation.parameters.get("ignore_row_if", "") if part.rule.judged else ""
        return self._add(f"n_null {(*columns, ignored)!r}", part, part.n_null())

    def _add(self, name: str, part: _Part, expr: pl.Expr) -> str:
        """Keep an aggregate once, under its name and condition."""
        if part.condition is not None:
            name = f"{name} where {part.expectation.row_condition}"
        self._aggregates.setdefault(name, expr)
        return name


@dataclass(frozen=True)
class _Part:
    """One expectation's expressions over rows."""

    expectation: Expectation
    rule: Rule
    schema: pl.Schema
    condition: pl.Expr | None

    def of(self, column: str) -> pl.Expr:
        return pl.col(column) if self.condition is None else pl.col(column).filter(self.condition)

    def n_rows(self) -> pl.Expr:
        return pl.len() if self.condition is None else self.condition.sum()

    def n_null(self) -> pl.Expr:
        columns = self.expectation.columns
        is_single = len(columns) == 1 and self.rule.judged is None
        if is_single and self.condition is None:
            return pl.col(columns[0]).null_count()
        unjudged = pl.col(columns[0]).is_null() if is_single else ~self._judged()
        return (unjudged if self.condition is None else unjudged & self.condition).sum()

    def _judged(self) -> pl.Expr:
        if self.rule.judged is not None:
            return self.rule.judged(self.expectation)
        return pl.all_horizontal([pl.col(column).is_not_null() for column in self.expectation.columns])

    def clear(self) -> pl.Expr | None:
        return None if self.rule.clear is None else self.rule.clear(self.expectation)

    def mask(self) -> pl.Expr:
        """True (n,) where a judged row breaks the expectation; null or false elsewhere.

        A rule that sees other rows too is asked of the rows that meet the condition alone.
        """
        assert self.rule.breaks is not None
        found = self.rule.breaks(self.expectation, self.schema)
        if self.condition is not None and self.rule.alone:
            found &= self.condition
        if self.rule.judges_nulls or (self.rule.alone and self.rule.judged is None):
            return found
        return found & self._judged()


def _dealt(names: Iterable[str], slow: Collection[str]) -> Iterator[str]:
    """The aggregates in an order in which the slow ones come to all threads.

    Polars gives each thread runs of neighbours, about two. So they are dealt, from both ends in turn, into as many
    hands, and the best hand lies beside the worst. Texts take ten times as long as numbers: at the end, as they were
    asked for, they would be one thread's while the others wait.
    """
    hands: list[list[str]] = [[] for _ in range(2 * pl.thread_pool_size())]
    places = [*range(len(hands)), *reversed(range(len(hands)))]
    for name, place in zip(sorted(names, key=lambda name: name not in slow), cycle(places), strict=False):
        hands[place].append(name)
    half = len(hands) // 2
    for best, worst in zip(hands[:half], reversed(hands[half:]), strict=True):
        yield from (*best, *worst)


def _named(exprs: Mapping[str, pl.Expr]) -> Iterator[pl.Expr]:
    return (expr.alias(name) for name, expr in exprs.items())


def _collected(queries: list[pl.LazyFrame]) -> dict[str, Any]:
    found = pl.collect_all(queries, engine="in-memory", optimizations=_OPTIMIZATIONS)
    return {column.name: column[0] for frame in found for column in frame.iter_columns()}


def _refuse_unless_fit(expectation: Expectation, schema: pl.Schema, error: pl.exceptions.PolarsError) -> None:
    """Polars says which expressions do not fit, not whose they are: each is asked alone, of no rows."""
    scan = Scan([expectation], schema)
    try:
        scan._found(pl.DataFrame(schema=schema))
    except pl.exceptions.PolarsError:
        types = ", ".join(f"{column} of type {schema[column]}" for column in scan.columns)
        raise InputError(
            expected="columns of types that can be compared so",
            got=types,
            where=f"expectation {expectation.name}",
            hint="Cast the columns to one type, or ask for something that their types have.",
        ) from error


def _condition_of(expectation: Expectation) -> Condition | None:
    text = expectation.row_condition
    return None if text is None else parse(text, f"expectation {expectation.name}")


def _identity(expectation: Expectation) -> str:
    """What tells one judgement of rows from another."""
    return repr((expectation.kind, expectation.columns, expectation.parameters))


def examples(frame: pl.DataFrame, columns: Sequence[str], positions: Sequence[int]) -> Iterator[Any]:
    """Values at those rows: of one column, or mappings of several."""
    found = frame.select(columns)[list(positions)]
    return iter(found.to_series() if len(columns) == 1 else found.iter_rows(named=True))
