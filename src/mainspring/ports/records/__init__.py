"""Transactions over one SQL database: SQLite for a folder, PostgreSQL for a team."""

from mainspring.errors import InputError, MissingExtraError
from mainspring.ports.records._base import Records

__all__ = ["Records", "open_records"]


def open_records(url: str) -> Records:
    """The records behind a SQLAlchemy URL. Nothing is created or migrated yet.

    Raises:
        InputError: no backend for the URL's scheme.
        MissingExtraError: the backend's driver is not installed.
    """
    scheme = url.split(":", 1)[0].split("+", 1)[0]
    if scheme == "sqlite":
        from mainspring.ports.records._sqlite import SqliteRecords

        return SqliteRecords(url)
    if scheme in {"postgresql", "postgres"}:
        try:
            import psycopg  # noqa: F401 - only to say early and clearly that the driver is missing
        except ImportError as error:
            raise MissingExtraError.of("psycopg", "postgres", f"records.url {scheme}") from error
        from mainspring.ports.records._postgres import PostgresRecords

        return PostgresRecords(url)
    raise InputError(
        expected="a URL that begins with sqlite: or postgresql:",
        got=f"{scheme}:…",
        where="records.url",
        hint="For example sqlite:///records.db or postgresql://user@host/database.",
    )
