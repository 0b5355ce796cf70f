"""Write ports/records/migrations/versions/0001_initial.py from the tables of all rooms.

Only until the first release: from then on a change of a table is a new migration.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

from alembic.autogenerate import produce_migrations, render_python_code
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

import mainspring
from mainspring.ports.records.schema import metadata

PACKAGE = Path(mainspring.__file__).parent
TARGET = PACKAGE / "ports/records/migrations/versions/0001_initial.py"

HEADER = '''"""The first schema: every room's tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
'''


def main() -> None:
    for store in sorted(PACKAGE.glob("*/store.py")):
        importlib.import_module(f"mainspring.{store.parent.name}.store")
    with create_engine("sqlite://").connect() as connection:
        script = produce_migrations(MigrationContext.configure(connection), metadata)
    code = render_python_code(script.upgrade_ops)
    body = "\n".join(line for line in code.splitlines() if not line.strip().startswith("#"))
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(HEADER + body + "\n")
    subprocess.run([sys.executable, "-m", "ruff", "format", "-q", str(TARGET)], check=False)


if __name__ == "__main__":
    main()
