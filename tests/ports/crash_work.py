"""What the killed processes do, and what the checker knows of it."""

from __future__ import annotations

from collections.abc import Iterator
from io import FileIO
from itertools import count
from pathlib import Path

import polars as pl

from mainspring.ports.blobs import open_blobs
from mainspring.ports.keys import Entry, open_keys
from mainspring.ports.tables import open_tables

DATA = [b"first", b"second", b"third"]
TOKENS = [f"token {number}" for number in range(4)]


def put_blobs(folder: Path) -> Iterator[str]:
    """Put three byte strings, a file and pieces, yielding each digest when it is acknowledged."""
    blobs = open_blobs(folder / "blobs")
    for data in DATA:
        yield blobs.put(data).sha256
    source = folder / "source"
    source.write_bytes(b"from a file")
    yield blobs.put_file(source).sha256
    with blobs.stage() as staged:
        staged.write(b"in ")
        staged.write(b"pieces")
        yield staged.publish().sha256


def append_rows(folder: Path) -> Iterator[str]:
    """Append a row for each token, yielding the token when it is acknowledged; before the last one, compact."""
    tables = open_tables(folder / "tables")
    for number, token in enumerate(TOKENS):
        if token == TOKENS[-1]:
            tables.compact("t")
        tables.append("t", pl.DataFrame({"number": [number]}), token=token)
        yield token


def put_keys(folder: Path) -> Iterator[str]:
    """Put two entries a turn, without end, yielding each turn when it is acknowledged."""
    keys = open_keys(folder / "keys")
    for turn in count(1):
        keys.put("s", [Entry(key, turn, 0, 0, bytes(turn % 5000)) for key in (b"a", b"b")])
        yield str(turn)


def acknowledge(file: FileIO, done: str) -> None:
    """Write down that something was acknowledged, in one system call."""
    file.write(done.encode() + b"\n")


def acknowledged(folder: Path) -> list[str]:
    """What was acknowledged before the kill; nothing where that came before the first."""
    file = folder / "acknowledged"
    return file.read_text().splitlines() if file.exists() else []
