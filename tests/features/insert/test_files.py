"""Rows from files: one, several, patterns."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.features.conftest import at

from mainspring.errors import InputError
from mainspring.features.api import Features
from mainspring.features.insert.frames import frame_of

# Asked of rows and files; every statement on the records that runs here is run on both databases by others.
pytestmark = pytest.mark.once

CODES = "k,t,amount\n007,2024-01-01T00:00:00Z,1\n7,2024-01-02T00:00:00Z,2\n"


@settings(deadline=None)
@given(st.lists(st.text("0123456789", min_size=1, max_size=45), min_size=1, max_size=8))
def test_digits_in_a_csv_file_survive(values: list[str]) -> None:
    """As text or as numbers, what comes out is written as it was in the file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        path.write_text("\n".join(["k,x", *(f"{value},1.5" for value in values)]) + "\n")
        assert [str(value) for value in frame_of(path, "rows")["k"]] == values


def test_codes_in_a_csv_file_are_text(tmp_path: Path) -> None:
    """Leading zeros, a plus and digits that no number holds make a column text; plain numbers stay numbers."""
    path = tmp_path / "rows.csv"
    path.write_text("a,b,c,d,e\n00.5,+1.5,12345678901234567890,-0.5,12345678901234567\n1,1,1,0,1.5\n")
    frame = frame_of(path, "rows")
    assert frame.row(0) == ("00.5", "+1.5", "12345678901234567890", -0.5, "12345678901234567")


def test_keys_with_leading_zeros_are_two_keys(features: Features, tmp_path: Path) -> None:
    """007 and 7 are two rows, where the column is seen first and where it is declared or known as text."""
    path = tmp_path / "z.csv"
    path.write_text(CODES)
    seen = features.group("seen", keys=["k"], event_time="t")
    seen.insert(path)
    assert sorted(seen.read().to_polars()["k"]) == ["007", "7"]
    path.write_text("k,t,amount\n8,2024-01-01T00:00:00Z,1\n")
    seen.insert(path)
    assert sorted(seen.read().to_polars()["k"]) == ["007", "7", "8"]
    schema = {"k": "string", "t": "datetime", "amount": "int64"}
    declared = features.group("declared", keys=["k"], event_time="t", schema=schema)
    declared.insert(path)
    assert declared.read().to_polars()["k"].to_list() == ["8"]


def test_a_known_number_is_read_as_one(features: Features, tmp_path: Path) -> None:
    """Where the group's column is a number, leading zeros are only how it was written."""
    path = tmp_path / "z.csv"
    path.write_text("k,t,amount\n7,2024-01-01T00:00:00Z,1\n")
    group = features.group("numbers", keys=["k"], event_time="t")
    group.insert(path)
    path.write_text(CODES)
    group.insert(path)
    assert set(group.read().to_polars()["k"]) == {7}


def test_a_value_that_does_not_fit_is_named_with_its_row(features: Features, tmp_path: Path) -> None:
    """Of a column with one bad value the message shows that value, not the first one."""
    path = tmp_path / "z.csv"
    path.write_text("k,t,amount\n7,2024-01-01T00:00:00Z,1\n")
    group = features.group("numbers", keys=["k"], event_time="t")
    group.insert(path)
    path.write_text("k,t,amount\n7,2024-01-01T00:00:00Z,5\n8,2024-01-01T00:00:00Z,n/a\n")
    with pytest.raises(InputError, match="the first 'n/a' in row 1"):
        group.insert(path)


def test_every_format_holds_the_same_rows(tmp_path: Path) -> None:
    """Parquet, CSV, JSON and JSON lines; times of files without a type for them where they are known to be times."""
    frame = pl.DataFrame({"k": [1, 2], "t": [at(0), at(1)], "x": [0.5, None]})
    written = frame.with_columns(pl.col("t").dt.strftime("%Y-%m-%dT%H:%M:%SZ"))
    frame.write_parquet(tmp_path / "rows.parquet")
    written.write_csv(tmp_path / "rows.csv")
    written.write_json(tmp_path / "rows.json")
    written.write_ndjson(tmp_path / "rows.jsonl")
    for suffix in ("parquet", "csv", "json", "jsonl"):
        found = frame_of(tmp_path / f"rows.{suffix}", "rows", {"t": "datetime"})
        assert found.rows() == frame.rows(), suffix


