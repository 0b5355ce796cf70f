"""Each promise names a test that is there."""

from __future__ import annotations

import re

import pytest
from tests.docs.pages import ROOT
from tests.soak.__main__ import KILLS_A_MINUTE, MINUTES
from tests.soak.test_kill import N_KILLS

PAGE = ROOT / "docs" / "concepts" / "promises.md"
NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")

pytestmark = pytest.mark.once


def test_every_promise_names_a_test_that_exists() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if re.match(r"\| (?!---|Promise |Damage )", line)]
    assert len(rows) > 30
    for row in rows:
        named = NAMED.findall(row)
        assert named, f"no test is named: {row}"
        for file, test in named:
            tests = re.findall(r"^ *def (test_\w+)\(", (ROOT / file).read_text(), re.MULTILINE)
            assert test in tests if test else tests, f"{file} has no {test or 'test'}"


def test_the_kills_that_are_promised_are_done() -> None:
    promised = f"{N_KILLS} kills on each database; `make soak`: {MINUTES * KILLS_A_MINUTE:g} on each"
    assert promised in PAGE.read_text()
