"""The one chain of migrations."""

from __future__ import annotations

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import mainspring.testing.records  # noqa: F401 - loads every room, which declares its tables
from mainspring.ports.records import migrations, open_records
from mainspring.ports.records.schema import metadata


def test_migrations_build_the_tables_of_all_rooms(records_url: str) -> None:
    """A migrated database is exactly what the specs derive, on both databases."""
    records = open_records(records_url)
    records.migrate()
    with records.read() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": migrations.VERSION_TABLE})
        assert compare_metadata(context, metadata) == []
    records.close()


def test_known_revisions_are_the_chain() -> None:
    """The constants, which spare an up-to-date database the import of Alembic, tell the truth."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    script = ScriptDirectory.from_config(config)
    assert script.get_heads() == [migrations.HEAD]
    assert tuple(reversed([found.revision for found in script.walk_revisions()])) == migrations.REVISIONS


def test_migrating_twice_changes_nothing(records_url: str) -> None:
    """Opening a current database again leaves it alone."""
    records = open_records(records_url)
    records.migrate()
    records.migrate()
    assert records.schema_revision() == migrations.HEAD
    records.close()
