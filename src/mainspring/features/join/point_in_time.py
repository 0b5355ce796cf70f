"""The point-in-time join: what each spine row could have known at its moment. Pure functions over frames.

A feature row has an event time e (when it was true) and a known time c (when it was learnt). At a moment t it can
be used if e + delay <= t and, where the group cuts off by known time, c <= t. Of the rows that can be used the one
with the highest (e, c, commit, ordinal) answers; nothing falls back to an older row, not for a null value, not for
one that is too old, and not for a delete. docs/concepts/point-in-time.md has every rule.

Keys become numbers, and `nearest` finds the rows. It is our own and not polars' `join_asof(by=...)`, which does not
check that the groups are sorted and can answer with a row of another group.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import polars as pl

from mainspring.features.join.key_numbers import KeyNumbers
from mainspring.features.join.nearest import Longs, Questions, search
from mainspring.features.join.side_report import SideReport

#: Event time of rows that have none: before every moment, and far enough from the edge to add a delay.
ALWAYS_US: Final = -(2**61)

EVENT: Final = "_event_us"
KNOWN: Final = "_known_us"
COMMIT: Final = "_commit"
NUMBER: Final = "_number"
ORDINAL: Final = "_ordinal"
OP: Final = "_op"
TOLD: Final = (COMMIT, NUMBER, ORDINAL, EVENT, KNOWN)
"""What is told of a row that decided."""
PUT: Final = 0
DELETE: Final = 1

MATCHED: Final = "matched"
MISSING: Final = "missing"
EXPIRED: Final = "expired"
_STATUSES: Final = (MATCHED, MISSING, EXPIRED)
STATUS: Final = pl.Enum(_STATUSES)


@dataclass(frozen=True)
class Side:
    """One group as one join sees it.

    Attributes:
        name: what reports and provenance call it; unique among the sides of a join.
        frame: its rows in any order: the key columns, `_event_us` (int64; ALWAYS_US where there is none), `_known_us`
            (int64, null = not known), `_commit` (the ticket), `_number` (the order of commits), `_ordinal`, `_op`,
            and the columns that are taken.
        keys: (column of the group, column of the spine), same types.
        columns: (column of the group, column of the result).
        delay_us: a row can be used this long after its event time.
        ttl_us: the picked row is no answer when its event time is longer than this before t, the spine's time also
            where `at_us` is asked about; None = never.
        cutoff: whether `_known_us` cuts off; without it the known time plays no part at all.
        strict: e + delay < t instead of <=.
        at_us: the moment that is asked about for every row, instead of the spine's time (labels).
        published_us: commit number → when it was published, for the report; a number that is not there is not counted.
    """

    name: str
    frame: pl.DataFrame
    keys: tuple[tuple[str, str], ...]
    columns: tuple[tuple[str, str], ...]
    delay_us: int = 0
    ttl_us: int | None = None
    cutoff: bool = False
    strict: bool = False
    at_us: int | None = None
    published_us: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """Which rows of one side answer the rows of the spine; nothing but their places is held.

    Attributes:
        picked: (n,) place in the side's rows of the row that decided, also where it was a delete or expired; -1 where
            there was none.
        status: (n,) matched, missing or expired.
        numbers: of the commits that decided at least one row.
        n_rows: of the side.
        report: what the side did.
    """

    picked: Longs
    status: pl.Series
    numbers: frozenset[int]
    n_rows: int
    report: SideReport

    @property
    def matched(self) -> Longs:
        """(n,) position of the row whose values are the answer; -1 where there is none."""
        return np.where((self.status == MATCHED).to_numpy(), self.picked, -1)


class Spine:
    """The rows that ask. What sides have in common, such as the numbers of their keys, is made once.

    Args:
        keys: the key columns of all sides.
        times_us: the moment that each row asks about, int64 microseconds UTC, no nulls, same height.
    """

    def __init__(self, keys: pl.DataFrame, times_us: pl.Series) -> None:
        self.keys = keys
        self.moments = times_us.to_numpy()
        self._numbers: dict[tuple[str, ...], KeyNumbers] = {}
        self._questions: dict[tuple[tuple[str, ...], int | None], Questions] = {}

    @property
    def height(self) -> int:
        """How many rows ask."""
        return len(self.moments)

    def numbers(self, columns: tuple[str, ...]) -> KeyNumbers:
        """The numbers of the distinct keys in these columns."""
        if columns not in self._numbers:
            self._numbers[columns] = KeyNumbers.of(self.keys.select(columns), self.height)
        return self._numbers[columns]

    def questions(self, columns: tuple[str, ...], at_us: int | None) -> Questions:
        """The keys in these columns at each row's moment, or at one for all."""
        wanted = (columns, at_us)
        if wanted not in self._questions:
            numbers = self.numbers(columns)
            moments = self.moments if at_us is None else np.full(self.height, at_us, dtype=np.int64)
            self._questions[wanted] = Questions(numbers.asked, moments, numbers.n_keys)
        return self._questions[wanted]


