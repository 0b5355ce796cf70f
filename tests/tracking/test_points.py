"""Metric points: which are the same, which is the latest, how histories are read; the same on both databases."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from contextlib import closing

import pytest

from mainspring.lineage import Graph
from mainspring.tracking.points import Place, Point, Points, open_points


@pytest.fixture
def points(graph: Graph) -> Iterator[Points]:
    with closing(open_points(graph.records, graph.project_id)) as opened:
        yield opened


def test_a_point_that_is_there_is_left_as_it_is(points: Points) -> None:
    """Sent again, and twice at once; NaN equals NaN, and zeros of either sign are one."""
    given: list[Point] = [("m", 1, 0.5, 10), ("m", 1, math.nan, 10), ("m", 1, 0.5, 11), ("m", 2, 0.5, 10)]
    points.add("run", [*given, *given])
    points.add("run", given)
    assert len(points.of("run")) == 4
    points.add("other", given[:1])
    assert len(points.of("other")) == 1


def test_the_last_point_is_the_highest(points: Points) -> None:
    """Against a plain search, over random points with ties and NaN; each run and metric by itself."""
    draw = random.Random(7)
    given = {
        run: [
            (key, draw.randint(-2, 2), draw.choice([math.nan, -1.0, 0.0, 2.5]), draw.randint(0, 3))
            for key in ("a", "b", "b c/d")
            for _ in range(30)
        ]
        for run in ("r1", "r2")
    }
    for run, rows in given.items():
        points.add(run, rows)

    def rank(point: Point) -> tuple[int, int, float]:
        return point[1], point[3], -math.inf if math.isnan(point[2]) else point[2]

    found = points.last_points(["r1", "r2", "nobody"])
    for run, rows in given.items():
        wanted = [max((each for each in rows if each[0] == key), key=rank) for key in ("a", "b", "b c/d")]
        assert [rank(each) for each in found[run]] == [rank(each) for each in wanted]
        assert [each[0] for each in found[run]] == ["a", "b", "b c/d"]
    assert found["nobody"] == []


def test_a_history_in_pages_is_the_whole_history(points: Points) -> None:
    draw = random.Random(7)
    given: list[Point] = [("m", draw.randint(0, 5), float(n), draw.randint(0, 5)) for n in range(57)]
    points.add("run", given)
    points.add("run", [("other", 0, 1.0, 0)])
    seen: list[Point] = []
    after: Place | None = None
    while page := points.history("run", "m", after, 10):
        assert len(page) <= 10
        seen += [point for point, _ in page]
        after = page[-1][1]
    assert sorted(seen) == sorted(given)
    assert [(step, at) for _, step, _, at in seen] == sorted((step, at) for _, step, _, at in given)


def test_nothing_is_written_where_nothing_is_given(points: Points) -> None:
    points.add("run", [])
    assert points.of("run") == []
    assert points.last_points([]) == {}
    assert points.history("run", "m", None, 5) == []
