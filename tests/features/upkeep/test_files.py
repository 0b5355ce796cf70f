"""Compaction and vacuum: fewer files, the same answers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.features.conftest import at
from tests.features.insert.killed_inserts import open_features
from tests.features.insert.killed_inserts import rows as killed_rows

import mainspring as ms
from mainspring.errors import InputError
from mainspring.features.api import Features
from mainspring.features.group import FeatureGroup
from mainspring.features.store import table_name
from mainspring.features.upkeep.maintenance import role_of


def some(features: Features, name: str = "g") -> FeatureGroup:
    return features.group(name, keys=["k"], event_time="t")


def rows(k: int, x: float, hour: int = 0) -> pl.DataFrame:
    return pl.DataFrame({"k": [k], "t": [at(hour)], "x": [x]})


def age(features: Features, group: FeatureGroup) -> None:
    """Let what was left behind be eight days old: the log says when, in a line of its own."""
    log = features._stores.tables._head(table_name(group.spec)).folder / "_delta_log"  # type: ignore[attr-defined]
    for entry in log.glob("*.json"):
        text = entry.read_text()
        for line in text.splitlines():
            if '"remove"' in line:
                stamp = line.partition('"deletionTimestamp":')[2].partition(",")[0]
                text = text.replace(stamp, str(int(stamp) - 8 * 86_400_000))
        staged = entry.with_suffix(".new")
        staged.write_text(text)
        os.replace(staged, entry)


STEPS = st.lists(
    st.tuples(st.sampled_from(["put", "delete", "compact"]), st.integers(0, 2), st.integers(0, 1)),
    min_size=3,
    max_size=6,
)


@pytest.mark.once
@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(STEPS)
def test_reads_answer_the_same_before_and_after(
    features: Features, steps: list[tuple[str, int, int]]
) -> None:
    """As of every commit, current and history, whatever is compacted and vacuumed when."""
    group = some(features, f"g{len(features.groups())}")
    group.insert(rows(9, 0.0))
    seen = {}
    for number, (step, key, hour) in enumerate(steps):
        if step == "put":
            group.insert(rows(key, float(number), hour))
        elif step == "delete":
            group.delete(rows(key, 0.0, hour).drop("x"))
        else:
            group.compact()
        last = group.commits()[-1].number
        seen[last] = (group.read(last).to_polars(), group.read(last, history=True).to_polars(system=True))
    group.compact()
    name = table_name(group.spec)
    tables = features._stores.tables
    tables.discard(name, [left.file for left in tables.left_behind(name)])
    for number, (current, history) in seen.items():
        assert group.read(number).to_polars().equals(current)
        assert group.read(number, history=True).to_polars(system=True).equals(history)


def test_compaction_and_vacuum_are_executions_with_receipts(features: Features) -> None:
    """What was left behind long ago goes, what is younger stays; where there is nothing to do nothing is told."""
    group = some(features)
    for number in range(3):
        group.insert(rows(number, 1.0))
    done = group.compact()
    assert (done.n_files_before, done.n_files) == (3, 1)
    assert group.compact().receipt_id is None
    assert (group.vacuum().files, group.vacuum().n_younger) == ((), 3)
    age(features, group)
    assert len(group.vacuum(dry_run=True).files) == 3
    vacuumed = group.vacuum(older_than=timedelta(days=2))
    assert len(vacuumed.files) == 3
    assert vacuumed.size_bytes > 0
    assert group.vacuum().files == ()
    graph = features._stores.graph
    for receipt_id, kind in ((done.receipt_id, "compact"), (vacuumed.receipt_id, "vacuum")):
        asset = graph.get_asset(str(receipt_id))
        execution = graph.find_execution(asset.execution_id)
        assert execution is not None
        assert execution.kind == kind
    assert group.read().to_polars().height == 3
    with pytest.raises(InputError, match="at least one hour"):
        group.vacuum(older_than=timedelta(minutes=5))


def test_a_vacuum_spares_what_a_dataset_pins(features: Features) -> None:
    """Made again from its pins after everything was compacted and vacuumed, a dataset has the same digest."""
    group = some(features)
    for number in range(3):
        group.insert(rows(number, float(number)))
    view = features.view("v", features=[group["x"]])
    spine = pl.DataFrame({"k": [0, 1, 2], "event_time": [at(1)] * 3})
    data = view.training_dataset(spine)
    for number in range(3):
        group.insert(rows(number, -1.0))
    group.compact()
    age(features, group)
    assert len(group.vacuum().files) == 6
    assert view.training_dataset(spine, pins=data.pins, name="again").digest == data.digest
    assert view.join(spine).frame["x"].to_list() == [-1.0] * 3


def test_a_group_without_rows_has_nothing_to_do(features: Features) -> None:
    """Neither a table is made nor a receipt."""
    group = some(features)
    assert group.compact().receipt_id is None
    assert group.vacuum().files == ()
    assert not features._stores.tables.names()


def test_rejects_are_kept_few_too(features: Features) -> None:
    """Their files count, are compacted, and what is left behind of them goes."""
    group = features.group(
        "g", keys=["k"], on_failure="quarantine", expectations=[ms.expect.between("x", 0, 9)]
    )
    for number in range(2):
        group.insert(pl.DataFrame({"k": [number, 7], "x": [1.0, 99.0]}))
    before = group.rejects()
    done = group.compact()
    assert (done.n_files_before, done.n_files) == (4, 2)
    assert group.vacuum().n_younger == 4
    assert group.rejects().equals(before)


def test_a_vacuum_is_told_of_before_it_deletes(features: Features, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was killed at the first file is seen to have begun."""
    group = some(features)
    for number in range(2):
        group.insert(rows(number, 1.0))
    group.compact()
    age(features, group)
    graph = features._stores.graph
    seen: list[str] = []

    def begun(*_: object) -> list[str]:
        seen.extend(
            execution.kind
            for event in graph.events(kinds=["execution.started"])
            if (execution := graph.find_execution(str(event.execution))) is not None
        )
        return []

    monkeypatch.setattr(type(features._stores.tables), "discard", begun)
    group.vacuum()
    assert "vacuum" in seen


