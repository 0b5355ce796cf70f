"""Records moved to another database: the same is read, nothing acknowledged is lost, whatever is killed when."""

from __future__ import annotations

import itertools
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sqlalchemy import create_engine, text
from typer.testing import CliRunner

from mainspring.cli._app import app
from mainspring.errors import InputError, IntegrityError, StateError
from mainspring.lineage.trace import Origin
from mainspring.ports.records import open_records
from mainspring.project import Project, open_project
from mainspring.tracking.points import FilePoints, points_file
from mainspring.workflows.doctor.examine import examine
from mainspring.workflows.move.look import room
from mainspring.workflows.move.records import Rows
from mainspring.workflows.move.run import abort, move_records, survey
from mainspring.workflows.move.spec import INTENT
from tests.conftest import RECORDS
from tests.forks import ended, forked
from tests.serving.airport import KEYS, START
from tests.workflows.backup.test_backup import reads, same
from tests.workflows.filled import Filled

OTHER = "sqlite"
"""What the database under test is moved to. From there it goes back to one of its own kind."""


def told(project: Project) -> dict[str, Any]:
    """What no move may change: the log with its numbers and digests, ids, a prediction's lineage."""
    prediction_id = project.deployments.get("flights").log()["prediction_id"][0]
    return {
        "events": project.graph.events(),
        "runs": [(run.id, run.params) for run in project.tracking.runs()],
        "models": [(version.name, version.number, version.asset_id) for version in project.models.versions()],
        "lineage": whole(project.lineage.upstream(prediction_id)),
        "online": project.features.get_view("lateness").online().read(KEYS, {"distance": 1.0}, START),
    }


def whole(origin: Origin) -> tuple[object, ...]:
    """A lineage, in whatever order the database gives its parts."""
    graph = origin.graph
    return (
        origin.leaf,
        sorted(graph.assets),
        sorted(graph.executions),
        sorted(map(str, graph.links)),
        sorted(graph.depth.items()),
    )


def killing(at: int) -> Callable[[str, int], Any]:
    """A progress whose `at`-th sign kills the process."""
    left = iter(range(at, -1, -1))

    def sign() -> None:
        if next(left) == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    @contextmanager
    def progress(_text: str, _total: int) -> Iterator[Callable[[], None]]:
        sign()
        yield sign

    return progress


def write(filled: Filled, url: str) -> None:
    """Something acknowledged, in the records at that address."""
    with open_project(filled.folder, overrides={"records.url": url}, importable=False) as project:
        project.features.get_group("fleet").insert(pl.DataFrame({"carrier": ["UA"], "age": [3.0]}))


def test_there_and_back(settled: Filled, empty_database: Callable[..., str]) -> None:
    """To another kind of database and back to the first: the same is read, and the next numbers follow."""
    file = settled.folder / "mainspring.toml"
    written = file.read_text()
    with settled.open() as project:
        before, known = reads(project), told(project)
    addresses = [settled.records_url, empty_database(OTHER), empty_database()]
    for old, new in itertools.pairwise(addresses):
        done = move_records(settled.folder, new)
        assert done.n_before == 0
        assert file.read_text() == written.replace(addresses[0], new)
        assert examine(settled.folder, quick=new != addresses[-1]).problems == []
        with settled.open() as project:
            assert project.config.url("records") == new
            assert same(reads(project), before)
            assert told(project) == known
        with pytest.raises(StateError, match="moved, to"):
            write(settled, old)
    with settled.open() as project:
        last = project.graph.events()[-1].seq or 0
        with project.tracking.run("after", experiment="trials") as run:
            run.log(metrics={"auc": 0.5}, step=1)
        assert (project.graph.events()[-1].seq or 0) > last
    assert [item for item in examine(settled.folder).problems if item.check == "events"] == []


