"""Which prediction ids a log has, kept current by reading only what is new."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import polars as pl

from mainspring.log import get_logger
from mainspring.ports.tables import Tables
from mainspring.ports.tables.collect import collect
from mainspring.serving.frames import Scored, check_format, decoder
from mainspring.serving.wal import MAGIC, find_segments, payloads_from

_log = get_logger(__name__)


class KnownIds:
    """The ids of all predictions of one log. Threads may share it.

    It holds every id in memory, about 100 bytes each. Damage in a segment is stepped over and said, once, as a
    warning of this module's logger: ids that it took are not known. Publication counts what was lost.

    Args:
        folder: where the deployment's segments lie.
        tables: where the published rows are.
        table: their table.
    """

    def __init__(self, folder: Path, tables: Tables, table: str) -> None:
        self._folder = folder
        self._tables = tables
        self._table = table
        self._ids: set[str] = set()
        self._read_bytes: dict[str, int] = {}
        self._version = -1
        self._lock = threading.Lock()

    def among(self, wanted: set[str]) -> set[str]:
        """Those of `wanted` that are in the log."""
        with self._lock:
            if not wanted <= self._ids:
                self._read_segments()
            if not wanted <= self._ids:
                self._read_table()
            return wanted & self._ids

    def _read_segments(self) -> None:
        for path in find_segments(self._folder):
            try:
                payloads, end, n_damaged = payloads_from(path, self._read_bytes.get(path.stem, len(MAGIC)))
            except FileNotFoundError:
                # Published meanwhile: the table has it.
                continue
            if path.stem not in self._read_bytes:
                check_format(payloads, str(path))
            self._read_bytes[path.stem] = end
            if n_damaged:
                _log.warning(
                    "prediction_log.damaged",
                    f"{path}: {n_damaged} damaged bytes; ids in them are not known",
                    path=str(path),
                    n_damaged_bytes=n_damaged,
                )
            self._ids.update(_ids(payloads, path))

    def _read_table(self) -> None:
        if not self._tables.exists(self._table):
            return
        version = self._tables.version(self._table)
        if version != self._version:
            ids = self._tables.scan(self._table, version).select(pl.col("prediction_id").unique())
            rows = collect(ids, self._table)
            self._ids.update(rows["prediction_id"])
            self._version = version


def _ids(payloads: list[bytes], path: Path) -> Iterator[str]:
    for payload in payloads:
        try:
            found = decoder.decode(payload)
        except msgspec.DecodeError as error:
            _log.warning(
                "prediction_log.damaged",
                f"{path}: a record that is none of ours: {error}",
                error=error,
                path=str(path),
            )
            continue
        if isinstance(found, Scored):
            yield found.prediction_id
