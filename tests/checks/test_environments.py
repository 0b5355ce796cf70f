"""What holds only where a model learns, or only where it is asked."""

from __future__ import annotations

import polars as pl
import pytest
from tests.features.conftest import features, reopen  # noqa: F401 - fixtures

import mainspring as ms
from mainspring.checks.spec import Expectation
from mainspring.checks.validate import in_environment
from mainspring.errors import InputError
from mainspring.features.api import Features
from mainspring.lineage import Verdict

BOTH = ms.expect.between("temp", -40, 130)
LABEL = ms.expect.not_null("late", environment="training")
REQUEST = ms.expect.not_null("now", environment="serving")
SUITE = ms.suite("flights", [BOTH, LABEL, REQUEST])


def test_each_environment_asks_its_own() -> None:
    """A label is not missing in a request, and what only requests have not in training."""
    assert SUITE.in_environment("training").expectations == (BOTH, LABEL)
    assert SUITE.in_environment("serving").expectations == (BOTH, REQUEST)
    request = pl.DataFrame({"temp": [50.0], "now": ["2013-01-01"]})
    assert SUITE.in_environment("serving").check(request).verdict is Verdict.PASS


def test_it_is_kept_in_both_spellings_and_changes_nothing_of_others() -> None:
    """JSON of ours and of Great Expectations brings it back; what holds in both is stored as it always was."""
    assert ms.read_suite(SUITE.to_dict()) == SUITE
    read = ms.read_suite(SUITE.to_great_expectations())
    assert [each.environment for each in read.expectations] == [None, "training", "serving"]
    assert "environment" not in BOTH.model_dump()
    assert Expectation.model_validate(LABEL.model_dump(mode="json")) == LABEL
    assert LABEL.name == "not_null(late, in training)"


def test_a_group_is_asked_what_holds_in_training(features: Features) -> None:  # noqa: F811
    """What is said of requests alone refuses no insert."""
    group = features.group("g", keys=["id"], expectations=[LABEL, REQUEST], on_failure="block")
    rows = pl.DataFrame({"id": [1], "late": [True], "now": [None]}, schema_overrides={"now": pl.String})
    assert group.insert(rows).verdict == "pass"


@pytest.mark.parametrize("name", ["test", "", 3])
def test_other_environments_are_refused(name: object) -> None:
    """Where it is said and where it is asked for."""
    with pytest.raises(InputError, match='"training" or "serving"'):
        ms.expect.not_null("x", environment=name)  # type: ignore[arg-type]
    with pytest.raises(InputError, match='"training" or "serving"'):
        in_environment([BOTH], name)  # type: ignore[arg-type]
