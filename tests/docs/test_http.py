"""The reference of the HTTP routes is complete: whatever the worker's code takes, says or limits is on the page."""

from __future__ import annotations

import re
from http import HTTPStatus
from pathlib import Path

import pytest

from mainspring import errors
from mainspring.errors import MainspringError
from mainspring.server import app
from mainspring.serving.claims import N_KEPT
from mainspring.serving.predictor import Answer
from mainspring.serving.spec import OutcomeCounts
from mainspring.serving.wire import ErrorBody, OutcomeItem, OutcomesBody, PredictBody

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
PAGE = (REFERENCE / "http.md").read_text(encoding="utf-8")
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ")]
CODE = Path(app.__file__).read_text(encoding="utf-8")


def test_every_route_has_its_section() -> None:
    """The routes that a wrong path is told are the sections of the page, no more and no fewer."""
    told = re.search(r"there is: (.*)\)", app._no_route("/nowhere").expected)
    assert told is not None
    assert sorted(re.findall(r"^## `(?:GET|POST) (\S+)`$", PAGE, re.MULTILINE)) == told[1].split(", ")


def test_every_status_is_documented() -> None:
    """Each status code that the application's code names has its row, and no other."""
    named = {int(number) for number in re.findall(r"\b\d{3}\b", CODE)} & {each.value for each in HTTPStatus}
    assert {400, 404, 405, 409, 413, 500, 503} < named
    assert {int(row.split("|")[1]) for row in ROWS if row[2:5].isdigit()} == named


FIELDS = {
    *PredictBody.__struct_fields__,
    *OutcomesBody.__struct_fields__,
    *OutcomeItem.__struct_fields__,
    *Answer.__struct_fields__,
    *OutcomeCounts.model_fields,
    *re.findall(r'^                "(\w+)": ', CODE, re.MULTILINE),
}


@pytest.mark.parametrize("field", sorted(FIELDS))
def test_every_field_is_documented(field: str) -> None:
    """Each field of a body or a reply is explained."""
    assert f"`{field}`" in PAGE


def test_refusals_are_shown_with_every_field() -> None:
    """An example shows all that a refusal says."""
    assert any(
        all(f'"{name}":' in line for name in ErrorBody.__struct_fields__) for line in PAGE.splitlines()
    )


def test_limits_are_those_of_the_code() -> None:
    """Sizes, counts and codes of refusals."""
    assert f"at most {app.MAX_BODY_BYTES // 2**20} MiB" in PAGE
    assert f"at most {app.MAX_OUTCOMES_BYTES // 2**20} MiB" in PAGE
    assert f"more than {app.MAX_WAITING} requests" in PAGE
    assert f"{N_KEPT:,} ids" in PAGE
    for code in re.findall(r'code = "(.+?)"', CODE):
        assert f"`{code}`" in PAGE


def test_the_statuses_of_errors_are_those_of_the_code() -> None:
    """The last column of the page of errors is the status that the application answers with."""
    page = (REFERENCE / "errors.md").read_text(encoding="utf-8")
    listed = {
        row.split("`")[1]: int(row.rstrip(" |").rsplit("|", 1)[1])
        for row in page.splitlines()
        if row.startswith("| `") and "Error`" in row
    }
    leaves = [
        each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, MainspringError)
    ]
    answered = {
        leaf.code: next((status for kind, status in app._STATUS if issubclass(leaf, kind)), 500)
        for leaf in leaves
        if leaf is not MainspringError
    }
    assert listed == answered
