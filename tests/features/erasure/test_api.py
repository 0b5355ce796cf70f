"""Erasure of an entity: proved by a search of all bytes that are left."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.features.conftest import at
from tests.features.insert.killed_inserts import open_features

import mainspring as ms
from mainspring.checks import kept
from mainspring.checks.profile import Profile
from mainspring.errors import InputError
from mainspring.features.api import Features
from mainspring.features.erasure import editions, online
from mainspring.features.group import FeatureGroup
from mainspring.features.insert import api as ingest
from mainspring.features.insert import rejects
from mainspring.features.profiles import KEPT_FROM_ROWS
from mainspring.features.store import editions_of, table_name
from mainspring.features.upkeep import maintenance
from mainspring.lineage.spec import AssetKind
from mainspring.log.progress import silent
from mainspring.ports.tables import Erasure
from mainspring.project import Project, open_project
from mainspring.workflows.doctor.spec import Patient, Severity
from mainspring.workflows.doctor.tables import check_tables
from mainspring.workflows.lifecycle import delete
from mainspring.workflows.references import blob_references

NAMES = ["Ada", "Zebedee", "Bob", "Zebedee"]


def people(features: Features, **options: Any) -> FeatureGroup:
    """Two commits with two rows of Zebedee each, a delete of him, and a compaction between."""
    group = features.group("people", keys=["name"], event_time="t", **options)
    for hour in (0, 1):
        times = [at(hour)] * 4
        rows = {
            "name": NAMES,
            "t": times,
            "mail": [f"{name}@example.org" for name in NAMES],
            "x": [1.0, 2.0, 3.0, 4.0],
        }
        group.insert(pl.DataFrame(rows))
        group.compact()
    group.delete(pl.DataFrame({"name": ["Zebedee"], "t": [at(2)]}))
    return group


def holders(folder: Path, word: str) -> list[str]:
    """The files that have a word in them: in their bytes, or in their columns as they are read."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            is_parquet = path.suffix == ".parquet" or path.read_bytes()[:4] == b"PAR1"
            if word.encode() in path.read_bytes() or (is_parquet and word in _told(path)):
                found.append(str(path.relative_to(folder)))
    return found


def _told(path: Path) -> str:
    return str(pl.read_parquet(path).to_dict(as_series=False)) + str(pl.read_parquet_metadata(path))


def folder_of(features: Features) -> Path:
    return features._stores.tables._folder  # type: ignore[attr-defined,no-any-return]


def test_nothing_that_is_left_has_the_entity(features: Features) -> None:
    """No data file, log entry, checkpoint or digest; the others' rows, commits and lineage are as they were."""
    group = people(features)
    assert holders(folder_of(features), "Zebedee")
    kept = group.read(2).filter(pl.col("name") != "Zebedee").to_polars()
    commits = group.commits()
    assert group.erase({"name": "Zebedee"}, reason="asked", dry_run=True).n_rows == 5
    done = group.erase({"name": "Zebedee"}, reason="asked on 3 May")
    assert (done.n_rows, done.commits) == (5, (1, 2, 3))
    assert holders(folder_of(features), "Zebedee") == []
    assert group.read(2).to_polars().equals(kept)
    assert group.commits() == commits
    assert group.insert(kept.with_columns(t=pl.lit(at(5)))).number == 4
    assert group.erase({"name": "Zebedee"}, reason="again").n_rows == 0


def test_the_receipt_names_nobody_and_says_what_is_left(features: Features) -> None:
    """Who has the key can tell that it is meant; datasets and models that hold the entity are listed."""
    group = people(features, expectations=[ms.expect.between("x", 3, 9)])
    view = features.view("v", features=[group["x"].on({"name": "who"})])
    spine = pl.DataFrame({"who": ["Ada", "Zebedee"], "event_time": [at(1)] * 2})
    dataset = view.training_dataset(spine)
    other = view.training_dataset(spine.head(1))
    done = group.erase([{"name": "Zebedee"}], reason="asked")
    assert done.datasets == {dataset.asset_id: 1}
    assert other.asset_id not in done.datasets
    assert len(done.copies.examples) == 2
    graph = features._stores.graph
    receipt = graph.get_asset(str(done.receipt_id))
    text = graph.blobs.get(receipt.digest).decode()
    assert "Zebedee" not in text
    assert json.loads(text)["datasets"] == {dataset.asset_id: 1}
    assert json.loads(text)["names"] == done.names == {dataset.asset_id: "v"}
    (work,) = graph.works([receipt.execution_id])
    commits = {commit.asset_id for commit in group.commits()}
    assert {tie.asset.id for tie in work.inputs()} == {*commits, dataset.asset_id}


