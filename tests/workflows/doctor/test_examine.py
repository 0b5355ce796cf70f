"""What the doctor finds: nothing in a healthy project, and each thing that is broken by its name.

Everything is broken for real, by bytes on disk or by SQL.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from mainspring.cli._app import app
from mainspring.config import Config
from mainspring.errors import ConflictError, IntegrityError
from mainspring.features.online.materialize import cursor_number
from mainspring.features.online.packing import SPACE
from mainspring.identity.place import find_place
from mainspring.lineage import ExecutionState
from mainspring.ports.keys import Entry
from mainspring.project import open_project
from mainspring.workflows.doctor import records as doctor_records
from mainspring.workflows.doctor.examine import examine
from mainspring.workflows.doctor.home import of_file_systems, of_free_space
from mainspring.workflows.doctor.spec import Examination, Finding, Severity
from tests.permissions import bound_by_permissions
from tests.workflows.filled import Filled, flip, predict

DAY_S = 86_400


def only(found: Examination) -> Finding:
    """The one problem that was found."""
    assert len(found.problems) == 1, found.problems
    return found.problems[0]


def doctor(filled: Filled, *words: str) -> Result:
    """`mainspring doctor` in this process."""
    return CliRunner().invoke(app, ["doctor", "-p", str(filled.folder), *words])


def test_a_healthy_project_has_no_finding(filled: Filled) -> None:
    """Nothing is said of a project in order, and looking writes no row."""
    before = filled.rows()
    found = examine(filled.folder)
    assert found.problems == []
    assert {item.check for item in found.findings} == {
        "configuration", "home", "schema", "database", "links", "events", "leases", "executions", "blobs", "tables",
        "online", "serving", "plugins", "stores", "points",
    }  # fmt: skip
    assert {item.severity for item in found.findings} == {Severity.OK}
    assert filled.rows() == before


def test_the_command_says_each_check_and_leaves_with_zero(filled: Filled) -> None:
    """A healthy project: a line a check, JSON with `healthy`, exit code 0; and progress stays off stdout."""
    shown = doctor(filled, "--json")
    assert shown.exit_code == 0
    assert json.loads(shown.stdout)["healthy"] is True
    assert "nothing wrong" in doctor(filled).stdout


def test_a_flipped_bit_in_a_blob(filled: Filled) -> None:
    """A damaged package file is an error that names the blob and the package; quick does not read it."""
    sha256 = filled.value("SELECT digest FROM model_packages ORDER BY id LIMIT 1")
    flip(filled.blob(sha256))
    finding = only(examine(filled.folder))
    assert finding.severity is Severity.ERROR
    assert sha256 in finding.what
    assert "damaged" in finding.what
    assert "model package 'lateness'" in finding.where
    assert examine(filled.folder, quick=True).healthy
    shown = doctor(filled)
    assert shown.exit_code == 1
    assert sha256 in shown.stdout


@pytest.mark.parametrize("quick", [True, False])
def test_a_missing_and_an_emptied_blob(filled: Filled, quick: bool) -> None:
    """A blob that is gone and one that was emptied are found, also by a quick look."""
    artifact = filled.value("SELECT sha256 FROM run_artifacts")
    filled.blob(artifact).unlink()
    package = filled.value("SELECT digest FROM model_packages ORDER BY id LIMIT 1")
    filled.blob(package).chmod(0o644)
    filled.blob(package).write_bytes(b"")
    found = {item.what.split()[1]: item for item in examine(filled.folder, quick=quick).problems}
    assert set(found) == {artifact, package}
    assert "is missing" in found[artifact].what
    assert "artifact 'notes.txt'" in found[artifact].where


def test_a_blob_that_was_cut(filled: Filled) -> None:
    """A quick look knows the size of what rows say it of."""
    artifact = filled.value("SELECT sha256 FROM run_artifacts")
    filled.blob(artifact).chmod(0o644)
    os.truncate(filled.blob(artifact), 3)
    assert "has 3 bytes, was put with 14" in only(examine(filled.folder, quick=True)).what


def test_a_blob_that_nothing_refers_to(filled: Filled) -> None:
    """An orphan is information, not an error."""
    with filled.open() as project:
        blob = project.blobs.put(b"nobody knows me")
    finding = only(examine(filled.folder))
    assert finding.severity is Severity.INFO
    assert blob.sha256 in finding.where


def test_every_blob_of_a_project_is_known_to_be_referred_to(filled: Filled) -> None:
    """The list of references is whole: no blob of the filled project is missed by it."""
    from mainspring.workflows.references import blob_references

    with filled.open() as project, project.records.read() as connection:
        needed = {reference.sha256 for reference in blob_references(connection, "test")}
        assert needed == {blob.sha256 for blob in project.blobs.walk()}


def test_a_link_to_nothing(filled: Filled) -> None:
    """An asset that was removed by hand is missed where it is referred to."""
    asset = filled.value("SELECT id FROM assets WHERE kind = 'model_package' ORDER BY id LIMIT 1")
    filled.sql("DELETE FROM assets WHERE id = :id", id=asset)
    found = examine(filled.folder).problems
    assert {item.check for item in found} == {"links"}
    assert {item.where.split(":")[0] for item in found} == {"links.asset_id", "model_packages.id"}
    assert all(asset in item.where for item in found)


def test_an_event_that_was_changed(filled: Filled) -> None:
    """The entry whose payload was edited is named."""
    seq = filled.value("SELECT seq FROM events WHERE kind = 'commit.published' ORDER BY seq LIMIT 1")
    filled.sql("UPDATE events SET payload = '{}' WHERE seq = :seq", seq=int(seq))
    finding = only(examine(filled.folder))
    assert (finding.check, finding.severity) == ("events", Severity.ERROR)
    assert f"entry {seq} " in finding.what


def test_a_quick_look_follows_the_newest_events(filled: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is as quick however long the log: an older entry that was changed is for the whole examination to find."""
    monkeypatch.setattr(doctor_records, "EVENTS_AT_ONCE", 3)
    newest = filled.value("SELECT MAX(seq) FROM events")
    filled.sql("UPDATE events SET actor = 'user:nobody' WHERE seq = :seq", seq=int(newest) - 3)
    assert examine(filled.folder, quick=True).healthy
    assert f"entry {int(newest) - 3} " in only(examine(filled.folder)).what
    filled.sql("UPDATE events SET actor = 'user:nobody' WHERE seq = :seq", seq=int(newest) - 2)
    assert f"entry {int(newest) - 2} " in only(examine(filled.folder, quick=True)).what


