"""What the summary says came of an alert, by what was being tried at that moment."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from mainspring.project import Project
from mainspring.workflows.demo.answers import answer_to
from mainspring.workflows.demo.options import Options
from mainspring.workflows.demo.world import DEPLOYMENT, midnight
from tests.serving.airport import make_airport

DAY = timedelta(days=1)


def month(number: int, *, alerted: bool = True, **fields: Any) -> Any:
    """The finding of a month, made on the second day of the next."""
    begun = {"reason": "", "as_of_at": midnight(number + 1) + DAY, "end_at": midnight(number + 1)}
    return SimpleNamespace(alerted=alerted, **begun | fields)


def test_an_alert_after_a_refused_shadow_has_trained_anew(project: Project) -> None:
    """A shadow that ended without a promotion is not being tried any more."""
    project.clock.set(midnight(4))  # type: ignore[attr-defined]
    airport = make_airport(project)
    world: Any = SimpleNamespace(project=project, options=Options())
    deployment = project.deployments.create(DEPLOYMENT, airport.versions[0], airport.view)
    for until, act in [
        (midnight(7) + DAY, lambda: deployment.shadow(airport.versions[1], airport.view)),
        (midnight(9) + DAY, deployment.end_shadow),
        (midnight(10) + DAY, lambda: deployment.shadow(airport.versions[1], airport.view)),
    ]:
        project.clock.set(until)  # type: ignore[attr-defined]
        act()
    assert answer_to(world, month(6)) == "trained version 2, tried as a shadow"
    for number in (7, 8):
        assert answer_to(world, month(number)) == "none: version 2 was being tried already"
    assert answer_to(world, month(9)) == "trained version 2, tried as a shadow"
    assert answer_to(world, month(12)) == "none: version 2 was being tried already"


@pytest.mark.parametrize(("observed", "side"), [(0.31, "more"), (0.15, "fewer")])
def test_one_conspicuous_month_says_on_which_side(observed: float, side: str) -> None:
    """Two of three count on one side only."""
    finding = month(9, alerted=False, reason="for the first time", observed=observed, predicted=0.24)
    said = answer_to(SimpleNamespace(), finding)  # type: ignore[arg-type]
    assert said == f"none: {side} late than predicted, once; an alert takes two of three"
