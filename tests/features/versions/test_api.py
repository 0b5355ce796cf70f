"""The next version of a group, filled from the one before."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.features.conftest import at
from tests.features.insert.killed_inserts import open_features, rows
from tests.features.versions.killed_versions import fill

import mainspring as ms
from mainspring.errors import ConflictError, InputError, UnknownNameError
from mainspring.features.api import Features
from mainspring.features.group import FeatureGroup
from mainspring.features.insert import api as ingest
from mainspring.features.store import all_commits, table_name
from mainspring.ports.clock import ReplayClock

FACTOR = 2
"""Of a back-fill that reaches it."""


def weather(features: Features, **options: Any) -> FeatureGroup:
    """Two commits and a delete."""
    group = features.group("weather", keys=["place"], event_time="t", owner="anna", **options)
    group.insert(pl.DataFrame({"place": ["a", "b"], "t": [at(0), at(0)], "temp": [32.0, 212.0]}))
    group.insert(pl.DataFrame({"place": ["a"], "t": [at(1)], "temp": [50.0]}))
    times = {"t": [at(2)]} | ({"known": [at(2)]} if group.spec.known_time == "known" else {})
    group.delete(pl.DataFrame({"place": ["b"], **times}))
    return group


def test_marks_and_descriptions_come_along(features: Features) -> None:
    """Also under another name and type; what the new schema says else is so, and a mark is taken back by "" alone."""
    marked = ms.column(str, personal="direct", description="Who called")
    schema = {"k": int, "t": "datetime", "who": marked, "born": ms.column(int, personal="indirect")}
    group = features.group("calls", keys=["k"], event_time="t", schema=schema)
    group.insert(pl.DataFrame({"k": [1], "t": [at(0)], "who": ["Zoe"], "born": [1980]}))
    new = group.next_version(
        schema={
            "k": int,
            "t": "datetime",
            "caller": str,
            "born": ms.column(float, personal="", description="Year"),
        },
        backfill={"caller": "who", "born": pl.col("born").cast(float)},
    )
    said = {item.name: (item.personal, item.description) for item in new.spec.columns or ()}
    assert said["caller"] == ("direct", "Who called")
    assert (said["born"][0] or None, said["born"][1]) == (None, "Year")
    assert "Zoe" not in new.profile().model_dump_json()


def test_each_commit_becomes_one_that_was_made_of_it(features: Features) -> None:
    """Renamed, computed and new columns; deletes too; in the graph from commit to commit; told to whoever watches."""
    group = weather(features)
    told: list[str] = []

    @contextmanager
    def watch(text: str, total: int) -> Iterator[Any]:
        told.append(f"{text}: {total}")
        yield lambda: told.append("one more")

    schema = {"station": str, "t": "datetime", "celsius": float, "source": ms.column(str, default="old")}
    new = group.next_version(
        keys=["station"],
        schema=schema,
        backfill={"station": "place", "celsius": (pl.col("temp") - 32) / 1.8},
        progress=watch,
    )
    assert (new.spec.label, new.spec.owner) == ("weather@2", "anna")
    found = new.read(history=True).to_polars(system=True)
    assert found["celsius"].to_list() == [0.0, 100.0, 10.0, None]
    assert found["source"].to_list()[:3] == ["old"] * 3
    assert found["_op"].to_list() == [0, 0, 0, 1]
    assert told == ["commits of weather@1: 3", *["one more"] * 3]
    graph = features._stores.graph
    for old, made in zip(group.commits(), new.commits(), strict=True):
        (work,) = graph.works([graph.get_asset(made.asset_id).execution_id])
        assert [tie.asset.id for tie in work.inputs()] == [old.asset_id]
    assert group.read().to_polars().height == 3


def test_again_it_takes_in_what_came_since(features: Features) -> None:
    """What is there already is left as it is; another definition of the same version is refused."""
    group = weather(features)
    first = group.next_version(ttl_s=60.0)
    group.insert(pl.DataFrame({"place": ["c"], "t": [at(3)], "temp": [0.0]}))
    again = group.next_version(ttl_s=60.0)
    assert [commit.number for commit in again.commits()] == [1, 2, 3, 4]
    assert again.commits()[:3] == first.commits()[:3]
    with pytest.raises(ConflictError, match="ttl_s"):
        group.next_version(ttl_s=61.0)


def test_the_known_time_is_that_of_the_old_commits(features: Features, clock: ReplayClock) -> None:
    """A group that counts its commits' times gets a column of them: a join of the past finds what it found."""
    clock.set(at(5))
    group = weather(features, known_time="commit")
    clock.set(at(9))
    with pytest.raises(InputError, match="known_time='known_at'"):
        group.next_version(ttl_s=60.0)
    new = group.next_version(known_time="known")
    assert new.read(history=True).to_polars()["known"].unique().to_list() == [at(5)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backfill": lambda _: None}, "a polars frame from the back-fill, got None"),
        ({"backfill": {"place": pl.lit(None, pl.String)}}, "a value in every row of 'place'"),
        ({"keys": ["nowhere"]}, "the column 'nowhere'"),
    ],
)
def test_a_back_fill_that_does_not_fit_is_refused(
    features: Features, options: dict[str, Any], message: str
) -> None:
    """No frame, keys that are null, keys that are not there; the old version is as it was."""
    group = weather(features)
    with pytest.raises(InputError, match=message):
        group.next_version(**options)
    assert len(group.commits()) == 3


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"source_delay_s": -3600}, "a delay of 0 s"),
        ({"ttl_s": 0}, "a ttl above 0 s"),
        ({"keys": "place"}, "keys as a list of columns"),
        ({"keys": ["place", "place"]}, "every key once"),
        ({"known_time": "t"}, "a known time of its own"),
    ],
)
def test_a_next_version_comes_through_the_door_of_a_group(
    features: Features, given: dict[str, Any], message: str
) -> None:
    """What no group can be no version becomes; nothing is written."""
    with pytest.raises(InputError, match=message):
        weather(features).next_version(**given)
    assert len(features.groups()) == 1


