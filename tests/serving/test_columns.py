"""From frames to columns: types that hold whatever comes."""

from __future__ import annotations

import polars as pl
from tests.serving.test_weights import following

from mainspring.serving.columns import FIXED, fitted, gaps, predictions, without_doubles
from mainspring.serving.frames import Context, Gap, Scored, decoder, encoder
from mainspring.serving.wal import Damage, Segment

TABLE = following(None)


def scored(value: object, number: int = 0, **fields: object) -> Scored:
    """A prediction whose only feature has that value."""
    row = Scored(
        f"id{number}", TABLE.context_id, "champion", number, {"k": 1}, {"r": value}, (value,),
        ("present",), (3,), ("c3",), (7,), ({"k": 1},), 0.5, 10, None, "",
    )  # fmt: skip
    return Scored(**{**{name: getattr(row, name) for name in row.__struct_fields__}, **fields})  # type: ignore[arg-type]


def frame_of(*values: object) -> pl.DataFrame:
    """The columns of predictions with these feature values."""
    rows = [Context(TABLE), *(scored(value, number) for number, value in enumerate(values))]
    return predictions(Segment("s", [], None), rows)


def test_frames_survive_encoding() -> None:
    """What is decoded equals what was encoded, of every kind of frame."""
    for item in (Context(TABLE), scored(1.5), scored(None), scored("x"), Gap("c", 2, 1, 5, "disk")):
        assert decoder.decode(encoder.encode(item)) == item


def test_whole_numbers_and_fractions_share_a_column() -> None:
    """JSON has one kind of number: 3 and 2.5 are both float64; whole keys stay int64."""
    frame = frame_of(3, 2.5, None)
    assert frame["a"].to_list() == [3.0, 2.5, None]
    assert (frame.schema["request_r"], frame.schema["key_k"]) == (pl.Float64, pl.Int64)


def test_a_column_without_any_value_is_left_out() -> None:
    """Its type is not known yet."""
    assert "a" not in frame_of(None, None).columns


def test_nan_is_kept_apart_from_null() -> None:
    """The log is exact."""
    found = frame_of(float("nan"), None)["a"]
    assert (found.is_nan().to_list(), found.is_null().to_list()) == ([True, None], [False, True])


def test_mixed_types_become_text() -> None:
    """Whatever comes, the row is logged."""
    assert frame_of("x", 1.5)["a"].to_list() == ['"x"', "1.5"]


def test_a_value_that_does_not_fit_its_column_is_kept_as_json() -> None:
    """Null in its column, JSON in `mismatched`; the other rows are untouched."""
    frame = fitted(frame_of("far", "12"), {"a": pl.Float64(), **FIXED})
    assert frame["a"].to_list() == [None, 12.0]
    assert frame["mismatched"].to_list()[0] == '{"a":"far"}'


def test_numbers_fit_a_text_column() -> None:
    """A table whose column began as text takes numbers as text, and nothing is lost."""
    frame = fitted(frame_of(1.5), {"a": pl.String()})
    assert frame["a"].to_list() == ["1.5"]


def test_gap_records_and_damage_are_rows() -> None:
    """What the disk refused and what damage took are counted alike."""
    segment = Segment("s", [], Damage(100, False, 50, 3))
    found = gaps(segment, [Gap("c", 2, 1_000_000, 5_000_000, "disk")])
    assert found.select("cause", "n_lost").rows() == [("disk", 2), ("damage", 3)]


def test_doubles_keep_the_first() -> None:
    """The same prediction and arm twice, as two workers might log it, is one row."""
    rows = [Context(TABLE), scored(1.0, 1), scored(2.0, 2, prediction_id="id1"), scored(3.0, 3, arm="shadow")]
    found = without_doubles([predictions(Segment("s", [], None), rows)])
    assert found.select("prediction_id", "arm", "a").rows() == [
        ("id1", "champion", 1.0),
        ("id3", "shadow", 3.0),
    ]