def test_the_online_store_forgets(features: Features) -> None:
    """Also what this process held for later."""
    group = people(features, online=True)
    features.materialize(at(1))
    view = features.view("v", features=[group["x"]])
    assert view.online().read({"name": "Zebedee"}, {}, at(1)).values["x"] == 4.0
    assert group.erase({"name": "Zebedee"}, reason="asked").n_online == 1
    features.materialize(at(9))
    assert view.online().read({"name": "Zebedee"}, {}, at(9)).status == {"people": "missing"}
    assert view.online().read({"name": "Ada"}, {}, at(9)).values["x"] == 1.0


def test_a_part_of_a_composite_key_is_enough(features: Features) -> None:
    """All rows of a person, whatever the other keys are."""
    group = features.group("visits", keys=["name", "day"])
    group.insert(pl.DataFrame({"name": ["Zebedee", "Zebedee", "Ada"], "day": [1, 2, 1], "x": [1, 2, 3]}))
    group.erase(pl.DataFrame({"name": ["Zebedee"]}), reason="asked")
    assert group.read().to_polars()["name"].to_list() == ["Ada"]


def test_rows_that_were_not_taken_or_wait_go_too(features: Features) -> None:
    """Rejects with their reasons, and rows that were pushed and are not committed yet."""
    group = features.group(
        "people", keys=["name"], on_failure="quarantine", expectations=[ms.expect.between("x", 0, 9)],
        schema={"name": str, "x": float},
    )  # fmt: skip
    group.insert(pl.DataFrame({"name": ["Ada", "Zebedee"], "x": [1.0, 99.0]}))
    group.push(pl.DataFrame({"name": ["Zebedee"], "x": [2.0], "id": ["e1"]}), event_id="id")
    done = group.erase({"name": "Zebedee"}, reason="asked")
    assert (done.n_rows, done.n_rejected) == (1, 1)
    assert group.rejects().is_empty()
    assert group.read().to_polars()["name"].to_list() == ["Ada"]
    assert holders(folder_of(features), "Zebedee") == []


@pytest.mark.once
def test_no_file_of_the_home_has_the_entity(tmp_path: Path) -> None:
    """Nor the database's: rows that were pushed, committed or not, and what an encoder learnt of them."""
    (tmp_path / "mainspring.toml").write_text('[project]\nid = "test"\n')
    with open_project(tmp_path) as project:
        rules = [ms.expect.between("x", 0, 9)]
        schema = {"name": str, "t": "datetime", "city": str, "x": float}
        group = project.features.group(
            "people",
            keys=["name"],
            event_time="t",
            schema=schema,
            on_failure="quarantine",
            expectations=rules,
        )
        names = ["Ada", *[f"person {number}" for number in range(100)], "Zebedee", "Zoe"]
        rows = pl.DataFrame({"name": names}).with_columns(
            t=pl.lit(at(0)), city=pl.col("name") + "ville", x=1.0, id=pl.int_range(pl.len())
        )
        group.push(rows, event_id="id")
        group.flush()
        unlikely = pl.when(pl.col("name") == "Zebedee").then(99.0).otherwise(2.0)
        group.insert(rows.drop("id").with_columns(x=unlikely))
        columns = group["city", "x"].on({"name": "who"})
        view = project.features.view("v", features=[columns], transforms=[ms.transform.one_hot("city")])
        view.training_dataset(group.read().to_polars().select(who="name", event_time=pl.lit(at(1))))
        group.push(rows.tail(2).head(1).with_columns(id=pl.lit(999)), event_id="id")
        state = tmp_path / ".mainspring"
        assert {path.split("/")[0] for path in holders(state, "Zebedee")} >= {"blobs", "tables"}
        assert any("records.db" in path for path in holders(state, "Zebedee"))
        done = group.erase({"name": "Zebedee"}, reason="asked")
        assert done.copies.in_records == ""
        assert holders(state, "Zebedee") == []


