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

from mainspring.errors import InputError
from mainspring.features.key_numbers import KeyNumbers
from mainspring.features.nearest import Longs, Questions, search
from mainspring.features.side_report import SideReport

#: Event time of rows that have none: before every moment, and far enough from the edge to add a delay.
ALWAYS_US: Final = -(2**61)

EVENT: Final = "_event_us"
KNOWN: Final = "_known_us"
COMMIT: Final = "_commit"
NUMBER: Final = "_number"
ORDINAL: Final = "_ordinal"
OP: Final = "_op"
PUT: Final = 0
DELETE: Final = 1

MATCHED: Final = "matched"
MISSING: Final = "missing"
EXPIRED: Final = "expired"
_STATUSES: Final = (MATCHED, MISSING, EXPIRED)
_STATUS: Final = pl.Enum(_STATUSES)


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
        ttl_us: the picked row is no answer when its event time is longer than this before t; None = never.
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
class Answers:
    """What one side says to every row of the spine.

    Attributes:
        columns: the columns of the result.
        provenance: `commit` (ticket), `number`, `ordinal`, `event_us`, `known_us` of the row that decided (also where
            it was a delete or expired; null where there was none), and `status`.
        report: what the side did.
    """

    columns: list[pl.Series]
    provenance: pl.DataFrame
    report: SideReport


@dataclass(frozen=True)
class Joined:
    """The result of a join.

    Attributes:
        frame: exactly the rows of the spine in its order, with its columns and the columns of every side.
        provenance: side → a frame of the same height, as in `Answers`.
        report: side → what it did.
    """

    frame: pl.DataFrame
    provenance: Mapping[str, pl.DataFrame]
    report: Mapping[str, SideReport]


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


def join(spine: pl.DataFrame, times_us: pl.Series, sides: Sequence[Side]) -> Joined:
    """Each side joined to the spine on its own; the order of the sides plays no part.

    Args:
        spine: the rows that ask.
        times_us: the moment that each row asks about, int64 microseconds UTC, no nulls, same height.
        sides: names and result columns unique, none of them in the spine.
    """
    check_names(spine.columns, sides)
    asked = Spine(spine, times_us)
    answers = {side.name: answer(asked, side) for side in sides}
    return Joined(
        frame=spine.hstack([column for item in answers.values() for column in item.columns]),
        provenance={name: item.provenance for name, item in answers.items()},
        report={name: item.report for name, item in answers.items()},
    )


def check_names(spine: Sequence[str], sides: Sequence[Side]) -> None:
    """Refuse two origins for one column of the result.

    Raises:
        InputError: a side's column is in the spine, or in another side.
    """
    taken = dict.fromkeys(spine, "the spine")
    for side in sides:
        for _, output in side.columns:
            if output in taken:
                raise InputError(
                    expected="a name of its own for every column of the result",
                    got=f"{output!r} from {taken[output]} and from {side.name}",
                    where=f"column {output!r}",
                    hint="Give one of them a prefix with .on(..., prefix='...'), or drop the column from the spine.",
                )
            taken[output] = side.name


def answer(spine: Spine, side: Side) -> Answers:
    """What the side says to every row of the spine."""
    rows = _whole_keys(side.frame, [key for key, _ in side.keys])
    n_null_keys = side.frame.height - rows.height
    n_unknown = 0
    if side.cutoff:
        n_unknown = rows.get_column(KNOWN).null_count()
        rows = rows.drop_nulls(KNOWN) if n_unknown else rows
    columns = tuple(column for _, column in side.keys)
    asked = spine.questions(columns, side.at_us)
    numbers = spine.numbers(columns).find(rows.select(key for key, _ in side.keys), rows.height)
    table = [numbers.alias("key")]
    table += [
        rows.get_column(column).cast(pl.Int64).alias(name)
        for name, column in {"event": EVENT, "known": KNOWN, "number": NUMBER, "ordinal": ORDINAL}.items()
        if side.cutoff or column != KNOWN
    ]
    # Times are whole microseconds, so that e + delay < t is e + delay + 1 <= t.
    picked = search(asked, pl.DataFrame(table), delay_us=side.delay_us + int(side.strict))
    return _answers(spine, asked.moments, side, rows, picked, (n_null_keys, n_unknown))


