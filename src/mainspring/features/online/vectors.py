"""What a view answers online: the features of one request, or of many column by column, and why each is there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

import polars as pl

from mainspring import notebook
from mainspring.features.online.packing import ASSET_BYTES
from mainspring.features.schema import STORAGE
from mainspring.ports.keys import Columns
from mainspring.types import from_us

_T = TypeVar("_T")

_HEAD: Final = ("feature", "value", "status", "side", "event time", "commit")

PRESENT: Final = "present"
NULL: Final = "null"
MISSING: Final = "missing"
EXPIRED: Final = "expired"


@dataclass(frozen=True, slots=True, repr=False)
class Vector:
    """The features of one request at one moment.

    Attributes:
        values: feature → value, in the view's order; None where there is no value.
        inputs: columns that only on-demand features read.
        status: side → present, null (a row whose selected values are all null), missing or expired.
        commits: side → the number of the commit of the row that decided; None where there was no row.
        assets: side → that commit's asset id.
        event_us: side → its event time; None where there was no row, or the group has no event time.
        keys: side → the key that was looked up: key of the group → value; what came as text of a time is the time.
        sides: feature → the side that it is looked up on; without request columns and on-demand features.
    """

    values: dict[str, Any]
    inputs: dict[str, Any]
    status: dict[str, str]
    commits: dict[str, int | None]
    assets: dict[str, str | None]
    event_us: dict[str, int | None]
    keys: dict[str, dict[str, Any]]
    sides: Mapping[str, str]

    def __repr__(self) -> str:
        # Without keys and values: whoever logs a vector need not log whom it is about.
        counted = Counter(self.statuses.values())
        shown = ", ".join(f"{n} {status}" for status, n in counted.items())
        return f"<Vector of {len(self.values)} features: {shown}>"

    def __str__(self) -> str:
        return notebook.printed(repr(self), _HEAD, self._rows)

    def _repr_html_(self) -> str:
        return notebook.panel("features of one request", notebook.table(_HEAD, self._rows))

    @property
    def _rows(self) -> list[tuple[object, ...]]:
        times, statuses = self.event_times, self.statuses
        sides = {name: self.sides.get(name, "") for name in self.values}
        return [
            (name, value, statuses[name], side or None, times.get(side), self.commits.get(side))
            for (name, value), side in zip(self.values.items(), sides.values(), strict=True)
        ]

    @property
    def statuses(self) -> dict[str, str]:
        """Feature → present, null, missing or expired: why a value is None. Without a side it is present or null."""
        return {
            name: PRESENT if value is not None else _why(self.status.get(self.sides.get(name, "")))
            for name, value in self.values.items()
        }

    @property
    def event_times(self) -> dict[str, datetime | None]:
        """Side → event time, aware UTC."""
        return {side: None if stamp is None else from_us(stamp) for side, stamp in self.event_us.items()}


@dataclass(frozen=True, slots=True)
class Found:
    """The rows of one side that decided over n requests, as the store has them; read when somebody asks.

    Attributes:
        rows: their places are those of the requests.
        n: of the requests.
        timed: whether the group has an event time.
    """

    rows: Columns
    n: int
    timed: bool

    @property
    def commits(self) -> list[int | None]:
        """Of each request the number of the row's commit; None where there was no row."""
        return spread(self.n, None, self.rows.places, self.rows.commits)

    @property
    def assets(self) -> list[str | None]:
        """That commit's asset id."""
        names = [asset.hex() for asset in self.rows.values(0, ASSET_BYTES)]
        return spread(self.n, None, self.rows.places, names)

    @property
    def event_us(self) -> list[int | None]:
        """The row's event time; None also where the group has none."""
        return spread(self.n, None, self.rows.places, self.rows.event_us) if self.timed else [None] * self.n


@dataclass(frozen=True, slots=True, repr=False)
class Vectors:
    """The features of many requests at one moment, column by column: lists of the same length, in the order asked.

    Attributes:
        values: feature → values, in the view's order; None where there is no value.
        status: side → of each request present, null, missing or expired.
        found: side → the rows that decided.
        sides: as in `Vector`.
        types: feature → logical type; None where a request column has whatever type was sent.
    """

    values: dict[str, list[Any]]
    status: dict[str, list[str]]
    found: dict[str, Found]
    sides: Mapping[str, str]
    types: Mapping[str, str | None]

    def __repr__(self) -> str:
        n = len(next(iter(self.values.values()), []))
        return f"<Vectors of {n:,} requests: {', '.join(self.values)}>"

    @property
    def commits(self) -> dict[str, list[int | None]]:
        """Side → of each request the number of the commit, as in `Vector`."""
        return {side: found.commits for side, found in self.found.items()}

    @property
    def assets(self) -> dict[str, list[str | None]]:
        """Side → of each request that commit's asset id."""
        return {side: found.assets for side, found in self.found.items()}

    @property
    def event_us(self) -> dict[str, list[int | None]]:
        """Side → of each request its event time, as in `Vector`."""
        return {side: found.event_us for side, found in self.found.items()}

    @property
    def statuses(self) -> dict[str, list[str]]:
        """Feature → of each request present, null, missing or expired."""
        out = {}
        for name, values in self.values.items():
            sided = self.status.get(self.sides.get(name, ""), [PRESENT] * len(values))
            out[name] = [
                PRESENT if value is not None else _why(state)
                for value, state in zip(values, sided, strict=True)
            ]
        return out

    def to_polars(self) -> pl.DataFrame:
        """The values as a frame, one row a request; times are aware UTC."""
        return pl.DataFrame(
            [
                pl.Series(name, values, dtype=None if (kind := self.types[name]) is None else STORAGE[kind])
                for name, values in self.values.items()
            ]
        )


def spread(n: int, otherwise: _T, places: Sequence[int], values: Sequence[_T]) -> list[_T]:
    """Values in their places among n."""
    if len(places) == n:
        return list(values)
    out = [otherwise] * n
    for place, value in zip(places, values, strict=True):
        out[place] = value
    return out


def _why(status: str | None) -> str:
    """The status of a value that is None, on a side of that status."""
    return NULL if status is None or status is PRESENT else status