def test_an_event_that_was_cut_out(filled: Filled) -> None:
    """The entry after the one that was removed is named, and the one before."""
    seqs = filled.value("SELECT MIN(seq) FROM events"), filled.value("SELECT MIN(seq) + 2 FROM events")
    filled.sql("DELETE FROM events WHERE seq = :seq", seq=int(seqs[1]) - 1)
    finding = only(examine(filled.folder))
    assert f"entry {seqs[1]} " in finding.what
    assert f"entry {seqs[0]}:" in finding.what


def test_a_deleted_file_of_a_table(filled: Filled) -> None:
    """A Parquet file that is gone is named with its table, also by a quick look."""
    gone = min(filled.table("features_weather").glob("*.parquet"))
    gone.unlink()
    for quick in (True, False):
        finding = only(examine(filled.folder, quick=quick))
        assert finding.severity is Severity.ERROR
        assert gone.name in finding.what


def test_a_truncated_file_of_a_table(filled: Filled) -> None:
    """A Parquet file that was cut is named with both sizes."""
    cut = min(filled.table("predictions_flights").glob("*.parquet"))
    os.truncate(cut, cut.stat().st_size - 7)
    assert cut.name in only(examine(filled.folder)).what


def test_a_missing_entry_of_a_table_log(filled: Filled) -> None:
    """A version whose log entry is gone is an error, for its rows are lost to every reader."""
    entry = sorted((filled.table("features_weather") / "_delta_log").glob("*.json"))[1]
    entry.unlink()
    assert any(entry.name in item.what for item in examine(filled.folder, quick=True).problems)


