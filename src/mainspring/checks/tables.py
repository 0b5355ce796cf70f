"""Validations as tables: plain rows for the terminal, HTML for notebooks and reports."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mainspring.checks.spec import Validation

Cells = Sequence[Sequence[str]]

VALIDATION_HEADER = (
    "expectation",
    "severity",
    "rows",
    "null",
    "failed",
    "examples",
    "verdict",
)


def validation_cells(validation: Validation) -> list[tuple[str, ...]]:
    """One row of seven texts per expectation, under `VALIDATION_HEADER`."""
    return [
        (
            result.expectation.name,
            result.expectation.severity.value,
            f"{result.n_rows:,}",
            f"{result.n_null:,}",
            f"{result.n_failed:,}",
            ", ".join(str(example) for example in result.examples),
            result.verdict.value,
        )
        for result in validation.results
    ]


def validation_html(validation: Validation) -> str:
    """The table as HTML, its texts escaped."""
    return html_table(VALIDATION_HEADER, validation_cells(validation))


def html_table(header: Sequence[str], rows: Cells) -> str:
    """A plain `<table>`; every cell is escaped."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
