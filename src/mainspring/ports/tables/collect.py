"""Reading what a scan of a table describes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import polars as pl

from mainspring.errors import IntegrityError


def collect(rows: pl.LazyFrame, where: str, *, streaming: bool = False) -> pl.DataFrame:
    """The rows, read now.

    Args:
        where: whose they are, as errors name it.
        streaming: in pieces, for what comes to few rows of many.

    Raises:
        IntegrityError: a file of the table is not there any more.
    """
    with told_of_lost_files(where):
        return rows.collect(engine="streaming" if streaming else "auto")


def batches(rows: pl.LazyFrame, where: str) -> Iterator[pl.DataFrame]:
    """The rows in their order, a part at a time; at least one, which may be empty.

    Args:
        where: whose they are, as errors name it.

    Raises:
        IntegrityError: a file of the table is not there any more.
    """
    with told_of_lost_files(where):
        yield rows.collect_schema().to_frame()
        yield from rows.collect_batches(maintain_order=True)


@contextmanager
def told_of_lost_files(where: str) -> Iterator[None]:
    """Say in our words that a file of the table which is read within is not there any more.

    Raises:
        IntegrityError: one is not.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise IntegrityError(
            expected="the files of the table",
            got=str(error).partition(" (set POLARS")[0],
            where=where,
            hint="A file or folder of it was moved or deleted: put it back, or restore a backup. `mainspring doctor` "
            "says what else is missing.",
        ) from error
