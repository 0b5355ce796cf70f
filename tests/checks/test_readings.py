"""Every rule about rows, with and without a condition, against its reading in plain Python."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from tests.checks.readings import ALONE, BESIDE, ROWS, frame_of, is_missing

from mainspring.checks.kind import KINDS
from mainspring.checks.spec import Expectation
from mainspring.checks.validate import judge, validate

CONDITION = "i > 0 or b == True"


def _meets(row: dict[str, Any]) -> bool:
    """The condition in Kleene's logic, of which only what is true counts."""
    return (not is_missing(row["i"]) and row["i"] > 0) or row["b"] is True


@settings(max_examples=25, deadline=None, derandomize=True)
@given(ROWS)
def test_counts_and_rows_are_those_of_the_readings(rows: list[tuple[Any, ...]]) -> None:
    """Judged rows, broken rows and their positions are the reading's, for all rules in one scan."""
    frame = frame_of(rows)
    listed = frame.rows(named=True)
    expectations = [expectation for expectation, _ in [*ALONE, *BESIDE]]
    judged = judge(frame, expectations)
    for index, (expectation, reading) in enumerate([*ALONE, *BESIDE]):
        _compare(expectation, judged.validation.results[index], reading(listed))
        assert judged.broken[index].to_list() == [
            at for at, breaks in enumerate(reading(listed)) if breaks
        ], expectation.name


@settings(max_examples=25, deadline=None, derandomize=True)
@given(ROWS)
def test_a_condition_leaves_out_rows_before_anything_is_judged(rows: list[tuple[Any, ...]]) -> None:
    """With a condition a rule finds what it finds in a frame of the rows that meet it."""
    frame = frame_of(rows)
    met = [row for row in frame.rows(named=True) if _meets(row)]
    conditional = [
        expectation.model_copy(update={"row_condition": CONDITION}) for expectation, _ in [*ALONE, *BESIDE]
    ]
    # In one scan with none and with another condition on the same column: none may take another's figures.
    plain = [expectation for expectation, _ in [*ALONE, *BESIDE]]
    other = [each.model_copy(update={"row_condition": "i > 1"}) for each in plain]
    results = validate(frame, [*plain, *other, *conditional]).results[2 * len(plain) :]
    for result, (expectation, reading) in zip(results, [*ALONE, *BESIDE], strict=True):
        assert result.n_rows == len(met)
        _compare(expectation, result, reading(met))


def _compare(expectation: Expectation, result: Any, found: list[bool | None]) -> None:
    assert (result.n_null, result.n_failed) == (found.count(None), found.count(True)), expectation.name


def test_every_rule_about_rows_has_a_reading() -> None:
    """No kind that judges rows is left out above."""
    about_rows = {name for name, kind in KINDS.items() if kind.rule.breaks is not None}
    assert {expectation.kind for expectation, _ in [*ALONE, *BESIDE]} == about_rows
