"""What a prompt and `print` show of results: short, in words, with names; of keys nothing."""

from __future__ import annotations

import polars as pl
import pytest
from tests.features.conftest import at

import mainspring as ms
from mainspring.checks.batch import BatchDrift
from mainspring.checks.drift import drift
from mainspring.checks.profile import profile
from mainspring.features.api import Features
from mainspring.features.group import FeatureGroup
from mainspring.features.upkeep.files import Vacuumed

# Asked of rows and files; every statement on the records that runs here is run on both databases by others.
pytestmark = pytest.mark.once

N = 400
LONGEST = 150
"""Characters of what a prompt shows: two lines of a terminal at most."""


@pytest.fixture
def group(features: Features) -> FeatureGroup:
    """One commit of which some rows break an expectation; online."""
    made = features.group(
        "weather",
        keys=["place"],
        event_time="t",
        online=True,
        expectations=[ms.expect.between("temp", 0, 350), ms.expect.not_null("temp")],
    )
    rows = {"place": [f"place{i}" for i in range(N)], "t": [at(1)] * N, "temp": [float(i) for i in range(N)]}
    made.insert(pl.DataFrame(rows))
    features.materialize(at(2))
    return made


def test_a_commit(group: FeatureGroup) -> None:
    """Its counts and its verdict; printed, each expectation."""
    (commit,) = group.commits()
    assert repr(commit) == "<Commit 1 of weather@1: 400 rows, fail>"
    assert repr(commit.validation) == "<Validation fail: 1 of 2 expectations broken, 400 rows>"
    assert commit.validation is not None
    broken = commit.validation.results[0]
    assert repr(broken) == "<Result between(temp, low=0, high=350): fail, 49 of 400 rows failed>"
    lines = str(commit).splitlines()
    assert lines[:2] == [repr(commit), "fail: 400 rows"]
    assert lines[2].split() == ["expectation", "severity", "rows", "null", "failed", "examples", "verdict"]
    assert len(lines) == 5
    assert max(map(len, lines)) < LONGEST + 40


def test_a_profile(group: FeatureGroup) -> None:
    """Rows and columns, and no register of distinct values; printed, a line for each column and no key."""
    found = group.profile()
    assert repr(found) == "<GroupProfile of 400 rows: 3 columns>"
    assert repr(found["temp"]) == "<ColumnProfile 'temp' Float64: 400 rows>"
    parts = [found["temp"].quantiles, found["temp"].most_frequent, found["temp"], found]
    assert max(len(repr(part)) for part in parts) < LONGEST
    assert len(str(found).splitlines()) == 5
    assert "place1" not in str(found)


def test_a_drift() -> None:
    """Which column, and what is said of it."""
    before, after = (pl.DataFrame({"x": [float(i + far) for i in range(N)]}) for far in (0, 900))
    reference = profile(before)
    (found,) = drift(reference, profile(after, edges_from=reference))
    assert repr(found) == f"<Drift 'x': drift, JS distance {found.js_distance:.3g}>"
    assert str(found) == f"x: drift: {found.reason}"
    batch = BatchDrift(
        n_reference=N, n_rows=N, drifts=(found,), told=("x",), verdict=ms.Verdict.FAIL, reason="x drifted"
    )
    assert repr(batch) == "<BatchDrift fail: 400 rows against 400, 1 columns drifted>"
    assert str(batch).splitlines()[:2] == ["batch of 400 rows against 400: fail", "x drifted"]


def test_a_vector(features: Features, group: FeatureGroup) -> None:
    """How many features are there and how many not; printed with values, and never with the key."""
    view = features.view("v", features=[group["temp"]])
    reader = view.online()
    found = reader.read({"place": "place7"}, {}, at(3))
    assert repr(found) == "<Vector of 1 features: 1 present>"
    assert str(found).splitlines()[2].split()[:4] == ["temp", "7", "present", "weather"]
    assert "<td" in found._repr_html_()
    assert "place7" not in repr(found) + str(found) + found._repr_html_()
    many = reader.many([{"place": "place7"}, {"place": "nowhere"}], {}, at(3))
    assert repr(many) == "<Vectors of 2 requests: temp>"


def test_an_erasure(features: Features, group: FeatureGroup) -> None:
    """What it took; printed with the names of the datasets that had the entity."""
    spine = pl.DataFrame({"place": ["place7", "place8"], "event_time": [at(5)] * 2})
    data = features.view("v", features=[group["temp"]]).training_dataset(spine, name="flights")
    found = group.erase({"place": "place7"}, reason="asked", dry_run=True)
    assert repr(found) == (
        "<Erased of weather@1: would be erased: 1 rows, 1 online entries, 1 training datasets>"
    )
    (line,) = str(found).splitlines()[2:]
    assert line.split() == ["training", "dataset", "flights", data.asset_id, "1", "would", "be", "erased"]
    assert found.names == {data.asset_id: "flights"}


def test_a_vacuum() -> None:
    """How many files and how large; not their names."""
    found = Vacuumed("weather@1", ("a.parquet",) * 900, 2_500_000, 3, None)
    assert repr(found) == "<Vacuumed weather@1: 900 files of 2.5 MB could be deleted, 3 younger>"
