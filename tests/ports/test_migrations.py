"""The one chain of migrations."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Final

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory

import mainspring.testing.records  # noqa: F401 - loads every room, which declares its tables
from mainspring.ports.records import migrations, open_records
from mainspring.ports.records.schema import metadata
from mainspring.types import digest_bytes

ROOT: Final = Path(__file__).parents[2]
VERSIONS: Final = Path(migrations.__file__).parent / "versions"
WRITE: Final = "python scripts/write_migration.py"

RELEASED_DIGESTS: Final = {
    "0001_initial.py": "03e6dcf3add79b8ab88c6a4b391014c868c00fe06cda526b323588ad25d8011b",
}
"""Every released migration with the SHA-256 of its file: databases were made by them."""


def test_migrations_build_the_tables_of_all_rooms(records_url: str) -> None:
    """A migrated database is exactly what the specs derive, on both databases."""
    records = open_records(records_url)
    records.migrate()
    with records.read() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": migrations.VERSION_TABLE})
        differing = compare_metadata(context, metadata)
        keys = {name: sa.inspect(connection).get_pk_constraint(name) for name in metadata.tables}
    records.close()
    assert differing == [], f"the tables are others than the migrations make; write them: {WRITE}"
    for name, table in metadata.tables.items():
        assert keys[name]["constrained_columns"] == [column.name for column in table.primary_key], name


def test_known_revisions_are_the_chain() -> None:
    """The constants, which spare an up-to-date database the import of Alembic, tell the truth."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    script = ScriptDirectory.from_config(config)
    assert script.get_heads() == [migrations.HEAD]
    assert tuple(reversed([found.revision for found in script.walk_revisions()])) == migrations.REVISIONS


def test_released_migrations_are_untouched() -> None:
    """A released migration stays as it is: databases were made by it. At most one is not released."""
    assert [name[:4] for name in RELEASED_DIGESTS] == list(migrations.RELEASED)
    assert migrations.REVISIONS[: len(migrations.RELEASED)] == tuple(migrations.RELEASED)
    assert len(migrations.REVISIONS) - len(migrations.RELEASED) <= 1, f"one unreleased migration; {WRITE}"
    for name, sha256 in RELEASED_DIGESTS.items():
        found = digest_bytes((VERSIONS / name).read_bytes())
        assert found == sha256, f"{name} is released: take it back from git; changes are written by {WRITE}"


def test_migrating_twice_changes_nothing(records_url: str) -> None:
    """Opening a current database again leaves it alone."""
    records = open_records(records_url)
    records.migrate()
    records.migrate()
    assert records.schema_revision() == migrations.HEAD
    records.close()


def test_a_column_that_may_not_be_null_needs_a_value_for_rows_that_are_there() -> None:
    """The script refuses to write one without it, and fills the rows with it."""
    writer = _writer()
    with sa.create_engine("sqlite://").connect() as connection:
        before, after = sa.MetaData(), sa.MetaData()
        sa.Table("things", before, sa.Column("name", sa.Text(), primary_key=True)).create(connection)
        connection.execute(sa.insert(before.tables["things"]), {"name": "nut"})
        size = sa.Column("size", sa.BigInteger(), nullable=False)
        things = sa.Table("things", after, sa.Column("name", sa.Text(), primary_key=True), size)
        with pytest.raises(writer.FillMissingError, match="--fill"):
            writer.difference(connection, after, {})
        body = writer.difference(connection, after, {"things.size": "length(name)"})
        context = MigrationContext.configure(connection)
        with Operations.context(context) as op:
            exec(f"def upgrade():\n{body}\nupgrade()", {"sa": sa, "op": op})
        assert connection.execute(sa.select(things)).all() == [("nut", 3)]
        assert compare_metadata(context, after) == []


def _writer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_migration", ROOT / "scripts" / "write_migration.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
