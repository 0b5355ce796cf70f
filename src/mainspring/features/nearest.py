"""Which row answers: for each question (key, moment) the best row that could be used by then. Pure functions of arrays.

A row can be used from its availability a = max(event + delay, known) on. Of the rows of a key that can be used the one
with the highest (event, known, written) answers. Let the rows of a key stand in that order, and let s be the smallest
availability of a row and of all that stand after it. s never falls, and the last row with s <= t is the last row with
a <= t: none after it is available yet, so its s is its own a. Hence one order and one backward search on (key, s)
answer everything, however late corrections came.

Where the rows already stand in that order for all keys together, and become available in it, a row's place says all
about its time: they are sorted by key alone, and searched by place.
"""

from __future__ import annotations

from functools import cached_property
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Longs: TypeAlias = NDArray[np.int64]

#: What two numbers may come to that are packed into one.
_LIMIT: Final = 2**62


class Questions:
    """Keys and moments that are asked about, made ready once for every table that shares the keys' numbers.

    Args:
        keys: (n,) numbers of keys, from 0; -1 = never matches.
        moments: (n,) int64 microseconds.
        n_keys: above every key's number.
    """

    def __init__(self, keys: Longs, moments: Longs, n_keys: int) -> None:
        self.keys = keys
        self.moments = moments
        self.n_keys = n_keys

    def __len__(self) -> int:
        return len(self.moments)

    @cached_property
    def first(self) -> int:
        """The earliest moment."""
        return int(self.moments.min())

    @cached_property
    def last(self) -> int:
        """The latest moment."""
        return int(self.moments.max())

    @cached_property
    def instants(self) -> Longs:
        """The distinct moments, ascending."""
        return np.unique(self.moments)

    @cached_property
    def instant(self) -> Longs:
        """(n,) where each moment stands among the distinct ones."""
        return np.searchsorted(self.instants, self.moments)

    @cached_property
    def order(self) -> Longs:
        """(n,) positions of the questions by (key, moment)."""
        width = self.last - self.first + 1
        if self.n_keys * width < _LIMIT:
            return np.argsort(self.keys * width + (self.moments - self.first))
        return np.lexsort((self.moments, self.keys))

    def find(self, places: Longs, asked: Longs, lowest: Longs) -> Longs:
        """For each question the last index of `places` that is at most `asked`, or -1 where that is below `lowest`.

        Args:
            places: (m,) ascending.
            asked: (n,) ascending in the order of (key, moment).
            lowest: (n,) where the question's key begins.
        """
        found = np.empty(len(self), dtype=np.int64)
        # Ascending questions walk through the table once, instead of jumping about in it.
        found[self.order] = np.searchsorted(places, asked[self.order], side="right") - 1
        reached = places[np.maximum(found, 0)] >= lowest
        return np.where(reached & (found >= 0) & (self.keys >= 0), found, -1)


def search(
    asked: Questions,
    keys: Longs,
    *,
    events: Longs,
    known: Longs | None,
    written: tuple[Longs, Longs],
    delay_us: int,
) -> Longs:
    """For each question the position of the row that answers, or -1.

    Args:
        keys: (m,) numbers of keys, -1 = never matches.
        events: (m,) int64 microseconds.
        known: (m,) int64 microseconds; None = known from the event on.
        written: (m,) numbers of commits and (m,) ordinals within them.
        delay_us: added to `events`.
    """
    if not len(asked) or not len(keys):
        return np.full(len(asked), -1, dtype=np.int64)
    available = events + delay_us
    if known is not None:
        available = np.maximum(available, known)
    if _in_order(events, known, available, written):
        return _by_place(asked, keys, available)
    return _by_availability(asked, keys, events, known, available, written)


def _in_order(events: Longs, known: Longs | None, available: Longs, written: tuple[Longs, Longs]) -> bool:
    """Whether, key or no key, each row beats those before it and becomes available no earlier."""
    later, same = events[1:] > events[:-1], events[1:] == events[:-1]
    if not (later | same).all() or (known is not None and not (available[1:] >= available[:-1]).all()):
        return False
    number, ordinal = written
    written_later = number[1:] > number[:-1]
    written_later |= (number[1:] == number[:-1]) & (ordinal[1:] > ordinal[:-1])
    if known is None:
        return bool((later | written_later).all())
    learnt_later, learnt_same = known[1:] > known[:-1], known[1:] == known[:-1]
    return bool((later | learnt_later | (learnt_same & written_later)).all())


def _by_place(asked: Questions, keys: Longs, available: Longs) -> Longs:
    """The search where a row's place is its rank: `places` are (key, row), sorted as numbers."""
    bits = len(keys).bit_length()
    places = np.sort((keys << bits) | np.arange(len(keys)))
    # How many rows are available by each moment: the rows below that place.
    usable = np.searchsorted(available, asked.instants, side="right")[asked.instant]
    lowest = asked.keys << bits
    found = asked.find(places, lowest + usable - 1, lowest)
    return np.where(found >= 0, places[found] & ((1 << bits) - 1), -1)


def _by_availability(
    asked: Questions,
    keys: Longs,
    events: Longs,
    known: Longs | None,
    available: Longs,
    written: tuple[Longs, Longs],
) -> Longs:
    order = _ranked(asked.n_keys, keys, events, known, written)
    first, width = asked.first, asked.last - asked.first + 2
    if asked.n_keys * width < _LIMIT:
        # What is available before the first question or after the last is so from just there.
        usable = np.clip(available[order], first, asked.last + 1) - first
        moments = asked.moments - first
    else:
        width = len(asked.instants) + 1
        usable = np.searchsorted(asked.instants, available[order])
        moments = asked.instant
    places = keys[order] * width + usable
    places = np.minimum.accumulate(places[::-1])[::-1]
    lowest = asked.keys * width
    found = asked.find(places, lowest + moments, lowest)
    return np.where(found >= 0, order[found], -1)


def _ranked(
    n_keys: int, keys: Longs, events: Longs, known: Longs | None, written: tuple[Longs, Longs]
) -> Longs:
    """The rows in the order of (key, event, known, written)."""
    rules = (written[1], written[0], *(() if known is None else (known,)), events, keys)
    first = int(events.min())
    width = int(events.max()) - first + 1
    if (n_keys + 1) * width >= _LIMIT:
        return np.lexsort(rules)
    places = keys * width + (events - first)
    order = np.argsort(places)
    places = places[order]
    tied = np.zeros(len(order), dtype=bool)
    tied[1:] = places[1:] == places[:-1]
    tied[:-1] |= tied[1:]
    among = np.flatnonzero(tied)
    rows = order[among]
    order[among] = rows[np.lexsort([rule[rows] for rule in rules])]
    return order
