"""Tables as Delta Lake in a local folder, one folder a table."""

from __future__ import annotations

import errno
import os
import random
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import unquote

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

from mainspring.errors import InputError, IntegrityError, UnavailableError
from mainspring.ports._disk import make_folder, refusal, refusals
from mainspring.ports.tables._base import (
    Compaction,
    Erasure,
    FileStatistics,
    LeftBehind,
    TableDamage,
    TableFiles,
    Tables,
    check_name,
    unknown_table,
    unknown_version,
)
from mainspring.ports.tables._delta_log import CHECKPOINT_EVERY, DeltaLog, alone
from mainspring.ports.tables._encoding import writer_properties
from mainspring.ports.tables._statistics import statistics_of
from mainspring.ports.tables._types import stored_form

_Done = TypeVar("_Done")

MAX_ATTEMPTS: Final = 50
FIRST_WAIT_S: Final = 0.005
LONGEST_WAIT_S: Final = 0.25
PINNED_VERSIONS: Final = 64
ALTERNATIVES_AT_ONCE: Final = 100
VALUES_AT_ONCE: Final = 1_000
"""delta-rs works recursively through a condition, and its stack overflows at some tens of thousands of values."""

_ESCAPE: Final = re.compile(r"%[0-9A-Fa-f]{2}")
# How Rust ends the message of a failed system call.
_OS_ERROR: Final = re.compile(r"\(os error (\d+)\)")
# Statistics of all columns: by default of the first 32, and what says which rows are a commit's comes last.
_STATISTICS: Final = {"delta.dataSkippingNumIndexedCols": "-1"}
_COLUMNS_BY_DEFAULT: Final = 32
# Old versions stay readable: training datasets are pinned to them.
_CONFIGURATION: Final = {
    **_STATISTICS,
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

    def __init__(self, folder: Path, *, verify: bool = True) -> None:
        self._verify = verify
        if _ESCAPE.search(str(folder)):
            # delta-rs decodes local paths twice and would look elsewhere.
            raise InputError(
                expected="a folder without percent escapes in its path",
                got=str(folder),
                where="tables.url",
                hint="Choose another folder for the tables in mainspring.toml.",
            )
        self._folder = folder
        self._heads: dict[str, _Head] = {}
        self._pinned: OrderedDict[tuple[str, int], _PinnedTable] = OrderedDict()
        self._opening = threading.Lock()

    def append(self, name: str, frame: pl.DataFrame, *, token: str) -> int:
        _check_token(name, token)
        head = self._head(name)
        with _meanings(head.folder), head.lock:
            version = head.append(frame, token)
            head.log.make_durable(version)
            if version and version % CHECKPOINT_EVERY == 0:
                head.checkpoint()
        return version

    def find_append(self, name: str, token: str) -> int | None:
        head = self._head(name)
        with _meanings(head.folder), head.lock:
            version = head.find(token)
            if version is not None:
                # Whoever made it may have been killed before it was durable.
                head.log.make_durable(version)
        return version

    def delete_before(self, name: str, column: str, moment: datetime) -> int:
        head = self._head(name)
        with _meanings(head.folder), head.lock:
            if head.refresh() is None:
                raise unknown_table(name, str(self._folder))
            n_deleted, version = head.delete_before(column, moment)
            head.log.make_durable(version)
        return n_deleted

    def compact(self, name: str) -> Compaction:
        head = self._head(name)
        with _meanings(head.folder), head.lock:
            if head.refresh() is None:
                raise unknown_table(name, str(self._folder))
            done, version = head.compact()
            head.log.make_durable(version)
        return done

    def erase(self, name: str, rows: pl.DataFrame) -> Erasure:
        head = self._head(name)
        with _meanings(head.folder), head.lock:
            if head.refresh() is None:
                raise unknown_table(name, str(self._folder))
            n_rows, version = head.take_out(rows)
            head.log.make_durable(version)
            # The shortcut that is newest then, so that the older ones can go.
            head.checkpoint()
            live, newest = head.live()
            # Others may have written anew what is left since: what they read goes when theirs survives power loss.
            head.log.make_durable(newest)
            return Erasure(n_rows, tuple(head.log.forget(live, version)))

    @contextmanager
    def alone(self, name: str) -> Iterator[None]:
        make_folder(self._folder)
        # Beside the tables: the one of that name may not exist. No table's name begins so.
        with ExitStack() as held:
            with _meanings(self._folder):
                held.enter_context(alone(self._folder / f"_alone_{check_name(name)}"))
            yield

    def left_behind(self, name: str) -> list[LeftBehind]:
        log = self._head(name).log
        with _meanings(log.folder):
            return log.left_behind()

    def discard(self, name: str, files: Collection[str]) -> list[str]:
        log = self._head(name).log
        with _meanings(log.folder):
            left = {item.file for item in log.left_behind()}
            gone = [file for file in files if file in left]
            for file in gone:
                (log.folder / file).unlink(missing_ok=True)
            return gone

    def last_append(self, name: str, tokens: Collection[str]) -> int | None:
        head = self._head(name)
        with _meanings(head.folder), head.lock:
            table = head.refresh()
            return None if table is None else head.log.find_last(frozenset(tokens), table.version())

    def scan(self, name: str, version: int | None = None) -> pl.LazyFrame:
        newest = self.version(name)
        if version is not None and not 0 <= version <= newest:
            raise unknown_version(name, version, newest)
        return pl.scan_delta(self._pin(name, newest if version is None else version))

    def version(self, name: str) -> int:
        head = self._head(name)
        with _meanings(head.folder), head.lock:
            table = head.refresh()
            if table is None:
                raise unknown_table(name, str(self._folder))
            return table.version()

    def statistics(self, name: str) -> list[FileStatistics] | None:
        head = self._head(name)
        with _meanings(head.folder), head.lock:
            table = head.refresh()
            if table is None:
                raise unknown_table(name, str(self._folder))
            if self._verify:
                # It is all in the log: no data file is looked at.
                head.log.check([], table.version())
            return statistics_of(table)

    def exists(self, name: str) -> bool:
        head = self._head(name)
        with _meanings(head.folder), head.lock:
            # One whose log was lost is there all the same: who reads it is told.
            return head.log.synced() >= 0 or head.refresh() is not None

    def names(self) -> list[str]:
        with refusals(self._folder):
            return sorted(log.parent.name for log in self._folder.glob("*/_delta_log"))

    def files(self, name: str, version: int) -> TableFiles:
        newest = self.version(name)
        if not 0 <= version <= newest:
            raise unknown_version(name, version, newest)
        log = self._head(name).log
        with _meanings(log.folder):
            lost = [item for item in log.damages(version) if item.acknowledged]
            if lost:
                raise IntegrityError(
                    expected="a table whose files are all there",
                    got=f"{lost[0].file} {lost[0].what}"
                    + (f", and {len(lost) - 1} more" if lost[1:] else ""),
                    where=str(log.folder),
                    hint="Restore the folder from a backup; `mainspring doctor` lists what is wrong.",
                )
            fixed = log.files(version)
            return TableFiles(version, fixed, log.marks(version), log.sums.of(fixed))

    def damages(self, name: str, *, read: bool = False) -> list[TableDamage]:
        log = self._head(name).log
        with _meanings(log.folder):
            return log.damages(None, read=read)

    def without_digest(self, name: str) -> list[str]:
        newest = self.version(name)
        # Of what was not acknowledged they are not taken yet.
        acknowledged = min(newest, self._head(name).log.synced())
        if acknowledged < 0:
            return []
        files = self.files(name, acknowledged)
        # Checkpoints repeat what the log says, and have none.
        return sorted(
            file for file in files.fixed if file not in files.digests and ".checkpoint" not in Path(file).name
        )

    def _head(self, name: str) -> _Head:
        with self._opening:
            if name not in self._heads:
                self._heads[name] = _Head(name, self._folder / check_name(name))
            return self._heads[name]

    def _pin(self, name: str, version: int) -> _PinnedTable:
        """The table at a version, never to be moved on: lazy frames hold it."""
        with self._opening:
            table = self._pinned.pop((name, version), None)
        if table is None:
            with _meanings(self._folder / name):
                table = _pinned(self._folder / name, version)
                if self._verify:
                    # delta-rs follows symbolic links in the folder's path.
                    root = (self._folder / name).resolve()
                    data = [Path(uri).relative_to(root).as_posix() for uri in table.file_uris()]
                    self._head(name).log.check(data, version)
        with self._opening:
            self._pinned[name, version] = table
            if len(self._pinned) > PINNED_VERSIONS:
                self._pinned.popitem(last=False)
        return table


class _PinnedTable(DeltaTable):
    """A table for polars to scan: delta-rs percent-encodes local paths, which polars opens as they are."""

    def file_uris(self, *given: Any, **named: Any) -> list[str]:
        return [unquote(uri) for uri in super().file_uris(*given, **named)]


def _pinned(folder: Path, version: int) -> _PinnedTable:
    try:
        return _PinnedTable(folder, version=version)
    except DeltaError as error:
        if not _is_forgotten(error):
            raise
        return _PinnedTable(folder, version=version)


class _Head:
    """The newest version of one table, as far as this process knows. Used under its lock."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self.log = DeltaLog(folder)
        self.lock = threading.Lock()
        self._table: DeltaTable | None = None
        self._is_mended = False

    def refresh(self) -> DeltaTable | None:
        """The table at its newest version; None if nothing was ever appended."""
        return self._with_log(self._refreshed)

    def _with_log(self, read: Callable[[], _Done]) -> _Done:
        """What `read` comes to; read anew where an erasure took the checkpoint that the log was read from."""
        try:
            return read()
        except DeltaError as error:
            if not _is_forgotten(error):
                raise
            self._table = None
            return read()

    def _refreshed(self) -> DeltaTable | None:
        if not self._is_mended:
            self.log.mend()
            self._is_mended = True
        if self._table is not None:
            self._check_there()
            self._table.update_incremental()
        elif self.folder.is_dir():
            self._table = self._opened()
        return self._table

    def _opened(self) -> DeltaTable | None:
        # Read first: others may append meanwhile.
        synced = self.log.synced()
        try:
            found: DeltaTable | None = DeltaTable(self.folder)
        except TableNotFoundError:
            found = None
        newest = -1 if found is None else found.version()
        if newest < synced:
            raise IntegrityError(
                expected=f"a table with version {synced}, which was acknowledged",
                got="none of its log" if found is None else f"a log that ends with version {newest}",
                where=str(self.folder),
                hint="Files of its _delta_log are missing: restore the table's folder from a backup. "
                "`mainspring doctor` lists what is wrong.",
            )
        return found

    def _check_there(self) -> None:
        """What was read of the table once is not all that it is now, where its folder is gone."""
        if not self.log.folder.is_dir():
            raise IntegrityError(
                expected="the folder of a table that this process has read",
                got="no such folder any more",
                where=str(self.folder),
                hint="It was moved or deleted: put it back, or restore a backup.",
            )

    def find(self, token: str) -> int | None:
        def hinted() -> int | None:
            table = self.refresh()
            return None if table is None else table.transaction_version(token)

        hint = self._with_log(hinted)
        return None if hint is None else self.log.find_token(token, hint)

    def append(self, frame: pl.DataFrame, token: str) -> int:
        def attempt() -> int:
            version = self.find(token)
            if version is not None:
                return version
            return self._commit(self._table or self._create(frame), frame, token)

        # Somebody else's append of the same token, or a change of columns, may come first.
        return self._until_first(attempt, "append")

    def delete_before(self, column: str, moment: datetime) -> tuple[int, int]:
        """How many rows were taken out, and the version that reads them no more."""

        def attempt() -> tuple[int, int]:
            table = self.refresh()
            assert table is not None
            _check_writable(self.folder)
            told = table.delete(
                predicate=f"{column} < '{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}'",
                post_commithook_properties=_NO_HOOKS,
            )
            return int(told["num_deleted_rows"]), table.version()

        return self._until_first(attempt, "deletion")

    def compact(self) -> tuple[Compaction, int]:
        """What it came to, and the version that has the rows in few files."""

        def attempt() -> tuple[Compaction, int]:
            table = self.refresh()
            assert table is not None
            _check_writable(self.folder)
            n_before = len(table.file_uris())
            table.optimize.compact(post_commithook_properties=_NO_HOOKS)
            return Compaction(n_before, len(table.file_uris())), table.version()

        return self._until_first(attempt, "compaction")

    def take_out(self, rows: pl.DataFrame) -> tuple[int, int]:
        """How many rows were taken out, and the version that reads them no more."""
        many, few = _by_number(rows.unique(maintain_order=True))
        n_rows = sum(self._until_first(partial(self._replace, part), "erasure") for part in many)
        n_rows += sum(self._until_first(partial(self._delete, part), "erasure") for part in _predicates(few))
        table = self.refresh()
        assert table is not None
        return n_rows, table.version()

    def _replace(self, part: pl.DataFrame) -> int:
        """Write anew what is left of the rows that are alike in all columns but the last, as one version."""
        table = self.refresh()
        assert table is not None
        _check_writable(self.folder)
        *first, _ = part.columns
        same = {column: int(part.item(0, column)) for column in first}
        stored = pl.scan_delta(_pinned(self.folder, table.version()))
        mine = stored.filter(pl.col(column) == value for column, value in same.items()).collect()
        left = mine.join(part, on=part.columns, how="anti", maintain_order="left")
        predicate = " AND ".join(f"{column} = {value}" for column, value in same.items())
        if left.is_empty():
            return self._delete(predicate)
        if left.height < mine.height:
            write_deltalake(
                table,
                stored_form(self.name, left, pl.Schema(table.schema().to_arrow())),
                mode="overwrite",
                predicate=predicate,
                post_commithook_properties=_NO_HOOKS,
            )
        return mine.height - left.height

    def _delete(self, predicate: str) -> int:
        table = self.refresh()
        assert table is not None
        _check_writable(self.folder)
        told = table.delete(predicate=predicate, post_commithook_properties=_NO_HOOKS)
        return int(told["num_deleted_rows"])

    def live(self) -> tuple[set[str], int]:
        """The data files that the newest version reads, relative to the folder, and that version."""
        table = self.refresh()
        assert table is not None
        # delta-rs follows symbolic links in the folder's path.
        root = self.folder.resolve()
        files = {Path(unquote(uri)).relative_to(root).as_posix() for uri in table.file_uris()}
        return files, table.version()

    def _until_first(self, attempt: Callable[[], _Done], what: str) -> _Done:
        """What `attempt` comes to once nobody else's commit comes in between."""
        wait_s = FIRST_WAIT_S
        for _ in range(MAX_ATTEMPTS):
            try:
                return self._with_log(attempt)
            except CommitFailedError:
                time.sleep(random.uniform(0, wait_s))
                wait_s = min(2 * wait_s, LONGEST_WAIT_S)
        raise UnavailableError(
            expected=f"a place for this {what} within {MAX_ATTEMPTS} attempts",
            got="others' commits came first each time",
            where=f"table {self.name!r}",
            hint="Append fewer, larger frames, or let one process append.",
        )

    def checkpoint(self) -> None:
        self._with_log(self._checkpoint)

    def _checkpoint(self) -> None:
        table = self.refresh()
        if table is not None:
            table.create_checkpoint()
            self.log.make_checkpoints_durable()

    def _create(self, frame: pl.DataFrame) -> DeltaTable:
        make_folder(self.folder)
        _check_writable(self.folder)
        columns = stored_form(self.name, frame.clear(), None).schema
        try:
            self._table = DeltaTable.create(
                self.folder,
                schema=Schema.from_arrow(columns),
                mode="error",
                name=self.name,
                configuration=dict(_CONFIGURATION),
            )
        except DeltaError:
            # Somebody else may just have created it.
            self._table = self.refresh()
            if self._table is None:
                raise
        return self._table

    def _commit(self, table: DeltaTable, frame: pl.DataFrame, token: str) -> int:
        known = pl.Schema(table.schema().to_arrow())
        rows = stored_form(self.name, frame, known)
        _check_writable(self.folder)
        if (
            len(rows.columns) > _COLUMNS_BY_DEFAULT
            and not _STATISTICS.keys() & table.metadata().configuration
        ):
            # A table of an earlier version. Its files get their statistics when they are compacted.
            table.alter.set_table_properties(_STATISTICS, post_commithook_properties=_NO_HOOKS)
        # The number tells later readers from which version on to look for the token.
        hint = table.version() + 1
        write_deltalake(
            table,
            rows,
            mode="append",
            schema_mode="merge" if len(rows.columns) > len(known) else None,
            commit_properties=CommitProperties(app_transactions=[Transaction(token, hint)]),
            post_commithook_properties=_NO_HOOKS,
            writer_properties=writer_properties(rows),
        )
        version = self.log.find_token(token, hint)
        if version is None:
            raise IntegrityError(
                expected=f"a commit with the token {token!r} at version {hint} or later",
                got="none in the log",
                where=str(self.folder),
                hint="Something else than mainspring changed the folder; restore it from a backup.",
            )
        return version


def _is_forgotten(error: DeltaError) -> bool:
    """Whether a checkpoint is missed: an erasure, maybe in another process, made a newer one and took it away."""
    return ".checkpoint" in str(error) and "not found" in str(error).lower()


def _check_writable(folder: Path) -> None:
    # delta-rs finds out by itself, but prints a panic's stack while it does.
    if not os.access(folder, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))


