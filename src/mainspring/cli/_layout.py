"""How a table is laid out in a terminal: columns as wide as their cells, fewer columns, broken lines, or records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

GAP: Final = 2
"""Spaces between columns."""
WIDEST: Final = 48
"""Characters of a cell from which on it is broken at words before a column is left out."""


@dataclass(frozen=True)
class Layout:
    """What is shown of a table.

    Attributes:
        places: of the columns that are shown.
        widths: their characters; None = a record for each row, a line for each field.
        left_out: names of columns that there is no room for.
    """

    places: tuple[int, ...]
    widths: tuple[int, ...] | None
    left_out: tuple[str, ...] = ()


def laid_out(
    columns: Sequence[str], rows: Sequence[Sequence[str]], width: int, spare: Sequence[str] = ()
) -> Layout:
    """The first of these that fits: all columns; without spare ones; lines broken at words; records.

    Args:
        columns: what stands above them.
        rows: cells as text.
        width: of the terminal, in characters.
        spare: columns that may be left out, the first of them first.
    """
    cells = [[name, *(row[place] for row in rows)] for place, name in enumerate(columns)]
    whole = [max(map(len, column)) for column in cells]
    if _total(range(len(columns)), whole) <= width:
        return Layout(tuple(range(len(columns))), tuple(whole))
    wide = [min(WIDEST, each) for each in whole]
    least = [max(len(word) for cell in column for word in (cell.split() or [""])) for column in cells]
    places = list(range(len(columns)))
    left_out: list[str] = []
    for name in spare:
        if _total(places, wide) <= width:
            break
        if name in columns:
            places.remove(columns.index(name))
            left_out.append(name)
    if _total(places, least) > width:
        return Layout(tuple(range(len(columns))), None)
    widths = _narrowed(
        [max(wide[place], least[place]) for place in places], [least[place] for place in places], width
    )
    return Layout(tuple(places), tuple(widths), tuple(left_out))


def _total(places: Sequence[int], widths: Sequence[int]) -> int:
    return sum(widths[place] for place in places) + GAP * (len(places) - 1)


def _narrowed(widths: list[int], least: Sequence[int], width: int) -> list[int]:
    """The widest columns narrower, none narrower than its longest word."""
    over = sum(widths) + GAP * (len(widths) - 1) - width
    for _ in range(over):
        slack = [wide if wide > low else 0 for wide, low in zip(widths, least, strict=True)]
        widths[slack.index(max(slack))] -= 1
    return widths
