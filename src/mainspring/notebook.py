"""What objects show in a notebook and when they are printed: a heading, notes and small tables.

Every text of a page is escaped here, once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from html import escape
from typing import Final

MAX_ROWS: Final = 50
"""Rows of a table before it counts the rest: a notebook keeps what it shows."""
MAX_CHARACTERS: Final = 60
"""Of a value that is printed, before it is cut off."""


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


def printed(title: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """The same as plain text, for `print`: a heading, and rows under their columns' names; numbers to the right."""
    listed = list(rows)
    shown = [[_line(value) for value in row] for row in listed[:MAX_ROWS]]
    widths = [max(map(len, column)) for column in zip(head, *shown, strict=True)]
    right = [
        all(value is None or _is_number(value) for value in column) for column in zip(*listed, strict=True)
    ]
    lines = [
        "  ".join(
            text.rjust(width) if is_right else text.ljust(width)
            for text, width, is_right in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in ([list(head), *shown] if listed else [])
    ]
    rest = [f"… and {len(listed) - MAX_ROWS} more"] if len(listed) > MAX_ROWS else []
    return "\n".join([title, *lines, *rest])


def fields(values: Mapping[str, object]) -> str:
    """One thing, a line for each of its fields."""
    rows = "".join(f"<tr><th>{escape(name)}</th>{_cell(value)}</tr>" for name, value in values.items())
    return f"<table><tbody>{rows}</tbody></table>"


def words(value: object) -> str:
    """A value as people read it: – for None or nothing in it, six digits of a float, whole seconds of a time in UTC."""
    if value is None or (isinstance(value, Mapping | list | tuple | set | frozenset) and not value):
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


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _line(value: object) -> str:
    """A value on one line, and no longer than a terminal bears."""
    text = " ".join(words(value).split())
    return text if len(text) <= MAX_CHARACTERS else text[: MAX_CHARACTERS - 1] + "…"


def _cell(value: object) -> str:
    style = ' style="text-align:right"' if _is_number(value) else ""
    return f"<td{style}>{escape(words(value))}</td>"
