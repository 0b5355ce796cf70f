"""Bad input at the door: each kind is refused in four parts, with a non-zero exit code, and nothing is half written.

One filled project on the database under test. Everything that it holds, rows of every table and bytes of every
file, is compared before and after each refusal.
"""

from __future__ import annotations

import hashlib
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import httpx
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression
from sqlalchemy import create_engine, text
from typer.testing import CliRunner

from mainspring.cli._app import app
from mainspring.errors import InputError, MainspringError
from mainspring.models.model import Model
from mainspring.ports.clock import ReplayClock
from mainspring.project import Project, open_project
from mainspring.server.supervisor import Server
from tests.permissions import bound_by_permissions
from tests.serving.airport import START, make_airport
from tests.workflows.filled import all_rows

BOOKKEEPING = ("records.db", "lock.mdb", ".lock")
"""Files whose bytes change when a database or a lock is opened; what the database holds is compared by row."""


class Home:
    """The folder of a project, and all that it holds."""

    def __init__(self, folder: Path, records_url: str) -> None:
        self.folder = folder
        self.records_url = records_url

    def files(self) -> dict[str, str]:
        """The digest of every file, by path."""
        return {
            str(path.relative_to(self.folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(self.folder.rglob("*"))
            if path.is_file() and not path.name.startswith(BOOKKEEPING)
        }

    def refuses(self, *words: str) -> str:
        """What a command says when it refuses, having checked that it left everything as it was."""
        before = all_rows(self.records_url), self.files()
        done = CliRunner().invoke(app, [*words, "--project", str(self.folder)])
        assert done.exit_code != 0
        assert isinstance(done.exception, MainspringError), done.output
        assert (all_rows(self.records_url), self.files()) == before
        return in_four_parts(done.exception)

    def refuses_call(self, call: Callable[[Project], object]) -> str:
        """What a call of the library says when it refuses, having checked that it left everything as it was."""
        before = all_rows(self.records_url), self.files()
        with open_project(self.folder) as project, pytest.raises(MainspringError) as refusal:
            call(project)
        assert (all_rows(self.records_url), self.files()) == before
        return in_four_parts(refusal.value)


def in_four_parts(error: MainspringError) -> str:
    """The error's text, if it says what was expected, what came, where, and what to do."""
    assert all([error.expected, error.got, error.where, error.hint]), error
    return str(error)


@pytest.fixture
def home(tmp_path: Path, records_url: str, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Weather and carriers, a view, two model versions, one deployed; closed again."""
    folder = tmp_path / "airport"
    folder.mkdir()
    (folder / "mainspring.toml").write_text('[project]\nid = "test"\n')
    for key, value in {"RECORDS_URL": records_url, "CLOCK_KIND": "replay", "ACTOR_NAME": "user:test"}.items():
        monkeypatch.setenv(f"MAINSPRING_{key}", value)
    with open_project(folder) as project:
        assert isinstance(project.clock, ReplayClock)
        project.clock.set(START)
        made = make_airport(project)
        made.at(6)
        made.deployments.create("flights", made.versions[0], made.view)
    return Home(folder, records_url)


def insert(home: Home, tmp_path: Path, frame: pl.DataFrame) -> str:
    path = tmp_path / "weather.csv"
    frame.write_csv(path)
    return home.refuses("features", "insert", "weather", str(path))


ROW = {"origin": ["JFK"], "observed_at": ["2013-02-01T00:00:00Z"], "wind": [5.0], "temp": [40.0]}


def test_an_unknown_column_of_a_file(home: Home, tmp_path: Path) -> None:
    """A column that the group does not have is named."""
    assert "gust" in insert(home, tmp_path, pl.DataFrame({**ROW, "gust": [9.0]}))


@pytest.mark.skipif(os.geteuid() == 0 and sys.platform != "linux", reason="root may write anywhere")
def test_a_filled_project_turned_read_only(home: Home, tmp_path: Path) -> None:
    """Rows are refused with the place that cannot be written, and no part of them stays."""
    places = [path for path in (home.folder, *home.folder.rglob("*")) if not path.is_symlink()]
    before = {path: path.stat().st_mode for path in places}
    for path in places:
        path.chmod(0o500 if path.is_dir() else 0o400)
    try:
        with bound_by_permissions():
            assert str(home.folder) in insert(home, tmp_path, pl.DataFrame(ROW))
    finally:
        for path, mode in before.items():
            path.chmod(mode)


def test_an_unknown_column_of_a_view(home: Home) -> None:
    """A feature that the group does not have is named, with the nearest that it has."""
    said = home.refuses_call(
        lambda project: project.features.view(
            "other", features=[project.features.get_group("weather")["wnd"]], spine_time="at"
        )
    )
    assert "wnd" in said and "wind" in said


def test_a_wrong_type(home: Home, tmp_path: Path) -> None:
    """Text where numbers are kept names the column and the type."""
    said = insert(home, tmp_path, pl.DataFrame({**ROW, "wind": ["strong"]}))
    assert "wind" in said


def test_an_empty_frame(home: Home, tmp_path: Path) -> None:
    """A file with a header and no rows is no commit."""
    insert(home, tmp_path, pl.DataFrame(ROW).clear())


def test_a_label_used_as_a_feature(home: Home) -> None:
    """A view whose label is among its features would know the answer."""

    def define(project: Project) -> object:
        group = project.features.get_group("weather")
        return project.features.view(
            "other", features=[group["temp", "wind"]], label=group["wind"], spine_time="at"
        )

    assert "wind" in home.refuses_call(define)


def test_a_group_without_event_time_in_a_point_in_time_view(home: Home) -> None:
    """A group whose rows have no time has no past: it must be chosen as static."""
    said = home.refuses_call(
        lambda project: project.features.view(
            "other", features=[project.features.get_group("fleet")["age"]], spine_time="at"
        )
    )
    assert "static" in said


@pytest.mark.parametrize(
    "words",
    [("models", "show", "{}"), ("evaluate", "{}"), ("deployments", "promote", "flights", "{}")],
    ids=lambda words: words[0],
)
def test_an_unknown_model_version(home: Home, words: tuple[str, ...]) -> None:
    """A number that was never registered is refused wherever a version is asked for."""
    assert "99" in home.refuses(*(word.format("lateness/99") for word in words))


def test_text_where_an_object_is_taken(home: Home) -> None:
    """The name of a version, a view or a check in place of the thing is answered with the call that gives it."""
    rows = pl.DataFrame({"late": [1.0]})
    version = 'Get it first: project.models.get("lateness", 2)'

    def refused(project: Project) -> None:
        text: Any = "lateness/2"
        first = project.models.get("lateness", 1)
        model = Model(LogisticRegression(), ["x"])
        deployed = project.deployments.get("flights")
        calls: list[tuple[Callable[[], object], str]] = [
            (lambda: project.evaluation.evaluate(text, rows), version),
            (lambda: project.evaluation.compare(first, text, rows), version),
            (lambda: project.gates.decide("production", text), version),
            (lambda: project.gates.promote("production", text), version),
            (lambda: project.deployments.create("other", text), version),
            (lambda: deployed.promote(text), version),
            (lambda: deployed.shadow(text), version),
            (lambda: project.models.package(text), version),
            (lambda: project.models.export(text, home.folder / "exported"), version),
            (lambda: project.deployments.create("other", first, text), "features.get_view"),
            (lambda: project.evaluation.evaluate(first, rows, text), "checks=[ms.check.metric"),
            (lambda: project.evaluation.evaluate(first, rows, [text]), "checks=[ms.check.metric"),
            (lambda: project.evaluation.evaluate(first, rows, data=text), "view.training_dataset"),
            (lambda: project.models.register("lateness", model, data=text), "view.training_dataset"),
            (lambda: project.models.register("lateness", model, run=text), "tracking.run"),
            (lambda: project.gates.define(text), "Policy.from_toml(path)"),
            (lambda: project.monitors.add("drift", on=Ellipsis, reference=rows), "on=deployment"),
            (lambda: project.lineage.upstream(cast("str", first)), "asset_id"),
            (lambda: project.lineage.downstream(cast("str", first)), "asset_id"),
        ]
        for call, hint in calls:
            with pytest.raises(InputError) as refusal:
                call()
            assert hint in in_four_parts(refusal.value)
        raise refusal.value

    home.refuses_call(refused)


def test_malformed_json_to_the_server(home: Home) -> None:
    """A body that is cut off, no object or no UTF-8 is answered 400 in four parts, and logs nothing."""
    before = all_rows(home.records_url)
    with open_project(home.folder) as project, Server(project, port=0) as server:
        url = f"{server.url}/v1/deployments/flights/predict"
        for body in (b'{"keys": ', b"[]", b"\xff\xfe"):
            reply = httpx.post(url, content=body, timeout=30)
            assert reply.status_code == 400
            assert all(reply.json()[part] for part in ("code", "expected", "got", "where", "hint"))
    with open_project(home.folder) as project:
        assert project.deployments.get("flights").log().is_empty()
    assert all_rows(home.records_url) == before


def test_a_port_in_use(home: Home) -> None:
    """The server says which port, starts nothing, and names the option that chooses another."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        said = home.refuses("server", "--port", port)
        assert f"port {port}" in said
        assert "another port: --port" in said


def test_a_database_of_a_newer_schema(home: Home) -> None:
    """What a newer mainspring wrote is not touched by an older one."""
    engine = create_engine(home.records_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE mainspring_schema SET version_num = '9999'"))
    engine.dispose()
    assert "9999" in home.refuses("features", "list")
