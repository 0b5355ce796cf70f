"""Tables on Delta Lake: the contract, and what only files can do wrong."""

from __future__ import annotations

import json
import math
import os
import shutil
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable

from mainspring.errors import AccessError, InputError, IntegrityError
from mainspring.ports.tables import _delta, open_tables
from mainspring.ports.tables._delta_log import DeltaLog
from mainspring.ports.tables._sums import NAME, Sums
from mainspring.testing import TablesContract

ROW = pl.DataFrame({"a": [1]})


class TestDeltaTables(TablesContract):
    """The contract on Delta Lake in a local folder."""

    open_store = staticmethod(open_tables)


def test_readable_by_others(tmp_path: Path) -> None:
    """The files are plain Delta Lake, with the token as its application transaction."""
    open_tables(tmp_path).append("t", ROW, token="my token")
    assert pl.read_delta(str(tmp_path / "t")).rows() == [(1,)]
    actions = [json.loads(line) for line in log_place(tmp_path, 1).read_text().splitlines()]
    assert [action["txn"]["appId"] for action in actions if "txn" in action] == ["my token"]


@pytest.mark.parametrize("name", ["with space", "100% Grüße", "a#b?c"])
def test_any_folder_name(tmp_path: Path, name: str) -> None:
    """The folder's own name may hold anything that a file system allows."""
    tables = open_tables(tmp_path / name)
    tables.append("t", ROW, token="1")
    tables.append("t", pl.DataFrame({"a": [2]}), token="2")
    assert tables.scan("t").filter(pl.col("a") == 2).collect().rows() == [(2,)]
    assert (tmp_path / name / "t" / "_delta_log").is_dir()


@pytest.mark.parametrize("linked", ["tables", "tables/t"])
def test_behind_a_symbolic_link(tmp_path: Path, linked: str) -> None:
    """The folder of all tables, or of one, may lie on another disk; a flipped bit is told from there too."""
    open_tables(tmp_path / "tables").append("t", ROW, token="1")
    (tmp_path / linked).rename(tmp_path / "disk")
    (tmp_path / linked).symlink_to(tmp_path / "disk")
    tables = open_tables(tmp_path / "tables")
    assert tables.append("t", ROW, token="2") == 2
    assert tables.scan("t").collect().height == 2
    data = next(tmp_path.glob("disk/**/*.parquet"))
    flip(data)
    with pytest.raises(IntegrityError, match=data.name):
        open_tables(tmp_path / "tables").scan("t")


def test_percent_escape_in_the_path(tmp_path: Path) -> None:
    """A path that delta-rs would mistake for another is refused."""
    with pytest.raises(InputError, match="percent"):
        open_tables(tmp_path / "a%20b")


def test_filter_reads_only_what_can_match(tmp_path: Path) -> None:
    """Files whose statistics exclude a filter are not opened."""
    tables = open_tables(tmp_path)
    tables.append("t", ROW, token="1")
    (first,) = tmp_path.glob("t/*.parquet")
    tables.append("t", pl.DataFrame({"a": [2]}), token="2")
    first.unlink()
    assert tables.scan("t").filter(pl.col("a") == 2).collect().rows() == [(2,)]


def test_statistics_bound_the_rows_of_each_file(tmp_path: Path) -> None:
    """Counts are exact, ends of whole numbers and dates are values, times end a little later; of the rest nothing."""
    times = [datetime(1850, 1, 1, 0, 0, 0, 1, tzinfo=UTC), datetime(2013, 1, 1, 0, 0, 0, 999_999, tzinfo=UTC)]
    frame = pl.DataFrame(
        {
            "n": [2**62 + 1, None],
            "t": times,
            "d": [date(1900, 1, 1), None],
            "x": [math.nan, 1.0],
            "s": ["a" * 99, "b"],
            "none": pl.Series([None, None], dtype=pl.Int64),
            "a": [{"b": 7}, {"b": 8}],
        }
    )
    tables = open_tables(tmp_path)
    tables.append("rows", frame, token="1")
    tables.append("rows", frame.head(1), token="2")
    one, both = sorted(tables.statistics("rows") or (), key=lambda file: file.n_rows)
    assert (one.n_rows, both.n_rows) == (1, 2)
    assert {name: both.n_null[name] for name in ("n", "t", "x", "s", "none")} == {
        "n": 1,
        "t": 0,
        "x": 0,
        "s": 0,
        "none": 2,
    }
    assert (both.low["n"], both.high["n"], both.low["d"]) == (2**62 + 1, 2**62 + 1, date(1900, 1, 1))
    assert both.low["t"] <= times[0] <= times[1] <= both.high["t"] < times[1] + timedelta(milliseconds=1)
    assert (both.low["none"], both.high["none"]) == (None, None)
    assert not {"x", "s", "a", "a.b"} & set(both.low)
    tables.append("rows", frame.head(1).with_columns(pl.lit(1).alias("a.b")), token="3")
    assert tables.statistics("rows") is None


