"""Write the one unreleased migration: what the tables of all rooms have beyond the released chain.

`python scripts/write_migration.py [--fill TABLE.COLUMN=SQL]`, after every change of a table, and after every rebase
onto another change of a table. Only the unreleased revision is written, always as a whole; released ones, which
databases were made by, are listed in `migrations.RELEASED` and stay as they are. Read what it wrote: Alembic sees
neither a renamed column nor a changed primary key.

A column that may not be null, in a table that may have rows, needs a value for them: an SQL expression over the
table's other columns that both dialects understand. It is given once with `--fill` and kept in the file's FILLS.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alembic.autogenerate import produce_migrations, render_python_code
from alembic.migration import MigrationContext
from alembic.operations import ops
from sqlalchemy import Column, Connection, MetaData, create_engine
from sqlalchemy.pool import StaticPool

import mainspring
from mainspring.ports.records.migrations import RELEASED, REVISIONS, VERSION_TABLE, upgrade
from mainspring.ports.records.schema import metadata

PACKAGE = Path(mainspring.__file__).parent
VERSIONS = PACKAGE / "ports/records/migrations/versions"


class FillMissingError(Exception):
    """A column cannot be added to a table with rows."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the one unreleased migration.")
    parser.add_argument("--fill", action="append", default=[], metavar="TABLE.COLUMN=SQL")
    given = dict(fill.split("=", 1) for fill in parser.parse_args().fill)
    for store in sorted(PACKAGE.glob("*/store.py")):
        importlib.import_module(f"mainspring.{store.parent.name}.store")
    last, release = list(RELEASED.items())[-1]
    target = VERSIONS / f"{int(last) + 1:04d}_since_{release.replace('.', '_')}.py"
    fills = {**_fills(target), **given}
    with released() as connection:
        try:
            body = difference(connection, metadata, fills)
        except FillMissingError as missing:
            sys.exit(str(missing))
    target.write_text(_header(target, last, release, fills) + body + "\n", encoding="utf-8")
    subprocess.run([sys.executable, "-m", "ruff", "format", "-q", str(target)], check=False)
    print(f"Wrote {target.name}. Read it before you commit it.")
    if (revision := target.name[:4]) not in REVISIONS:
        print(f"Add {revision!r} to REVISIONS in {VERSIONS.parent / '__init__.py'}.")


def released() -> Connection:
    """A database in memory that the newest release would make."""
    connection = create_engine("sqlite://", poolclass=StaticPool).connect()
    upgrade(connection, list(RELEASED)[-1])
    return connection


def difference(connection: Connection, tables: MetaData, fills: Mapping[str, str]) -> str:
    """The body of a migration that brings a database to some tables, also when it has rows.

    Args:
        fills: "table.column" → SQL for rows that are there, for each column that is added and may not be null.

    Raises:
        FillMissingError: such a column has none.
    """
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    found = produce_migrations(context, tables).upgrade_ops
    assert found is not None
    found.ops[:] = [step for each in found.ops for step in _filled(each, tables, fills)]
    code = render_python_code(found, render_as_batch=True)
    return "\n".join(line for line in code.splitlines() if not line.strip().startswith("#"))


def _filled(change: Any, tables: MetaData, fills: Mapping[str, str]) -> list[Any]:
    """A change of a table, with each column that may not be null added in three steps: empty, filled, closed."""
    if not isinstance(change, ops.ModifyTableOps):
        return [change]
    name, after = change.table_name, []
    for step in change.ops:
        if isinstance(step, ops.AlterColumnOp):
            # As the tables have it: what was found is the type of one dialect.
            step.existing_type = tables.tables[name].c[step.column_name].type
            step.kw.pop("autoincrement", None)
        if isinstance(step, ops.AddColumnOp) and not step.column.nullable:
            column = step.column
            if (value := fills.get(f"{name}.{column.name}")) is None:
                raise FillMissingError(
                    f"{name}.{column.name} may not be null, and rows of {name} that are there have no value for it.\n"
                    f'Give one: python scripts/write_migration.py --fill "{name}.{column.name}=SQL"'
                )
            # A copy: the column that was found is that of the tables themselves.
            step.column = Column(column.name, column.type, nullable=True)
            after.append(ops.ExecuteSQLOp(f'UPDATE "{name}" SET "{column.name}" = {value}'))
            close = ops.AlterColumnOp(name, column.name, existing_type=column.type, modify_nullable=False)
            after.append(ops.ModifyTableOps(name, [close]))
    return [change, *after]


def _fills(target: Path) -> dict[str, str]:
    """The FILLS of the file as it is; none where there is no file."""
    if not target.exists():
        return {}
    for statement in ast.parse(target.read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "FILLS":
            return dict(ast.literal_eval(statement.value))
    return {}


def _header(target: Path, last: str, release: str, fills: Mapping[str, str]) -> str:
    kept = f"FILLS = {dict(fills)!r}\n" if fills else ""
    return f'''"""What the tables have beyond those of version {release}. Written by scripts/write_migration.py."""

import sqlalchemy as sa
from alembic import op

revision = "{target.name[:4]}"
down_revision = "{last}"
branch_labels = None
depends_on = None
{kept}

def upgrade() -> None:
'''


if __name__ == "__main__":
    main()