def _whole_keys(rows: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """The rows without those that have a null in a key; the very rows, and no copy, where none has."""
    return rows.drop_nulls(keys) if any(rows.get_column(key).null_count() for key in keys) else rows


def _longs(frame: pl.DataFrame, column: str) -> np.ndarray:
    return frame.get_column(column).cast(pl.Int64).to_numpy()


def _answers(
    spine: Spine,
    moments: np.ndarray,
    side: Side,
    rows: pl.DataFrame,
    picked: Longs,
    unusable: tuple[int, int],
) -> Answers:
    found = picked >= 0
    events = _taken(_longs(rows, EVENT), picked, found, ALWAYS_US)
    numbers = _taken(_longs(rows, NUMBER), picked, found, 0)
    has_deletes = rows.get_column(OP).max() == DELETE
    deleted = _taken(_longs(rows, OP), picked, found, PUT) == DELETE if has_deletes else np.zeros_like(found)
    timed = found & (events != ALWAYS_US)
    expired = np.zeros(len(moments), dtype=bool)
    if side.ttl_us is not None:
        expired = timed & ~deleted & (events < moments - side.ttl_us)
    matched = found & ~deleted & ~expired
    taken = _gather(rows, [column for column, _ in side.columns], picked, matched)
    status = np.where(matched, 0, np.where(expired, 2, 1)).astype(np.uint32)
    nowhere, untimed = pl.Series(~found), pl.Series(~timed)
    known = _taken(_longs(rows, KNOWN), picked, found, 0) if side.cutoff else events
    provenance = pl.DataFrame(
        [
            pl.Series("commit", _tickets(rows, numbers)).set(nowhere, None),
            pl.Series("number", numbers).set(nowhere, None),
            pl.Series("ordinal", _taken(_longs(rows, ORDINAL), picked, found, 0)).set(nowhere, None),
            pl.Series("event_us", events).set(untimed, None),
            pl.Series("known_us", known).set(nowhere if side.cutoff else untimed, None),
            pl.Series("status", _STATUSES, dtype=_STATUS).gather(pl.Series(status)),
        ]
    )
    report = SideReport.of(
        matched=matched,
        expired=expired,
        timed=timed,
        moments=moments,
        events=events,
        numbers=numbers,
        published_us={} if side.cutoff else side.published_us,
        n_null_keys=_null_keys(spine, side.keys),
        n_group_null_keys=unusable[0],
        n_group_unknown=unusable[1],
    )
    columns = [taken.get_column(column).alias(output) for column, output in side.columns]
    return Answers(columns, provenance, report)


def _taken(values: Longs, positions: Longs, where: np.ndarray, otherwise: int) -> Longs:
    """The values at `positions`; `otherwise` where `where` is false."""
    if not len(values):
        return np.full(len(positions), otherwise, dtype=np.int64)
    # A position of -1 takes the last value, which is put aside at once.
    return np.where(where, values[positions], otherwise)


def _tickets(rows: pl.DataFrame, numbers: Longs) -> Longs:
    """The ticket of each commit's number."""
    if not rows.height:
        return numbers
    by_row = _longs(rows, NUMBER)
    tickets = np.zeros(int(by_row.max()) + 1, dtype=np.int64)
    tickets[by_row] = _longs(rows, COMMIT)
    return tickets[numbers]


def _gather(
    frame: pl.DataFrame, columns: Sequence[str], positions: np.ndarray, where: np.ndarray
) -> pl.DataFrame:
    """The rows of `frame` at `positions`; all null where `where` is false."""
    wanted = list(dict.fromkeys(columns))
    if not frame.height:
        return frame.select(wanted).clear(len(positions))
    index = pl.Series(np.where(where, positions, 0))
    if not where.all():
        index = index.set(pl.Series(~where), None)
    return frame.select(pl.col(wanted).gather(index))


def _null_keys(spine: Spine, keys: Sequence[tuple[str, str]]) -> int:
    if not keys or not spine.height:
        return 0
    return int(
        spine.keys.select(pl.any_horizontal(pl.col(column).is_null() for _, column in keys).sum()).item()
    )