@contextmanager
def _meanings(folder: Path) -> Iterator[None]:
    """Say in our words what the operating system refuses and what delta-rs cannot read."""
    with refusals(folder):
        try:
            yield
        except (DeltaError, OSError) as error:
            # delta-rs raises an OSError without a number, and says the number in its message.
            found = None if getattr(error, "errno", None) else _OS_ERROR.search(str(error))
            if found is not None:
                code = int(found[1])
                meaning = refusal(OSError(code, os.strerror(code), str(folder)), folder)
                if meaning is not None:
                    raise meaning from error
            if isinstance(error, OSError):
                raise
            raise IntegrityError(
                expected="a Delta table whose log can be read",
                got=str(error).splitlines()[0],
                where=str(folder),
                hint="A file of its _delta_log is damaged or missing; restore the folder from a backup.",
            ) from error


def _by_number(rows: pl.DataFrame) -> tuple[list[pl.DataFrame], list[pl.DataFrame]]:
    """The rows that are alike in all columns but the last: those that are too many for a condition, and the others."""
    *first, _ = rows.columns
    parts = rows.partition_by(first, maintain_order=True) if first else []
    few = [part for part in parts if part.height <= VALUES_AT_ONCE]
    # Of a single column there is nothing that the rows which are left could be told by.
    few += [] if first else list(rows.iter_slices(VALUES_AT_ONCE))
    return [part for part in parts if part.height > VALUES_AT_ONCE], few


def _predicates(parts: Iterable[pl.DataFrame]) -> Iterator[str]:
    """The rows as conditions, each of so many alternatives and values as a parser's stack bears."""
    alternatives: list[str] = []
    n_values = 0
    for part in parts:
        if part.is_empty():
            continue
        if len(alternatives) == ALTERNATIVES_AT_ONCE or n_values + part.height > VALUES_AT_ONCE:
            yield " OR ".join(alternatives)
            alternatives, n_values = [], 0
        *first, last = part.columns
        same = [f"{column} = {int(part.item(0, column))}" for column in first]
        among = f"{last} IN ({', '.join(str(int(value)) for value in part[last])})"
        alternatives.append(f"({' AND '.join([*same, among])})")
        n_values += part.height
    if alternatives:
        yield " OR ".join(alternatives)


def _check_token(name: str, token: str) -> None:
    if not token:
        raise InputError(
            expected="a token that names this append",
            got="an empty string",
            where=f"table {name!r}",
            hint="Use the id of the execution that appends, or the caller's idempotency key.",
        )
