"""A read of a group at one commit: lazy, and the same for ever."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import polars as pl

from mainspring import notebook
from mainspring.checks.known import answered
from mainspring.checks.spec import Expectation, Result, Validation
from mainspring.checks.validate import checked, validate
from mainspring.errors import InputError, UnknownNameError
from mainspring.features import store
from mainspring.features.entities import keys_of
from mainspring.features.insert.frames import to_arrow, to_pandas
from mainspring.features.iso8601 import Moment, span
from mainspring.features.join.point_in_time import EVENT, NUMBER, OP, TOLD
from mainspring.features.known_rows import find_known
from mainspring.features.personal import check_compared
from mainspring.features.rows import all_current, current, scan
from mainspring.features.schema import STORAGE
from mainspring.features.spec import CommitSpec, FeatureGroupSpec, ReadSpec
from mainspring.features.store import Stores
from mainspring.ports.tables.collect import collect, told_of_lost_files
from mainspring.types import to_us


@dataclass(frozen=True, repr=False)
class Read:
    """Rows of a group as of a commit. Nothing is read before `to_polars`, `to_pandas` or `to_arrow`.

    Attributes:
        group: the group's spec.
        commits: the published commits that it reads, in order.
        predicates: what `filter` added.
        history: every version of every row, deletes included, instead of the current ones.
        start, end: only rows with an event time in [start, end); None = open.
        keys: only rows of these entities, as they are stored; None = of all.
    """

    stores: Stores
    group: FeatureGroupSpec
    commits: tuple[CommitSpec, ...]
    predicates: tuple[pl.Expr, ...] = ()
    history: bool = False
    start: datetime | None = None
    end: datetime | None = None
    keys: pl.DataFrame | None = field(default=None, compare=False)

    @property
    def number(self) -> int:
        """The commit number that is read; 0 before the first commit."""
        return (self.commits[-1].number or 0) if self.commits else 0

    @property
    def spec(self) -> ReadSpec:
        """What is stored of it."""
        return ReadSpec(
            group=self.group.name,
            version=self.group.version,
            number=self.number,
            start=self.start,
            end=self.end,
            n_filters=len(self.predicates) + int(self.keys is not None),
        )

    def pinned(self, pins: Mapping[str, int]) -> Read:
        """Without what later commits wrote than a pin of the group says; as it is where none does.

        Args:
            pins: `name@version` → the highest commit number to read.

        Raises:
            UnknownNameError: there is no such commit.
        """
        number = pins.get(self.group.pin, pins.get(self.group.label))
        if number is None:
            return self
        # 0 is a pin too: nothing was there yet.
        if number:
            with self.stores.records.read() as connection:
                store.get_commit(connection, self.group, number)
        return replace(self, commits=tuple(item for item in self.commits if (item.number or 0) <= number))

    def filter(self, *predicates: pl.Expr) -> Read:
        """Only the rows that satisfy all of these polars expressions (predicates) over the group's columns, and over
        those that `to_polars(system=True)` adds; of what a group hashes, `of_keys` finds it by what it was.

        Raises:
            UnknownNameError: one reads another column.
            InputError: one is no polars expression, compares what cannot be compared, says of a row neither yes nor
                no, or compares a hashed column with what is no hash.
        """
        where = f"read of feature group {self.group.label}, filter"
        known = {item.name: STORAGE[item.type] for item in self.group.columns or ()}
        hashed = [item for item in self.group.treated if item.treatment.how == "hash"]
        for predicate in predicates:
            _check_predicate(predicate, known, where)
            check_compared(predicate, hashed, where)
        return replace(self, predicates=(*self.predicates, *predicates))

    def of_keys(self, keys: object) -> Read:
        """Only the rows of some entities, which are named as for an insert: what the group hashes or coarsens at the
        door is found by what it was.

        Args:
            keys: a dictionary of key column → value, a list of them, or a frame; a part of a composite key is enough.

        Raises:
            InputError: none, of columns that are no keys of the group, of another type, or null.
            StateError, ConflictError: the secret that they were hashed with is not there, or another one.
        """
        where = f"read of feature group {self.group.label}, of_keys"
        return replace(self, keys=keys_of(self.stores, self.group, keys, where))

    def within(self, start: Moment | None, end: Moment | None) -> Read:
        """Only the rows that became true in [start, end). Files without such are not read.

        Args:
            start, end: a datetime, a date or ISO text, without zone UTC; None = open.

        Raises:
            InputError: one is no time, the end is not after the start, or the group has no event time.
        """
        where = f"read of feature group {self.group.label}, within"
        first, last = span(start, end, where)
        if self.group.event_time is None and (first, last) != (None, None):
            raise InputError(
                expected="a group with an event time",
                got="one without, whose rows are of no moment",
                where=where,
                hint="Pick rows by their columns: .filter(pl.col('price') > 1).",
            )
        return replace(self, start=first, end=last)

    def lazy(self, *, system: bool = False) -> pl.LazyFrame:
        """The rows as a lazy polars frame, in the order of writing.

        Args:
            system: with `_commit` (ticket), `_number`, `_ordinal`, `_op`, `_event_us` and `_known_us`.
        """
        rows = scan(self.stores, self.group, list(self.commits))
        # Before versions are told apart: those of one row have one key and one event time.
        if self.keys is not None:
            rows = rows.join(self.keys.lazy(), on=self.keys.columns, how="semi", nulls_equal=True)
        if self.start is not None:
            rows = rows.filter(pl.col(EVENT) >= to_us(self.start))
        if self.end is not None:
            rows = rows.filter(pl.col(EVENT) < to_us(self.end))
        rows = rows.sort([NUMBER, "_ordinal"]) if self.history else current(rows, self.group)
        for predicate in self.predicates:
            rows = rows.filter(predicate)
        return rows if system else rows.select([item.name for item in self.group.columns or ()])

    def to_polars(self, *, system: bool = False) -> pl.DataFrame:
        """The rows as a polars frame (n, columns of the group); times are aware UTC.

        Args:
            system: with the columns that say where each row came from: commit, number, place in the batch, operation.
        """
        return collect(self.lazy(system=system), f"feature group {self.group.label}")

    def to_arrow(self) -> Any:
        """The rows as a pyarrow table."""
        return to_arrow(self.to_polars())

    def to_pandas(self) -> Any:
        """The rows as a pandas frame."""
        return to_pandas(self.to_polars())

    def check(self, expectations: Iterable[Expectation]) -> Validation:
        """What the expectations find in these rows, in one scan of the columns that they read.

        Counts of rows, `not_null`, `null` and `between` of whole numbers, dates and times, and their `minimum` and
        `maximum`, are answered from the table's statistics where these say the same as the rows: `answered_from` of a
        result says so. With `history` no file is read for them; of the current rows keys and event times are read to
        see that none was replaced, and only where the statistics then answer all.

        Raises:
            UnknownNameError: an expectation reads a column that the group does not have.
            InputError: an expectation's parameters do not fit the column's type.
        """
        asked = checked(expectations)
        told = self._told(asked)
        rest = [expectation for expectation, result in zip(asked, told, strict=True) if result is None]
        if asked and not rest:
            found = [result for result in told if result is not None]
            return Validation(n_rows=found[0].n_rows, results=tuple(found))
        with told_of_lost_files(f"feature group {self.group.label}"):
            judged = validate(self.lazy(), rest)
        scanned = iter(judged.results)
        return Validation(n_rows=judged.n_rows, results=tuple(result or next(scanned) for result in told))

    def _told(self, asked: Sequence[Expectation]) -> Sequence[Result | None]:
        """The results that follow from the table's statistics."""
        nothing = [None] * len(asked)
        some = self.predicates or self.keys is not None or self.start is not None or self.end is not None
        known = None if some else find_known(self.stores, self.group, self.commits)
        if known is None:
            return nothing
        schema = pl.Schema({item.name: STORAGE[item.type] for item in self.group.columns or ()})
        told = answered(asked, schema, known)
        if self.history:
            return told
        is_all = None not in told and all_current(self.stores, self.group, self.commits)
        return told if is_all else nothing

    def __repr__(self) -> str:
        return f"<Read {self._title}>"

    @property
    def _title(self) -> str:
        what = "history" if self.history else "rows"
        rest = "" if self.keys is None else f", of {self.keys.height:,} keys"
        rest += f", {len(self.predicates)} filters" if self.predicates else ""
        return f"{what} of {self.group.label} as of commit {self.number}{rest}"

    def _repr_html_(self) -> str:
        columns = [(item.name, item.type, item.description) for item in self.group.columns or ()]
        return notebook.panel(
            self._title,
            notebook.note("Nothing is read before to_polars, to_pandas or to_arrow."),
            notebook.table(("column", "type", "description"), columns),
        )

    def commits_of(self, numbers: Sequence[int]) -> list[CommitSpec]:
        """The commits of these numbers, in order."""
        wanted = set(numbers)
        return [item for item in self.commits if item.number in wanted]


