"""Lineage drawn as columns of boxes with curves between them: plain SVG, made by hand."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

BOX_WIDTH: Final = 168
BOX_HEIGHT: Final = 46
COLUMN_GAP: Final = 46
ROW_GAP: Final = 14
MARGIN: Final = 8
HEAD: Final = 24

_COLOURS: Final = {
    "data": ("#eef4fb", "#2563a8"),
    "work": ("#f4f1fa", "#6b4fa0"),
    "model": ("#eef8f2", "#2f855a"),
    "rule": ("#fff6e5", "#b7791f"),
    "answer": ("#fdeee4", "#d9742b"),
}


@dataclass(frozen=True)
class Box:
    """One thing in the picture.

    Attributes:
        id: names it for arrows.
        column: from the left, from 0.
        title, detail: two short lines.
        colour: data, work, model, rule or answer.
    """

    id: str
    column: int
    title: str
    detail: str
    colour: str


def draw(
    boxes: Sequence[Box], arrows: Sequence[tuple[str, str]], heads: Sequence[str], description: str
) -> str:
    """An `<svg>` element: boxes stacked in their columns, arrows from left to right.

    Args:
        boxes: in the order from top to bottom within a column.
        arrows: (from id, to id); both must be boxes.
        heads: what stands above each column.
        description: for screen readers.
    """
    columns = [[box for box in boxes if box.column == number] for number in range(len(heads))]
    tallest = max((len(column) for column in columns), default=1)
    height = HEAD + 2 * MARGIN + tallest * BOX_HEIGHT + (tallest - 1) * ROW_GAP
    width = 2 * MARGIN + len(heads) * BOX_WIDTH + (len(heads) - 1) * COLUMN_GAP
    places = {
        box.id: place for column in columns for box, place in zip(column, _stack(column, height), strict=True)
    }
    parts = [
        f'<svg viewBox="0 0 {width} {height}" role="img" class="drawing" style="min-width:{min(width, 900)}px">',
        f"<title>{html.escape(description)}</title>",
    ]
    parts += [_head(number, text) for number, text in enumerate(heads)]
    parts += [_arrow(places[start], places[end]) for start, end in arrows]
    parts += [_box(box, places[box.id]) for box in boxes]
    return "".join(parts) + "</svg>"


def _stack(column: Sequence[Box], height: int) -> list[tuple[float, float]]:
    used = len(column) * BOX_HEIGHT + (len(column) - 1) * ROW_GAP
    top = HEAD + MARGIN + (height - HEAD - 2 * MARGIN - used) / 2
    return [
        (MARGIN + box.column * (BOX_WIDTH + COLUMN_GAP), top + number * (BOX_HEIGHT + ROW_GAP))
        for number, box in enumerate(column)
    ]


def _head(number: int, text: str) -> str:
    middle = MARGIN + number * (BOX_WIDTH + COLUMN_GAP) + BOX_WIDTH / 2
    return _text(middle, 15, text, 'font-size="11" fill="#7b8794" text-anchor="middle"')


def _text(x: float, y: float, text: str, style: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{html.escape(text)}</text>'


def _arrow(start: tuple[float, float], end: tuple[float, float]) -> str:
    x1, y1 = start[0] + BOX_WIDTH, start[1] + BOX_HEIGHT / 2
    x2, y2 = end[0], end[1] + BOX_HEIGHT / 2
    if x2 <= x1:
        # Within a column: from the bottom of one box to the top of the next.
        x1, y1 = start[0] + BOX_WIDTH / 2, start[1] + (BOX_HEIGHT if end[1] > start[1] else 0)
        x2, y2 = end[0] + BOX_WIDTH / 2, end[1] + (0 if end[1] > start[1] else BOX_HEIGHT)
        path = f"M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}"
    else:
        bend = max(22.0, (x2 - x1) * 0.45)
        path = f"M{x1:.1f} {y1:.1f}C{x1 + bend:.1f} {y1:.1f} {x2 - bend:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"
    return f'<path d="{path}" fill="none" stroke="#a3b1c0" stroke-width="1.3"/>'


def _box(box: Box, place: tuple[float, float]) -> str:
    fill, stroke = _COLOURS[box.colour]
    x, y = place
    frame = f'x="{x:.1f}" y="{y:.1f}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="7"'
    title = 'font-size="12.5" font-weight="600" fill="#1f2933"'
    return (
        f'<rect {frame} fill="{fill}" stroke="{stroke}" stroke-width="1.1"/>'
        + _text(x + 11, y + 19, _cut(box.title, 24), title)
        + _text(x + 11, y + 35, _cut(box.detail, 29), 'font-size="11" fill="#52606d"')
    )


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
