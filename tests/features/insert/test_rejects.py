"""What a group does with rows that break critical expectations: alert, block, quarantine."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from unittest.mock import Mock

import polars as pl
import pytest
from tests.features.conftest import at

import mainspring as ms
from mainspring.checks import expect
from mainspring.errors import ConflictError, ExpectationError, InputError, IntegrityError, UnknownNameError
from mainspring.features.api import Features
from mainspring.features.column import column
from mainspring.features.digest import commit_digest
from mainspring.features.group import FeatureGroup
from mainspring.features.insert import api as ingest
from mainspring.features.join.point_in_time import PUT
from mainspring.features.spec import FeatureGroupSpec
from mainspring.lineage import Graph
from mainspring.lineage.spec import AssetKind

RULES = [
    expect.between("temp", -40, 130),
    expect.not_null("temp", mostly=0.5),
    expect.in_set("origin", ["JFK"]),
]


def _group(features: Features, on_failure: str, **more: Any) -> FeatureGroup:
    given = {"expectations": RULES, "on_failure": on_failure, **more}
    return features.group("weather", keys=["origin"], event_time="observed_at", **given)


def _rows(*temps: float | None, hour: int = 0, origin: str = "JFK") -> pl.DataFrame:
    times = [at(hour + index) for index in range(len(temps))]
    return pl.DataFrame(
        {"origin": [origin] * len(temps), "observed_at": times, "temp": temps},
        schema_overrides={"temp": float},
    )


def test_good_rows_are_published_and_bad_ones_kept_with_reasons(features: Features, graph: Graph) -> None:
    """One publication: the commit of the good rows, the rejects as an asset of their own, and an event."""
    group = _group(features, "quarantine")
    rows = pl.concat([_rows(1.0, 200.0, None), _rows(300.0, hour=5, origin="EWR")])
    commit = group.insert(rows)
    assert (commit.n_rows, commit.n_rejected, commit.n_failed, commit.verdict) == (2, 2, 3, "fail")
    assert group.read().to_polars()["temp"].to_list() == [1.0, None]
    rejected = group.rejects()
    assert rejected.columns == ["_number", "_row", "origin", "observed_at", "temp", "_broken"]
    assert rejected.select("_number", "_row", "temp").rows() == [(1, 1, 200.0), (1, 3, 300.0)]
    assert rejected["_broken"].to_list() == [[RULES[0].name], [RULES[0].name, RULES[2].name]]
    (asset,) = graph.find_assets(kind=AssetKind.REJECTS)
    commit_asset = graph.get_asset(commit.asset_id)
    assert asset.execution_id == commit_asset.execution_id
    assert asset.attributes["n_rows"] == 2
    (event,) = graph.events(kinds=["expectations.broken"])
    assert (event.subject, event.payload["n_rejected"]) == (commit.asset_id, 2)


def test_rejects_are_read_by_commit(features: Features) -> None:
    """Each commit has its own; one without any has none, and an unknown one is refused."""
    group = _group(features, "quarantine")
    assert group.insert(_rows(1.0)).n_rejected == 0
    assert group.rejects().height == 0
    second = group.insert(_rows(2.0, 200.0, hour=10))
    third = group.insert(_rows(300.0, 3.0, hour=20))
    assert group.rejects(1).height == 0
    assert group.rejects(second)["temp"].to_list() == [200.0]
    assert group.rejects(3)["_row"].to_list() == [0]
    assert group.rejects()["_number"].to_list() == [2, 3]
    assert group.get_commit(third.number) == third
    with pytest.raises(UnknownNameError):
        group.rejects(7)


def test_a_column_that_came_later_is_null_in_earlier_rejects(features: Features) -> None:
    """The rejects follow the group's schema."""
    group = _group(features, "quarantine")
    group.insert(_rows(1.0, 200.0))
    schema = {"origin": str, "observed_at": "datetime", "temp": float, "wind": float}
    wider = _group(features, "quarantine", schema=schema)
    assert wider.rejects()["wind"].to_list() == [None]
    wider.insert(_rows(1.0, 200.0, hour=5).with_columns(wind=pl.lit(3.0)))
    assert wider.rejects()["wind"].to_list() == [None, 3.0]