def test_a_killed_back_fill_goes_on(records_url: str, tmp_path: Path) -> None:
    """Killed at four places one after another, it has each commit once in the end."""
    urls = [records_url, f"file:{tmp_path}/tables", f"lmdb:{tmp_path}/keys", f"file:{tmp_path}/blobs"]
    with open_features(*urls) as features:
        group = features.group("killed", keys=["step"], event_time="t")
        for step in range(4):
            group.insert(rows(step))
    # Imported, as below: a function of a main module is another one to who goes on.
    words = "from tests.features.versions.killed_versions import main; import sys; main(sys.argv[1:])"
    subprocess.run([sys.executable, "-c", words, *urls], check=True)
    with open_features(*urls) as features:
        assert len(features.get_group("killed", 2).commits()) < 4
    fill(urls)
    with open_features(*urls) as features:
        new = features.get_group("killed", 2)
        assert [commit.number for commit in new.commits()] == [1, 2, 3, 4]
        expected = [value for _ in range(4) for value in (2.0, 4.0)]
        assert new.read(history=True).to_polars()["x"].to_list() == expected


def test_a_back_fill_that_would_leave_a_column_empty_is_refused(features: Features) -> None:
    """A typing mistake, a column that nobody fills, an expression over none: said before anything is made."""
    group = features.group("amounts", keys=["k"])
    group.insert(pl.DataFrame({"k": [1], "v": [2]}))
    wanted = {"k": int, "cents": int}
    with pytest.raises(UnknownNameError, match="'cent'.*Did you mean 'cents'"):
        group.next_version(schema=wanted, backfill={"cent": pl.col("v")})
    with pytest.raises(UnknownNameError, match="'w'"):
        group.next_version(schema=wanted, backfill={"cents": "w"})
    with pytest.raises(InputError, match="back-fill of the new columns cents"):
        group.next_version(schema=wanted)
    assert [item.version for item in features.groups()] == [1]
    with pytest.raises(InputError, match="expressions over the columns k, v"):
        group.next_version(schema=wanted, backfill={"cents": pl.col("w")})
    filled = group.next_version(schema=wanted, backfill={"cents": pl.col("v") * 100})
    assert filled.read().to_polars().rows() == [(1, 200)]