def test_statistics_of_the_last_of_many_columns(tmp_path: Path) -> None:
    """What says which rows are a commit's comes last: files of others are not opened, however wide the table is."""
    wide = pl.DataFrame({f"x{number}": [number] for number in range(40)})
    tables = open_tables(tmp_path)
    tables.append("t", wide.with_columns(last=1), token="1")
    (first,) = tmp_path.glob("t/*.parquet")
    tables.append("t", wide.with_columns(last=2, later=3), token="2")
    first.unlink()
    assert tables.scan("t").filter(pl.col("last") == 2).select("later").collect().rows() == [(3,)]


def test_a_wide_table_of_an_earlier_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has statistics of all columns from the next append on, and of earlier rows when they are compacted."""
    wide = pl.DataFrame({f"x{number}": [number] for number in range(40)}).with_columns(last=1)
    with monkeypatch.context() as patch:
        patch.setattr(_delta, "_CONFIGURATION", {})
        patch.setattr(_delta, "_COLUMNS_BY_DEFAULT", 99)
        open_tables(tmp_path).append("t", wide, token="1")
    tables = open_tables(tmp_path)

    def known() -> list[bool]:
        return sorted("last" in file.low for file in tables.statistics("t") or ())

    assert known() == [False]
    for token in ("2", "3", "3"):
        tables.append("t", wide, token=token)
    assert known() == [False, True, True]
    assert tables.version("t") == 4
    tables.compact("t")
    assert known() == [True]
    assert open_tables(tmp_path).scan("t").collect().height == 3
    assert list(open_tables(tmp_path).damages("t")) == []


def test_after_a_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tokens and old versions are found across checkpoints, by another instance too."""
    monkeypatch.setattr(_delta, "CHECKPOINT_EVERY", 5)
    tables = open_tables(tmp_path)
    versions = [tables.append("t", ROW, token=str(n)) for n in range(7)]
    assert list((tmp_path / "t" / "_delta_log").glob("*.checkpoint*.parquet"))
    fresh = open_tables(tmp_path)
    assert fresh.find_append("t", "0") == versions[0]
    assert fresh.append("t", ROW, token="5") == versions[5]
    assert fresh.scan("t", versions[0]).collect().height == 1
    assert fresh.scan("t").collect().height == 7


def log_place(folder: Path, version: int) -> Path:
    """The log file of a version of table `t`."""
    return folder / "t" / "_delta_log" / f"{version:020d}.json"


@pytest.mark.parametrize("left", [b"", b'{"add":{"pa', b"\x00" * 200])
def test_torn_commit_is_taken_away(tmp_path: Path, left: bytes) -> None:
    """A commit that power loss tore before it was acknowledged does not block the table."""
    first = open_tables(tmp_path).append("t", ROW, token="1")
    log_place(tmp_path, first + 1).write_bytes(left)
    tables = open_tables(tmp_path)
    assert tables.version("t") == first
    assert tables.append("t", ROW, token="2") == first + 1
    assert tables.scan("t").collect().height == 2


def test_torn_data_file_is_taken_away(tmp_path: Path) -> None:
    """A commit whose rows did not reach the disk is taken away, and the retry with its token appends."""
    tables = open_tables(tmp_path)
    first = tables.append("t", ROW, token="1")
    before = set(tmp_path.glob("t/*.parquet"))
    tables.append("t", ROW, token="2")
    (lost,) = set(tmp_path.glob("t/*.parquet")) - before
    (tmp_path / "t" / "_synced").write_text(str(first))
    lost.write_bytes(b"")
    fresh = open_tables(tmp_path)
    assert fresh.find_append("t", "2") is None
    fresh.append("t", ROW, token="2")
    assert fresh.scan("t").collect().height == 2