def test_changed_values_in_a_table(filled: Filled) -> None:
    """A file with other values than were acknowledged, and no digest of its own, is told by that of the commit."""
    import polars as pl

    (filled.table("features_fleet") / "_sums").unlink()
    for place in filled.table("features_fleet").glob("*.parquet"):
        size = place.stat().st_size
        frame = pl.read_parquet(place)
        if frame.height:
            frame.with_columns(age=pl.col("age") + 1).write_parquet(place)
            log = next((place.parent / "_delta_log").glob("*1.json"))
            log.write_text(log.read_text().replace(f'"size":{size}', f'"size":{place.stat().st_size}'))
    unnoticed, finding = examine(filled.folder).problems
    assert "without a digest" in unnoticed.what
    assert finding.severity is Severity.ERROR
    assert "commit 1 of group fleet@1 has other values" in finding.what


def test_a_flipped_bit_in_a_table(filled: Filled) -> None:
    """In the prediction log too, for whose values no row has a digest."""
    harmed = max(
        filled.table("predictions_flights").glob("*.parquet"), key=lambda place: place.stat().st_size
    )
    flip(harmed)
    assert examine(filled.folder, quick=True).problems == []
    assert harmed.name in only(examine(filled.folder)).what


@pytest.mark.once
@pytest.mark.parametrize("is_gone", [True, False])
def test_files_of_a_table_without_a_digest(filled: Filled, is_gone: bool) -> None:
    """The digests that were lost, or whose line cannot be read, are missed: bytes could change without a word."""
    sums = filled.table("features_weather") / "_sums"
    n_files = sum(1 for line in sums.read_text().splitlines() if line)
    if is_gone:
        sums.unlink()
    else:
        sums.write_text(sums.read_text().replace("  ", " ", 1))
    finding = only(examine(filled.folder, quick=True))
    assert finding.severity is Severity.WARNING
    assert f"{n_files if is_gone else 1} files without a digest" in finding.what


def test_rows_of_an_append_that_nobody_published(filled: Filled) -> None:
    """Rows without a commit are information."""
    filled.sql("UPDATE feature_commits SET number = NULL WHERE number = 3")
    found = examine(filled.folder).problems
    (finding,) = [item for item in found if item.check == "tables"]
    assert finding.severity is Severity.INFO
    assert "weather@1" in finding.what


def test_online_entries_of_commits_that_are_not_published(filled: Filled) -> None:
    """An online store that is ahead of the records is found, and materialised again by a repair."""
    with filled.open() as project:
        group = project.features.get_group("fleet").spec.group_id
        mine = [item for item in project.keys.entries(SPACE) if item.key.startswith(bytes.fromhex(group))]
        entry = next(item for item in mine if cursor_number(item) is None)
        ahead = Entry(entry.key, entry.event_us + 1, entry.known_us, 99, bytes(16) + entry.value[16:])
        project.keys.put(SPACE, [ahead])
    finding = only(examine(filled.folder))
    assert finding.severity is Severity.ERROR
    assert "1 online entries of group fleet@1" in finding.what
    mended = examine(filled.folder, mend=True)
    assert mended.problems == []
    with filled.open() as project:
        assert project.keys.get(SPACE, [entry.key])[0] == entry


def test_an_online_store_that_is_no_store(filled: Filled) -> None:
    """LMDB's file overwritten by something else is an error that says to materialise again."""
    (filled.home / "keys" / "data.mdb").write_bytes(b"not a database" * 1_000)
    finding = only(examine(filled.folder))
    assert finding.check == "online"
    assert "materialise" in finding.do


@pytest.mark.once
def test_an_online_store_that_is_gone(filled: Filled) -> None:
    """Predictions would go on without the features: the groups are named, and a repair brings them in again."""
    with filled.open() as project:
        n_before = sum(1 for _ in project.keys.entries(SPACE))
    (filled.home / "keys" / "data.mdb").unlink()
    finding = only(examine(filled.folder, quick=True))
    assert finding.severity is Severity.WARNING
    assert "fleet@1, weather@1" in finding.what
    assert examine(filled.folder, mend=True).problems == []
    with filled.open() as project:
        assert sum(1 for _ in project.keys.entries(SPACE)) == n_before