@pytest.mark.parametrize("older_than", [5, None, "7d"])
def test_an_age_is_a_span_of_time(features: Features, older_than: Any) -> None:
    """Anything else is refused, also where there is nothing to do."""
    with pytest.raises(InputError, match="a timedelta"):
        some(features).vacuum(older_than=older_than)


def test_files_of_a_compaction_that_takes_hours_are_nobodys_leftovers(
    reopen: Callable[[], Features], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A vacuum and an erasure wait for it: what it has written looks as old as what a killed one left."""
    features, other = reopen(), reopen()
    group = some(features)
    for k in range(3):
        group.insert(rows(k, 1.0))
    tables, compact = features._stores.tables, features._stores.tables.compact
    folder = tables._head(table_name(group.spec)).folder  # type: ignore[attr-defined]
    waiting = other.get_group("g")
    with ThreadPoolExecutor(2) as threads:
        work: list[Future[Any]] = []

        def slow(name: str) -> Any:
            written = folder / "part-of-a-long-compaction.parquet"
            written.write_bytes(b"PAR1 rows PAR1")
            os.utime(written, (0, 0))
            work.append(threads.submit(waiting.vacuum, older_than=timedelta(hours=1)))
            work.append(threads.submit(waiting.erase, {"k": 1}, reason="asked"))
            assert not wait(work, timeout=0.5).done
            assert written.exists()
            return compact(name)

        monkeypatch.setattr(tables, "compact", slow)
        assert group.compact().n_files == 1
        vacuumed, erased = (each.result() for each in work)
    # Nothing was to hinder what came after.
    assert "part-of-a-long-compaction.parquet" in vacuumed.files
    assert erased.n_rows == 1
    assert group.read().to_polars()["k"].sort().to_list() == [0, 2]


@pytest.fixture
def urls(records_url: str, tmp_path: Path) -> list[str]:
    return [records_url, f"file:{tmp_path}/tables", f"lmdb:{tmp_path}/keys", f"file:{tmp_path}/blobs"]


def test_a_killed_maintenance_is_taken_over(urls: list[str]) -> None:
    """Its lock file is free with its process, and its lease by the first look of who waits."""
    with open_features(*urls) as mine:
        group = mine.group("killed", keys=["step"], event_time="t")
        for step in (1, 2):
            group.insert(killed_rows(step))
        child = subprocess.run(
            [sys.executable, "-m", "tests.features.upkeep.killed_upkeep", *urls], check=False
        )
        assert child.returncode == -9
        leases = mine._stores.graph.leases
        role = role_of(table_name(group.spec))
        assert [each.lease.subject for each in leases.list()] == [role]
        assert group.compact().n_files == 1
        assert leases.list() == []
