"""Each promise names a test that is there."""

from __future__ import annotations

import re

import pytest
from tests.docs.pages import ROOT

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
            source = (ROOT / file).read_text()
            assert "def test_" in source
            assert not test or f"def {test}(" in source, f"{file} has no {test}"
