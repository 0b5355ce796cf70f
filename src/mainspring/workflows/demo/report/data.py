"""The section of the page about the data: what came in, and what answered when."""

from __future__ import annotations

from datetime import date

import polars as pl

from mainspring.workflows.demo import figures
from mainspring.workflows.demo.page import Section, figure, paragraph, table
from mainspring.workflows.demo.world import DEPLOYMENT, NEW_YORK, World


def section(world: World, group_rows: list[list[object]]) -> Section:
    """The flights, and every feature group as `group_rows` tells of it."""
    flights = world.flights
    days = (
        flights.filter(pl.col("late").is_not_null())
        .group_by("local_day")
        .agg(pl.col("late").mean().alias("rate"), pl.len().alias("n"))
        .sort("local_day")
    )
    n_none = flights["late"].null_count()
    n_cancelled = world.sources.flights["departed_at"].null_count()
    return Section(
        "The data",
        [
            paragraph(
                f"{flights.height:,} flights left New York's three airports in 2013, or should have. "
                f"{n_none:,} of them have no label: "
                f"{n_cancelled:,} never left, the others never arrived where they were meant to. They are "
                "asked about like all others, "
                "because nobody knows beforehand, and counted."
            ),
            figure(
                figures.days_figure(days["local_day"].to_list(), days["rate"], days["n"], _spans(world)),
                "Share of flights arriving more than 15 minutes late: each day, and the mean of seven days.",
            ),
            table(
                [
                    "group",
                    "keys",
                    "true since",
                    "known since",
                    "commits",
                    "rows",
                    "rows that break an expectation",
                ],
                group_rows,
                [4, 5],
            ),
            paragraph(
                "Rows that break an expectation are counted and shown; those that cannot be true are kept "
                "apart, with their reasons. The files of a month are "
                "loaded on its first day; the known time of "
                "each row keeps it from every join and from every prediction until the moment at which it "
                "was really known."
            ),
        ],
    )


def _spans(world: World) -> list[tuple[str, date, date]]:
    spans = [("learnt from", date(2013, 1, 2), date(2013, 3, 30))]
    revisions = [
        item
        for item in world.project.deployments.get(DEPLOYMENT).revisions()
        if item.cause.value != "rollback"
    ]
    starts: list[tuple[int, date]] = []
    for revision in revisions:
        begun = revision.created_at.astimezone(NEW_YORK).date()
        if not starts or starts[-1][0] != revision.model_version:
            starts.append((revision.model_version, begun))
    for place, (number, begun) in enumerate(starts):
        end = starts[place + 1][1] if place + 1 < len(starts) else date(2013, world.options.until_month, 28)
        spans.append((f"version {number} answers", begun, end))
    return spans
