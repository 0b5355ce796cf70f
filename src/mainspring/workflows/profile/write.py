"""A group's profile as a page: one file, no script, nothing fetched."""

from __future__ import annotations

import html
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from mainspring.checks.column import ColumnKind, ColumnProfile
from mainspring.checks.outline import outline
from mainspring.checks.profile import Profile
from mainspring.checks.relations import correlations, missing_over_time
from mainspring.errors import AccessError
from mainspring.features.group import FeatureGroup
from mainspring.features.profiles import GroupProfile
from mainspring.notebook import words
from mainspring.workflows.demo.page import (
    Section,
    facts,
    figure,
    heading,
    note,
    page,
    pair,
    paragraph,
    table,
)
from mainspring.workflows.profile.plots import bars, heatmap, spark_svg, strips

N_BARS: Final = 24
MAX_CORRELATED: Final = 24
"""Columns of the heat map; of more the first ones."""
_HEAD: Final = ("column", "type", "shape", "missing", "distinct", "least", "median", "mean", "sd", "greatest")


def write_page(group: FeatureGroup, path: Path, as_of: int | datetime | None = None) -> GroupProfile:
    """Write the page of a group's profile, with correlations and what is missing over time; returns the profile.

    Args:
        path: of the file; one that is there is written over.
        as_of: as for `FeatureGroup.read`.

    Raises:
        StateError: the group has no rows' schema yet.
        AccessError: the file cannot be written.
    """
    found = group.profile(as_of)
    text = page(
        f"Profile of {group.spec.label}",
        _lead(group, found),
        [_facts(found)],
        [
            Section("Columns", [_columns(found)]),
            Section("Distributions", [_distributions(found)]),
            *_relations(group, found, as_of),
        ],
        "Numbers are of the rows as they stood; of keys no value is kept.",
    )
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise AccessError(
            expected="a file that can be written",
            got=str(error.strerror),
            where=str(path),
            hint="Make its folder first, or choose another place.",
        ) from error
    return found


def _lead(group: FeatureGroup, found: GroupProfile) -> str:
    what = html.escape(group.spec.description or "")
    how = "merged from its commits' profiles" if found.made_by == "merge" else "read from the current rows"
    last = f"commit {found.commits[-1]}" if found.commits else "no commit"
    return f"{what} As of {last}, {how}.".strip()


def _facts(found: Profile) -> str:
    cells = sum(column.n_rows for column in found.columns)
    missing = sum(column.n_missing for column in found.columns)
    return facts(
        [
            (f"{found.n_rows:,}", "rows"),
            (f"{len(found.columns)}", "columns"),
            (f"{missing / cells:.2%}" if cells else "–", "of all values are missing"),
        ]
    )


def _columns(found: Profile) -> str:
    rows = [[_line(column)[name] for name in _HEAD] for column in found.columns]
    return table(_HEAD, rows, numeric=range(3, len(_HEAD)))


def _line(column: ColumnProfile) -> dict[str, object]:
    told = described(column)
    return {**told, "shape": spark_svg(outline(column).counts), "column": _plain(told["column"])}


def _plain(value: object) -> str:
    # The page takes what begins with "<" for markup.
    return f"<span>{html.escape(str(value))}</span>"


def described(column: ColumnProfile) -> dict[str, object]:
    """A column in a line of words: what its table says."""
    moments = column.moments if column.moments is not None and column.moments.count else None
    is_number = column.kind is ColumnKind.NUMERIC and column.quantiles is not None
    about = "" if column.n_distinct_exact is not None or column.n_distinct is None else "≈"
    return {
        "column": column.name,
        "type": column.dtype.partition("(")[0],
        "missing": _share(column.n_missing / column.n_rows) if column.n_missing else "0",
        "distinct": f"{about}{column.n_distinct:,}" if column.n_distinct is not None else "–",
        "least": _short(column.minimum),
        "median": _short(column.quantiles.at(0.5)) if is_number and column.quantiles else "–",
        "mean": _short(moments.mean) if moments else "–",
        "sd": _short(moments.deviation) if moments else "–",
        "greatest": _short(column.maximum),
    }


def _share(share: float) -> str:
    """In percent; what there is of is never 0 %, and what is not all never 100 %."""
    if share < 0.0001:
        return "<0.01%"
    return ">99.99%" if 0.9999 < share < 1 else f"{share:.2%}"


def _short(value: object) -> str:
    if isinstance(value, str):
        return f"{value[:16].replace('T', ' ')}Z" if "T" in value else value
    return f"{value:.4g}" if isinstance(value, float) else words(value)


def _distributions(found: Profile) -> str:
    drawn = [_drawn(column) for column in found.columns if outline(column).counts]
    return pair(*drawn) if drawn else paragraph("No column has values to draw.")


def _drawn(column: ColumnProfile) -> str:
    shape = outline(column, 8 if column.kind is ColumnKind.CATEGORY else N_BARS)
    is_time = column.kind is ColumnKind.TIME
    svg = bars(shape, f"Distribution of {column.name}", is_time=is_time)
    rest = [] if not column.n_missing else [f"{column.n_missing:,} missing"]
    if column.n_low_infinite or column.n_high_infinite:
        rest.append(f"{column.n_low_infinite + column.n_high_infinite:,} infinite")
    return f"<div>{heading(column.name)}{figure(svg, html.escape('; '.join(rest)))}</div>"


def _relations(group: FeatureGroup, found: Profile, as_of: Any) -> list[Section]:
    rows = group.read(as_of).to_polars()
    sections = []
    numeric = [
        column.name for column in found.columns if column.kind is ColumnKind.NUMERIC and not column.private
    ]
    shown = numeric[:MAX_CORRELATED]
    if len(shown) > 1:
        told = f" Of {len(numeric)} numeric columns the first {len(shown)}." if shown != numeric else ""
        caption = f"Pearson's correlation over the rows that have both.{told}"
        matrix = correlations(rows, shown)
        sections.append(
            Section("Correlations", [figure(heatmap(shown, matrix, "Correlations"), caption, scroll=True)])
        )
    with_gaps = [column.name for column in found.columns if column.n_missing]
    event_time = group.spec.event_time
    if event_time is not None and with_gaps:
        gaps = missing_over_time(rows, event_time, with_gaps)
        caption = f"Share of missing values over {html.escape(event_time)} (UTC); white is none, red is all."
        sections.append(
            Section(
                "Missing over time", [figure(strips(gaps, "Missing values over time"), caption, scroll=True)]
            )
        )
    elif with_gaps:
        sections.append(Section("Missing over time", [note("The group has no event time.")]))
    return sections