@pytest.mark.once
def test_an_online_store_that_was_cut(filled: Filled) -> None:
    """It is named, and not read to the process's death; without its folder the tables fill it again."""
    file = filled.home / "keys" / "data.mdb"
    os.truncate(file, 8_192)
    finding = only(examine(filled.folder))
    assert (finding.check, finding.where) == ("online", str(file))
    assert "features materialize" in finding.do
    shutil.rmtree(file.parent)
    with filled.open() as project:
        assert project.features.materialize() > 0
    assert examine(filled.folder).healthy


def test_executions_whose_process_is_gone(filled: Filled) -> None:
    """A run that was killed is found, and called lost by a repair, which is an execution itself."""
    with filled.open() as project:
        pid = os.fork()
        if pid == 0:
            project.tracking.run("killed", experiment="trials").__enter__()
            os._exit(9)
        os.waitpid(pid, 0)
    finding = only(examine(filled.folder))
    assert (finding.check, finding.severity) == ("leases", Severity.WARNING)
    assert "killed" in finding.where
    mended = examine(filled.folder, mend=True)
    assert mended.problems == []
    (done,) = mended.repaired
    with filled.open() as project:
        failed = project.graph.find_execution(finding.subjects[0])
        receipt = project.graph.find_execution(done.execution_id)
        assert failed is not None
        assert receipt is not None
        assert failed.state is ExecutionState.LOST
        assert "its process ended" in str(failed.error)
        assert (receipt.kind, receipt.parameters["subjects"]) == ("repair", [finding.subjects[0]])
        (event,) = project.graph.events(kinds=["home.repaired"])
        assert event.payload["done"] == f"called 1 lost: {finding.subjects[0]}"
        (ended,) = project.graph.events(kinds=["execution.lost"], subject=failed.id)
        assert ended.payload["error"] == failed.error, "readers of the log wait for its end for ever"


def test_a_running_execution_of_a_living_process_is_left_alone(filled: Filled) -> None:
    """A run that goes on is no finding and is not touched by a repair."""
    with filled.open() as project, project.tracking.run("alive", experiment="trials"):
        assert examine(filled.folder, mend=True).problems == []
    assert examine(filled.folder).problems == []


def test_segments_that_wait_are_published_by_a_repair(filled: Filled) -> None:
    """Segments without a writer are information; a repair publishes them, and nothing is lost or doubled."""
    from tests.serving.airport import Airport

    with filled.open() as project:
        rooms = Airport(project, project.features, project.models, project.deployments, None, [])  # type: ignore[arg-type]
        ids = predict(rooms, 4)
        before = project.deployments.get("flights").log()
    finding = only(examine(filled.folder))
    assert finding.severity is Severity.INFO
    assert "1 segments" in finding.what
    assert examine(filled.folder, mend=True).problems == []
    with filled.open() as project:
        deployment = project.deployments.get("flights")
        assert deployment.log_counts().n_waiting == 0
        assert deployment.log().equals(before)
        assert set(ids) <= set(before["prediction_id"])


def test_a_damaged_segment(filled: Filled) -> None:
    """A flipped bit in a waiting segment is an error with its place."""
    from tests.serving.airport import Airport

    with filled.open() as project:
        predict(Airport(project, project.features, project.models, project.deployments, None, []), 4)  # type: ignore[arg-type]
    (segment,) = (filled.home / "serving" / "flights" / "log").glob("*.wal")
    flip(segment)
    errors = [item for item in examine(filled.folder).problems if item.severity is Severity.ERROR]
    assert [item.where for item in errors] == [str(segment)]
    assert "damaged at byte" in errors[0].what


def test_weight_tables_that_do_not_agree_with_the_records(filled: Filled) -> None:
    """A lost epoch, a changed table and one that cannot be read are each told."""
    folder = filled.home / "serving" / "flights" / "weights"
    second = folder / "00000002.json"
    kept = second.read_bytes()
    second.write_bytes(kept.replace(b'"promote"', b'"create"'))
    assert "is not the one in the records" in only(examine(filled.folder)).what
    second.write_bytes(kept[:-20])
    assert "weight table" in only(examine(filled.folder)).what
    second.write_bytes(kept)
    (folder / "00000001.json").unlink()
    assert "epochs 1 are missing" in only(examine(filled.folder)).what


