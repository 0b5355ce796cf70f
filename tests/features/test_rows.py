"""The rows of a group as reads see them."""

from __future__ import annotations

import polars as pl
from tests.features.conftest import at

from mainspring.features.api import Features
from mainspring.features.rows import scan


def test_a_scan_is_streamed_whichever_number_of_commits_it_is_of(features: Features) -> None:
    """What is said of a commit is found for its rows part by part: nothing of the plan needs the whole table."""
    group = features.group("g", keys=["k"], event_time="t", known_time="commit")
    group.insert(pl.DataFrame({"k": [1, 2], "t": [at(1), at(0)], "x": [1.0, 2.0]}))
    found = group.read()
    (commit,) = found.commits
    others = [
        commit.model_copy(update={"ticket": commit.ticket + 7 * n, "number": 1 + n}) for n in range(1, 1_000)
    ]
    rows = scan(found.stores, found.group, [commit, *others])
    assert rows.select("k", "_number", "x").collect().rows() == [(1, 1, 1.0), (2, 1, 2.0)]
    plan = rows.show_graph(engine="streaming", plan_stage="physical", show=False, raw_output=True)
    assert plan is not None
    assert "equi-join" in plan
    assert "in-memory-map" not in plan
    assert "columnar-function" not in plan


def test_rows_of_commits_that_are_not_read_are_left_out(features: Features) -> None:
    """Also of one that was published between two that are."""
    group = features.group("g", keys=["k"], event_time="t")
    for number in (1, 2, 3):
        group.insert(pl.DataFrame({"k": [number], "t": [at(number)], "x": [1.0]}))
    found = group.read()
    rows = scan(found.stores, found.group, [found.commits[0], found.commits[2]], ["k"])
    assert rows.sort("k").select("k", "_number").collect().rows() == [(1, 1), (3, 3)]