def test_killed_at_every_step(settled: Filled, empty_database: Callable[..., str]) -> None:
    """After each kill the old is whole, or the new; the next goes on from there, and nothing is lost at the end."""
    target = empty_database(OTHER)
    with settled.open() as project:
        before, n_rows = reads(project), Rows(project.records, "test").count()
    n_kills = 0
    # The signs: begun 0, 1; fenced 2, 3; moved 4 to 37; compared 38 to 71; switched 72, 73; then ended 0, 1 anew.
    for at in (0, 1, 3, 5, 20, 38, 72, 73, 0, 99):
        code = ended(forked(lambda at=at: move_records(settled.folder, target, progress=killing(at))))  # type: ignore[misc]
        n_kills += code == -signal.SIGKILL
        in_use = open_project(settled.folder, as_is=True, importable=False)
        with in_use:
            assert in_use.config.url("records") in {settled.records_url, target}
            assert Rows(in_use.records, "test").count() == n_rows
        if code == 0:
            break
    assert n_kills == 9
    with settled.open() as project:
        assert project.config.url("records") == target
        assert same(reads(project), before)
    assert examine(settled.folder).problems == []


def test_killed_at_random_moments(settled: Filled, empty_database: Callable[..., str]) -> None:
    """SIGKILL from outside, wherever it hits; the last run ends the move."""
    target, chance = empty_database(OTHER), random.Random(3)
    with settled.open() as project:
        before = reads(project)
    for _ in range(4):
        child = forked(lambda: move_records(settled.folder, target))
        time.sleep(chance.uniform(0.0, 0.15))
        os.kill(child, signal.SIGKILL)
        if ended(child) == 0:
            break
    with open_project(settled.folder, as_is=True) as project:
        over = project.config.url("records") == target and not (settled.home / INTENT).exists()
    if not over:
        move_records(settled.folder, target)
    with settled.open() as project:
        assert project.config.url("records") == target
        assert same(reads(project), before)
    assert examine(settled.folder).problems == []


def test_aborted(settled: Filled, empty_database: Callable[..., str]) -> None:
    """A move that was begun keeps writers out and refuses another target; given up, the old is in use as before."""
    target = empty_database(OTHER)
    # Another database's file, whose name ends like that of ours.
    other = Path(target.removeprefix("sqlite:///")).with_name("not-elsewhere-0-metrics.db")
    other.touch()
    rows = settled.rows()
    assert (
        ended(forked(lambda: move_records(settled.folder, target, progress=killing(20)))) == -signal.SIGKILL
    )
    with pytest.raises(StateError, match="mainspring move --abort"):
        write(settled, settled.records_url)
    with pytest.raises(StateError, match="to go on"):
        move_records(settled.folder, empty_database(OTHER))
    (finding,) = [item for item in examine(settled.folder).problems if item.check == "home"]
    assert "move" in finding.what
    assert survey(settled.folder, target).goes_on
    done = abort(settled.folder)
    assert done.target_left == ""
    assert other.exists()
    with pytest.raises(StateError, match="a move that was begun"):
        abort(settled.folder)
    assert settled.rows() == rows
    write(settled, settled.records_url)
    with settled.open() as project, project.tracking.run("after", experiment="trials") as run:
        run.log(metrics={"auc": 0.5}, step=1)
    assert examine(settled.folder).problems == []
    assert move_records(settled.folder, target).n_before == 0


