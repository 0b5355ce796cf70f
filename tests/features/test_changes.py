"""What became of rows between two commits, and what each commit brought."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.features.conftest import at

from mainspring.errors import InputError
from mainspring.features.api import Features
from mainspring.features.group import FeatureGroup


def frame(*rows: tuple[str, int, float | None]) -> pl.DataFrame:
    schema = {"k": pl.String, "hour": pl.Int64, "x": pl.Float64}
    made = pl.DataFrame(list(rows), schema=schema, orient="row")
    return made.select("k", pl.lit(at(0)).dt.offset_by(pl.format("{}h", "hour")).alias("t"), "x")


def made(features: Features) -> FeatureGroup:
    return features.group("g", keys=["k"], event_time="t")


def test_changes_between_two_commits(features: Features) -> None:
    """Inserted, updated and deleted per key and event time; what was written again unchanged is no change."""
    group = made(features)
    group.insert(frame(("a", 0, 1.0), ("b", 0, None), ("c", 0, 3.0)))
    group.insert(frame(("a", 0, 1.0), ("b", 0, 2.0), ("d", 1, 4.0)))
    group.delete(frame(("c", 0, None)).drop("x"))
    found = group.changes(1)
    assert found.inserted.rows() == frame(("d", 1, 4.0)).rows()
    assert found.updated.rows() == frame(("b", 0, 2.0)).rows()
    assert found.deleted.rows() == frame(("c", 0, 3.0)).rows()
    assert repr(found) == "<Changes g@1 1..3: 1 deleted, 1 inserted, 1 updated>"
    assert group.changes(1, 2).deleted.is_empty()
    assert group.changes(0, 1).inserted.height == 3
    assert group.changes(3).frame.is_empty()
    with pytest.raises(InputError, match="a commit from 2 on"):
        group.changes(2, 1)


CELLS = st.tuples(st.sampled_from("ab"), st.integers(0, 1), st.sampled_from([None, 1.0, 2.0]))
STEPS = st.lists(st.tuples(st.booleans(), st.lists(CELLS, min_size=1, max_size=3)), min_size=2, max_size=4)


@pytest.mark.once
@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(STEPS, st.data())
def test_changes_lead_from_one_state_to_the_other(
    features: Features, steps: list[tuple[bool, list[tuple[str, int, float | None]]]], data: st.DataObject
) -> None:
    """What was there, without what is deleted, with what is updated and inserted, is what is there."""
    group = features.group(f"g{len(features.groups())}", keys=["k"], event_time="t")
    for is_delete, cells in steps:
        if is_delete and group.commits():
            group.delete(frame(*cells).drop("x"))
        else:
            group.insert(frame(*cells))
    since = data.draw(st.integers(0, len(steps)))
    found = group.changes(since)
    before = {} if since == 0 else {row[:2]: row[2] for row in group.read(since).to_polars().rows()}
    for row in found.deleted.rows():
        assert before.pop(row[:2]) == row[2]
    for row in found.inserted.rows():
        assert row[:2] not in before
    before |= {row[:2]: row[2] for row in [*found.inserted.rows(), *found.updated.rows()]}
    assert before == {row[:2]: row[2] for row in group.read().to_polars().rows()}


def test_history_has_the_statistics_of_each_commit(features: Features) -> None:
    """Counts, nulls and extremes by commit and column; of keys only counts."""
    group = made(features)
    group.insert(frame(("a", 0, 1.0), ("b", 0, None), ("c", 0, 3.0)))
    group.insert(frame(("a", 1, 8.0)))
    found = group.history().filter(pl.col("column") == "x")
    assert found.select("number", "n_rows", "n_null", "mean", "minimum", "maximum").rows() == [
        (1, 3, 1, 2.0, "1.0", "3.0"),
        (2, 1, 0, 8.0, "8.0", "8.0"),
    ]
    assert group.history().filter(pl.col("column") == "k")["minimum"].to_list() == [None, None]
