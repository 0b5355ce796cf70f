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
        schema={
            "faa": "string",
            "name": "string",
            "lat": ms.column("float64", description="Degrees north"),
            "lon": ms.column("float64", description="Degrees east"),
            "alt": ms.column("int64", description="Feet above the sea"),
            "tzone": ms.column("string", description="IANA name of its time zone"),
        },
        description="Coordinates in degrees, altitude in feet. Four Caribbean destinations are not in the file.",
        owner="network",
        tags=["register"],
        expectations=[
            ms.expect.unique(["faa"]),
            ms.expect.matches("faa", r"^[0-9A-Z]{3}$"),
            ms.expect.between("lat", -90, 90),
            ms.expect.between("lon", -180, 180),
            ms.expect.not_null("tzone", severity="warning"),
            ms.expect.row_count(1_000, 5_000),
        ],
        # The file replaces all places at once: half of one, or a wrong one, is not taken at all.
        on_failure="block",
    )


def rows(sources: Sources) -> pl.DataFrame:
    """One row an airport code."""
    return sources.airports.select("faa", "name", "lat", "lon", "alt", "tzone")
