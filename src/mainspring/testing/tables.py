"""What every tables backend must do."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from mainspring.errors import InputError, UnknownNameError
from mainspring.ports.tables import Tables
from mainspring.testing._processes import in_processes


class TablesContract:
    """Subclass it and define `open_store`."""

    @staticmethod
    def open_store(address: str, /) -> Tables:
        """Open the store at an address; importable by name, because processes call it."""
        raise NotImplementedError

    @pytest.fixture
    def address(self, tmp_path: Path) -> str:
        """Where a fresh, empty store is."""
        return str(tmp_path / "tables")

    @pytest.fixture
    def tables(self, address: str) -> Tables:
        return type(self).open_store(address)

    def test_append_and_scan(self, tables: Tables) -> None:
        """Rows of two appends are all there; versions grow."""
        first = tables.append("t", pl.DataFrame({"a": [1, 2]}), token="1")
        second = tables.append("t", pl.DataFrame({"a": [3]}), token="2")
        assert second > first
        assert tables.version("t") == second
        assert sorted(tables.scan("t").collect()["a"]) == [1, 2, 3]

    def test_types(self, tables: Tables) -> None:
        """Every type comes back as it went in."""
        frame = every_type()
        tables.append("t", frame, token="1")
        assert_frame_equal(tables.scan("t").collect(), frame)

    def test_times(self, tables: Tables) -> None:
        """Datetimes are kept to the microsecond, in UTC; a naive one is read as UTC."""
        instant = datetime(2013, 6, 1, 12, 0, 0, 123_457, tzinfo=UTC)
        east = instant.astimezone(timezone(timedelta(hours=2)))
        frame = pl.DataFrame(
            {"naive": [instant.replace(tzinfo=None)], "ms": [instant.replace(microsecond=5000)]}
        )
        frame = frame.with_columns(
            pl.col("ms").dt.cast_time_unit("ms"), berlin=pl.lit(east).dt.convert_time_zone("Europe/Berlin")
        )
        tables.append("t", frame, token="1")
        row = tables.scan("t").collect()
        assert row.schema["berlin"] == row.schema["naive"] == row.schema["ms"] == pl.Datetime("us", "UTC")
        assert row.row(0) == (instant, instant.replace(microsecond=5000), instant)

    def test_nanoseconds_refused(self, tables: Tables) -> None:
        """Finer than microseconds is refused, not cut off."""
        frame = pl.DataFrame({"t": pl.Series([1_500], dtype=pl.Int64).cast(pl.Datetime("ns"))})
        with pytest.raises(InputError, match="microseconds"):
            tables.append("t", frame, token="1")
        whole = pl.DataFrame({"t": pl.Series([2_000], dtype=pl.Int64).cast(pl.Datetime("ns"))})
        tables.append("t", whole, token="2")
        assert tables.scan("t").collect()["t"].to_list() == [datetime(1970, 1, 1, 0, 0, 0, 2, tzinfo=UTC)]

    def test_unsigned_and_categories(self, tables: Tables) -> None:
        """Unsigned integers become the next wider signed type, categories strings."""
        frame = pl.DataFrame(
            {
                "u8": pl.Series([255], dtype=pl.UInt8),
                "u32": pl.Series([2**32 - 1], dtype=pl.UInt32),
                "c": pl.Series(["x"], dtype=pl.Categorical),
                "e": pl.Series(["y"], dtype=pl.Enum(["y"])),
            }
        )
        tables.append("t", frame, token="1")
        found = tables.scan("t").collect()
        assert found.dtypes == [pl.Int16, pl.Int64, pl.String, pl.String]
        assert found.row(0) == (255, 2**32 - 1, "x", "y")

    def test_types_not_stored(self, tables: Tables) -> None:
        """A type that cannot be stored is refused and leaves no table."""
        for column in (pl.Series([None]), pl.Series([timedelta(1)]), pl.Series([2**64 - 1], dtype=pl.UInt64)):
            with pytest.raises(InputError, match="'q'"):
                tables.append("t", pl.DataFrame({"q": column}), token="1")
        with pytest.raises(InputError, match="column"):
            tables.append("t", pl.DataFrame(), token="1")
        assert not tables.exists("t")

    def test_same_token(self, tables: Tables) -> None:
        """The same token appends once, whatever came between."""
        frame = pl.DataFrame({"a": [1]})
        first = tables.append("t", frame, token="once")
        tables.append("t", frame, token="other")
        assert tables.append("t", frame, token="once") == first
        assert tables.scan("t").collect().height == 2

    def test_find_append(self, tables: Tables) -> None:
        """A token's version can be found again, an unknown token's cannot."""
        assert tables.find_append("t", "a") is None
        versions = [tables.append("t", pl.DataFrame({"a": [n]}), token=f"{n}") for n in range(5)]
        assert [tables.find_append("t", f"{n}") for n in range(5)] == versions
        assert tables.find_append("t", "a") is None

    def test_empty_token(self, tables: Tables) -> None:
        """An append must be named."""
        with pytest.raises(InputError, match="token"):
            tables.append("t", pl.DataFrame({"a": [1]}), token="")

    def test_version_is_pinned(self, tables: Tables) -> None:
        """A scan stays at its version, also when rows are appended before it is collected."""
        first = tables.append("t", pl.DataFrame({"a": [1]}), token="1")
        newest, pinned = tables.scan("t"), tables.scan("t", first)
        second = tables.append("t", pl.DataFrame({"a": [2]}), token="2")
        assert newest.collect()["a"].to_list() == pinned.collect()["a"].to_list() == [1]
        assert tables.scan("t", first).collect()["a"].to_list() == [1]
        assert tables.scan("t", second).collect().height == 2

    def test_unknown(self, tables: Tables) -> None:
        """A table or version that is not there is refused by name."""
        with pytest.raises(UnknownNameError, match="'t'"):
            tables.scan("t")
        with pytest.raises(UnknownNameError, match="'t'"):
            tables.version("t")
        newest = tables.append("t", pl.DataFrame({"a": [1]}), token="1")
        for version in (-1, newest + 1):
            with pytest.raises(UnknownNameError, match=f"0 to {newest}"):
                tables.scan("t", version)

    def test_exists(self, tables: Tables) -> None:
        """A table exists once something was appended."""
        assert not tables.exists("t")
        tables.append("t", pl.DataFrame({"a": [1]}), token="1")
        assert tables.exists("t")

    @pytest.mark.parametrize("name", ["", "..", "a/b", "/etc", "a b", "x" * 129])
    def test_bad_name(self, tables: Tables, name: str) -> None:
        """A table's name cannot leave the store."""
        with pytest.raises(InputError, match="table name"):
            tables.append(name, pl.DataFrame({"a": [1]}), token="1")

    def test_empty_frame(self, tables: Tables) -> None:
        """No rows are a version too, with columns and a token."""
        frame = pl.DataFrame(schema={"a": pl.Int64})
        version = tables.append("t", frame, token="1")
        assert tables.find_append("t", "1") == version
        assert_frame_equal(tables.scan("t").collect(), frame)

    def test_new_column(self, tables: Tables) -> None:
        """A new column is null in earlier rows, a missing one in the new rows."""
        first = tables.append("t", pl.DataFrame({"a": [1], "b": ["x"]}), token="1")
        tables.append("t", pl.DataFrame({"c": [2.5], "a": [2]}), token="2")
        found = tables.scan("t").collect().sort("a")
        assert found.select("a", "b", "c").rows() == [(1, "x", None), (2, None, 2.5)]
        assert tables.scan("t", first).collect().columns == ["a", "b"]

    @pytest.mark.parametrize("value", ["x", 1.5, True, [1], datetime(2013, 1, 1, tzinfo=UTC)])
    def test_changed_type(self, tables: Tables, value: object) -> None:
        """A column never changes its type; nothing is written."""
        version = tables.append("t", pl.DataFrame({"a": [1]}), token="1")
        with pytest.raises(InputError, match="column 'a'"):
            tables.append("t", pl.DataFrame({"a": [value]}), token="2")
        assert tables.version("t") == version
        assert tables.find_append("t", "2") is None

    def test_narrower_type(self, tables: Tables) -> None:
        """A narrower number, or a column of nulls only, takes the column's type."""
        tables.append("t", pl.DataFrame({"a": [1], "l": [["x"]]}), token="1")
        tables.append("t", pl.DataFrame({"a": pl.Series([2], dtype=pl.Int8), "l": [[]]}), token="2")
        tables.append("t", pl.DataFrame({"a": [None]}), token="3")
        found = tables.scan("t").collect()
        assert found.schema == {"a": pl.Int64, "l": pl.List(pl.String)}
        assert sorted(found["a"].to_list(), key=lambda a: (a is None, a)) == [1, 2, None]

    def test_filter_and_columns(self, tables: Tables) -> None:
        """Filters and column choices give what they give on the whole frame."""
        for part in range(3):
            frame = pl.DataFrame({"a": range(part * 10, part * 10 + 10), "b": [str(part)] * 10})
            tables.append("t", frame, token=str(part))
        found = tables.scan("t").filter(pl.col("a") >= 25).select("b").collect()
        assert found["b"].to_list() == ["2"] * 5

    def test_compact(self, tables: Tables) -> None:
        """Few files instead of many, with the same rows and tokens; a second time nothing is to be gained."""
        for number in range(4):
            tables.append("t", pl.DataFrame({"a": [number], "b": [f"{number}"]}), token=f"{number}")
        before = tables.scan("t").sort("a").collect()
        done = tables.compact("t")
        assert (done.n_before, done.n_after) == (4, 1)
        assert tables.scan("t").sort("a").collect().equals(before)
        assert tables.find_append("t", "2") is not None
        assert len(tables.left_behind("t")) == 4
        version = tables.version("t")
        assert tables.compact("t").n_after == 1
        assert tables.version("t") == version
        tables.append("t", pl.DataFrame({"a": [4], "b": ["4"]}), token="4")
        assert tables.scan("t").collect().height == 5

    def test_a_copy_after_compaction(self, tables: Tables) -> None:
        """The version of a token's append can be copied also when its own files were discarded."""
        for number in range(3):
            tables.append("t", pl.DataFrame({"a": [number]}), token=f"{number}")
        appended = tables.last_append("t", ["2"])
        assert appended is not None
        tables.compact("t")
        assert tables.last_append("t", ["2"]) == appended
        tables.discard("t", [left.file for left in tables.left_behind("t")])
        found = tables.last_append("t", ["2"])
        assert found == tables.version("t")
        assert found is not None
        assert any(path.endswith(".parquet") for path in tables.files("t", found).fixed)
        assert tables.damages("t", read=True) == []

    def test_erase(self, tables: Tables) -> None:
        """Rows that equal one of those given go from all files; the others are as they were."""
        for number in range(3):
            rows = {"a": [number, number], "b": [0, 1], "name": [f"keep{number}", f"Zebedee{number}"]}
            tables.append("t", pl.DataFrame(rows), token=f"{number}")
        tables.compact("t")
        tables.append("t", pl.DataFrame({"a": [9], "b": [1], "name": ["keep9"]}), token="9")
        assert tables.erase("t", pl.DataFrame({"a": [0, 2, 7], "b": [1, 1, 1]})).n_rows == 2
        kept = {"keep0", "keep1", "keep2", "keep9", "Zebedee1"}
        assert set(tables.scan("t").collect()["name"]) == kept
        assert tables.left_behind("t") == []
        assert tables.damages("t", read=True) == []
        assert tables.without_digest("t") == []
        version = tables.version("t")
        assert tables.erase("t", pl.DataFrame({"a": [0], "b": [1]})).n_rows == 0
        assert tables.version("t") == version
        assert tables.find_append("t", "1") is not None
        tables.append("t", pl.DataFrame({"a": [10], "b": [1], "name": ["keep10"]}), token="10")
        assert tables.scan("t").collect().height == 6

    def test_erase_many(self, tables: Tables) -> None:
        """More rows than a condition could name go, from among others, alone and of many numbers."""
        n = 60_000
        rows = pl.DataFrame({"a": [1] * n, "b": range(n), "late": [None, 1.5] * (n // 2)})
        tables.append("t", rows, token="1")
        tables.append("t", pl.DataFrame({"a": range(2, 402), "b": [7] * 400}), token="2")
        tables.compact("t")
        odd = rows.filter(pl.col("b") % 2 == 1).select("a", "b")
        others = pl.DataFrame({"a": range(2, 302), "b": [7] * 300})
        assert tables.erase("t", pl.concat([odd, odd.head(1), others])).n_rows == n // 2 + 300
        left = tables.scan("t").collect()
        assert left.filter(pl.col("a") == 1).sort("b").equals(rows.filter(pl.col("b") % 2 == 0))
        assert sorted(left.filter(pl.col("a") > 1)["a"]) == list(range(302, 402))
        assert tables.erase("t", odd).n_rows == 0
        assert tables.erase("t", rows.select("a", "b")).n_rows == n // 2
        assert tables.scan("t").collect().height == 100
        assert tables.erase("t", pl.DataFrame({"a": range(5_000)})).n_rows == 100
        assert tables.damages("t", read=True) == []
        assert tables.find_append("t", "1") is not None

    def test_alone(self, address: str, tables: Tables) -> None:
        """Of one name one is in the block at a time, whichever instance it works through; other names are apart."""
        told: list[str] = []
        begun = threading.Event()

        def second() -> None:
            begun.set()
            with type(self).open_store(address).alone("t"):
                told.append("second")

        with tables.alone("t"):
            other = threading.Thread(target=second)
            other.start()
            begun.wait()
            other.join(0.1)
            with tables.alone("u"):
                told.append("first")
        other.join()
        assert told == ["first", "second"]
        assert tables.names() == []

    def test_erase_under_others(self, address: str, tables: Tables) -> None:
        """Whoever has the table open goes on reading, appending and compacting, whatever was erased meanwhile."""
        frame = pl.DataFrame({"a": [1, 2], "b": [0, 0]})
        tables.append("t", frame, token="1")
        tables.erase("t", frame.head(1))
        other = type(self).open_store(address)
        other.append("t", frame, token="2")
        assert other.scan("t").collect().height == 3
        tables.append("t", frame, token="3")
        tables.erase("t", frame.head(1))
        assert other.find_append("t", "2") is not None
        other.append("t", frame, token="4")
        other.compact("t")
        assert sorted(other.scan("t").collect()["a"]) == [1, 2, 2, 2, 2]
        assert sorted(tables.scan("t").collect()["a"]) == [1, 2, 2, 2, 2]

    def test_last_append(self, tables: Tables) -> None:
        """The newest version of several tokens is found, whatever came after it."""
        assert tables.last_append("t", ["1"]) is None
        versions = [tables.append("t", pl.DataFrame({"a": [1]}), token=token) for token in "123"]
        assert tables.last_append("t", ["1", "2", "never"]) == versions[1]
        assert tables.last_append("t", ["never"]) is None

    def test_names(self, tables: Tables) -> None:
        """Every table is listed, in order; nothing is before the first append."""
        assert tables.names() == []
        for name in ("b", "a"):
            tables.append(name, pl.DataFrame({"a": [1]}), token="1")
        assert tables.names() == ["a", "b"]

    def test_a_copy_of_its_files_is_the_table(self, tables: Tables, tmp_path: Path) -> None:
        """A copy made of the files of a version is that version; later appends are not in it and change none of it."""
        version = tables.append("t", pl.DataFrame({"a": [1]}), token="1")
        tables.append("t", pl.DataFrame({"a": [2]}), token="2")
        files = tables.files("t", version)
        copy = tmp_path / "copy" / "t"
        for path, source in files.fixed.items():
            (copy / path).parent.mkdir(parents=True, exist_ok=True)
            (copy / path).write_bytes(source.read_bytes())
        for path, data in files.written.items():
            (copy / path).write_bytes(data)
        made = type(self).open_store(str(tmp_path / "copy"))
        assert made.scan("t").collect()["a"].to_list() == [1]
        assert (made.version("t"), made.find_append("t", "1")) == (version, version)
        assert made.damages("t") == []
        made.append("t", pl.DataFrame({"a": [3]}), token="3")
        assert sorted(made.scan("t").collect()["a"]) == [1, 3]

    def test_files_of_an_unknown_version(self, tables: Tables) -> None:
        """Only what exists can be copied."""
        with pytest.raises(UnknownNameError):
            tables.files("t", 0)
        version = tables.append("t", pl.DataFrame({"a": [1]}), token="1")
        with pytest.raises(UnknownNameError):
            tables.files("t", version + 1)

    def test_no_damage(self, tables: Tables) -> None:
        """A table in order has none, nor has one that was never made."""
        tables.append("t", pl.DataFrame({"a": [1]}), token="1")
        assert tables.damages("t") == []
        assert tables.damages("never") == []

    def test_processes(self, address: str) -> None:
        """Two processes that append the same tokens at once append each once."""
        found = in_processes(_append_many, [(type(self).open_store, address, 12)] * 2)
        assert found[0] == found[1]
        rows = type(self).open_store(address).scan("t").collect()
        assert sorted(rows["a"]) == list(range(12))

    def test_processes_add_columns(self, address: str) -> None:
        """Two processes that add columns at once lose neither."""
        in_processes(_append_own_columns, [(type(self).open_store, address, name) for name in ("x", "y")])
        rows = type(self).open_store(address).scan("t").collect()
        assert rows.height == 10
        assert set(rows.columns) == {"a"} | {f"{name}{n}" for name in ("x", "y") for n in range(5)}

    def test_rows_before_a_moment_leave(self, tables: Tables, address: str) -> None:
        """They are in no newer read, the rest is; again changes nothing; appends go on, and known tokens stay known."""
        start = datetime(2013, 1, 1, tzinfo=UTC)
        for day in range(3):
            times = [start + timedelta(days=day, hours=8 * n) for n in range(4)]
            tables.append("t", pl.DataFrame({"at": times, "n": range(4)}), token=f"day {day}")
        cut = start + timedelta(days=1)
        before = tables.version("t")
        assert tables.delete_before("t", "at", cut) == 3
        fresh = type(self).open_store(address)
        for each in (tables, fresh):
            kept = each.scan("t").collect()
            assert (kept.height, kept["at"].min()) == (9, cut)
        version = fresh.version("t")
        assert fresh.delete_before("t", "at", cut) == 0
        assert fresh.version("t") == version > before
        fresh.append("t", pl.DataFrame({"at": [start], "n": [9]}), token="day 0")
        fresh.append("t", pl.DataFrame({"at": [cut], "n": [9]}), token="more")
        assert tables.scan("t").collect().height == 10
        assert tables.scan("t", before).collect().height == 12
        with pytest.raises(UnknownNameError):
            tables.delete_before("none", "at", cut)

    def test_what_is_left_behind_can_be_discarded(self, tables: Tables, address: str) -> None:
        """Its bytes are gone; what the newest version reads stays, however it is asked for."""
        start = datetime(2013, 1, 1, tzinfo=UTC)
        for day in range(2):
            tables.append("t", pl.DataFrame({"at": [start + timedelta(days=day)]}), token=f"{day}")
        assert tables.left_behind("t") == tables.left_behind("none") == []
        tables.delete_before("t", "at", start + timedelta(days=1))
        (left,) = tables.left_behind("t")
        assert left.size_bytes > 0
        assert datetime.now(UTC) - left.removed_at < timedelta(minutes=5)
        read = set(tables.files("t", tables.version("t")).fixed) - {left.file}
        assert tables.discard("t", [*read, left.file]) == [left.file]
        assert tables.discard("t", [left.file]) == tables.discard("none", [left.file]) == []
        fresh = type(self).open_store(address)
        assert (fresh.scan("t").collect().height, fresh.left_behind("t"), fresh.damages("t")) == (1, [], [])
        assert left.file not in fresh.files("t", fresh.version("t")).fixed


def every_type() -> pl.DataFrame:
    """A frame with a column of each stored type, values and nulls; shape (2, 15)."""
    instant = datetime(2013, 1, 1, 23, 59, 59, 999_999, tzinfo=UTC)
    columns: dict[str, tuple[object, pl.DataType]] = {
        "boolean": (True, pl.Boolean()),
        "int8": (-128, pl.Int8()),
        "int16": (-(2**15), pl.Int16()),
        "int32": (2**31 - 1, pl.Int32()),
        "int64": (2**63 - 1, pl.Int64()),
        "float32": (0.5, pl.Float32()),
        "float64": (float("nan"), pl.Float64()),
        "string": ("Grüße, 世界", pl.String()),
        "binary": (b"\x00\xff", pl.Binary()),
        "date": (date(1969, 12, 31), pl.Date()),
        "datetime": (instant, pl.Datetime("us", "UTC")),
        "decimal": (Decimal("12.34"), pl.Decimal(10, 2)),
        "strings": (["a", None, ""], pl.List(pl.String())),
        "floats": ([], pl.List(pl.Float64())),
        "struct": ({"x": 1, "y": ["z"]}, pl.Struct({"x": pl.Int64(), "y": pl.List(pl.String())})),
    }
    return pl.DataFrame(
        [pl.Series(name, [value, None], dtype=dtype) for name, (value, dtype) in columns.items()]
    )


def _append_many(open_store: Callable[[str], Tables], address: str, n_tokens: int) -> list[int]:
    tables = open_store(address)
    return [tables.append("t", pl.DataFrame({"a": [n]}), token=f"token {n}") for n in range(n_tokens)]


def _append_own_columns(open_store: Callable[[str], Tables], address: str, name: str) -> None:
    tables = open_store(address)
    for number in range(5):
        tables.append("t", pl.DataFrame({"a": [number], f"{name}{number}": [1.5]}), token=f"{name}{number}")