def test_a_column_that_came_later_has_its_default_in_earlier_rejects(features: Features) -> None:
    """As in the rows that were published; a null that was rejected is a null."""
    group = _group(features, "quarantine", schema={"origin": str, "observed_at": datetime, "temp": float})
    group.insert(_rows(1.0, 200.0))
    wider = {"origin": str, "observed_at": datetime, "temp": float, "wind": ms.column(float, default=5.0)}
    group = _group(features, "quarantine", schema=wider)
    assert group.rejects()["wind"].to_list() == [5.0]
    group.insert(_rows(2.0, 300.0, hour=3).with_columns(wind=pl.Series([1.0, None])))
    assert group.rejects()["wind"].to_list() == [5.0, None]


def test_rejects_whose_file_is_gone(features: Features) -> None:
    """They are damaged, and by name."""
    group = _group(features, "quarantine")
    group.insert(_rows(1.0, 200.0))
    tables = group.read().stores.tables
    (name,) = [name for name in tables.names() if name.endswith("_rejects")]
    for path in tables.files(name, tables.version(name)).fixed.values():
        if path.suffix == ".parquet":
            path.unlink()
    with pytest.raises(IntegrityError, match="weather"):
        group.rejects()


def test_what_some_rows_may_break_rejects_none(features: Features) -> None:
    """Rows within `mostly`, and those that break a warning, are published."""
    rules = [expect.between("temp", 0, 1, mostly=0.5), expect.in_set("temp", [0.5], severity="warning")]
    commit = _group(features, "quarantine", expectations=rules).insert(_rows(0.5, 9.0))
    assert (commit.n_rows, commit.n_rejected, commit.n_failed) == (2, 0, 1)


def test_what_no_row_is_to_blame_for_writes_nothing(features: Features) -> None:
    """A broken rule about the whole batch, and a batch without a good row, are refused."""
    group = _group(features, "quarantine", expectations=[*RULES, expect.row_count(2)])
    with pytest.raises(ExpectationError, match="No single row"):
        group.insert(_rows(1.0))
    with pytest.raises(ExpectationError, match="Every row"):
        group.insert(_rows(200.0, 300.0))
    assert group.commits() == []


def test_the_same_key_is_one_commit_with_its_rejects(features: Features) -> None:
    """A repeated insert writes no reject twice; other good rows under the key are a conflict."""
    group = _group(features, "quarantine")
    first = group.insert(_rows(1.0, 200.0), idempotency_key="hour-0")
    assert group.insert(_rows(1.0, 200.0), idempotency_key="hour-0") == first
    assert group.rejects().height == 1
    with pytest.raises(ConflictError):
        group.insert(_rows(2.0, 200.0), idempotency_key="hour-0")
    with pytest.raises(ConflictError):
        group.insert(_rows(1.0, 300.0), idempotency_key="hour-0")


def test_what_was_taken_is_not_judged_again(features: Features) -> None:
    """The same rows under the same key are their commit, whatever the group expects, does and has by then."""
    group = _group(features, "quarantine")
    first = group.insert(_rows(1.0, 50.0, 200.0), idempotency_key="hour-0")
    gone = group.delete(_rows(1.0).drop("temp"), idempotency_key="gone")
    _group(features, "quarantine", expectations=[expect.between("temp", 0, 10)])
    assert group.insert(_rows(1.0, 50.0, 200.0), idempotency_key="hour-0") == first
    _group(features, "block")
    wider = {"origin": str, "observed_at": datetime, "temp": float, "wind": column("float64", default=5.0)}
    _group(features, "block", schema=wider)
    assert group.insert(_rows(1.0, 50.0, 200.0), idempotency_key="hour-0").asset_id == first.asset_id
    assert group.delete(_rows(1.0).drop("temp"), idempotency_key="gone").asset_id == gone.asset_id
    assert len(group.commits()) == 2


def test_a_commit_has_the_digest_of_its_rows(features: Features) -> None:
    """Not of the ones that were rejected, and with the columns that were filled; of what was given it has another."""
    wider = {"origin": str, "observed_at": datetime, "temp": float, "wind": column("float64", default=5.0)}
    group = _group(features, "quarantine", schema=wider)
    for given in (_rows(1.0, 50.0, 200.0), _rows(1.0, hour=9)):
        group.insert(given)
        read = group.read(history=True)
        spec, stored = read.commits[-1], read.to_polars(system=True)
        rows = stored.filter(pl.col("_number") == spec.number).sort("_ordinal").select(list(wider))
        assert spec.digest == commit_digest(PUT, rows)
        assert spec.content == commit_digest(PUT, given) != spec.digest


