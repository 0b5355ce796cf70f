"""What commands print: a table for people or JSON for programs, from the same rows."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from enum import Enum
from pathlib import Path
from typing import Any, Final

import typer

from mainspring.cli._layout import laid_out
from mainspring.notebook import words

SHORT_ID: Final = 32


def plain(value: Any) -> Any:
    """Anything a room hands out as plain JSON: times as ISO text, NaN as null."""
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if hasattr(value, "model_dump"):
        return plain(value.model_dump())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value) if field.repr
        }
    if hasattr(value, "__struct_fields__"):
        return {name: plain(getattr(value, name)) for name in value.__struct_fields__}
    if hasattr(value, "to_dicts"):
        return plain(value.to_dicts())
    if hasattr(value, "to_dict"):
        return plain(value.to_dict())
    if hasattr(value, "item") and not hasattr(value, "__len__"):
        return plain(value.item())
    if isinstance(value, Sequence) or hasattr(value, "__iter__"):
        return [plain(item) for item in value]
    return str(value)


def print_json(value: Any) -> None:
    """Two-space JSON of any room's value on stdout."""
    typer.echo(json.dumps(plain(value), indent=2, ensure_ascii=False))


def print_rows(
    rows: Sequence[Any],
    columns: Sequence[str],
    *,
    as_json: bool,
    none: str,
    spare: Sequence[str] = (),
    is_data: bool = False,
) -> None:
    """Rows as a table of some of their fields, or all of them as JSON; in a terminal that is too narrow, as records.

    Args:
        rows: mappings, specs or dataclasses.
        columns: fields that the table shows, in order.
        as_json: print every field as a JSON list instead.
        none: the sentence for an empty table.
        spare: fields that a narrow terminal may go without, the first of them first; it is told which.
        is_data: the columns are a user's, and are called as they are.
    """
    if as_json:
        print_json(rows)
        return
    if not rows:
        typer.echo(none)
        return
    listed = [[fields.get(column) for column in columns] for fields in map(plain, rows)]
    cells = [[_cell(value) for value in row] for row in listed]
    heads = [column if is_data else column.replace("_", " ") for column in columns]
    console = _console()
    layout = laid_out(heads, cells, console.width, [name.replace("_", " ") for name in spare])
    if layout.widths is None:
        _print_records(console, heads, cells)
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for place, width in zip(layout.places, layout.widths, strict=True):
        values = [row[place] for row in listed if row[place] is not None]
        is_number = bool(values) and all(type(value) in {int, float} for value in values)
        table.add_column(heads[place], overflow="fold", width=width, justify="right" if is_number else "left")
    for row in cells:
        table.add_row(*(row[place] for place in layout.places))
    console.print(table)
    if layout.left_out:
        typer.echo(f"Not shown for want of room: {', '.join(layout.left_out)}. --json has all.", err=True)


def _print_records(console: Any, heads: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    """A line for each field, and an empty one between rows."""
    from rich.table import Table

    for number, row in enumerate(cells):
        if number:
            console.print()
        table = Table(box=None, pad_edge=False, show_header=False)
        table.add_column(style="bold", min_width=max(map(len, heads)), no_wrap=True)
        table.add_column(overflow="fold")
        for head, cell in zip(heads, row, strict=True):
            table.add_row(head, cell)
        console.print(table)


def print_fields(value: Any, *, as_json: bool) -> None:
    """One thing, a line for each field."""
    if as_json:
        print_json(value)
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, field in plain(value).items():
        table.add_row(name.replace("_", " "), _cell(field))
    _console().print(table)


def print_tree(tree: Any) -> None:
    """A rich tree."""
    _console().print(tree)


def _console() -> Any:
    from rich.console import Console

    # A pipe has no width: a program or a file gets whole cells, never folded ones.
    console = Console(highlight=False, markup=False)
    return console if console.is_terminal else Console(highlight=False, markup=False, width=_NO_WIDTH)


_NO_WIDTH: Final = 100_000


def _cell(value: Any) -> str:
    if not isinstance(value, str):
        return words(value)
    # 2013-06-01T12:00:00+00:00 → what people read.
    is_time = value.endswith(("+00:00", "Z")) and value[10:11] == "T"
    return value[:19].replace("T", " ") + "Z" if is_time else value
