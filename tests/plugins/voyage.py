"""A pipeline whose steps hand over a type of the example's. It can be imported where the example is installed."""

from __future__ import annotations

import polars as pl
from harbour.route import Route

import mainspring as ms
from mainspring.features.api import Features
from mainspring.pipelines import pipeline, step


@step
def plan() -> Route:
    """A route of two ports."""
    return Route(["BOS", "HAM"])


@step
def ports(route: Route) -> str:
    """Its ports in one line."""
    return "-".join(route.ports)


@pipeline
def voyage() -> tuple[Route, str]:
    """Plan, then say the ports."""
    route = plan()
    return route, ports(route)


@step
def count_seats(*, features: Features = ms.RESOURCE) -> int:
    """How many boats have a number of seats that is none of fives."""
    fives = ms.expect.of("multiple_of", "seats", by=5)
    group = features.group("boats", keys=["boat"], expectations=[fives])
    return group.insert(pl.DataFrame({"boat": ["a", "b"], "seats": [5, 12]})).n_failed


@pipeline
def crew() -> int:
    """Insert rows that an expectation of the example's judges."""
    return count_seats()
