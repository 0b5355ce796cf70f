"""Many entries of one read, as they are stored: what of them is wanted is decoded, column by column."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import compress
from operator import itemgetter
from typing import Final

from mainspring.ports.keys._codec import FORMAT, HEADER, decode, encode

_FORMAT_OF: Final = itemgetter(0)
_EVENT: Final = slice(1, 9)
_KNOWN: Final = slice(9, 17)
_KNOWN_OF: Final = itemgetter(_KNOWN)
_COMMIT: Final = slice(17, 25)


class Columns:
    """The entries of those keys of a read that are there; no object is made for each of them.

    Attributes:
        places: which of the keys they are of, ascending, counted from 0.
    """

    __slots__ = ("_stored", "places")

    def __init__(self, places: Sequence[int], stored: Sequence[bytes]) -> None:
        self.places = places
        self._stored = stored

    @classmethod
    def of(cls, space: str, keys: Sequence[bytes], stored: Sequence[bytes | None]) -> Columns:
        """What is stored of keys; None where nothing is.

        Raises:
            IntegrityError: one of them cannot be read.
        """
        there = [found for found in stored if found is not None]
        places: Sequence[int] = range(len(stored))
        if len(there) < len(stored):
            places = [place for place, found in enumerate(stored) if found is not None]
        if there and (min(map(len, there)) < HEADER.size or set(map(_FORMAT_OF, there)) != {FORMAT}):
            # Another format, or damage.
            pairs = zip(places, there, strict=True)
            there = [encode(space, decode(space, keys[place], found)) for place, found in pairs]
        return cls(places, there)

    def __len__(self) -> int:
        return len(self._stored)

    @property
    def event_us(self) -> list[int]:
        """Event times, as in `Entry`."""
        return self._numbers(_EVENT)

    @property
    def known_us(self) -> list[int]:
        """Known times, as in `Entry`."""
        return self._numbers(_KNOWN)

    @property
    def commits(self) -> list[int]:
        """Numbers of commits."""
        return self._numbers(_COMMIT)

    def values(self, begin: int = 0, end: int | None = None) -> list[bytes]:
        """The values, or a part of each."""
        part = slice(HEADER.size + begin, None if end is None else HEADER.size + end)
        return list(map(itemgetter(part), self._stored))

    def are_until(self, event_us: int, known_us: int | None = None) -> bool:
        """Whether no event time is later, nor any known time; False also where only a look at each could tell.

        Args:
            known_us: None = known times do not matter.
        """
        # Behind the format, which is the same, bytes compare like the numbers that they are; negative ones as large.
        return self._is_until(max(self._stored)[_EVENT], event_us) and (
            known_us is None or self._is_until(max(map(_KNOWN_OF, self._stored)), known_us)
        )

    def are_since(self, event_us: int) -> bool:
        """Whether no event time is earlier; False also where only a look at each could tell."""
        oldest = min(self._stored)[_EVENT]
        return max(self._stored)[1] < 0x80 and oldest >= max(event_us, 0).to_bytes(8)

    @staticmethod
    def _is_until(latest: bytes, limit_us: int) -> bool:
        return limit_us >= 0 and latest <= limit_us.to_bytes(8)

    def part(self, begin: int, end: int) -> Columns:
        """Those of the keys from `begin` to before `end`, whose places are counted from there."""
        if begin == 0 and (not self.places or end > self.places[-1]):
            return self
        first, last = bisect_left(self.places, begin), bisect_left(self.places, end)
        return Columns([place - begin for place in self.places[first:last]], self._stored[first:last])

    def moved(self, places: Sequence[int]) -> Columns:
        """The same, of other keys: the one that was at place k is at `places[k]`."""
        if places == range(len(places)):
            return self
        return Columns([places[place] for place in self.places], self._stored)

    def those(self, chosen: Sequence[bool]) -> Columns:
        """Some of them: those that are chosen."""
        return Columns(list(compress(self.places, chosen)), list(compress(self._stored, chosen)))

    def _numbers(self, part: slice) -> list[int]:
        return [int.from_bytes(found[part], signed=True) for found in self._stored]
