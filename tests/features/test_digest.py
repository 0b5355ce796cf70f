"""The digest of a frame: over logical values, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.errors import InputError
from mainspring.features.digest import frame_digest

CELLS = st.one_of(st.none(), st.text(max_size=3))
ROWS = st.lists(st.tuples(CELLS, st.one_of(st.none(), st.floats(width=16))), max_size=6)


def frame_of(rows: list[tuple[str | None, float | None]]) -> pl.DataFrame:
    """Two columns, text and number."""
    return pl.DataFrame(
        {
            "s": pl.Series([row[0] for row in rows], dtype=pl.String),
            "x": pl.Series([row[1] for row in rows], dtype=pl.Float64),
        }
    )


@given(rows=ROWS, cut=st.integers(0, 6))
def test_chunks_do_not_count(rows: list[tuple[str | None, float | None]], cut: int) -> None:
    """The same values in several chunks, or sliced out of a larger frame, have the same digest."""
    frame = frame_of(rows)
    chunked = pl.concat([frame[:cut], frame[cut:]], rechunk=False)
    sliced = pl.concat([frame, frame], rechunk=True)[len(frame) :]
    assert frame_digest(chunked) == frame_digest(frame) == frame_digest(sliced)


@given(one=ROWS, other=ROWS)
def test_equal_digests_mean_equal_values(
    one: list[tuple[str | None, float | None]], other: list[tuple[str | None, float | None]]
) -> None:
    """Two frames have one digest only if every cell is the same; null, NaN, "" and the sign of zero count."""
    equal = frame_digest(frame_of(one)) == frame_digest(frame_of(other))
    assert equal == (repr(one) == repr(other))


def test_order_names_and_types_count() -> None:
    """Another order of rows or columns, another name or another type is another table."""
    base = pl.DataFrame({"a": [1, 2], "b": [3, 4]})
    others = [
        base.reverse(),
        base.select("b", "a"),
        base.rename({"a": "c"}),
        base.with_columns(pl.col("a").cast(pl.Float64)),
        base.with_columns(pl.col("a").cast(pl.Int32)),
        base.head(1),
        base.clear(),
        base.select("a"),
    ]
    assert len({frame_digest(frame) for frame in [base, *others]}) == len(others) + 1


def test_text_does_not_run_together() -> None:
    """("ab", "c") and ("a", "bc") differ, and so do null and the empty text."""
    frames = [
        pl.DataFrame({"s": values}) for values in (["ab", "c"], ["a", "bc"], ["abc", ""], ["abc", None])
    ]
    assert len({frame_digest(frame) for frame in frames}) == 4


def test_what_lies_under_a_null_does_not_count() -> None:
    """A null is a null, whatever its slot in memory holds."""
    masked = pl.DataFrame({"x": [1.0, 2.0]}).select(pl.when(pl.col("x") > 1).then("x"))
    assert frame_digest(masked) == frame_digest(pl.DataFrame({"x": [None, 2.0]}))


def test_every_nan_is_the_same() -> None:
    """NaNs of different payload bits are one logical value."""
    odd = np.array([0x7FF8000000000001], dtype=np.uint64).view(np.float64)
    assert frame_digest(pl.DataFrame({"x": odd})) == frame_digest(pl.DataFrame({"x": [float("nan")]}))


def test_storage_variants_of_a_type_are_equal() -> None:
    """Categories and texts, milliseconds and microseconds, say the same."""
    texts = pl.DataFrame({"s": ["a", "b", None]})
    assert frame_digest(texts.cast(pl.Categorical)) == frame_digest(texts)
    times = pl.DataFrame({"t": [datetime(2013, 1, 1, tzinfo=UTC)]})
    assert frame_digest(times.cast(pl.Datetime("ms", "UTC"))) == frame_digest(times)
    assert frame_digest(times.select(pl.col("t").dt.convert_time_zone("America/New_York"))) == frame_digest(
        times
    )


def test_nanoseconds_count() -> None:
    """Times that differ by a nanosecond differ."""
    frames = [pl.DataFrame({"t": pl.Series([i], dtype=pl.Int64).cast(pl.Datetime("ns"))}) for i in (1, 2)]
    assert frame_digest(frames[0]) != frame_digest(frames[1])


def test_nested_values_count() -> None:
    """Lists and structs are told apart by their structure, nulls included."""
    lists: list[list[list[int | None] | None]] = [[[1, 2], []], [[1], [2]], [[1, 2], None], [[1, 2], [None]]]
    frames = [pl.DataFrame({"l": pl.Series(values, dtype=pl.List(pl.Int64))}) for values in lists]
    frames += [pl.DataFrame({"l": [{"a": 1}, {"a": None}]}), pl.DataFrame({"l": [{"a": 1}, None]})]
    assert len({frame_digest(frame) for frame in frames}) == len(frames)


def test_is_stable() -> None:
    """The digest of a known frame never changes: datasets are found by it."""
    frame = pl.DataFrame({"a": [1, None], "s": ["x", ""], "f": [0.5, float("nan")], "b": [True, None]})
    assert frame_digest(frame) == "15c717f4a587a9a5946d11c2d9608acb63960a914040e9099700d0a97e1bafdd"


def test_objects_are_refused() -> None:
    """A column of Python objects has no digest."""
    with pytest.raises(InputError, match="column 'o'"):
        frame_digest(pl.DataFrame({"o": pl.Series([object()], dtype=pl.Object)}))
