"""Rows by their places, from a table that comes in parts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from mainspring.errors import StateError
from mainspring.features.join.take import scatter, scattered, take

TABLE = pl.DataFrame({"x": [10, 11, 12, 13, 14], "y": ["a", "b", None, "d", "e"]})
PLACES = np.array([4, -1, 0, 0, 2, -1, 3])
ANSWERS = pl.DataFrame({"x": [14, None, 10, 10, 12, None, 13], "y": ["e", None, "a", "a", None, None, "d"]})


def parts(size: int) -> list[pl.DataFrame]:
    """The table in parts, an empty one first."""
    return [TABLE.clear(), *TABLE.iter_slices(size)]


@pytest.mark.parametrize("size", [1, 2, 9])
def test_rows_are_taken_by_place_from_any_parts(size: int) -> None:
    """In the order asked, a row as often as it is asked for, null where there is no place."""
    assert_frame_equal(take(parts(size), PLACES), ANSWERS)


def test_nothing_is_taken_of_nothing() -> None:
    """No places, no rows, or both: the columns keep their types."""
    assert_frame_equal(take(parts(2), np.array([], dtype=np.int64)), TABLE.clear())
    assert_frame_equal(take([TABLE.clear()], np.array([-1, -1])), TABLE.clear(2))


def test_a_table_that_lost_rows_is_refused() -> None:
    """Places of a table that is not the one that was searched would be other rows."""
    with pytest.raises(StateError, match="6 rows, of which 5 are left.*join again"):
        take(parts(2), PLACES, 6, "a table")


@pytest.mark.parametrize("buffer_bytes", [1, 1_000_000])
def test_what_is_scattered_is_found_by_who_asked(tmp_path: Path, buffer_bytes: int) -> None:
    """File by file the answers of the rows in it, however often the buffer was written."""
    none = scatter(parts(2), PLACES, 3, buffer_bytes, tmp_path, TABLE.height, "a table")
    spans = [range(3), range(3, 6), range(6, 7)]
    found = [scattered(tmp_path, file, span, none) for file, span in enumerate(spans)]
    assert_frame_equal(pl.concat(found), ANSWERS)


def test_rows_that_nothing_answers_have_no_file(tmp_path: Path) -> None:
    """Their answers are null, of the columns' types."""
    none = scatter(parts(2), np.array([-1, -1]), 3, 1, tmp_path, None, "a table")
    assert list(tmp_path.iterdir()) == []
    assert_frame_equal(scattered(tmp_path, 0, range(2), none), TABLE.clear(2))