def find(spine: Spine, side: Side) -> Found:
    """Which rows of the side's frame answer; the columns that are taken need not be in it."""
    rows, keys = side.frame, [key for key, _ in side.keys]
    asked = spine.questions(tuple(column for _, column in side.keys), side.at_us)
    numbers = spine.numbers(tuple(column for _, column in side.keys)).find(rows.select(keys), rows.height)
    table = {"key": numbers, "event": rows.get_column(EVENT)}
    n_null_keys, n_unknown = _n_nulls(rows, keys), 0
    if side.cutoff:
        known = rows.get_column(KNOWN)
        if known.null_count():
            n_unknown = known.null_count() - _n_nulls(rows.filter(known.is_null()), keys)
            # As rows of a key that nobody asks about, they stay in their places.
            table["key"] = numbers.set(known.is_null(), -1)
            known = known.fill_null(0)
        table["known"] = known
    table |= {"number": rows.get_column(NUMBER), "ordinal": rows.get_column(ORDINAL)}
    # Times are whole microseconds, so that e + delay < t is e + delay + 1 <= t.
    frame = pl.DataFrame([column.cast(pl.Int64).alias(name) for name, column in table.items()])
    picked = search(asked, frame, delay_us=side.delay_us + int(side.strict))
    several = None if side.at_us is None else _several(asked, frame, side.at_us - side.delay_us)
    return _judged(
        asked, spine.moments, side, picked, _null_keys(spine, side.keys), (n_null_keys, n_unknown), several
    )


def _several(asked: Questions, frame: pl.DataFrame, last_us: int) -> np.ndarray:
    """(n,) whether a key that is asked about has rows of several event times up to a moment."""
    usable = pl.col("event") <= last_us
    if "known" in frame.columns:
        usable &= pl.col("known") <= last_us
    rows = frame.lazy().filter((pl.col("key") >= 0) & usable).group_by("key")
    times = rows.agg((pl.col("event").min() < pl.col("event").max()).alias("several")).collect()
    return np.isin(asked.keys, times.filter("several").get_column("key").to_numpy())


def _n_nulls(rows: pl.DataFrame, keys: Sequence[str]) -> int:
    """Rows with a null in a key."""
    if not any(rows.get_column(key).null_count() for key in keys):
        return 0
    return int(rows.select(pl.any_horizontal(pl.col(keys).is_null()).sum()).item())


def _longs(frame: pl.DataFrame, column: str) -> np.ndarray:
    return frame.get_column(column).cast(pl.Int64).to_numpy()


def _judged(
    asked: Questions,
    own: Longs,
    side: Side,
    picked: Longs,
    n_null_keys: int,
    unusable: tuple[int, int],
    several: np.ndarray | None,
) -> Found:
    """What the rows that were picked come to: a delete and a row that is too old are no answer.

    Args:
        own: (n,) the spine's moments, also where another is asked about.
    """
    rows = side.frame
    # In the order of time, in which tables mostly are: neighbours are looked up together.
    order, moments = asked.by_time, asked.ascending
    places = picked[order]
    found = places >= 0
    events = _taken(_longs(rows, EVENT), places, found, ALWAYS_US)
    numbers = _taken(_longs(rows, NUMBER), places, found, 0)
    has_deletes = rows.get_column(OP).max() == DELETE
    deleted = _taken(_longs(rows, OP), places, found, PUT) == DELETE if has_deletes else np.zeros_like(found)
    timed = found & (events != ALWAYS_US)
    expired = np.zeros_like(found)
    if side.ttl_us is not None:
        expired = timed & ~deleted & (events < own[order] - side.ttl_us)
    matched = found & ~deleted & ~expired
    status = np.empty(len(order), dtype=np.uint32)
    status[order] = np.where(matched, 0, np.where(expired, 2, 1))
    report = SideReport.of(
        matched=matched,
        expired=expired,
        timed=timed,
        moments=moments,
        events=events,
        numbers=numbers,
        published_us={} if side.cutoff else side.published_us,
        n_null_keys=n_null_keys,
        n_group_null_keys=unusable[0],
        n_group_unknown=unusable[1],
        cutoff=side.cutoff,
        before=None if several is None else events < own[order],
        several=None if several is None else several[order],
    )
    told = pl.Series("status", _STATUSES, dtype=STATUS).gather(pl.Series(status))
    decided = frozenset(np.flatnonzero(np.bincount(numbers[found])).tolist())
    return Found(picked, told, decided, rows.height, report)


def _taken(values: Longs, positions: Longs, where: np.ndarray, otherwise: int) -> Longs:
    """The values at `positions`; `otherwise` where `where` is false."""
    if not len(values):
        return np.full(len(positions), otherwise, dtype=np.int64)
    # A position of -1 takes the last value, which is put aside at once.
    return np.where(where, values[positions], otherwise)


def provenance(decided: pl.DataFrame, status: pl.Series, *, cutoff: bool) -> pl.DataFrame:
    """`commit` (ticket), `number`, `ordinal`, `event_us`, `known_us` of the rows that decided, also where one was a
    delete or expired, and `status`.

    Args:
        decided: the columns `TOLD` of these rows, null where there was none.
        cutoff: whether their known times cut off; without that, a row is known when it is true.
    """
    event = pl.when(pl.col(EVENT) != ALWAYS_US).then(EVENT)
    return decided.select(
        pl.col(COMMIT).alias("commit"),
        pl.col(NUMBER).alias("number"),
        pl.col(ORDINAL).alias("ordinal"),
        event.alias("event_us"),
        (pl.col(KNOWN) if cutoff else event).alias("known_us"),
    ).hstack([status])


def _null_keys(spine: Spine, keys: Sequence[tuple[str, str]]) -> int:
    if not keys or not spine.height:
        return 0
    return int(
        spine.keys.select(pl.any_horizontal(pl.col(column).is_null() for _, column in keys).sum()).item()
    )
