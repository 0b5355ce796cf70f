"""Acting on a ruling: only a stored one, on this very version, that passed."""

from __future__ import annotations

import pytest

from mainspring.errors import RefusedError, UnknownNameError
from mainspring.gates.decision import get_passed
from mainspring.gates.spec import Policy, Requirement
from mainspring.lineage import Verdict

REVIEWED = Policy(environment="production", alias="champion", require=(Requirement(kind="review"),))


def review(graph, version, verdict):
    with graph.execution("review", str(version)) as work:
        work.evidence(version.asset_id, "review", verdict=verdict, figures={})


def test_a_ruling_that_passed_is_found(graph, models, gates, linear):
    """The stored decision itself comes back."""
    gates.define(REVIEWED)
    version = models.register("flight_delay", linear)
    review(graph, version, Verdict.PASS)
    decision = gates.decide("production", version)
    assert get_passed(graph, version, decision.id).id == decision.id


def test_a_ruling_that_held_lets_nothing_through(graph, models, gates, linear):
    """A decision that did not pass is no permission, though its id is known."""
    gates.define(REVIEWED)
    version = models.register("flight_delay", linear)
    decision = gates.decide("production", version)
    with pytest.raises(RefusedError, match="insufficient_data by the production gate"):
        get_passed(graph, version, decision.id)


def test_a_ruling_on_another_version_or_other_evidence_is_none(graph, models, gates, linear, boosted):
    """Version 1's pass says nothing about version 2; a review is no ruling; a made-up id is none either."""
    gates.define(REVIEWED)
    first, second = (models.register("flight_delay", model) for model in (linear, boosted))
    review(graph, first, Verdict.PASS)
    decision = gates.decide("production", first)
    (reviewed,) = graph.evidence_for(first.asset_id, kind="review")
    for version, given in ((second, decision.id), (first, reviewed.id), (first, "0" * 32)):
        with pytest.raises(UnknownNameError, match=f"decision on {version}"):
            get_passed(graph, version, given)
