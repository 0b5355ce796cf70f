"""A filled project whose configuration is in its file, and databases to move it to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mainspring.ports.records import open_records
from mainspring.workflows.move.records import Rows
from tests.conftest import RECORDS
from tests.databases import PostgresSchemas
from tests.workflows.filled import Filled

BEFORE = '# Whose it is.\n[project]\nid = "test"\n\n[clock]  # replayed\nkind = "replay"\n'


@pytest.fixture
def settled(filled: Filled, monkeypatch: pytest.MonkeyPatch) -> Iterator[Filled]:
    """As `filled`, with every key in mainspring.toml: a move ends by changing that file."""
    for name in ("RECORDS_URL", "CLOCK_KIND", "ACTOR_NAME"):
        monkeypatch.delenv(f"MAINSPRING_{name}")
    address = f'\n[records]\nurl = "{filled.records_url}"  # ours\n[actor]\nname = "user:test"\n'
    (filled.folder / "mainspring.toml").write_text(BEFORE + address)
    yield filled
    if RECORDS == "postgres":
        # The next test gets the same schema, emptied.
        with closing(open_records(filled.records_url)) as records:
            Rows(records, "test").unfence()


@pytest.fixture(scope="module")
def _more_schemas() -> Iterator[PostgresSchemas]:
    schemas = PostgresSchemas()
    yield schemas
    schemas.close()


@pytest.fixture
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Gives URLs of empty databases: SQLite files; on PostgreSQL a schema first, to come back to."""
    names = iter(range(9))

    def give(kind: str = RECORDS) -> str:
        if kind == "postgres":
            schemas: PostgresSchemas = request.getfixturevalue("_more_schemas")
            return schemas.fresh()
        return f"sqlite:///{tmp_path}/elsewhere-{next(names)}.db"

    return give
