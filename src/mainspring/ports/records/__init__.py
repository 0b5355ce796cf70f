"""Transactions over one SQL database: SQLite for a folder, PostgreSQL for a team."""

from typing import Final

from mainspring.errors import MissingExtraError
from mainspring.ports._address import Backends
from mainspring.ports.records._base import Records

__all__ = ["BACKENDS", "Records", "open_records"]

BACKENDS: Final[Backends[Records]] = Backends(
    "records", Records, "the URL", ["sqlite", "postgresql", "postgres"]
)


def open_records(url: str, *, read_only: bool = False) -> Records:
    """The records behind a SQLAlchemy URL. Nothing is created or migrated yet.

    Args:
        read_only: refuse every write. A SQLite file is then opened without a right to write it or its folder.

    Raises:
        InputError: no backend for the URL's scheme.
        MissingExtraError: the backend's driver is not installed.
        PluginError: the plug-in for the scheme cannot be used.
    """
    scheme = url.split(":", 1)[0].split("+", 1)[0]
    plugin = BACKENDS.find(scheme)
    if plugin is not None:
        return BACKENDS.open(plugin, url)
    if scheme == "sqlite":
        from mainspring.ports.records._sqlite import SqliteRecords

        return SqliteRecords(url, read_only=read_only)
    try:
        import psycopg  # noqa: F401 - only to say early and clearly that the driver is missing
    except ImportError as error:
        raise MissingExtraError.of("psycopg", "postgres", f"records.url {scheme}") from error
    from mainspring.ports.records._postgres import PostgresRecords

    return PostgresRecords(url, read_only=read_only)
