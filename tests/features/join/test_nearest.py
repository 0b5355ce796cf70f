"""The search for the row that answers, whatever order the rows stand in."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mainspring.features.join import nearest
from mainspring.features.join.nearest import Questions, search

Row = tuple[int, int, int, int, int]
"""key, event, known, number, ordinal"""

rows_written = st.lists(
    st.tuples(st.integers(-1, 2), st.integers(0, 9), st.integers(0, 9), st.integers(1, 3)), max_size=14
).map(lambda drawn: [(*row[:3], row[3], ordinal) for ordinal, row in enumerate(drawn)])
questions = st.lists(st.tuples(st.integers(-1, 2), st.integers(-1, 12)), max_size=8)


def brute(rows: list[Row], key: int, moment: int, delay: int) -> int:
    usable = [
        (event, known, number, ordinal, place)
        for place, (row_key, event, known, number, ordinal) in enumerate(rows)
        if row_key == key >= 0 and max(event + delay, known) <= moment
    ]
    return max(usable)[-1] if usable else -1


def found(rows: list[Row], asked: list[tuple[int, int]], delay: int) -> list[int]:
    frame = pl.DataFrame(
        rows, orient="row", schema=dict.fromkeys(("key", "event", "known", "number", "ordinal"), pl.Int64)
    )
    keys, moments = (np.array([each[part] for each in asked], dtype=np.int64) for part in (0, 1))
    return search(Questions(keys, moments, 3), frame, delay_us=delay).tolist()


@pytest.mark.parametrize("max_runs", [0, 2, 10_000])
@given(rows=rows_written, asked=questions, order=st.randoms(use_true_random=False), delay=st.integers(0, 2))
@settings(deadline=None, max_examples=60)
def test_the_order_of_the_rows_plays_no_part(
    max_runs: int, rows: list[Row], asked: list[tuple[int, int]], order: object, delay: int
) -> None:
    """As written, commit by commit in any order, or row by row: the same row answers, however it is put in order."""
    commits = sorted({row[3] for row in rows})
    order.shuffle(commits)  # type: ignore[attr-defined]
    in_pieces = [row for number in commits for row in rows if row[3] == number]
    mixed = list(rows)
    order.shuffle(mixed)  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nearest, "_MAX_RUNS", max_runs)
        for standing in (sorted(rows, key=lambda row: row[3:]), in_pieces, mixed):
            assert found(standing, asked, delay) == [brute(standing, key, at, delay) for key, at in asked]
