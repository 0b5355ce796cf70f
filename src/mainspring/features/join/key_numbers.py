"""Keys as numbers: the distinct keys that are asked about, and the same numbers for a table's rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from mainspring.features.join.nearest import Longs

#: How many times more numbers than rows there may be before keys are looked up instead of counted from the lowest.
_SPARSE: Final = 8


@dataclass(frozen=True)
class KeyNumbers:
    """The numbers of the keys of one spine.

    Attributes:
        asked: (n,) the number of each row's key; -1 = null in some part, never matches.
        n_keys: above every number.
        lowest: the key of number 0, where keys are whole numbers close together; None where they are looked up.
        distinct: the keys and their numbers `n`, where they are looked up.
    """

    asked: Longs
    n_keys: int
    lowest: int | None
    distinct: pl.DataFrame

    @classmethod
    def of(cls, keys: pl.DataFrame, height: int) -> KeyNumbers:
        """Number the keys.

        Args:
            keys: one column a part; none where there is one series without keys.
            height: rows, where there is no column to tell.
        """
        keys = _numbered(keys)
        if not keys.width:
            return cls(np.zeros(height, dtype=np.int64), 1, None, keys)
        dense = _dense(keys)
        if dense is not None:
            lowest, n_keys = dense
            found = keys.to_series() - lowest
            return cls(found.fill_null(-1).to_numpy(), n_keys, lowest, keys.clear())
        distinct = keys.unique().drop_nulls().with_row_index("n")
        return cls(_looked_up(keys, distinct).to_numpy(), distinct.height, None, distinct)

    def find(self, keys: pl.DataFrame, height: int) -> pl.Series:
        """The numbers of a table's keys, without nulls; -1 for those that nobody asks about."""
        keys = _numbered(keys)
        if not keys.width:
            return pl.zeros(height, pl.Int64, eager=True)
        if self.lowest is None:
            return _looked_up(keys, self.distinct)
        given = pl.col(keys.columns[0])
        inside = given.is_between(self.lowest, self.lowest + self.n_keys - 1)
        return keys.select(pl.when(inside).then(given - self.lowest).otherwise(-1)).to_series()


def _numbered(keys: pl.DataFrame) -> pl.DataFrame:
    """The parts of keys under names of their own places."""
    return keys.select(pl.col(name).alias(f"k{place}") for place, name in enumerate(keys.columns))


def _dense(keys: pl.DataFrame) -> tuple[int, int] | None:
    """The lowest key and how many numbers it is to the highest, where that is not many more than rows."""
    if keys.width != 1 or keys.dtypes != [pl.Int64()]:
        return None
    low, high = keys.to_series().min(), keys.to_series().max()
    if not isinstance(low, int) or not isinstance(high, int) or high - low >= _SPARSE * keys.height:
        return None
    return low, high - low + 1


def _looked_up(keys: pl.DataFrame, distinct: pl.DataFrame) -> pl.Series:
    found = keys.join(distinct, on=keys.columns, how="left", maintain_order="left")
    return found.get_column("n").cast(pl.Int64).fill_null(-1)
