"""What objects show in notebooks: escaped, short, and in people's words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.lineage import Verdict
from mainspring.notebook import MAX_ROWS, fields, note, panel, printed, table, words


@given(st.text())
def test_no_text_reaches_the_page_as_markup(text: str) -> None:
    """Whatever a name, a reason or a value holds, the page has no tag but ours."""
    shown = panel(text, note(text), table([text], [[text]]), fields({text: text}))
    ours = panel("", note(""), table([""], [[""]]), fields({"": ""}))
    assert (shown.count("<"), shown.count(">")) == (ours.count("<"), ours.count(">"))


def test_a_long_table_counts_the_rest() -> None:
    """A notebook keeps what it shows."""
    shown = table(["n"], [[n] for n in range(MAX_ROWS + 3)])
    assert shown.count("<tr>") == MAX_ROWS + 1
    assert "and 3 more" in shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        (True, "yes"),
        (0.123456789, "0.123457"),
        (12345678, "12345678"),
        (Verdict.PASS, "pass"),
        (datetime(2013, 6, 1, 14, tzinfo=timezone(timedelta(hours=2))), "2013-06-01 12:00:00Z"),
        ({"weather@1": 3}, "weather@1=3"),
        (("a", None), "a, –"),
        (datetime(2013, 6, 1, tzinfo=UTC), "2013-06-01 00:00:00Z"),
    ],
)
def test_values_are_in_words(value: object, shown: str) -> None:
    """As in the tables of the terminal."""
    assert words(value) == shown


def test_what_is_printed_is_a_table_of_words() -> None:
    """A heading, columns in line, numbers to the right, long and broken texts on one line; nothing of no rows."""
    rows = [("temp", 12, None), ("a long\nname", 3, "x" * 100)]
    assert printed("two rows", ("column", "n", "text"), rows).splitlines() == [
        "two rows",
        "column        n  text",
        "temp         12  –",
        f"a long name   3  {'x' * 59}…",
    ]
    assert printed("none", ("column",), []) == "none"
    assert printed("many", ("n",), [(n,) for n in range(MAX_ROWS + 2)]).endswith("… and 2 more")
