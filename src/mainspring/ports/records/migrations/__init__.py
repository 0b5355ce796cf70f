"""The one chain of schema migrations, run by Alembic on the caller's connection."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import Connection

VERSION_TABLE: Final = "mainspring_schema"
REVISIONS: Final = ("0001",)
"""Every revision that this version knows, oldest first."""
HEAD: Final = REVISIONS[-1]


def upgrade(connection: Connection) -> None:
    """Run all missing migrations inside the transaction that `connection` is in."""
    # Alembic costs a tenth of a second to import, and an up-to-date database never needs it.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