def test_what_is_pushed_while_an_erasure_waits_its_turn_goes(
    features: Features, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A compaction may take hours, and a push that was acknowledged meanwhile came before the erasure."""
    group = people(features)
    turn = maintenance.of_group

    def after_a_push(*given: Any) -> AbstractContextManager[None]:
        monkeypatch.undo()
        row = {"name": ["Zebedee"], "t": [at(3)], "mail": ["z"], "x": [9.0], "id": ["e1"]}
        group.push(pl.DataFrame(row), event_id="id")
        return turn(*given)

    monkeypatch.setattr(maintenance, "of_group", after_a_push)
    assert group.erase({"name": "Zebedee"}, reason="asked").n_rows == 6
    group.flush()
    assert "Zebedee" not in group.read().to_polars()["name"]


@pytest.mark.parametrize(
    ("keys", "reason", "message"),
    [
        ({"name": "Ada"}, " ", "a reason"),
        ({"name": "Ada"}, None, "a reason"),
        ({"mail": "x"}, "asked", "keys among name, got mail"),
        ({"name": None}, "asked", "keys, got null"),
        ([], "asked", "expected"),
        (pl.DataFrame({"name": [7]}), "asked", "type string"),
    ],
)
def test_what_names_no_entity_is_refused(features: Features, keys: Any, reason: Any, message: str) -> None:
    """No reason, another column, a null, nothing, another type; and nothing is taken."""
    group = people(features)
    with pytest.raises(InputError, match=message):
        group.erase(keys, reason=reason)
    assert group.read(history=True).to_polars().height == 9


def test_the_doctor_knows_editions(project: Project) -> None:
    """Rows that are left are well, also where a column came later; rows that went beyond an erasure are not."""
    group = people(project.features)
    group.erase({"name": "Zebedee"}, reason="asked")
    columns = {"name": str, "t": "datetime", "mail": str, "x": float, "late": int}
    wider = project.features.group("people", keys=["name"], event_time="t", schema=columns)
    wider.insert(pl.DataFrame({"name": ["Ada"], "t": [at(4)], "mail": [None], "x": [None], "late": [1]}))
    patient = Patient(project, quick=False, progress=silent)
    assert [item.what for item in check_tables(patient) if item.severity is not Severity.OK] == []
    name = table_name(group.spec)
    first = (
        project.tables.scan(name).select("_commit", "_ordinal").sort("_commit", "_ordinal").first().collect()
    )
    project.tables.erase(name, first)
    found = [item.what for item in check_tables(patient)]
    assert any("has other rows than its erasures left" in what for what in found)


def warned(project: Project) -> list[str]:
    found = check_tables(Patient(project, quick=False, progress=silent))
    return [item.what for item in found if item.severity is not Severity.OK]


def test_erasures_at_once_wait_for_one_another(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """What each leaves of a commit is what the table has."""
    group = people(project.features)
    both = threading.Barrier(2)
    erase = type(project.tables).erase

    def slow(*given: Any) -> Erasure:
        with suppress(threading.BrokenBarrierError):
            both.wait(0.2)
        return erase(*given)

    monkeypatch.setattr(type(project.tables), "erase", slow)
    with ThreadPoolExecutor(2) as threads:
        names = ("Zebedee", "Bob")
        done = list(threads.map(lambda name: group.erase({"name": name}, reason="asked").n_rows, names))
    assert done == [5, 2]
    assert warned(project) == []


def test_an_erasure_that_has_not_ended_is_told(project: Project) -> None:
    """Only one of the same entities ends it: of others, its own may be online still."""
    group = people(project.features)
    with pytest.raises(ZeroDivisionError), pytest.MonkeyPatch.context() as patch:
        patch.setattr(online, "remove", lambda *_: 1 / 0)
        group.erase({"name": "Zebedee"}, reason="asked")
    assert ["1 erasures that have not ended" in what for what in warned(project)] == [True]
    group.erase({"name": "Bob"}, reason="asked")
    assert ["1 erasures that have not ended" in what for what in warned(project)] == [True]
    group.erase([{"name": "Bob"}, {"name": "Zebedee"}], reason="asked")
    assert warned(project) == []


def many(n: int = KEPT_FROM_ROWS) -> pl.DataFrame:
    """So many people at the same hour, the first of whom is Zebedee."""
    names = ["Zebedee", *(f"person {number}" for number in range(1, n))]
    return pl.DataFrame({"name": names, "t": [at(3)] * n, "x": [float(number) for number in range(n)]})


def test_nothing_needs_a_profile_that_is_gone(project: Project) -> None:
    """And one that another commit has too, of equal rows, stays until that is erased from as well."""
    first, second = (project.features.group(name, keys=["name"], event_time="t") for name in ("a", "b"))
    commits = [group.insert(many()) for group in (first, second)]
    sha256, again = (project.graph.get_asset(commit.asset_id).attributes["profile"] for commit in commits)
    assert sha256 == again
    with project.records.read() as connection:
        assert commits[0].asset_id in {item.owner_id for item in blob_references(connection, "test")}
    assert first.erase({"name": "Zebedee"}, reason="asked", dry_run=True).n_profiles == 1
    assert first.erase({"name": "Zebedee"}, reason="asked").n_profiles == 0
    assert project.blobs.find(sha256) is not None
    assert first.commits()[0].profile.n_rows == KEPT_FROM_ROWS - 1
    assert second.erase({"name": "Zebedee"}, reason="asked").n_profiles == 1
    assert project.blobs.find(sha256) is None
    with project.records.read() as connection:
        owners = {item.owner_id for item in blob_references(connection, "test")}
    assert owners & {commit.asset_id for commit in commits} == set()


@pytest.mark.parametrize("is_killed", [True, False])
def test_rejects_of_an_insert_that_is_not_published_go(
    project: Project, monkeypatch: pytest.MonkeyPatch, *, is_killed: bool
) -> None:
    """Of one that was killed and is tried again, and of one under way: none is an example of what broke a rule."""
    group = project.features.group(
        "people", keys=["name"], on_failure="quarantine", expectations=[ms.expect.between("x", 0, 9)],
    )  # fmt: skip
    batch = pl.DataFrame({"name": ["Ada", "Bob", "Zebedee"], "x": [1.0, 98.0, 99.0]})
    publish = ingest.publish

    def erased_before(*given: Any, **named: Any) -> Any:
        monkeypatch.setattr(ingest, "publish", publish)
        done = project.features.get_group("people").erase({"name": "Zebedee"}, reason="asked")
        assert (done.n_rows, done.n_rejected) == (0, 1)
        assert done.receipt_id is not None
        assert holders(folder_of(project.features), "Zebedee") == []
        if is_killed:
            raise ZeroDivisionError
        return publish(*given, **named)

    monkeypatch.setattr(ingest, "publish", erased_before)
    with pytest.raises(ZeroDivisionError) if is_killed else nullcontext():
        group.insert(batch, idempotency_key="1")
    group = project.features.get_group("people")
    commit = group.insert(batch, idempotency_key="1")
    assert (commit.n_rows, commit.n_rejected) == (1, 1)
    assert commit.validation is not None
    assert commit.validation.results[0].examples == (98.0,)
    assert group.rejects()["name"].to_list() == ["Bob"]
    assert warned(project) == []


def test_a_commit_that_is_published_while_an_erasure_begins_is_told(
    features: Features, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it says of the rows is listed, although the commit was not there when they were looked for."""
    checks = [ms.expect.between("x", 0, 9)]
    group = features.group("people", keys=["name"], expectations=checks)
    looked, done = threading.Event(), threading.Event()
    publish, left = ingest.publish, editions.editions

    def late(*given: Any, **named: Any) -> Any:
        assert looked.wait(30)
        found = publish(*given, **named)
        done.set()
        return found

    def after_it(*given: Any) -> Any:
        looked.set()
        assert done.wait(30)
        return left(*given)

    monkeypatch.setattr(ingest, "publish", late)
    monkeypatch.setattr(editions, "editions", after_it)
    appended = threading.Event()
    append = rejects.append

    def told(*given: Any) -> None:
        append(*given)
        appended.set()

    monkeypatch.setattr(rejects, "append", told)
    with ThreadPoolExecutor(1) as thread:
        rows = pl.DataFrame({"name": ["Ada", "Zebedee"], "x": [1.0, 99.0]})
        commit = thread.submit(group.insert, rows)
        assert appended.wait(30)
        found = features.get_group("people").erase({"name": "Zebedee"}, reason="asked")
        assert commit.result().n_rows == 2
    assert (found.n_rows, len(found.copies.examples)) == (1, 1)


def test_examples_of_rejected_rows_are_listed(features: Features) -> None:
    """Also where no row of the entity was taken."""
    group = features.group(
        "people", keys=["name"], on_failure="quarantine", expectations=[ms.expect.between("x", 0, 9)],
    )  # fmt: skip
    group.insert(pl.DataFrame({"name": ["Ada", "Zebedee"], "x": [1.0, 99.0]}))
    assert len(group.erase({"name": "Zebedee"}, reason="asked").copies.examples) == 1


def test_rows_that_were_copied_are_listed(features: Features) -> None:
    """To another group and to the next version, by how many they are, where the keys are there."""
    group = people(features)
    copy = features.group("copy", keys=["name"], event_time="t").insert(group.read(1))
    second = group.next_version(backfill=lambda rows: rows)
    third = second.next_version(keys=["who"], backfill={"who": "name", "t": "t", "mail": "mail", "x": "x"})
    found = group.erase({"name": "Zebedee"}, reason="asked").copies.commits
    assert found[copy.asset_id] == 1
    assert [found[commit.asset_id] for commit in second.commits()] == [2, 2, 1]
    assert [found[commit.asset_id] for commit in third.commits()] == [None, None, None]


def test_datasets_of_other_integers_and_deleted_ones_are_listed(project: Project) -> None:
    """As long as their bytes are there."""
    group = project.features.group("numbers", keys=["id"])
    group.insert(pl.DataFrame({"id": [1, 2], "x": [1.0, 2.0]}))
    view = project.features.view("v", features=[group["x"].static()])
    spine = pl.DataFrame({"id": pl.Series([1, 2], dtype=pl.Int32), "event_time": [at(1)] * 2})
    dataset = view.training_dataset(spine)
    delete(project, "training_dataset", dataset.asset_id, reason="old")
    assert group.erase({"id": 2}, reason="asked", dry_run=True).datasets == {dataset.asset_id: 1}
    project.blobs.delete(dataset.spec.blob)
    assert group.erase({"id": 2}, reason="asked").datasets == {}


def test_a_dry_run_counts_what_would_go(features: Features) -> None:
    """Entries online, kept profiles, and rows that were pushed and wait."""
    group = features.group("people", keys=["name"], event_time="t", online=True)
    group.insert(many())
    features.materialize(at(9))
    pushed = pl.DataFrame({"name": ["Zebedee"], "t": [at(4)], "x": [2.0], "id": ["e1"]})
    group.push(pushed, event_id="id")
    found = group.erase({"name": "Zebedee"}, reason="", dry_run=True)
    assert (found.n_rows, found.n_waiting, found.n_online, found.n_profiles) == (1, 1, 1, 1)
    done = group.erase({"name": "Zebedee"}, reason="asked")
    assert (done.n_rows, done.n_waiting, done.n_online, done.n_profiles) == (2, 0, 1, 1)


@pytest.mark.parametrize("is_killed", [True, False])
def test_an_insert_publishes_what_an_erasure_left(
    project: Project, monkeypatch: pytest.MonkeyPatch, *, is_killed: bool
) -> None:
    """Of one that was killed and is tried again, and of one that is under way: no profile or example of who is gone."""
    checks = [ms.expect.between("x", 1, KEPT_FROM_ROWS)]
    group = project.features.group("people", keys=["name"], event_time="t", expectations=checks)
    publish = ingest.publish

    def erased_before(*given: Any, **named: Any) -> Any:
        monkeypatch.setattr(ingest, "publish", publish)
        people = project.features.get_group("people")
        done = people.erase([{"name": "Zebedee"}, {"name": "person 1"}], reason="asked")
        assert (done.n_rows, done.commits) == (2, (0,))
        if is_killed:
            raise ZeroDivisionError
        return publish(*given, **named)

    monkeypatch.setattr(ingest, "publish", erased_before)
    with pytest.raises(ZeroDivisionError) if is_killed else nullcontext():
        group.insert(many(), idempotency_key="1")
    commit = group.insert(many(), idempotency_key="1")
    assert commit.n_rows == commit.profile.n_rows == KEPT_FROM_ROWS - 2
    assert commit.validation is not None
    assert commit.validation.results[0].examples == ()
    assert "profile" not in project.graph.get_asset(commit.asset_id).attributes
    with project.records.read() as connection:
        (edition,) = editions_of(connection, group.spec.group_id)
    assert edition.is_done
    assert warned(project) == []
    # A killed process leaves the bytes that nothing refers to yet, for `gc`.
    assert is_killed or kept_profiles(project) == []


def kept_profiles(project: Project) -> list[Profile]:
    """Every profile of rows among the blobs."""
    found = []
    for blob in project.blobs.walk():
        with suppress(zlib.error):
            found += kept.load(project.blobs, blob.sha256).values()
    return found


@pytest.fixture
def urls(records_url: str, tmp_path: Path) -> list[str]:
    return [records_url, f"file:{tmp_path}/tables", f"lmdb:{tmp_path}/keys", f"file:{tmp_path}/blobs"]


def test_a_killed_erasure_is_ended_by_the_next(urls: list[str], tmp_path: Path) -> None:
    """Killed as the rows go, and at transactions one after another; when one comes through nothing has them."""
    with open_features(*urls) as features:
        group = people(features, online=True)
        sha256 = features._stores.graph.get_asset(
            group.insert(many().with_columns(mail=pl.lit(None, pl.String))).asset_id
        ).attributes["profile"]
        features.materialize(at(9))
        spine = pl.DataFrame({"name": ["Ada", "Zebedee"], "event_time": [at(1)] * 2})
        dataset = features.view("v", features=[group["x"]]).training_dataset(spine)
    killed = subprocess.run(
        [sys.executable, "-m", "tests.features.erasure.killed_erasure", *urls],
        check=True,
        capture_output=True,
    )
    assert int(killed.stdout) > 12
    with open_features(*urls) as features:
        graph, group = features._stores.graph, features.get_group("people")
        assert set(group.read().to_polars()["name"]) >= {"Ada", "Bob"}
        reader = features.get_view("v").online()
        assert reader.read({"name": "Zebedee"}, {}, at(9)).status == {"people": "missing"}
        assert graph.blobs.find(sha256) is None
        # One that is killed when all is done is followed by one that finds nothing, with a receipt of its own.
        receipt, *_ = graph.find_assets(kind=AssetKind.REPORT, name="erase")
        (work,) = graph.works([receipt.execution_id])
        commits = {commit.asset_id for commit in group.commits()}
        assert {tie.asset.id for tie in work.inputs()} == {*commits, dataset.asset_id}
        (taken,) = features.get_training_dataset(dataset.asset_id).erasures
        assert (taken.n_rows, taken.receipt_id) == (1, receipt.id)
        with features._stores.records.read() as connection:
            left = editions_of(connection, group.spec.group_id)
    assert all(edition.is_done for edition in left)
    assert {edition.n_rows for edition in left} == {2, 0, KEPT_FROM_ROWS - 1}
    for folder in ("tables", "blobs"):
        assert holders(tmp_path / folder, "Zebedee") == []


@pytest.mark.once
def test_an_erasure_that_finds_nothing_says_so(features: Features) -> None:
    """It has a receipt all the same: that somebody asked, and that it was looked for, is on record."""
    group = features.group("people", keys=["name"])
    group.insert(pl.DataFrame({"name": ["Ada"], "x": [1.0]}))
    dry = group.erase({"name": "Zebedee"}, reason="", dry_run=True)
    assert repr(dry) == "<Erased of people@1: no such entity: nothing would be erased>"
    done = group.erase({"name": "Zebedee"}, reason="asked")
    assert done.found_nothing
    assert (
        repr(done) == f"<Erased of people@1: no such entity: nothing was erased; receipt {done.receipt_id}>"
    )
    assert features._stores.graph.get_asset(str(done.receipt_id)).name == "erase"
    found = group.erase({"name": "Ada"}, reason="asked")
    assert not found.found_nothing
    assert repr(found).startswith("<Erased of people@1: erased: 1 rows; receipt ")
