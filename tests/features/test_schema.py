"""What the door makes of files and frames."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.errors import InputError
from mainspring.features.api import Features
from mainspring.features.schema import frame_of

CODES = "k,t,amount\n007,2024-01-01T00:00:00Z,1\n7,2024-01-02T00:00:00Z,2\n"


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


def test_a_pandas_column_of_several_types_is_refused_in_four_parts() -> None:
    """The value that is not like the first is named with its row."""
    with pytest.raises(InputError, match="got 'n/a' in row 1") as refused:
        frame_of(pd.DataFrame({"x": [1, "n/a"]}), "rows")
    assert refused.value.where == "rows, column 'x'"