@pytest.mark.once
def test_weight_tables_of_which_none_is_named(filled: Filled) -> None:
    """Whoever asks is told which file is missing, and a repair puts the newest in force again."""
    current = filled.home / "serving" / "flights" / "weights" / "current.json"
    before = current.read_bytes()
    current.unlink()
    with filled.open() as project, pytest.raises(IntegrityError, match="no current.json beside .* epoch 2"):
        project.deployments.get("flights")
    assert "current.json is missing" in only(examine(filled.folder)).what
    assert examine(filled.folder, mend=True).problems == []
    assert current.read_bytes() == before


@pytest.mark.once
def test_weight_tables_that_may_never_have_been_in_force_are_not_named(filled: Filled) -> None:
    """A table that the records do not know may be a change that nobody was told of: a person has to look."""
    current = filled.home / "serving" / "flights" / "weights" / "current.json"
    never = json.loads(current.read_bytes()) | {"epoch": 3}
    current.with_name("00000003.json").write_text(json.dumps(never))
    current.unlink()
    assert not examine(filled.folder, mend=True).healthy
    assert not current.exists()


def test_changes_of_what_is_served_that_the_records_lack(filled: Filled) -> None:
    """A rollback while the database was away is told, and recorded by a repair."""
    from mainspring.serving import weights
    from mainspring.serving.replay import weights_folder

    weights.roll_back(weights_folder(filled.home, "flights"), actor="user:night", reason="", changed_us=1)
    assert only(examine(filled.folder)).severity is Severity.WARNING
    assert examine(filled.folder, mend=True).problems == []
    with filled.open() as project:
        assert project.deployments.get("flights").revisions()[-1].actor == "user:night"


def test_old_staged_files_are_removed_by_a_repair(filled: Filled) -> None:
    """A draft of a day ago is a leftover; a young one may be somebody's work and stays."""
    staging = filled.home / "blobs" / "staging"
    staging.mkdir(exist_ok=True)
    for name, age_s in (("old", 2 * DAY_S), ("young", 60)):
        (staging / name).write_bytes(b"half")
        os.utime(staging / name, (time.time() - age_s,) * 2)
    assert only(examine(filled.folder)).subjects == ("old",)
    assert examine(filled.folder, mend=True).problems == []
    assert [place.name for place in staging.iterdir()] == ["young"]


def test_a_database_of_another_schema(filled: Filled) -> None:
    """A newer schema is one error; nothing else is looked at."""
    filled.sql("UPDATE mainspring_schema SET version_num = '9999'")
    finding = only(examine(filled.folder))
    assert (finding.check, finding.severity) == ("schema", Severity.ERROR)
    assert "9999" in finding.what and "newer" in finding.do


@pytest.mark.once
def test_a_metrics_file_that_is_gone(tmp_path: Path) -> None:
    """What the runs published says which metrics there were; one that a later run made anew does not hide it."""
    names = []
    for name in ("one", "two"):
        with open_project(tmp_path, importable=False) as project:
            with project.tracking.run(name, experiment="e") as run:
                run.log(metrics={"loss": 1.0})
            names.append(run.id)
        if name == "one":
            assert examine(tmp_path).problems == []
            for path in (tmp_path / ".mainspring").glob("records-metrics.db*"):
                path.unlink()
    finding = only(examine(tmp_path))
    assert (finding.check, finding.what) == ("points", "metrics of 1 runs are gone")
    assert names[0] in finding.where and "records-metrics.db" in finding.where


def test_a_damaged_database_file(filled: Filled) -> None:
    """SQLite's own check speaks through the doctor."""
    if not filled.records_url.startswith("sqlite"):
        pytest.skip("PostgreSQL's files are not ours to break")
    place = filled.home / "records.db"
    data = bytearray(place.read_bytes())
    # The last page of an index or a table: not the schema, which would keep the file from being opened at all.
    data[-4096:] = bytes(4096)
    place.write_bytes(bytes(data))
    found = examine(filled.folder)
    assert not found.healthy
    assert any(item.check == "database" for item in found.problems)


def test_no_home(tmp_path: Path, filled: Filled) -> None:
    """A project whose home is gone is told so, and no home is made."""
    filled.home.rename(tmp_path / "away")
    finding = only(examine(filled.folder))
    assert (finding.check, finding.severity) == ("home", Severity.ERROR)
    assert not filled.home.exists()