def test_files_of_a_pattern_are_one_commit_with_their_digests(features: Features, tmp_path: Path) -> None:
    """In the order of their names, columns by name, whole numbers and fractions as fractions."""
    (tmp_path / "b.csv").write_text("x,k\n1.5,2\n")
    (tmp_path / "a.csv").write_text("k,x\n1,1\n")
    group = features.group("rows", keys=["k"])
    commit = group.insert(f"{tmp_path}/*.csv")
    assert group.read(commit).to_polars().rows() == [(1, 1.0), (2, 1.5)]
    (source,) = [tie.asset for tie in _inputs(features, commit.asset_id)]
    assert [file["file"] for file in source.attributes["files"]] == ["a.csv", "b.csv"]
    assert source.name == "*.csv"
    listed = group.insert([tmp_path / "b.csv", tmp_path / "a.csv"])
    assert group.read(listed, history=True).to_polars()["k"].to_list() == [1, 2, 2, 1]


def _inputs(features: Features, asset_id: str) -> list[Any]:
    graph = features._stores.graph
    (work,) = graph.works([graph.get_asset(asset_id).execution_id])
    return work.inputs()


@pytest.mark.parametrize(
    ("files", "given", "message"),
    [
        ({}, "*.csv", "files that the pattern finds, got none"),
        ({"a.csv": "k,x\n1,1\n", "b.csv": "k,y\n1,1\n"}, "*.csv", "of one schema: k, x, as in a.csv, got k, y"),
        ({"a.csv": "k,x\n1,1\n", "b.csv": "k,x\n1,z\n"}, "*.csv", "'x' of type int64, as in a.csv, got type string"),
        ({"a.txt": "k\n1\n"}, "a.txt", "ends with .csv, .parquet, .json"),
        ({"a.csv": "k\n1\n"}, ".", "got the folder"),
        ({"a.json": "{"}, "a.json", "a well-formed json file"),
    ],
)  # fmt: skip
def test_files_that_cannot_be_meant_are_refused(
    features: Features, tmp_path: Path, files: dict[str, str], given: str, message: str
) -> None:
    """No match, other columns, other types, an unknown ending, a folder, a torn file; nothing is written."""
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    group = features.group("rows", keys=["k"])
    with pytest.raises(InputError, match=re.escape(message)):
        group.insert(str(tmp_path / given))
    assert not group.commits()


def test_a_list_of_files_names_each_once(features: Features, tmp_path: Path) -> None:
    """A file that is named twice would be inserted twice."""
    path = tmp_path / "a.csv"
    path.write_text("k\n1\n")
    with pytest.raises(InputError, match="a list of different files"):
        features.group("rows", keys=["k"]).insert([path, path])


def test_times_of_a_csv_file_may_be_written_in_several_ways(features: Features, tmp_path: Path) -> None:
    """All of ISO 8601; without a zone it is UTC."""
    path = tmp_path / "w.csv"
    path.write_text("k,t,x\na,2024-02-01T00:00:00Z,1\nb,2024-02-01 10:00,2\nc,2024-02-01T12:00:00+02:00,3\n")
    group = features.group("w", keys=["k"], event_time="t")
    group.insert(path)
    assert [time.hour for time in group.read().to_polars()["t"]] == [0, 10, 10]


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ("02/03/2024", r"column 't', row 1: expected one way of writing times.*got '02/03/2024'"),
        (
            "2024-13-01T00:00:00Z",
            r"column 't': expected type datetime.*the first '2024-13-01T00:00:00Z' in row 1",
        ),
    ],
)
def test_a_time_that_is_none_is_named_with_its_row(
    features: Features, tmp_path: Path, second: str, message: str
) -> None:
    """Not the first of the column, which is well written."""
    path = tmp_path / "w.csv"
    first = "2024-02-01T00:00:00Z" if "T" in second else "2024-02-01"
    path.write_text(f"k,t,x\na,{first},1\nb,{second},2\n")
    with pytest.raises(InputError, match=message):
        features.group("w", keys=["k"], event_time="t").insert(path)