def test_whole_commits_are_kept(tmp_path: Path) -> None:
    """A commit that another process has made but not yet synced is left alone."""
    tables = open_tables(tmp_path)
    for number in range(3):
        tables.append("t", ROW, token=str(number))
    (tmp_path / "t" / "_synced").unlink()
    assert open_tables(tmp_path).scan("t").collect().height == 3


def test_compacted_files_are_not_torn(tmp_path: Path) -> None:
    """Files that a later version replaced may be gone, also where the mark of what was synced is lost."""
    tables = open_tables(tmp_path)
    for number in range(3):
        tables.append("t", ROW, token=str(number))
    table = DeltaTable(tmp_path / "t")
    table.optimize.compact()
    table.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)
    (tmp_path / "t" / "_synced").unlink()
    assert open_tables(tmp_path).scan("t").collect().height == 3


def test_torn_checkpoint_is_taken_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint is only a shortcut: a broken one is removed, and nothing is lost."""
    monkeypatch.setattr(_delta, "CHECKPOINT_EVERY", 5)
    tables = open_tables(tmp_path)
    for number in range(5):
        tables.append("t", ROW, token=str(number))
    (checkpoint,) = (tmp_path / "t" / "_delta_log").glob("*.checkpoint*.parquet")
    checkpoint.write_bytes(b"")
    assert open_tables(tmp_path).scan("t").collect().height == 5


def test_read_only_folder(unwritable: Path) -> None:
    """A folder that cannot be written is a clear error."""
    tables = open_tables(unwritable / "tables")
    with pytest.raises(AccessError, match="write permission"):
        tables.append("t", ROW, token="1")
    assert not tables.exists("t")


def test_read_only_table(readable: Path) -> None:
    """A table in a folder that cannot be written can be read; an append to it is a clear error."""
    tables = open_tables(readable)
    assert tables.scan("t").collect().rows() == [(1,)]
    assert tables.find_append("t", "1") == tables.version("t")
    with pytest.raises(AccessError, match="write permission"):
        tables.append("t", ROW, token="2")


@pytest.fixture
def readable(folder_to_lock: tuple[Path, Callable[[], None]]) -> Path:
    """A folder with table `t`, one row by the token 1, that this process may not write."""
    folder, lock = folder_to_lock
    open_tables(folder).append("t", ROW, token="1")
    lock()
    return folder


def test_damaged_log(tmp_path: Path) -> None:
    """A damaged commit that was acknowledged is never passed over: it is a clear error."""
    tables = open_tables(tmp_path)
    tables.append("t", ROW, token="1")
    tables.append("t", ROW, token="2")
    log_place(tmp_path, 1).write_bytes(b"{damaged")
    for use in (
        lambda: open_tables(tmp_path).scan("t"),
        lambda: open_tables(tmp_path).append("t", ROW, token="3"),
    ):
        with pytest.raises(IntegrityError, match="restore the folder"):
            use()


@pytest.mark.parametrize("entries", ["*2.json", "*"], ids=["the last entry", "the whole log"])
@pytest.mark.parametrize("with_digests", [True, False])
def test_a_log_without_its_end(tmp_path: Path, entries: str, with_digests: bool) -> None:
    """A table that ends before what was acknowledged is no shorter table: whoever first reads or appends is told."""
    for token in "12":
        open_tables(tmp_path).append("t", ROW, token=token)
    for place in (tmp_path / "t" / "_delta_log").glob(entries):
        place.unlink()
    if not with_digests:
        (tmp_path / "t" / NAME).unlink()
    damaged = open_tables(tmp_path)
    assert damaged.exists("t")
    for _ in range(2):
        with pytest.raises(IntegrityError, match="version 2"):
            damaged.scan("t")
        with pytest.raises(IntegrityError, match="version 2"):
            damaged.append("t", ROW, token="3")


def test_unknown_scheme() -> None:
    """An address that no backend answers to names those that do."""
    with pytest.raises(InputError, match="a path, file:"):
        open_tables("hdfs://x")


def test_damages_are_told_and_nothing_is_changed(tmp_path: Path) -> None:
    """A file that is gone, cut, or no Parquet is told; of what nobody was told of it is said that it is a leftover."""
    tables = open_tables(tmp_path)
    for token in "123":
        tables.append("t", ROW, token=token)
    first, second, third = sorted((tmp_path / "t").glob("*.parquet"), key=lambda place: place.stat().st_mtime)
    first.unlink()
    second.write_bytes(second.read_bytes()[:-1])
    third.write_bytes(third.read_bytes()[:-4] + b"XXXX")
    (tmp_path / "t" / "_synced").write_text("2")
    found = {item.file: item for item in open_tables(tmp_path).damages("t")}
    assert set(found) == {first.name, second.name, third.name}
    assert found[first.name].what == "is missing"
    assert "bytes, was written with" in found[second.name].what
    assert "Parquet" in found[third.name].what
    assert [found[place.name].acknowledged for place in (first, second, third)] == [True, True, False]
    assert log_place(tmp_path, 3).exists()


def test_a_damaged_table_is_not_copied(tmp_path: Path) -> None:
    """The files of a table are not handed out when one that was acknowledged is missing."""
    tables = open_tables(tmp_path)
    version = tables.append("t", ROW, token="1")
    next((tmp_path / "t").glob("*.parquet")).unlink()
    with pytest.raises(IntegrityError, match="is missing"):
        tables.files("t", version)


def test_a_copy_after_a_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Checkpoints up to the version come along, later ones do not."""
    monkeypatch.setattr(_delta, "CHECKPOINT_EVERY", 2)
    tables = open_tables(tmp_path)
    versions = [tables.append("t", ROW, token=str(number)) for number in range(5)]
    names = [path for path in tables.files("t", versions[2]).fixed if "checkpoint" in path]
    assert names == ["_delta_log/00000000000000000002.checkpoint.parquet"]


