"""What objects show in a notebook: a heading, notes and small tables. Every text is escaped here, once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from html import escape
from typing import Final

MAX_ROWS: Final = 50
"""Rows of a table before it counts the rest: a notebook keeps what it shows."""


def panel(title: str, *parts: str) -> str:
    """A heading above parts that `table`, `fields` and `note` made."""
    return f"<h4>{escape(title)}</h4>" + "".join(parts)


def note(text: str) -> str:
    """A line of text."""
    return f"<p>{escape(text)}</p>"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Rows under their columns' names, at most `MAX_ROWS` of them; numbers to the right."""
    listed = list(rows)
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in listed[:MAX_ROWS])
    rest = note(f"… and {len(listed) - MAX_ROWS} more") if len(listed) > MAX_ROWS else ""
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>{rest}"


def fields(values: Mapping[str, object]) -> str:
    """One thing, a line for each of its fields."""
    rows = "".join(f"<tr><th>{escape(name)}</th>{_cell(value)}</tr>" for name, value in values.items())
    return f"<table><tbody>{rows}</tbody></table>"


def words(value: object) -> str:
    """A value as people read it: – for None, six digits of a float, whole seconds of a time in UTC."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={words(item)}" for key, item in value.items())
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(map(words, value))
    return str(value)


def _cell(value: object) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    style = ' style="text-align:right"' if is_number else ""
    return f"<td{style}>{escape(words(value))}</td>"
