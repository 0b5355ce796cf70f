"""A model and its features roll forward and back together: each version of a group has online rows of its own."""

from __future__ import annotations

from typing import Any

import polars as pl
from tests.serving.airport import KEYS, REQUEST, START, Airport, weather
from tests.serving.test_deployments import weights_seen

from mainspring.features.api import request
from mainspring.features.view import FeatureView
from mainspring.models.spec import ModelVersion
from mainspring.serving.api import Deployment


def in_knots(airport: Airport) -> FeatureView:
    """The view of a second version of the weather, whose wind is in another unit, with rows of its own online."""
    knots = airport.features.group("weather", 2, keys=["origin"], event_time="observed_at", online=True)
    knots.insert(weather().with_columns(pl.col("wind") * 0.54))
    fleet = airport.features.get_group("fleet")
    return airport.features.view(
        "lateness",
        2,
        features=[knots["wind", "temp"], fleet["age"].static(), request("distance")],
        spine_time="scheduled_at",
    )


def test_forward_and_back(airport: Airport, deployment: Deployment) -> None:
    """The new model reads the new version's rows, and the old one after a rollback the old version's, up to date."""
    view = in_knots(airport)
    airport.at(7)
    old, new = airport.versions
    first = deployment.predict(KEYS, REQUEST)
    assert first.prediction == said(airport, old, airport.view)
    deployment.promote(new, view)
    weights_seen(deployment)
    second = deployment.predict(KEYS, REQUEST)
    assert second.prediction == said(airport, new, view)
    assert second.prediction != said(airport, new, airport.view), "the two versions' rows would tell the same"
    # While the new version serves, the old one's rows are written and brought online as ever.
    gust = pl.DataFrame({"origin": ["JFK"], "observed_at": [START], "wind": [55.0], "temp": [30.0]})
    later = gust.with_columns(observed_at=pl.lit(airport.project.clock.now()))
    airport.features.get_group("weather", 1).insert(later)
    airport.at(8)
    deployment.rollback(reason="drill")
    weights_seen(deployment)
    third = deployment.predict(KEYS, REQUEST)
    assert (third.model_version, third.prediction) == (1, said(airport, old, airport.view))
    assert third.prediction != first.prediction


def said(airport: Airport, version: ModelVersion, view: FeatureView) -> Any:
    """What a model says of what a view has online now."""
    vector = view.online().read(KEYS, REQUEST, airport.project.clock.now())
    return airport.models.load(version).predict_row(vector.values)
