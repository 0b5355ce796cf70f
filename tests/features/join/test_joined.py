"""What a join found: values when they are asked for, whole or batch by batch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from tests.features.conftest import at

from mainspring.config import JOIN_MEMORY_MIN_BYTES
from mainspring.errors import InputError, StateError
from mainspring.features import view
from mainspring.features.api import Features, request
from mainspring.features.join import joined, sources
from mainspring.features.on_demand import on_demand
from mainspring.features.view import FeatureView

# Asked of rows and files; every statement on the records that runs here is run on both databases by others.
pytestmark = pytest.mark.once

N = 9


@on_demand
def doubled(x):  # type: ignore[no-untyped-def]
    """A feature of a feature."""
    return x * 2


@pytest.fixture
def shop(features: Features, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FeatureView:
    """Two groups of three commits each, and a request column; tables are read in parts, results in batches of 4."""
    monkeypatch.setattr(sources, "HELD_BYTES", 0)
    monkeypatch.setattr(view, "JOIN_MEMORY_MIN_BYTES", 1)
    monkeypatch.setattr(joined, "ROWS_AT_ONCE", 4)
    for name, column in (("one", "x"), ("two", "label")):
        group = features.group(name, keys=["k"], event_time="e")
        for hour in range(3):
            values = [None if key == 5 else float(10 * hour + key) for key in range(N)]
            group.insert(pl.DataFrame({"k": range(N), "e": [at(hour)] * N, column: values}))
    one, two = features.get_group("one"), features.get_group("two")
    made = features.view(
        "shop",
        features=[one["x"], request("why")],
        on_demand=[doubled],
        label=two["label"].on({"k": "other"}),
    )
    return FeatureView(replace(made._stores, spill_root=tmp_path / "spill"), made.spec)


def spine() -> pl.DataFrame:
    """Ten rows: a key that nobody knows, a null, two equal ones, in no order."""
    keys = [8, 0, 99, 5, None, 3, 3, 1, 7, 2]
    hours = [2, 0, 1, 1, 1, -1, 2, 2, 0, 1]
    return pl.DataFrame(
        {"k": keys, "other": keys[::-1], "why": range(10), "event_time": [at(hour) for hour in hours]}
    )


def test_batches_are_the_frame(shop: FeatureView) -> None:
    """In its order with its columns, through files where the result may use little memory, and no file is left."""
    frame = shop.join(spine()).frame
    large = shop.join(spine(), memory_bytes=500)
    batches = list(large.batches())
    assert [batch.height for batch in batches] == [4, 4, 2]
    assert_frame_equal(pl.concat(batches), frame)
    assert frame.columns == ["k", "other", "why", "event_time", "x", "doubled", "label"]
    assert [path for path in shop._stores.spill_root.iterdir() if path.is_dir()] == []


def test_the_report_needs_no_values(shop: FeatureView) -> None:
    """Reports, pins, commits and provenance are those of the frame, whichever is read first."""
    whole, large = shop.join(spine()), shop.join(spine(), memory_bytes=500)
    assert len(whole.frame) == len(large) == 10
    assert (large.report, large.pins, large.assets) == (whole.report, whole.pins, whole.assets)
    assert_frame_equal(large.provenance["one"], whole.provenance["one"])
    assert whole.provenance["one"]["status"].to_list().count("matched") == whole.report["one"].n_matched
    assert "one 7 matched" in repr(whole)


def test_goes_to_a_file(shop: FeatureView, tmp_path: Path) -> None:
    """Batch by batch, through temporary files that are gone afterwards."""
    found = shop.join(spine(), memory_bytes=500)
    found.write_parquet(tmp_path / "found.parquet")
    assert_frame_equal(pl.read_parquet(tmp_path / "found.parquet"), shop.join(spine()).frame)
    assert [path for path in shop._stores.spill_root.iterdir() if path.is_dir()] == []


def test_other_libraries_have_the_rows_too(shop: FeatureView) -> None:
    """As polars, pandas and Arrow."""
    found = shop.join(spine())
    assert found.to_polars() is found.frame
    assert found.to_arrow().num_rows == len(found.to_pandas()) == 10


def test_an_empty_spine_is_an_empty_batch(shop: FeatureView) -> None:
    """With its columns, in memory and through files."""
    for memory_bytes in (None, 500):
        (batch,) = shop.join(spine().clear(), memory_bytes=memory_bytes).batches()
        assert batch.columns == ["k", "other", "why", "event_time", "x", "doubled", "label"]


def test_a_table_that_is_gone_is_said(shop: FeatureView) -> None:
    """The values of a result whose files were taken away in between are no other rows."""
    found = shop.join(spine())
    (name,) = [name for name in shop._stores.tables.names() if "one" in name]
    for path in shop._stores.tables.files(name, 2).fixed.values():
        if path.suffix == ".parquet":
            path.unlink()
    with pytest.raises(StateError, match="erased or vacuumed since the join: join again"):
        found.frame  # noqa: B018


def test_memory_is_a_number_of_bytes(shop: FeatureView, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as a search can work with: the least is named, in calls as in the configuration."""
    monkeypatch.setattr(view, "JOIN_MEMORY_MIN_BYTES", JOIN_MEMORY_MIN_BYTES)
    for given in (0, 1, JOIN_MEMORY_MIN_BYTES - 1, True):
        with pytest.raises(InputError, match="from 16_000_000 on"):
            shop.join(spine(), memory_bytes=given)
    assert len(shop.join(spine(), memory_bytes=JOIN_MEMORY_MIN_BYTES)) == 10
    with pytest.raises(InputError, match="memory_bytes"):
        shop.batch(spine=spine(), memory_bytes=1.5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nowhere/found.parquet", "a folder that is there, got '.*nowhere'"),
        (".", "the path of a file, got the folder"),
        (None, "the path of a file, got None"),
    ],
)
def test_a_file_that_cannot_be_is_refused(
    shop: FeatureView, tmp_path: Path, path: str | None, message: str
) -> None:
    """Before the rows are read."""
    found = shop.join(spine())
    with pytest.raises(InputError, match=f"write_parquet: expected {message}"):
        found.write_parquet(path if path is None else tmp_path / path)  # type: ignore[arg-type]
    assert "frame" not in vars(found)
