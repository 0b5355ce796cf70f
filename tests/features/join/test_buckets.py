"""Joins in buckets of the keys: the same answers, whatever they are split into."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal, assert_series_equal
from tests.features.conftest import at
from tests.features.join.oracle import Fact
from tests.features.join.test_point_in_time import ASKED, FACTS, numbered, spine_of, table

from mainspring.features import view as view_module
from mainspring.features.api import Features
from mainspring.features.join import sources
from mainspring.features.join.buckets import estimated_bytes, find_in_buckets
from mainspring.features.join.point_in_time import Side, Spine, find
from mainspring.features.view import FeatureView
from mainspring.ports.engine import open_engine

# Asked of rows and files; every statement on the records that runs here is run on both databases by others.
pytestmark = pytest.mark.once


@settings(max_examples=15, deadline=None, derandomize=True)
@given(
    facts=st.lists(FACTS, max_size=14).map(numbered),
    asked=st.lists(ASKED, max_size=8),
    ttl=st.one_of(st.none(), st.integers(1, 6)),
    cutoff=st.booleans(),
    n_buckets=st.integers(1, 5),
)
def test_buckets_answer_as_the_whole_does(
    facts: list[Fact], asked: list[Any], ttl: int | None, cutoff: bool, n_buckets: int
) -> None:
    """The same rows decide, and the reports are the same; nothing is left on the disk."""
    frame, spine = table(facts, ["a", "b"]), spine_of(asked, ["x", "y"])
    side = Side(
        "g",
        frame,
        (("a", "x"), ("b", "y")),
        (("x", "out"),),
        ttl_us=ttl,
        cutoff=cutoff,
        published_us={1: 0, 2: 5},
    )
    whole = find(Spine(spine, spine["t"]), side)
    lean = frame.drop("x", "_commit")
    with tempfile.TemporaryDirectory() as folder:
        parts = find_in_buckets(
            Spine(spine, spine["t"]), replace(side, frame=lean.clear()), lean.lazy(), n_buckets,
            open_engine(n_workers=2), Path(folder), "a table",
        )  # fmt: skip
        assert [path for path in Path(folder).iterdir() if path.is_dir()] == []
    assert parts.picked.tolist() == whole.picked.tolist()
    assert_series_equal(parts.status, whole.status)
    assert (parts.numbers, parts.n_rows, parts.report) == (whole.numbers, whole.n_rows, whole.report)


def test_a_view_that_may_use_little_memory_answers_the_same(
    features: Features, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Rows, reports and lineage of a view do not tell that a group was too large for its memory."""
    group = features.group("g", keys=["k", "l"], event_time="e")
    for number in range(3):
        rows = [
            {"k": f"{k}", "l": k, "e": at(number), "x": float(number), "v": [1.0] * number} for k in range(9)
        ]
        group.insert(pl.DataFrame(rows, schema_overrides={"v": pl.List(pl.Float64)}))
    group.delete(pl.DataFrame([{"k": "3", "l": 3, "e": at(2)}]))
    view = features.view("v", features=[group["x", "v"]])
    spine = pl.DataFrame(
        {"k": ["3", "1", None, "1"], "l": [3, 1, 1, 2], "event_time": [at(1.5), at(2), at(2), at(2)]}
    )
    monkeypatch.setattr(sources, "HELD_BYTES", 0)
    monkeypatch.setattr(view_module, "JOIN_MEMORY_MIN_BYTES", 1)
    little = FeatureView(replace(view._stores, join_memory_bytes=1000, spill_root=tmp_path), view.spec)
    whole, parts = view.join(spine), little.join(spine)
    assert_frame_equal(pl.concat(view.join(spine, memory_bytes=500).batches()), whole.frame)
    assert_frame_equal(parts.frame, whole.frame)
    assert_frame_equal(parts.provenance["g"], whole.provenance["g"])
    assert (parts.report, parts.assets, parts.pins) == (whole.report, whole.assets, whole.pins)


def test_what_a_task_raises_reaches_the_caller(tmp_path: Path) -> None:
    """A bucket that fails fails the join, and not with fewer rows."""
    frame, spine = table([], ["a"]), spine_of([("a", 1)], ["a"])
    side = Side("g", frame, (("no such key", "a"),), (("x", "out"),))
    with pytest.raises(pl.exceptions.ColumnNotFoundError):
        find_in_buckets(
            Spine(spine, spine["t"]), side, frame.lazy(), 2, open_engine(n_workers=1), tmp_path, "a table"
        )
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == []


def test_memory_is_estimated_from_types_and_rows() -> None:
    """Wider types and more rows need more."""
    assert estimated_bytes([pl.Int64(), pl.String()], 10) == 10 * 4 * 40
    assert estimated_bytes([pl.List(pl.Float64)], 1) > estimated_bytes([pl.Boolean()], 1)
