"""Tables as Delta Lake in a local folder, one folder a table."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Final

import polars as pl
from deltalake import (
    CommitProperties,
    DeltaTable,
    PostCommitHookProperties,
    Schema,
    Transaction,
    write_deltalake,
)
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from mainspring.errors import InputError, UnavailableError
from mainspring.ports._disk import make_folder, refusals
from mainspring.ports.tables._base import Tables, check_name, unknown_table, unknown_version
from mainspring.ports.tables._delta_log import DeltaLog
from mainspring.ports.tables._types import stored_form

MAX_ATTEMPTS: Final = 50
FIRST_WAIT_S: Final = 0.005
LONGEST_WAIT_S: Final = 0.25
CHECKPOINT_EVERY: Final = 100

# Old versions stay readable: training datasets are pinned to them.
_CONFIGURATION: Final = {
    "delta.enableExpiredLogCleanup": "false",
    "delta.logRetentionDuration": "interval 36500 days",
    "delta.deletedFileRetentionDuration": "interval 36500 days",
}
# Checkpoints are ours to make, so that they are synced.
_NO_HOOKS: Final = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)


class DeltaTables(Tables):
    """Delta Lake by delta-rs. An append carries its token as Delta's application transaction.

    What delta-rs leaves to the operating system is synced before `append` returns; see `_delta_log`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._mended: set[str] = set()

    def append(self, name: str, frame: pl.DataFrame, *, token: str) -> int:
        folder = self._place(name)
        _check_token(name, token)
        with refusals(folder):
            version = self._append(name, frame, token)
            DeltaLog(folder).make_durable(version)
            if version and version % CHECKPOINT_EVERY == 0:
                self._checkpoint(name)
        return version

    def find_append(self, name: str, token: str) -> int | None:
        folder = self._place(name)
        table = self._find(name)
        version = None if table is None else _committed_at(table, folder, token)
        if version is not None:
            # Whoever made it may have been killed before it was durable.
            with refusals(folder):
                DeltaLog(folder).make_durable(version)
        return version

    def scan(self, name: str, version: int | None = None) -> pl.LazyFrame:
        table = self._get(name)
        if version is not None and version != table.version():
            if not 0 <= version < table.version():
                raise unknown_version(name, version, table.version())
            table.load_as_version(version)
        return pl.scan_delta(table)

    def version(self, name: str) -> int:
        return self._get(name).version()

    def exists(self, name: str) -> bool:
        return self._find(name) is not None

    def _append(self, name: str, frame: pl.DataFrame, token: str) -> int:
        folder = self._place(name)
        wait_s = FIRST_WAIT_S
        for _ in range(MAX_ATTEMPTS):
            try:
                table = self._find(name) or self._create(name, frame)
                version = _committed_at(table, folder, token)
                if version is None:
                    _commit(name, table, frame, token)
                    version = _committed_at(DeltaTable(folder), folder, token)
                if version is not None:
                    return version
            except CommitFailedError:
                # Somebody else's append of the same token, or a change of columns. Look again.
                time.sleep(random.uniform(0, wait_s))
                wait_s = min(2 * wait_s, LONGEST_WAIT_S)
        raise UnavailableError(
            expected=f"an append within {MAX_ATTEMPTS} attempts",
            got="others' appends came first each time",
            where=f"table {name!r}",
            hint="Append fewer, larger frames, or let one process append.",
        )

    def _create(self, name: str, frame: pl.DataFrame) -> DeltaTable:
        folder = self._place(name)
        make_folder(folder)
        columns = stored_form(name, frame.clear(), None)
        try:
            return DeltaTable.create(
                folder, schema=Schema.from_arrow(columns.schema), mode="error", name=name, configuration=dict(_CONFIGURATION)
            )
        except DeltaError:
            if (table := self._find(name)) is None:
                raise
            return table

    def _checkpoint(self, name: str) -> None:
        folder = self._place(name)
        DeltaTable(folder).create_checkpoint()
        DeltaLog(folder).make_checkpoints_durable()

    def _get(self, name: str) -> DeltaTable:
        table = self._find(name)
        if table is None:
            raise unknown_table(name, str(self._folder))
        return table

    def _find(self, name: str) -> DeltaTable | None:
        folder = self._place(name)
        if name not in self._mended:
            with refusals(folder):
                DeltaLog(folder).mend()
            self._mended.add(name)
        if not folder.is_dir():
            return None
        try:
            return DeltaTable(folder)
        except TableNotFoundError:
            return None

    def _place(self, name: str) -> Path:
        return self._folder / check_name(name)


def _commit(name: str, table: DeltaTable, frame: pl.DataFrame, token: str) -> None:
    known = pl.scan_delta(table).collect_schema()
    rows = stored_form(name, frame, known)
    # The number tells later readers from which version on to look for the token.
    transaction = Transaction(token, table.version() + 1)
    write_deltalake(
        table,
        rows,
        mode="append",
        schema_mode="merge" if len(rows.columns) > len(known) else None,
        commit_properties=CommitProperties(app_transactions=[transaction]),
        post_commithook_properties=_NO_HOOKS,
    )


def _committed_at(table: DeltaTable, folder: Path, token: str) -> int | None:
    hint = table.transaction_version(token)
    return None if hint is None else DeltaLog(folder).find_token(token, hint)


def _check_token(name: str, token: str) -> None:
    if not token:
        raise InputError(
            expected="a token that names this append",
            got="an empty string",
            where=f"table {name!r}",
            hint="Use the id of the execution that appends, or the caller's idempotency key.",
        )
