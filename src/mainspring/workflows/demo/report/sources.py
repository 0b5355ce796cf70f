"""The section of the page about where each threshold comes from, and how long the telling took."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mainspring.workflows.demo.page import Section, heading, paragraph, table

SOURCES: Final = (
    ("late: more than 15 minutes", "US Department of Transportation, on-time reporting"),
    ("ROC AUC at least 0.70", "Hosmer and Lemeshow 2000: the floor of acceptable discrimination"),
    (
        "better than another model: p at most 0.05",
        "paired test on the same rows, DeLong, DeLong and Clarke-Pearson 1988",
    ),
    ("no carrier more than 0.10 below the others", "half of the way from 0.70 to chance"),
    (
        "95 % of predictions within 5 ms",
        "a twentieth of the 100 ms that feel instantaneous (Miller 1968, Nielsen 1993)",
    ),
    ("shadow for at least 14 days", "every weekday twice"),
    ("alert: one false alarm in twenty years", "the usual 5 %, Shewhart 1931 and Western Electric 1956"),
    (
        "smallest gap worth an alert",
        "costs a tenth of the model's Brier skill on held-out data (Murphy 1973)",
    ),
    (
        "parameters of the models",
        "compared on weeks inside January to 17 March; settled with the whole year in view",
    ),
)
"""Threshold → its source."""


def section(timings: Mapping[str, float]) -> Section:
    """The thresholds, the one made-up value, and seconds by chapter."""
    blocks = [
        table(["threshold", "where it comes from"], [list(row) for row in SOURCES]),
        paragraph(
            "One value in the whole story was made up: the wind speed in the corrected hour, the mean of "
            "the hours around it, because what the station would have "
            "reported is not in the files. The files of a month are loaded on its first day, future "
            "included; known times hide what was not known yet."
        ),
    ]
    if timings:
        rows: list[list[object]] = [[name, f"{seconds:.1f}"] for name, seconds in timings.items()]
        blocks += [heading("Time"), table(["chapter", "seconds"], rows, [1])]
    return Section("Where the thresholds come from", blocks)