def _check_predicate(predicate: object, known: Mapping[str, pl.DataType], where: str) -> None:
    if not isinstance(predicate, pl.Expr):
        hint = "For example pl.col('price') > 1."
        raise InputError.of_kind("polars expressions", predicate, where, hint)
    for name in predicate.meta.root_names():
        # A pattern names the columns that there are; the empty name is an element of a list.
        if name not in known and name not in {*TOLD, OP, ""} and not name.startswith("^"):
            raise UnknownNameError.of("column", name, known, where)
    system = dict.fromkeys([*TOLD, OP], pl.Int64())
    try:
        found = pl.DataFrame(schema={**known, **system}).select(predicate)
    except pl.exceptions.PolarsError as error:
        raise InputError(
            expected="predicates over columns of these types: "
            + ", ".join(f"{name} {dtype}" for name, dtype in known.items()),
            got=str(error).splitlines()[0],
            where=where,
            hint="Compare like with like: text in quotes, numbers without, times as datetimes.",
        ) from error
    other = [f"{name} of type {dtype}" for name, dtype in found.schema.items() if dtype != pl.Boolean()]
    if other:
        raise InputError(
            expected="predicates that say yes or no of each row",
            got=", ".join(other),
            where=where,
            hint="For example pl.col('price') > 1.",
        )


def check_pins(pins: object, where: str) -> None:
    """Refuse what is no mapping of groups to numbers of commits; None names none.

    Raises:
        InputError: it is something else.
    """
    if pins is None:
        return
    if not isinstance(pins, Mapping) or not all(type(n) is int and n >= 0 for n in pins.values()):
        raise InputError(
            expected="pins as a mapping of groups to numbers of commits, from 0",
            got=repr(dict(pins)) if isinstance(pins, Mapping) else type(pins).__name__,
            where=where,
            hint="Write pins=data.pins, or pins={'weather@1': 3}.",
        )
