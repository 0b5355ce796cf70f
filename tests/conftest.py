"""Fixtures that every room uses: real databases and folders, made fresh for each test.

`MAINSPRING_TEST_RECORDS` chooses the database: `sqlite` (default) or `postgres`, whose server is named by
`MAINSPRING_TEST_POSTGRES`. Everything is UTC and seeded.
"""

from __future__ import annotations

import gc
import logging
import os
import random
import shutil
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mainspring.lineage import Code, Graph
from mainspring.lineage.enclosing import within
from mainspring.log.contexts import bind_process, bound
from mainspring.ports.blobs import open_blobs
from mainspring.ports.clock import ReplayClock
from mainspring.ports.records import open_records
from mainspring.project import Project, open_project
from tests.databases import PostgresSchemas
from tests.endpoints import endpoint as endpoint  # noqa: PLC0414 - a fixture of every room
from tests.memory import write_to_memory
from tests.order import seconds
from tests.permissions import bound_by_permissions

RECORDS = os.environ.get("MAINSPRING_TEST_RECORDS", "sqlite")
START = datetime(2013, 1, 1, tzinfo=UTC)


def pytest_configure(config: pytest.Config) -> None:
    """UTC everywhere, also in child processes; no project or actor of the developer leaks in."""
    os.environ["TZ"] = "UTC"
    time.tzset()
    write_to_memory()
    # Until all tests are collected nothing is garbage, and the collector would look through a million objects for it.
    gc.disable()
    # As many workers as processors: threads inside a fit or a query would only wait for each other.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("POLARS_MAX_THREADS", "1")
    for name in [name for name in os.environ if name.startswith("MAINSPRING_")]:
        if not name.startswith(("MAINSPRING_TEST_", "MAINSPRING_REQUIRE_")):
            del os.environ[name]
    if RECORDS not in {"sqlite", "postgres"}:
        raise pytest.UsageError(f"MAINSPRING_TEST_RECORDS must be sqlite or postgres, got {RECORDS!r}")


def pytest_collection_finish() -> None:
    """Modules and tests stay until the end: the collector looks at what the tests make, not at them."""
    gc.freeze()
    gc.enable()


def pytest_report_header() -> str:
    """Which database this run is on."""
    return f"records: {RECORDS}"


OPEN_A_DATABASE = {"records_url", "module_records_url", "both_databases"}
"""Fixtures by which a test comes to the database under test, itself or by others."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long files first.

    The second run is of every test that opens a database, but for those marked `once`: the others would only do the
    same again.
    """
    if config.option.file_or_dir:
        return
    items.sort(key=lambda item: -seconds(item.path))
    if RECORDS == "sqlite":
        return
    again = [
        item
        for item in items
        if OPEN_A_DATABASE & set(getattr(item, "fixturenames", ())) and not any(item.iter_markers("once"))
    ]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(again)])
    items[:] = again


@pytest.fixture(autouse=True)
def _seed() -> None:
    random.seed(7)


@pytest.fixture(autouse=True)
def _put_logging_back() -> Iterator[None]:
    """How a command that ran in this process configured its lines ends with its test."""
    root, ours = logging.getLogger(), logging.getLogger("mainspring")
    handlers, level = [*root.handlers], ours.level
    yield
    for handler in [each for each in root.handlers if each not in handlers]:
        root.removeHandler(handler)
        handler.close()
    ours.setLevel(level)
    bind_process({})


@pytest.fixture(autouse=True)
def _inside_nothing() -> Iterator[None]:
    """Executions that a test leaves open, as one that is killed does, are not around the next test."""
    with bound(), within():
        yield


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """An empty folder that this test can read and not write, whoever runs it."""
    if os.geteuid() == 0 and sys.platform != "linux":
        pytest.skip("root may write anywhere")
    folder = tmp_path / "read_only"
    folder.mkdir(mode=0o500)
    with bound_by_permissions():
        yield folder
    folder.chmod(0o700)


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database file: copying it costs a millisecond, migrating a tenth of a second."""
    path = tmp_path_factory.mktemp("template") / "records.db"
    records = open_records(f"sqlite:///{path}")
    records.migrate()
    records.close()
    return path


@pytest.fixture(scope="session")
def _postgres_schemas() -> Iterator[PostgresSchemas]:
    """This worker's schema, migrated once and emptied between tests."""
    schemas = PostgresSchemas()
    yield schemas
    schemas.close()


@pytest.fixture
def both_databases() -> str:
    """For what makes its own database: the kind that it is to be, `sqlite` or `postgres`."""
    return RECORDS


@pytest.fixture
def records_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a migrated, empty database of the chosen kind, for this test alone."""
    return _fresh(request, tmp_path_factory)


@pytest.fixture(scope="module")
def module_records_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The same for all tests of a file; none of them may ask for `records_url` beside it."""
    return _fresh(request, tmp_path_factory)


def _fresh(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    if RECORDS == "postgres":
        schemas: PostgresSchemas = request.getfixturevalue("_postgres_schemas")
        return schemas.fresh()
    template: Path = request.getfixturevalue("_sqlite_template")
    path = tmp_path_factory.mktemp("records") / "records.db"
    shutil.copy(template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def clock(tmp_path_factory: pytest.TempPathFactory) -> ReplayClock:
    """A replay clock that stands at the first moment of 2013."""
    found = ReplayClock(tmp_path_factory.mktemp("clock") / "clock")
    found.set(START)
    return found


@pytest.fixture
def graph(records_url: str, tmp_path_factory: pytest.TempPathFactory, clock: ReplayClock) -> Iterator[Graph]:
    """An asset graph on a fresh database and a fresh folder of blobs, at the clock's time."""
    records = open_records(records_url)
    records.migrate()
    folder = tmp_path_factory.mktemp("blobs")
    made = Graph(
        records=records,
        blobs=open_blobs(f"file:{folder}"),
        clock=clock,
        project_id="test",
        actor="user:test",
        code=lambda: Code(commit="0" * 40, dirty=False, digest="0" * 64),
    )
    yield made
    made.leases.close()
    records.close()


@pytest.fixture
def project(records_url: str, tmp_path: Path) -> Iterator[Project]:
    """An open project in a fresh folder; its replay clock stands at the first moment of 2013."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "mainspring.toml").write_text('[project]\nid = "test"\n')
    overrides = {"records.url": records_url, "clock.kind": "replay", "actor.name": "user:test"}
    with open_project(folder, overrides=overrides) as opened:
        assert isinstance(opened.clock, ReplayClock)
        opened.clock.set(START)
        yield opened