def test_no_database(filled: Filled) -> None:
    """A home without its database is told so, and no empty one is made."""
    if not filled.records_url.startswith("sqlite"):
        pytest.skip("PostgreSQL's database is not a file of ours")
    for place in filled.home.glob("records*"):
        place.unlink()
    assert "no database" in only(examine(filled.folder)).what
    assert not (filled.home / "records.db").exists()


def test_the_home_of_another_project(filled: Filled) -> None:
    """A configuration that points at another project's home is told whose it is."""
    (filled.folder / "mainspring.toml").write_text('[project]\nid = "other"\n')
    finding = only(examine(filled.folder))
    assert finding.severity is Severity.ERROR
    assert "home of project 'test'" in finding.what


def test_two_homes_with_the_same_id(filled: Filled, tmp_path: Path) -> None:
    """A copy is told of its original, and does not open; without its original it was moved."""
    filled.open().close()
    copied = tmp_path / "copied"
    shutil.copytree(filled.folder, copied)
    finding = only(examine(copied))
    assert (finding.check, finding.severity) == ("stores", Severity.ERROR)
    assert str(filled.home) in finding.what
    with pytest.raises(ConflictError, match="a copy of"):
        open_project(copied)
    assert examine(filled.folder).problems == []
    (filled.home / "place").unlink()
    assert examine(copied).problems == []
    open_project(copied).close()
    place = find_place(copied / ".mainspring")
    assert place is not None
    assert place.path == copied / ".mainspring"


def test_a_wrong_configuration(filled: Filled) -> None:
    """A key that does not exist is a finding with the file's name."""
    (filled.folder / "mainspring.toml").write_text("[project]\nident = 1\n")
    finding = only(examine(filled.folder))
    assert (finding.check, finding.severity) == ("configuration", Severity.ERROR)
    assert "ident" in finding.what


def test_a_file_that_may_not_be_read(filled: Filled) -> None:
    """A file without permission is named."""
    (table,) = filled.home.glob("serving/*/weights/current.json")
    table.chmod(0)
    with bound_by_permissions():
        assert [item.where for item in examine(filled.folder).problems] == [str(table)]


def test_a_home_on_a_network_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mount with the longest path counts; a warning where SQLite or LMDB lie there, else only said."""
    mounts = tmp_path / "mounts"
    monkeypatch.setattr("mainspring.ports.file_systems.MOUNTS", mounts)
    listed = f"disk / ext4 rw 0 0\nserver:/export {tmp_path} nfs4 rw 0 0\n"
    mounts.write_text(listed)
    (records, keys) = of_file_systems(Config(folder=tmp_path))
    assert (records.severity, keys.severity) == (Severity.WARNING, Severity.WARNING)
    assert "nfs4" in records.what
    servers = {"records": {"url": "postgresql://db/shop"}, "keys": {"url": "redis://cache/0"}}
    (home,) = of_file_systems(Config.model_validate({"folder": tmp_path, **servers}))
    assert home.severity is Severity.INFO
    mounts.write_text(listed + f"disk {tmp_path}/.mainspring ext4 rw 0 0\n")
    assert list(of_file_systems(Config(folder=tmp_path))) == []


@pytest.mark.parametrize(
    ("free_bytes", "severity"),
    [(2 << 30, None), (500 << 20, Severity.WARNING), (5 << 20, Severity.ERROR)],
)
def test_little_free_space(tmp_path: Path, free_bytes: int, severity: Severity | None) -> None:
    """Below 1 GiB is a warning, below 100 MiB an error."""
    found = [item.severity for item in of_free_space(tmp_path, free_bytes)]
    assert found == ([] if severity is None else [severity])


def test_rows_that_were_pushed_and_not_committed(filled: Filled) -> None:
    """What a stream brought is no finding: not before its commit, not while the commit is not brought in."""
    with filled.open() as project:
        group = project.features.get_group("fleet")
        (known,) = group.read().to_polars().head(1).rows(named=True)
        group.push([{**known, "event": 1}], event_id="event")
    assert examine(filled.folder).problems == []
