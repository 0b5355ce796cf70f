"""The view `flight_delay`: what is known of a flight at its scheduled departure, and whether it will be late."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

import mainspring as ms

from . import airports, arrivals, planes, schedule, traffic, weather

CATEGORIES: Final = ("carrier", "origin", "dest")
"""Encoded by their place among those of the training flights; one that came up later is null."""

EARTH_RADIUS_KM: Final = 6371.0088
"""Mean radius, IUGG."""


@ms.on_demand
def distance_km(origin_lat: float, origin_lon: float, dest_lat: float, dest_lon: float) -> Any:
    """Great-circle distance (haversine), from degrees; null where an airport's place is unknown."""
    a_lat, a_lon = np.radians(origin_lat), np.radians(origin_lon)
    b_lat, b_lon = np.radians(dest_lat), np.radians(dest_lon)
    chord = (
        np.sin((b_lat - a_lat) / 2) ** 2 + np.cos(a_lat) * np.cos(b_lat) * np.sin((b_lon - a_lon) / 2) ** 2
    )
    return 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(chord))


@ms.on_demand
def aircraft_age_years(built_year: int, flight_year: int) -> Any:
    """Calendar years since the aircraft was built."""
    return flight_year - built_year


def define_groups(features: Any) -> dict[str, Any]:
    """Every group of the project, by name."""
    modules = (schedule, arrivals, weather, planes, airports, traffic)
    groups = [module.define(features) for module in modules]
    return {group.name: group for group in groups}


def define(features: Any, groups: dict[str, Any]) -> Any:
    """The view. Its encoding is fitted on the training part of each dataset, and goes along with its models.

    Nothing is filled in: pressure is missing when the weather is bad, and both models take what is missing as it is.
    Temperature and dew point are stored but left out: a model that learns from January to March has never seen a
    summer's temperature, and in those months it stands for the date as much as for the weather. (With it the
    held-out AUC is about 0.01 higher; the choice was made with the year's results in view.)
    """
    airport = groups["airports"]["lat", "lon"].static().hidden()
    return features.view(
        "flight_delay",
        version=1,
        features=[
            ms.request(
                carrier="string", origin="string", dest="string", sched_minute="int64", weekday="int64"
            ),
            groups["weather"]["humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"],
            groups["traffic"]["n_departures_2h", "mean_delay_2h"],
            groups["planes"]["built_year", "seats"].static(),
            airport.on({"faa": "origin"}, prefix="origin_"),
            airport.on({"faa": "dest"}, prefix="dest_"),
        ],
        label=groups["arrivals"]["late"],
        # How late each flight was: to look at, and no feature.
        training_only=[groups["arrivals"]["arr_delay"].rename({"arr_delay": "minutes_late"})],
        on_demand=[distance_km, aircraft_age_years],
        transforms=[ms.transform.ordinal(*CATEGORIES)],
        spine_time="sched_dep",
        description="Will this flight arrive more than 15 minutes late? Asked at the scheduled departure.",
    )
