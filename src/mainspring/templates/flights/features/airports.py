"""Where airports lie. Used twice by the view: for the origin and for the destination."""

from __future__ import annotations

from typing import Any

import polars as pl

import mainspring as ms

from .sources import Sources


def define(features: Any) -> Any:
    """The group `airports`: places, true until replaced."""
    return features.group(
        "airports",
        version=1,
        keys=["faa"],
        online=True,
        description="Coordinates in degrees, altitude in feet. Four Caribbean destinations are not in the file.",
        expectations=[
            ms.expect.unique(["faa"]),
            ms.expect.matches("faa", r"^[0-9A-Z]{3}$"),
            ms.expect.between("lat", -90, 90),
            ms.expect.between("lon", -180, 180),
            ms.expect.not_null("tzone", severity="warning"),
        ],
        on_failure="alert",
    )


def rows(sources: Sources) -> pl.DataFrame:
    """One row an airport code."""
    return sources.airports.select("faa", "name", "lat", "lon", "alt", "tzone")