def test_what_stands_in_the_way(
    settled: Filled, empty_database: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is at work, a target with something in it, the same place, an outranked file: said before anything is."""
    target = empty_database(OTHER)
    with settled.open() as project, project.graph.leases.role("server/127.0.0.1:8651"):
        (found,) = survey(settled.folder, target).obstacles
        assert "server/127.0.0.1:8651" in found.what
        with pytest.raises(StateError, match="stands in the way"):
            move_records(settled.folder, target)
    write(settled, settled.records_url)
    (found,) = survey(settled.folder, settled.records_url).obstacles
    assert "there already" in found.what
    records = open_records(target)
    with closing(records):
        records.migrate()
        with records.write() as connection:
            connection.execute(text("INSERT INTO event_cursors SELECT 'x', 'y', 1"))
    (found,) = survey(settled.folder, target).obstacles
    assert "not empty: rows in event_cursors" in found.what
    strange = empty_database(OTHER)
    engine = create_engine(strange)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE invoices (id INTEGER)"))
    engine.dispose()
    (found,) = survey(settled.folder, strange).obstacles
    assert "invoices" in found.what
    free = empty_database(OTHER)
    monkeypatch.setenv("MAINSPRING_RECORDS_URL", settled.records_url)
    (found,) = survey(settled.folder, free).obstacles
    assert found.where == "MAINSPRING_RECORDS_URL"
    monkeypatch.delenv("MAINSPRING_RECORDS_URL")
    with pytest.raises(InputError, match="SQLite or PostgreSQL"):
        survey(settled.folder, "mysql://somewhere/db")
    assert survey(settled.folder, free).obstacles == ()
    write(settled, settled.records_url)
    assert not (settled.home / INTENT).exists()


def test_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too little of it is said, and a network disk."""
    assert list(room(tmp_path / "not" / "there", 1)) == []
    (found,) = room(tmp_path, 1 << 60)
    assert "bytes are free" in found.what
    mounts = tmp_path / "mounts"
    mounts.write_text(f"server:/export {tmp_path} nfs4 rw 0 0\n")
    monkeypatch.setattr("mainspring.ports.file_systems.MOUNTS", mounts)
    (found,) = room(tmp_path, 1)
    assert "network file system (nfs4)" in found.what


def test_somebody_writes_to_the_target(settled: Filled, empty_database: Callable[..., str]) -> None:
    """Rows of somebody else in a table that is still to come stop the move; so do rows that were changed."""
    target = empty_database(OTHER)
    assert (
        ended(forked(lambda: move_records(settled.folder, target, progress=killing(20)))) == -signal.SIGKILL
    )
    engine = create_engine(target)
    with engine.begin() as connection:
        connection.execute(text("UPDATE assets SET name = 'another'"))
    with pytest.raises(IntegrityError, match="assets with digest"):
        move_records(settled.folder, target)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM mainspring_move WHERE part = 'runs'"))
    engine.dispose()
    with pytest.raises(StateError, match="rows in the table 'runs'"):
        move_records(settled.folder, target)
    abort(settled.folder)
    write(settled, settled.records_url)


@pytest.mark.skipif(RECORDS == "postgres", reason="points are in a table of the same database")
def test_points_are_fenced_too(settled: Filled) -> None:
    """A process that logs metrics for hours is refused as well."""
    file = points_file(settled.home / "records.db")
    with closing(FilePoints(file, "test")) as points, closing(FilePoints(file, "other")) as others:
        kept = next(points.all_rows())
        points.fence("elsewhere")
        with settled.open() as project:
            (run,) = project.tracking.runs()
            there = project.tracking.points(run.id)[0]
        point, other = (there.model_copy(update={"step": step}) for step in (10_000, 10_001))
        with pytest.raises(StateError, match="moved, to elsewhere"):
            points.append([point])
        others.append([other])
        points.unfence()
        points.append([point])
        assert len(next(points.all_rows())) == len(kept) + 2


def test_the_command(settled: Filled, empty_database: Callable[..., str]) -> None:
    """A dry run shows and changes nothing; without a target or with two aims it refuses."""
    target = empty_database(OTHER)
    words = ["move", "-p", str(settled.folder)]
    shown = CliRunner().invoke(app, [*words, "--to-records", target, "--dry-run"])
    assert shown.exit_code == 0
    assert "feature_commits" in shown.stdout
    done = CliRunner().invoke(app, [*words, "--to-records", target, "--json"])
    assert '"subject": "records"' in done.stdout
    for wrong in ([], ["--abort", "--to-records", target]):
        assert isinstance(CliRunner().invoke(app, [*words, *wrong]).exception, InputError)
    shown = CliRunner().invoke(app, [*words, "--to-records", target, "--dry-run"])
    assert shown.exit_code == 1
    assert "there already" in shown.stdout


def test_a_project_beside_it_goes_on(
    settled: Filled, empty_database: Callable[..., str], tmp_path: Path
) -> None:
    """Two projects in one database: only the one that moves is fenced, and only its rows are brought."""
    folder = tmp_path / "beside"
    folder.mkdir()
    (folder / "mainspring.toml").write_text(
        f'[project]\nid = "beside"\n[clock]\nkind = "replay"\n[records]\nurl = "{settled.records_url}"\n'
    )
    with open_project(folder, importable=False) as beside:
        beside.clock.set(START)  # type: ignore[attr-defined]
        with beside.tracking.run("one", experiment="e") as run:
            run.log(metrics={"m": 1.0}, step=1)
        target = empty_database(OTHER)
        move_records(settled.folder, target)
        with beside.tracking.run("two", experiment="e") as run:
            run.log(metrics={"m": 1.0}, step=1)
        assert [item for item in examine(folder).problems if item.check != "blobs"] == []
    engine = create_engine(target)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT DISTINCT project_id FROM events")).scalars().all() == ["test"]
    engine.dispose()
