"""The point-in-time join: what each spine row could have known at its moment. Pure functions over frames.

A feature row has an event time e (when it was true) and a known time c (when it was learnt). At a moment t it can
be used if e + delay <= t and, where the group cuts off by known time, c <= t. Of the rows that can be used the one
with the highest (e, c, commit, ordinal) answers; nothing falls back to an older row, not for a null value, not for
one that is too old, and not for a delete.

A row's availability a = max(e + delay, c) turns both conditions into a <= t. In the order of a, the best row so far
of each key is a running maximum; so one backward search on (key, a) finds every answer in O((n + m) log m), however
late the corrections came.

The search is our own and not polars' `join_asof(by=...)`, which does not check that the groups are sorted and can
answer with a row of another group.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from mainspring.errors import InputError

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
_STATUS: Final = pl.Enum([MATCHED, MISSING, EXPIRED])


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


@dataclass(frozen=True)
class SideReport:
    """What one side of a join did, in rows of the spine unless said otherwise.

    Attributes:
        n_rows: rows of the spine.
        n_matched: answered by a row.
        n_missing: no row could be used, or the last one was a delete.
        n_expired: the row found was older than the time to live.
        n_null_keys: asked with a null key, which never matches.
        n_simultaneous: answered by a row whose event time is the very moment asked about.
        n_group_null_keys: rows of the group that can never match.
        n_group_unknown: rows of the group without known time, which are never used under a cut-off.
        max_event_us: newest event time used; None when nothing was, or the group has no event time.
        min_lag_us: smallest distance between the moment asked about and the event time used; None likewise.
    """

    n_rows: int
    n_matched: int
    n_missing: int
    n_expired: int
    n_null_keys: int
    n_simultaneous: int
    n_group_null_keys: int
    n_group_unknown: int
    max_event_us: int | None
    min_lag_us: int | None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return dict(vars(self))


@dataclass(frozen=True)
class Joined:
    """The result of a join.

    Attributes:
        frame: exactly the rows of the spine in its order, with its columns and the columns of every side.
        provenance: side → a frame of the same height: `commit` (ticket), `number`, `ordinal`, `event_us`, `known_us`
            of the row that decided (also where it was a delete or expired; null where there was none), and `status`.
        report: side → what it did.
    """

    frame: pl.DataFrame
    provenance: Mapping[str, pl.DataFrame]
    report: Mapping[str, SideReport]


def join(spine: pl.DataFrame, times_us: pl.Series, sides: Sequence[Side]) -> Joined:
    """Each side joined to the spine on its own; the order of the sides plays no part.

    Args:
        spine: the rows that ask.
        times_us: the moment that each row asks about, int64 microseconds UTC, no nulls, same height.
        sides: names and result columns unique, none of them in the spine.
    """
    _check_names(spine, sides)
    moments = times_us.to_numpy()
    columns: list[pl.Series] = []
    provenance: dict[str, pl.DataFrame] = {}
    report: dict[str, SideReport] = {}
    for side in sides:
        at = moments if side.at_us is None else np.full(spine.height, side.at_us, dtype=np.int64)
        added, rows, counts = _join_side(spine, at, side)
        columns += added
        provenance[side.name] = rows
        report[side.name] = counts
    return Joined(frame=spine.hstack(columns), provenance=provenance, report=report)


def _check_names(spine: pl.DataFrame, sides: Sequence[Side]) -> None:
    taken = dict.fromkeys(spine.columns, "the spine")
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


def _join_side(
    spine: pl.DataFrame, moments: np.ndarray, side: Side
) -> tuple[list[pl.Series], pl.DataFrame, SideReport]:
    usable = side.frame.drop_nulls([key for key, _ in side.keys]) if side.keys else side.frame
    n_null_keys = side.frame.height - usable.height
    n_unknown = 0
    if side.cutoff:
        n_unknown = usable.get_column(KNOWN).null_count()
        usable = usable.filter(pl.col(KNOWN).is_not_null())
    spine_keys, row_keys = _key_numbers(spine, usable, side.keys)
    picked = search(
        spine_keys,
        moments,
        row_keys,
        events=_numpy(usable, EVENT),
        known=_numpy(usable, KNOWN) if side.cutoff else None,
        written=(_numpy(usable, NUMBER), _numpy(usable, ORDINAL)),
        # Times are whole microseconds, so that e + delay < t is e + delay + 1 <= t.
        delay_us=side.delay_us + int(side.strict),
    )
    return _answers(spine, moments, side, usable, picked, n_null_keys, n_unknown)


def _numpy(frame: pl.DataFrame, column: str) -> np.ndarray:
    return frame.get_column(column).cast(pl.Int64).to_numpy()


def _key_numbers(
    spine: pl.DataFrame, rows: pl.DataFrame, keys: Sequence[tuple[str, str]]
) -> tuple[np.ndarray, np.ndarray]:
    """Each distinct key of the spine as a number; -1 where it is null (spine) or asked for by nobody (rows)."""
    asked = spine.select([pl.col(column).alias(f"k{i}") for i, (_, column) in enumerate(keys)])
    given = rows.select([pl.col(column).alias(f"k{i}") for i, (column, _) in enumerate(keys)])
    if not keys:
        return np.zeros(spine.height, dtype=np.int64), np.zeros(rows.height, dtype=np.int64)
    distinct = asked.unique().drop_nulls().with_row_index("n")

    def numbers(frame: pl.DataFrame) -> np.ndarray:
        found = frame.join(distinct, on=asked.columns, how="left", maintain_order="left")
        return found.get_column("n").cast(pl.Int64).fill_null(-1).to_numpy()

    return numbers(asked), numbers(given)


def search(
    spine_keys: np.ndarray,
    moments: np.ndarray,
    row_keys: np.ndarray,
    *,
    events: np.ndarray,
    known: np.ndarray | None,
    written: tuple[np.ndarray, np.ndarray],
    delay_us: int,
) -> np.ndarray:
    """For each spine row the position of the row that answers, or -1.

    Args:
        spine_keys: (n,) numbers of keys, -1 = never matches.
        moments: (n,) int64 microseconds.
        row_keys: (m,) numbers of keys, -1 = never matches.
        events: (m,) int64 microseconds.
        known: (m,) int64 microseconds; None = known from the event on.
        written: (m,) commit numbers and (m,) ordinals.
        delay_us: added to `events`.
    """
    picked = np.full(len(moments), -1, dtype=np.int64)
    candidates = np.flatnonzero(row_keys >= 0)
    if not len(candidates) or not len(moments):
        return picked
    events = events[candidates]
    tie_break = (written[1][candidates], written[0][candidates])
    available = events + delay_us
    if known is None:
        order = np.lexsort((*tie_break, events))
    else:
        known = known[candidates]
        available = np.maximum(available, known)
        order = np.lexsort((*tie_break, known, events))
    # rank: 0 is the row that loses against every other, whatever its key.
    m = len(candidates)
    rank = np.empty(m, dtype=np.int64)
    rank[order] = np.arange(m)
    instants, instant = np.unique(available, return_inverse=True)
    width = len(instants) + 1
    keys = row_keys[candidates]
    # One number for (key, availability): keys < n, instants <= m, so it fits into 63 bits for any tables that fit
    # into memory.
    place = keys * width + instant
    by_place = np.argsort(place, kind="stable")
    best = np.maximum.accumulate(keys[by_place] * m + rank[by_place])
    asked = spine_keys * width + np.searchsorted(instants, moments, side="right") - 1
    position = np.searchsorted(place[by_place], asked, side="right") - 1
    found = (position >= 0) & (spine_keys >= 0)
    position = np.maximum(position, 0)
    found &= keys[by_place][position] == spine_keys
    winner = candidates[order[best[position] % m]]
    picked[found] = winner[found]
    return picked


def _answers(
    spine: pl.DataFrame,
    moments: np.ndarray,
    side: Side,
    usable: pl.DataFrame,
    picked: np.ndarray,
    n_group_null_keys: int,
    n_unknown: int,
) -> tuple[list[pl.Series], pl.DataFrame, SideReport]:
    found = picked >= 0
    deciding = _gather(usable, [COMMIT, NUMBER, ORDINAL, EVENT, KNOWN, OP], picked, found)
    events = deciding.get_column(EVENT).fill_null(ALWAYS_US).to_numpy()
    deleted = deciding.get_column(OP).fill_null(PUT).to_numpy() == DELETE
    timed = found & (events != ALWAYS_US)
    expired = np.zeros(len(moments), dtype=bool)
    if side.ttl_us is not None:
        expired = timed & ~deleted & (events < moments - side.ttl_us)
    matched = found & ~deleted & ~expired
    answers = _gather(usable, [column for column, _ in side.columns], picked, matched)
    added = [answers.get_column(column).alias(output) for column, output in side.columns]
    status = np.where(matched, 0, np.where(expired, 2, 1))
    event_us = pl.Series("event_us", events).set(pl.Series(~timed), None)
    rows = pl.DataFrame(
        [
            deciding.get_column(COMMIT).alias("commit"),
            deciding.get_column(NUMBER).alias("number"),
            deciding.get_column(ORDINAL).alias("ordinal"),
            event_us,
            deciding.get_column(KNOWN).alias("known_us"),
            pl.Series("status", [MATCHED, MISSING, EXPIRED], dtype=_STATUS)
            .gather(pl.Series(status))
            .alias("status"),
        ]
    )
    used = matched & timed
    lag = moments[used] - events[used]
    counts = SideReport(
        n_rows=len(moments),
        n_matched=int(matched.sum()),
        n_missing=int((~matched & ~expired).sum()),
        n_expired=int(expired.sum()),
        n_null_keys=_null_keys(spine, side.keys),
        n_simultaneous=int((lag == 0).sum()),
        n_group_null_keys=n_group_null_keys,
        n_group_unknown=n_unknown,
        max_event_us=int(events[used].max()) if used.any() else None,
        min_lag_us=int(lag.min()) if used.any() else None,
    )
    return added, rows, counts


def _gather(
    frame: pl.DataFrame, columns: Sequence[str], positions: np.ndarray, where: np.ndarray
) -> pl.DataFrame:
    """The rows of `frame` at `positions`; all null where `where` is false."""
    wanted = list(dict.fromkeys(columns))
    index = pl.Series(np.where(where, positions, 0)).set(pl.Series(~where), None)
    if not frame.height:
        return frame.select(wanted).clear(len(positions))
    return frame.select(pl.col(wanted).gather(index))


def _null_keys(spine: pl.DataFrame, keys: Sequence[tuple[str, str]]) -> int:
    if not keys or not spine.height:
        return 0
    return int(spine.select(pl.any_horizontal(pl.col(column).is_null() for _, column in keys).sum()).item())