def killed(features: Features, group: FeatureGroup, at_call: str, **options: Any) -> None:
    """A back-fill that dies as it is about to publish its first commit, or to append its rows."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(ZeroDivisionError):
        patch.setattr(ingest, at_call, lambda *_, **__: 1 / 0)
        group.next_version(**(options or {"backfill": {}}))
    assert features.get_group(group.name, 2).commits() == []


@pytest.mark.parametrize("at_call", ["_append", "publish"])
def test_one_that_was_killed_goes_on_after_an_erasure(features: Features, at_call: str) -> None:
    """What it had staged of the rows that are erased now is in no file, and every commit is there once."""
    group = weather(features)
    killed(features, group, at_call)
    found = group.erase({"place": "b"}, reason="asked")
    assert found.copies.backfills == ("weather@2",)
    new = group.next_version(backfill={})
    assert [commit.n_rows for commit in new.commits()] == [1, 1]
    assert new.read(history=True).to_polars()["place"].to_list() == ["a", "a"]
    tables = features._stores.tables
    stored = tables.scan(table_name(new.spec)).collect()
    assert stored["place"].to_list() == ["a", "a"]
    with features._stores.records.read() as connection:
        assert [item.number for item in all_commits(connection, new.spec.group_id)] == [1, 2]
    assert group.erase({"place": "b"}, reason="asked", dry_run=True).copies.backfills == ()


def test_an_erasure_waits_for_a_commit_that_is_being_filled(
    features: Features, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rows were read already: it is published before the erasure looks, and told as a copy."""
    group = weather(features)
    append = ingest._append
    with ThreadPoolExecutor(1) as threads:
        work: list[Future[Any]] = []

        def slow(*given: Any) -> Any:
            if not work:
                work.append(threads.submit(group.erase, {"place": "b"}, reason="asked"))
                assert not wait(work, timeout=0.5).done
            return append(*given)

        monkeypatch.setattr(ingest, "_append", slow)
        new = group.next_version(backfill={})
        copies = work[0].result().copies.commits
    first = new.commits()[0]
    assert copies[first.asset_id] == 1
    assert new.read(first).to_polars()["place"].sort().to_list() == ["a", "b"]


def twice(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(temp=pl.col("temp") * FACTOR)


def test_another_back_fill_is_refused_once_a_commit_was_filled(
    features: Features, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other expressions, another function, a value that it reaches; the same one goes on."""
    group = weather(features)
    new = group.next_version(backfill=twice)
    group.insert(pl.DataFrame({"place": ["c"], "t": [at(3)], "temp": [1.0]}))
    for other in ({}, {"temp": pl.col("temp") * 2}, lambda rows: rows):
        with pytest.raises(ConflictError, match="the back-fill that the version was begun with"):
            group.next_version(backfill=other)
    with monkeypatch.context() as patch, pytest.raises(ConflictError):
        patch.setattr(sys.modules[__name__], "FACTOR", 3)
        group.next_version(backfill=twice)
    assert len(new.commits()) == 3
    assert len(group.next_version(backfill=twice).commits()) == 4


def test_before_a_commit_was_filled_the_back_fill_may_be_corrected(features: Features) -> None:
    """What the first one had staged is taken away."""
    group = weather(features)
    killed(features, group, "publish", backfill={"temp": pl.col("temp") * 0})
    new = group.next_version(backfill=twice)
    assert new.read(history=True).to_polars()["temp"].to_list()[:2] == [64.0, 424.0]
    stored = features._stores.tables.scan(table_name(new.spec)).collect()
    assert stored.height == 4


def test_a_version_that_would_be_the_same_is_asked_about(features: Features) -> None:
    """Nothing given is a slip; an empty back-fill says that a copy is meant."""
    group = weather(features)
    with pytest.raises(InputError, match=r"got nothing.*backfill=\{\}"):
        group.next_version()
    copy = group.next_version(backfill={})
    assert copy.read().to_polars().equals(group.read().to_polars())