def test_what_was_written_of_a_batch_is_published_as_it_was_screened(
    features: Features, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of an insert that was killed in the middle no other rows become the commit, after the suite has changed."""
    group = _group(features, "quarantine")
    with monkeypatch.context() as killed:
        killed.setattr(ingest, "publish", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            group.insert(_rows(1.0, 50.0, 200.0), idempotency_key="k")
    _group(features, "quarantine", expectations=[expect.between("temp", 0, 10)])
    with pytest.raises(ConflictError, match="expected 2 rows that the group takes"):
        group.insert(_rows(1.0, 50.0, 200.0), idempotency_key="k")
    _group(features, "quarantine")
    assert group.insert(_rows(1.0, 50.0, 200.0), idempotency_key="k").n_rows == 2


def test_an_unpublished_reject_is_not_seen(
    features: Features, reopen: Callable[[], Features], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that dies between the two appends leaves nothing that is read; the retry publishes all of it."""
    group = _group(features, "quarantine")
    group.insert(_rows(9.0))
    tables = group._stores.tables
    append = type(tables).append

    def dies(self: Any, name: str, frame: pl.DataFrame, *, token: str) -> int:
        if name.endswith("_rejects"):
            return append(self, name, frame, token=token)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(type(tables), "append", dies)
        with pytest.raises(KeyboardInterrupt):
            group.insert(_rows(1.0, 200.0, hour=5), idempotency_key="k")
    again = reopen().get_group("weather")
    assert again.rejects().height == 0
    assert again.insert(_rows(1.0, 200.0, hour=5), idempotency_key="k").n_rejected == 1
    assert again.rejects()["temp"].to_list() == [200.0]


def test_blocking_writes_nothing(features: Features, graph: Graph) -> None:
    """No commit, no rejects, no event."""
    group = _group(features, "block")
    with pytest.raises(ExpectationError, match="1 of 2 rows"):
        group.insert(_rows(1.0, 200.0))
    assert (group.commits(), graph.events(kinds=["expectations.broken"])) == ([], [])
    assert group.insert(_rows(1.0)).verdict == "pass"


def test_alerting_publishes_and_tells(features: Features, graph: Graph) -> None:
    """Every row is there, and an event names what is broken; without that there is none."""
    group = _group(features, "alert")
    group.insert(_rows(1.0))
    commit = group.insert(_rows(1.0, 200.0, hour=5))
    assert (commit.n_rows, commit.n_rejected) == (2, 0)
    (event,) = graph.events(kinds=["expectations.broken"])
    assert event.payload["broken"] == [RULES[0].name]


@pytest.mark.parametrize("given", ["warn", "refuse", "ignore", 3])
def test_other_policies_are_refused(features: Features, given: Any) -> None:
    """The message names the three, and what the words of 0.1.0 have become."""
    with pytest.raises(InputError, match="quarantine"):
        _group(features, given)


@pytest.mark.parametrize(
    ("stored", "read"), [("warn", "alert"), ("refuse", "block"), ("quarantine", "quarantine")]
)
def test_groups_of_0_1_0_have_the_policies_of_today(features: Features, stored: str, read: str) -> None:
    """What was stored under the former words is read under ours."""
    spec = _group(features, "alert").spec.model_dump() | {"on_failure": stored}
    assert FeatureGroupSpec.model_validate(spec).on_failure == read


def test_what_is_kept_of_a_batch_shows_no_value_of_a_person(features: Features) -> None:
    """A broken rule about a marked column has its counts, in what the commit and the graph keep of it."""
    schema = {"k": str, "ssn": ms.column(str, personal="direct"), "x": float}
    group = features.group(
        "people",
        keys=["k"],
        schema=schema,
        expectations=[expect.lengths("ssn", 1, 5), expect.between("x", 0, 1)],
    )
    commit = group.insert(pl.DataFrame({"k": ["a"], "ssn": ["123-45-678"], "x": [9.0]}))
    about_ssn, about_x = group.commits()[-1].validation.results
    assert (about_ssn.n_failed, about_ssn.examples) == (1, ())
    assert about_x.examples == (9.0,)
    assert "123-45" not in repr(commit.validation)