def flip(place: Path) -> None:
    """Change one bit in the middle of a file; its size stays."""
    content = bytearray(place.read_bytes())
    content[len(content) // 2] ^= 1
    place.write_bytes(bytes(content))


def test_a_flipped_bit_is_never_read(tmp_path: Path) -> None:
    """In a data file or an entry of the log: refused with its name by whoever had not read it, also behind a filter."""
    tables = open_tables(tmp_path)
    tables.append("t", ROW, token="1")
    first = next(tmp_path.glob("t/*.parquet"))
    tables.append("t", pl.DataFrame({"a": [2]}), token="2")
    whole = first.read_bytes()
    flip(first)
    with pytest.raises(IntegrityError, match=first.name):
        open_tables(tmp_path).scan("t").filter(pl.col("a") == 2)
    (found,) = open_tables(tmp_path).damages("t", read=True)
    assert (found.file, found.acknowledged) == (first.name, True)
    assert open_tables(tmp_path).damages("t") == []
    files = open_tables(tmp_path).files("t", 2)
    assert set(files.digests) == set(files.fixed)
    assert open_tables(tmp_path).without_digest("t") == []
    unread = open_tables(tmp_path, verify=False).scan("t").filter(pl.col("a") == 2)
    assert unread.collect().rows() == [(2,)]
    first.write_bytes(whole)
    entry = log_place(tmp_path, 2)
    entry.write_text(entry.read_text().replace('\\"a\\":2', '\\"a\\":3'))
    with pytest.raises(IntegrityError, match=entry.name):
        open_tables(tmp_path).scan("t")


def test_files_without_a_digest_are_read(tmp_path: Path) -> None:
    """As 0.1.0 left them, or power loss; a line that was torn harms no other."""
    tables = open_tables(tmp_path)
    tables.append("t", ROW, token="1")
    sums = tmp_path / "t" / "_sums"
    sums.write_bytes(b"0" * 30)
    tables.append("t", pl.DataFrame({"a": [2]}), token="2")
    fresh = open_tables(tmp_path)
    assert sorted(fresh.scan("t").collect()["a"]) == [1, 2]
    assert len(fresh.files("t", 2).digests) == 2
    assert len(fresh.without_digest("t")) == 3
    sums.unlink()
    assert sorted(open_tables(tmp_path).scan("t").collect()["a"]) == [1, 2]


def test_digests_are_read_on_from_where_they_were_read(tmp_path: Path) -> None:
    """A line is looked at once it is whole; a shorter file is another one."""
    place = tmp_path / NAME
    sums = Sums(tmp_path)
    lines = [f"{character * 64}  {character}\n".encode() for character in "abc"]
    place.write_bytes(lines[0] + lines[1][:40])
    assert list(sums.of("abc")) == ["a"]
    # What was read is not read again: nobody sees that it changed.
    place.write_bytes(lines[0].replace(b"  a", b"  x") + lines[1])
    assert list(sums.of("abcx")) == ["a", "b"]
    place.write_bytes(lines[2])
    assert list(sums.of("abc")) == ["c"]
    place.unlink()
    assert sums.of("abc") == {}


def test_files_are_discarded_by_one_look_at_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many they are, each version is read once."""
    tables = open_tables(tmp_path)
    for day in (1, 2, 3):
        tables.append("t", pl.DataFrame({"at": [datetime(2013, 1, day, tzinfo=UTC)]}), token=str(day))
    tables.delete_before("t", "at", datetime(2013, 1, 4, tzinfo=UTC))
    left = [item.file for item in tables.left_behind("t")]
    read: list[int] = []
    known = DeltaLog._read
    monkeypatch.setattr(DeltaLog, "_read", lambda log, version: read.append(version) or known(log, version))
    assert (tables.discard("t", left), len(left)) == (left, 3)
    assert read == list(range(5))


def test_a_log_that_an_erasure_rewrites_between_two_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever looked just before finds its checkpoint gone, and looks again."""
    frame = pl.DataFrame({"a": [1, 2], "b": [0, 0]})
    ours, theirs = _delta.DeltaTables(tmp_path), _delta.DeltaTables(tmp_path)
    ours.append("t", frame, token="1")
    ours.erase("t", frame.head(1))
    head = theirs._head("t")
    before = head.refresh()
    ours.append("t", frame, token="2")
    ours.erase("t", frame.head(1))
    honest, looks = head._refreshed, [before]
    monkeypatch.setattr(head, "_refreshed", lambda: looks.pop() if looks else honest())
    assert theirs.find_append("t", "2") is not None
    assert not looks


def test_an_erasure_deletes_no_file_whose_successor_could_be_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What another process rearranged while rows went is durable before the files that it replaced go."""
    tables = open_tables(tmp_path)
    for number in range(3):
        tables.append("t", pl.DataFrame({"a": [number, number + 10]}), token=str(number))
    checkpoint = _delta._Head.checkpoint

    def meanwhile(head: _delta._Head) -> None:
        DeltaTable(tmp_path / "t").optimize.compact()
        checkpoint(head)

    monkeypatch.setattr(_delta._Head, "checkpoint", meanwhile)
    assert tables.erase("t", pl.DataFrame({"a": [0]})).n_rows == 1
    assert DeltaLog(tmp_path / "t").synced() == DeltaTable(tmp_path / "t").version()
    assert sorted(tables.scan("t").collect()["a"]) == [1, 2, 10, 11, 12]


def test_what_a_killed_writer_left_is_left_behind(tmp_path: Path) -> None:
    """Once nobody has written to it for an hour, and as long as the log can tell that no version names it."""
    tables = open_tables(tmp_path)
    tables.append("t", ROW, token="1")
    (named,) = (tmp_path / "t").glob("*.parquet")
    young, old = (named.with_name(f"part-{age}.parquet") for age in ("young", "old"))
    long_ago = time.time() - 2 * 3_600
    for place in (young, old):
        shutil.copy(named, place)
    for place in (named, old):
        os.utime(place, (long_ago, long_ago))
    (left,) = tables.left_behind("t")
    assert (left.file, left.removed_at.timestamp()) == (old.name, pytest.approx(long_ago, abs=1))
    assert tables.discard("t", [old.name, young.name, named.name]) == [old.name]
    assert (old.exists(), young.exists(), tables.scan("t").collect().rows()) == (False, True, [(1,)])
    shutil.copy(named, old)
    os.utime(old, (long_ago, long_ago))
    log_place(tmp_path, 1).write_text("torn")
    assert tables.left_behind("t") == []
