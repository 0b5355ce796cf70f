"""Small pictures of columns as SVG made by hand: a page of many columns draws in milliseconds, without a library."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mainspring.checks.outline import Outline
from mainspring.checks.relations import MissingOverTime

INK: Final = "#1f2933"
MUTED: Final = "#616e7c"
LINE: Final = "#cbd2d9"
BLUE: Final = "#2563a8"
_WIDTH: Final = 300
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_RED: Final = (192, 57, 43)
_BLUE: Final = (37, 99, 168)


def bars(shape: Outline, description: str, *, is_time: bool = False) -> str:
    """A histogram on its scale, or one line a value for categories."""
    if shape.labels:
        return _lines(shape, description)
    height = 96
    top = max(shape.counts, default=0.0) or 1.0
    step = _WIDTH / max(len(shape.counts), 1)
    parts = []
    for index, n in enumerate(shape.counts):
        tall = 70 * n / top
        parts.append(
            f'<rect x="{index * step + 0.5:.1f}" y="{74 - tall:.1f}" width="{step - 1:.1f}" height="{tall:.1f}" '
            f'fill="{BLUE}"><title>{n:,.0f} rows</title></rect>'
        )
    parts.append(f'<line x1="0" x2="{_WIDTH}" y1="74.5" y2="74.5" stroke="{LINE}"/>')
    if shape.low is not None and shape.high is not None:
        parts += [
            _text(0, 90, ("≤ " if shape.is_open[0] else "") + _end(shape.low, is_time=is_time), "start"),
            _text(_WIDTH, 90, ("≥ " if shape.is_open[1] else "") + _end(shape.high, is_time=is_time), "end"),
        ]
    return _svg(_WIDTH, height, parts, description)


def _lines(shape: Outline, description: str) -> str:
    shown = [*zip(shape.labels, shape.counts, strict=True)]
    if shape.n_rest > 0:
        shown.append(("others", float(shape.n_rest)))
    top = max((n for _, n in shown), default=0.0) or 1.0
    parts = []
    for index, (label, n) in enumerate(shown):
        y, wide = index * 17, 120 * n / top
        parts += [
            _text(104, y + 12, _cut(label, 15), "end", INK if label in shape.labels else MUTED),
            f'<rect x="110" y="{y + 2}" width="{max(wide, 1):.1f}" height="12" fill="{BLUE}"/>',
            _text(110 + max(wide, 1) + 5, y + 12, f"{n:,.0f}", "start"),
        ]
    return _svg(_WIDTH, max(17 * len(shown), 17), parts, description)


def spark_svg(counts: Sequence[float]) -> str:
    """Bars without a scale, for a table."""
    top = max(counts, default=0.0) or 1.0
    step = 84 / max(len(counts), 1)
    parts = [
        f'<rect x="{index * step:.1f}" y="{18 - 18 * n / top:.1f}" width="{step - 0.6:.1f}" '
        f'height="{18 * n / top:.1f}" fill="{BLUE}"/>'
        for index, n in enumerate(counts)
    ]
    return f'<svg viewBox="0 0 84 18" width="84" height="18" aria-hidden="true">{"".join(parts)}</svg>'


def heatmap(names: Sequence[str], matrix: NDArray[np.float64], description: str) -> str:
    """Correlations as squares: blue above 0, red below, the number in each where there is room."""
    size, side = len(names), 34
    left = 8 + 7 * min(max(map(len, names), default=0), 20)
    parts = []
    for row, name in enumerate(names):
        y = row * side
        parts.append(_text(left - 6, y + 21, _cut(name, 20), "end", INK))
        # The matrix is symmetric: what lies above the diagonal would only say it again.
        parts += [
            _square(left + column * side, y, side, float(matrix[row, column])) for column in range(row + 1)
        ]
    for column, name in enumerate(names):
        x, y = left + column * side + 21, size * side + 8
        parts.append(
            f'<text x="{x}" y="{y}" font-size="11" fill="{MUTED}" text-anchor="end" '
            f'transform="rotate(-45 {x} {y})">{html.escape(_cut(name, 14))}</text>'
        )
    return _svg(left + size * side + 4, size * side + 84, parts, description)


def _square(x: float, y: float, side: int, value: float) -> str:
    if math.isnan(value):
        fill, shown = "#f4f6f8", "–"
    else:
        fill, shown = _shade(_BLUE if value >= 0 else _RED, abs(value)), f"{value:.2f}".replace("0.", ".", 1)
    colour = "#fff" if not math.isnan(value) and abs(value) > 0.55 else INK
    box = f'<rect x="{x}" y="{y}" width="{side - 1}" height="{side - 1}" fill="{fill}"/>'
    middle = f'x="{x + side / 2 - 0.5:.1f}" y="{y + side / 2 + 3.5:.1f}"'
    return f'{box}<text {middle} font-size="10.5" fill="{colour}" text-anchor="middle">{shown}</text>'


def strips(found: MissingOverTime, description: str) -> str:
    """Missing shares over time: a strip a column, white where nothing is missing, red where all is."""
    left, high = 150, 18
    n = len(found.starts)
    step = 560 / max(n, 1)
    parts = []
    for row, (name, shares) in enumerate(found.shares.items()):
        y = row * (high + 4)
        parts.append(_text(left - 8, y + 13, _cut(name, 20), "end", INK))
        for index, share in enumerate(shares.tolist()):
            empty = math.isnan(share)
            fill = "none" if empty else _shade(_RED, share)
            told = f"{found.starts[index]:%Y-%m-%d %H:%M} {'no rows' if empty else f'{share:.1%}'}"
            parts.append(
                f'<rect x="{left + index * step:.1f}" y="{y}" width="{step:.1f}" height="{high}" fill="{fill}">'
                f"<title>{told}</title></rect>"
            )
        parts.append(
            f'<rect x="{left}" y="{y}" width="560" height="{high}" fill="none" stroke="{LINE}" stroke-width=".7"/>'
        )
    bottom = len(found.shares) * (high + 4) + 12
    if n:
        parts += [
            _text(left, bottom, f"{found.starts[0]:%Y-%m-%d}", "start"),
            _text(left + 560, bottom, f"{found.starts[-1]:%Y-%m-%d}", "end"),
        ]
    return _svg(left + 566, bottom + 6, parts, description)


def _shade(colour: tuple[int, int, int], share: float) -> str:
    mixed = (round(255 - (255 - part) * min(max(share, 0.0), 1.0)) for part in colour)
    return "#" + "".join(f"{part:02x}" for part in mixed)


def _end(value: float, *, is_time: bool) -> str:
    if is_time:
        return f"{_EPOCH + timedelta(microseconds=value):%Y-%m-%d}"
    return f"{value:.5g}"


def _text(x: float, y: float, text: str, anchor: str, colour: str = MUTED) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" font-size="11" fill="{colour}" text-anchor="{anchor}"'
    return f"<text {place}>{html.escape(text)}</text>"


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _svg(width: float, height: float, parts: Sequence[str], description: str) -> str:
    head = f'<svg viewBox="0 0 {width:.0f} {height:.0f}" role="img" style="max-width:{width * 1.15:.0f}px">'
    return f"{head}<title>{html.escape(description)}</title>{''.join(parts)}</svg>"
