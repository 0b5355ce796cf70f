"""Rows from a query on a SQL database, read in chunks."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import polars as pl
from sqlalchemy import URL, Connection, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from mainspring.errors import InputError, MissingExtraError, UnavailableError
from mainspring.log.progress import Progress, silent
from mainspring.types import digest

CHUNK_ROWS: Final = 50_000


@dataclass(frozen=True)
class SqlQuery:
    """A query that is to be read. Made by `ms.sql`; it shows no credentials.

    Attributes:
        url: where the database is, with what it takes to get in; in no text and no record.
        query: one statement that returns rows.
        parameters: values of `:name` in the query; in no record, because they may name people.
        chunk_rows: rows that are fetched at a time.
    """

    url: URL = field(repr=False)
    query: str
    parameters: Mapping[str, Any] = field(default_factory=dict, repr=False)
    chunk_rows: int = CHUNK_ROWS

    @property
    def place(self) -> str:
        """Where the database is, without user, password and options."""
        plain = URL.create(
            self.url.drivername, host=self.url.host, port=self.url.port, database=self.url.database
        )
        return plain.render_as_string()

    @property
    def told(self) -> dict[str, Any]:
        """What a record says of it, in plain JSON."""
        return {"url": self.place, "query": self.query, "parameters": sorted(self.parameters)}

    @property
    def digest(self) -> str:
        """Of the place, the query and its parameters: the same question has the same one."""
        return digest(
            [self.place, self.query, {name: str(self.parameters[name]) for name in self.parameters}]
        )


def sql(
    url: str, query: str, parameters: Mapping[str, Any] | None = None, *, chunk_rows: int = CHUNK_ROWS
) -> SqlQuery:
    """Rows of a SQL database, for `group.insert`: what the query returns when it is inserted.

    What the query changes is rolled back. User, password and options of the URL are recorded nowhere. Where the group
    declares a bool, the numbers 0 and 1 are taken for it.

    Args:
        url: of SQLAlchemy, such as `postgresql+psycopg://user:password@host/database` or `sqlite:///file.db`.
        query: one statement that returns rows; values of its `:name` go into `parameters`.
        parameters: name → value; None = the query has none.
        chunk_rows: rows that are fetched at a time, at least 1.

    Raises:
        InputError: what is no URL of SQLAlchemy, an empty query, no rows a chunk.
    """
    if not query.strip() or chunk_rows < 1:
        raise InputError(
            expected="a query, and at least one row a chunk",
            got=f"{query!r}, chunk_rows={chunk_rows}",
            where="ms.sql",
            hint="For example ms.sql('sqlite:///orders.db', 'SELECT * FROM orders').",
        )
    try:
        found = make_url(url)
    except (ArgumentError, ValueError):
        # What was given is not shown, nor what it was made of: there may be a password in it.
        raise InputError(
            expected="an address such as postgresql+psycopg://user@host/database",
            got="something else",
            where="ms.sql, url",
            hint="It is an URL as SQLAlchemy takes it.",
        ) from None
    return SqlQuery(found, query, dict(parameters or {}), chunk_rows)


def read_query(asked: SqlQuery, where: str, progress: Progress = silent) -> pl.DataFrame:
    """What the query returns, in its order; columns whose values are all null are of type Null.

    Args:
        progress: told of each chunk; how many there are nobody knows.

    Raises:
        InputError: the query fails, returns no rows by its nature, or a column mixes types.
        UnavailableError: the database cannot be reached.
        MissingExtraError: its driver is not installed.
    """
    place = f"{where}: {asked.place}"
    _check_file(asked.url, place)
    try:
        engine = create_engine(asked.url, poolclass=NullPool)
    except (NoSuchModuleError, ImportError) as error:
        raise _without_driver(asked.url.drivername, place) from error
    except SQLAlchemyError as error:
        raise _refused(asked, error, place) from None
    try:
        connection = engine.connect()
    except SQLAlchemyError as error:
        raise UnavailableError(
            expected="a database that answers",
            got=_said(asked, error),
            where=place,
            hint="Check the address, and that the database is up.",
        ) from None
    with connection:
        try:
            with progress(f"{place}: chunks of {asked.chunk_rows:,} rows read", 0) as advance:
                chunks = list(_told(_chunks(connection, asked, place), advance))
        except SQLAlchemyError as error:
            raise _refused(asked, error, place) from None
        finally:
            connection.rollback()
    return _joined(chunks, place)


def with_flags(frame: pl.DataFrame, types: Mapping[str, str]) -> pl.DataFrame:
    """Whole numbers as truth values, in columns that are known to have them and where all are 0 or 1.

    For databases without a type for them, such as SQLite; other numbers stay as they are, to be refused.
    """
    return frame.with_columns(
        pl.col(name).cast(pl.Boolean)
        for name, kind in types.items()
        if kind == "bool"
        and name in frame.columns
        and frame.schema[name].is_integer()
        and frame.get_column(name).drop_nulls().is_in([0, 1]).all()
    )


def _check_file(url: URL, where: str) -> None:
    """Refuses a SQLite file that is not there: the driver would make it."""
    name = url.database
    if url.get_backend_name() != "sqlite" or not name or name == ":memory:" or name.startswith("file:"):
        return
    if not Path(name).is_file():
        raise InputError(
            expected="a SQLite file that is there",
            got=repr(name),
            where=where,
            hint=f"A relative path begins at {str(Path.cwd())!r}; four slashes begin an absolute one.",
        )


def _without_driver(drivername: str, where: str) -> MissingExtraError:
    if drivername.startswith("postgres"):
        return MissingExtraError.of(drivername, "postgres", where)
    return MissingExtraError(
        expected=f"the driver of {drivername!r}",
        got="it is not installed",
        where=where,
        hint="Install what SQLAlchemy names for that database, such as PyMySQL for mysql+pymysql://.",
    )


def _chunks(connection: Connection, asked: SqlQuery, where: str) -> Iterator[pl.DataFrame]:
    """The rows, so many at a time; the first chunk may have none."""
    streaming = connection.execution_options(stream_results=True)
    with streaming.execute(text(asked.query), dict(asked.parameters)) as result:
        if not result.returns_rows:
            raise InputError(
                expected="a query that returns rows",
                got="a statement that returns none; what it changed is rolled back",
                where=where,
                hint="Write a SELECT.",
            )
        names = list(result.keys())
        if len(set(names)) < len(names):
            raise InputError(
                expected="a name of its own for every column",
                got=", ".join(names),
                where=where,
                hint="Give columns of the same name other ones in the query: SELECT a.id AS order_id, ….",
            )
        yield pl.DataFrame(schema=dict.fromkeys(names, pl.Null))
        for rows in result.partitions(asked.chunk_rows):
            columns = zip(*rows, strict=True)
            yield pl.DataFrame(
                [_column(name, values, where) for name, values in zip(names, columns, strict=True)]
            )


def _told(chunks: Iterator[pl.DataFrame], advance: Callable[[], None]) -> Iterator[pl.DataFrame]:
    for chunk in chunks:
        if chunk.height:
            advance()
        yield chunk


def _column(name: str, values: Sequence[Any], where: str) -> pl.Series:
    plain = [_plain(value) for value in values]
    try:
        return pl.Series(name, plain, strict=True)
    except (TypeError, pl.exceptions.PolarsError) as error:
        raise InputError(
            expected="values of one type",
            got=str(error).splitlines()[0],
            where=f"{where}, column {name!r}",
            hint="Cast the column in the query: CAST(… AS …).",
        ) from error


def _plain(value: Any) -> Any:
    if isinstance(value, uuid.UUID):
        return str(value)
    return bytes(value) if isinstance(value, memoryview | bytearray) else value


def _joined(chunks: Sequence[pl.DataFrame], where: str) -> pl.DataFrame:
    for name in chunks[0].columns:
        dtypes = {chunk.schema[name] for chunk in chunks} - {pl.Null()}
        if len(dtypes) > 1 and not all(dtype.is_numeric() for dtype in dtypes):
            raise InputError(
                expected="values of one type",
                got=" and ".join(sorted(map(str, dtypes))),
                where=f"{where}, column {name!r}",
                hint="Cast the column in the query: CAST(… AS …).",
            )
    return pl.concat(chunks, how="vertical_relaxed")


def _refused(asked: SqlQuery, error: Exception, where: str) -> InputError:
    return InputError(
        expected="a query that the database answers",
        got=_said(asked, error),
        where=where,
        hint="Try it with the database's own client. Nothing was written.",
    )


def _said(asked: SqlQuery, error: Exception) -> str:
    """The first line of what the driver said, without the password."""
    said = (str(getattr(error, "orig", None) or error) or type(error).__name__).splitlines()[0]
    secret = asked.url.password
    return said.replace(str(secret), "…") if secret else said
