"""A pipeline whose steps hand over a type of the example's. It can be imported where the example is installed."""

from __future__ import annotations

from harbour.route import Route

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
