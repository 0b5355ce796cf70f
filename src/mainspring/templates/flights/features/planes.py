"""The aircraft register: what is known of a tail number."""

from __future__ import annotations

from typing import Any

import polars as pl

import mainspring as ms

from .sources import Sources


def define(features: Any) -> Any:
    """The group `planes`: a register without times, true until replaced."""
    return features.group(
        "planes",
        version=1,
        keys=["tailnum"],
        online=True,
        schema={
            "tailnum": ms.column("string", personal="indirect"),
            "built_year": "int64",
            "seats": "int64",
            "engines": "int64",
            "manufacturer": "string",
        },
        description="FAA register: year built, seats, engines. About one flight in six has a tail number that it "
        "does not list.",
        owner="fleet",
        tags=["register"],
        jurisdiction="US",
        expectations=[
            ms.expect.unique(["tailnum"]),
            ms.expect.not_null("built_year", severity="warning"),
            ms.expect.between("built_year", 1940, 2013),
            ms.expect.between("seats", 1, 900),
            ms.expect.in_set("engines", [1, 2, 3, 4]),
        ],
        # An entry that cannot be is none; the other aircraft are known all the same.
        on_failure="quarantine",
    )


def rows(sources: Sources) -> pl.DataFrame:
    """One row a tail number."""
    return sources.planes.select(
        "tailnum", pl.col("year").alias("built_year"), "seats", "engines", "manufacturer"
    )
