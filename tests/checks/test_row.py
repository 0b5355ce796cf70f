"""One row of plain values is judged as a frame of that row."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.checks.readings import ALONE, BESIDE, ROWS, SCHEMA, TEXTS, frame_of

from mainspring.checks import expect
from mainspring.checks.kind import KINDS
from mainspring.checks.regex import compile_regex
from mainspring.checks.row import RowCheck
from mainspring.checks.suite import suite
from mainspring.checks.validate import validate
from mainspring.errors import InputError, UnknownNameError
from mainspring.lineage.spec import Verdict

CONDITIONAL = [each.model_copy(update={"row_condition": "i > 0 or s == 'a'"}) for each, _ in ALONE[::4]]
WARNING = expect.not_null("j", severity="warning")
ALL = [*(each for each, _ in ALONE), *CONDITIONAL, WARNING]
CHECK = RowCheck(ALL, SCHEMA)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(ROWS)
def test_a_row_has_the_findings_of_its_frame(rows: list[tuple[Any, ...]]) -> None:
    """Each expectation's verdict, and the whole, for every rule, with and without a condition."""
    for row in rows[:3]:
        validation = validate(frame_of([row]), ALL)
        found = CHECK(dict(zip(SCHEMA, row, strict=True)))
        assert found.verdict is validation.verdict
        for place, result in enumerate(validation.results):
            assert (place in found.broken) == (result.verdict is Verdict.FAIL), result.expectation.name
            assert (place in found.unjudged) == (result.verdict is Verdict.INSUFFICIENT_DATA)


def test_every_rule_that_judges_rows_alone_is_compiled() -> None:
    """None of them lacks its judgement of a row."""
    for name, kind in KINDS.items():
        judges = (kind.rule.row, kind.rule.value)
        assert kind.rule.alone == any(judge is not None for judge in judges), name


PATTERNS = [
    "a|bb?", r"^\w+$", r"\d{4}-\d{1,2}-\d{1,2}", "(?i)A", "[[:alpha:]]", r"\bb", "a.b", r"\s", "(?:a|b)+$",
    "[a-b]{2,}", r"\p{L}", "^$", "a++", r"\A(?:a|b)\z", "[^a]", r"\W", "a*?$", "[a&&b]", "(?s)a.",
]  # fmt: skip


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.one_of(st.sampled_from(TEXTS), st.text("ab \n\r\té_-1\x1cA.", max_size=6)))
def test_patterns_find_what_polars_finds(text: str) -> None:
    """Whichever library searches."""
    for pattern in PATTERNS:
        wanted = pl.Series([text]).str.contains(pattern)[0]
        assert compile_regex(pattern)(text) == wanted, pattern


def test_times() -> None:
    """Dates and times compare with bounds and sets of them."""
    types = {"day": pl.Date(), "at": pl.Datetime("us", "UTC")}
    rules = [expect.between("at", "2013-01-01"), expect.in_set("day", [date(2013, 6, 1)])]
    check = suite("times", rules).compile_row(types)
    assert check({"day": date(2013, 6, 1), "at": datetime(2013, 1, 2, tzinfo=UTC)}).verdict is Verdict.PASS
    with pytest.raises(InputError, match="zone"):
        check({"day": None, "at": datetime(2013, 1, 2)})
    assert check({"day": date(2013, 6, 2), "at": datetime(2012, 1, 2, tzinfo=UTC)}).broken == (0, 1)


@pytest.mark.parametrize(
    "rules",
    [[each] for each, _ in BESIDE[:3]]
    + [[expect.row_count(1)], [expect.mean("x", 0)], [expect.column_exists("x")], [expect.between("x", "a")]],
)
def test_what_needs_more_than_a_row_is_refused(rules: Any) -> None:
    """Compiling says which, and that it is left out for single rows."""
    with pytest.raises(InputError):
        suite("s", rules).compile_row(SCHEMA)


def test_wrong_rows_are_refused() -> None:
    """A value of another type, a row that lacks a column, and a column that cannot be compiled."""
    check = RowCheck([expect.between("i", 0, 1), expect.in_set("b", [True])], SCHEMA)
    with pytest.raises(InputError, match="'i'"):
        check({"i": "1", "b": True})
    with pytest.raises(InputError, match="'i'"):
        check({"i": True, "b": True})
    with pytest.raises(UnknownNameError, match="'b'"):
        check({"i": 1})
    with pytest.raises(InputError, match="Float32"):
        RowCheck([expect.between("f", 0)], {"f": pl.Float32()})
    with pytest.raises(UnknownNameError, match="'k'"):
        RowCheck([expect.between("k", 0)], SCHEMA)
