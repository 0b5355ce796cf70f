"""How tables fit a terminal."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from mainspring.cli import _output
from mainspring.cli._layout import GAP, Layout, laid_out

ID = "01a201da7b30711686e383b2bfe11579"
HEADS = ("name", "text", "id")
ROWS = [("weather", "a report of every hour " * 4, ID), ("flights", "short", ID)]


def test_what_fits_is_whole() -> None:
    """However long a cell is: a pipe has room for all of it."""
    assert laid_out(HEADS, ROWS, 100_000) == Layout((0, 1, 2), (7, 92, 32))


def test_long_texts_are_broken_at_words() -> None:
    """Before a column is left out, and no word is broken."""
    found = laid_out(HEADS, ROWS, 80, spare=["id"])
    assert found.places == (0, 1)
    assert found.widths == (7, 48)
    assert found.left_out == ("id",)
    assert laid_out(HEADS, ROWS, 80).widths == (7, 37, 32)


def test_what_cannot_be_a_table_is_records() -> None:
    """With all columns, also those that a table could go without."""
    assert laid_out(HEADS, ROWS, 30, spare=["name"]) == Layout((0, 1, 2), None)


@settings(deadline=None)
@given(
    st.lists(st.lists(st.text("ab ", max_size=70), min_size=3, max_size=3), max_size=4),
    st.integers(10, 160),
    st.lists(st.sampled_from(HEADS), unique=True),
)
def test_a_table_never_exceeds_its_terminal(rows: list[list[str]], width: int, spare: list[str]) -> None:
    """Nor does it break a word; what is left out is what may be, in that order."""
    found = laid_out(HEADS, rows, width, spare)
    assert found.left_out == tuple(spare[: len(found.left_out)])
    if found.widths is None:
        assert not found.left_out
        return
    assert sum(found.widths) + GAP * (len(found.widths) - 1) <= width
    for place, wide in zip(found.places, found.widths, strict=True):
        assert all(len(word) <= wide for row in [HEADS, *rows] for word in row[place].split())


def printed(width: int, spare: list[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two rows as a terminal of that width shows them."""
    terminal = io.StringIO()
    console = Console(file=terminal, width=width, force_terminal=True, color_system=None, highlight=False)
    monkeypatch.setattr(_output, "_console", lambda: console)
    rows = [{"name": "weather" * 3, "n_rows": n, "asset_id": ID} for n in (7, 2226)]
    _output.print_rows(rows, ["name", "n_rows", "asset_id"], as_json=False, none="", spare=spare)
    return [line.rstrip() for line in terminal.getvalue().splitlines()]


def test_a_table_says_what_it_leaves_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On standard error; numbers stand to the right."""
    name = "weather" * 3
    assert printed(60, ["asset_id"], monkeypatch) == [
        f"{'name':21}  n rows",
        f"{name}       7",
        f"{name}    2226",
    ]
    assert capsys.readouterr().err == "Not shown for want of room: asset id. --json has all.\n"


def test_records(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line for each field, an empty one between rows; nothing is left out."""
    lines = printed(45, [], monkeypatch)
    first = [f"name      {'weather' * 3}", "n rows    7", f"asset id  {ID}"]
    assert lines == [*first, "", first[0], "n rows    2226", first[2]]
