"""A self-contained HTML page: one file, no script, nothing fetched, good on paper and on a phone."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_STYLE: Final = """
:root { --ink: #1f2933; --muted: #616e7c; --line: #e4e7eb; --pale: #f7f9fb; --blue: #2563a8; --red: #c0392b; --green: #2f855a; }
* { box-sizing: border-box; }
body { margin: 0; color: var(--ink); background: #fff; font: 16px/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 960px; margin: 0 auto; padding: 3rem 1.25rem 5rem; }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 .4rem; letter-spacing: -.01em; }
h2 { font-size: 1.3rem; margin: 3.2rem 0 .5rem; padding-top: .9rem; border-top: 1px solid var(--line); }
h2 .number { color: var(--muted); font-weight: 400; margin-right: .5rem; }
h3 { font-size: 1rem; margin: 1.7rem 0 .3rem; }
p { margin: .5rem 0 .9rem; max-width: 46rem; }
.lead { font-size: 1.1rem; color: #3e4c59; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(230px, 1fr)); gap: .75rem; margin: 1.6rem 0 .6rem; }
.facts div { background: var(--pale); border: 1px solid var(--line); border-radius: 10px; padding: .8rem .9rem; }
.facts b { display: block; font-size: 1.35rem; white-space: nowrap; line-height: 1.25; font-variant-numeric: tabular-nums; letter-spacing: -.01em; }
.facts span { color: var(--muted); font-size: .86rem; line-height: 1.35; display: block; }
nav { columns: 2; column-gap: 2rem; margin: 1.4rem 0 0; font-size: .95rem; }
nav a { color: var(--blue); text-decoration: none; display: block; padding: .1rem 0; }
nav a:hover { text-decoration: underline; }
figure { margin: 1.1rem 0 1.4rem; }
figure svg { width: 100%; height: auto; display: block; }
.drawn { overflow-x: auto; }
.half { max-width: 470px; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(330px, 1fr)); gap: 1rem 1.6rem; }
figcaption { color: var(--muted); font-size: .9rem; margin-top: .35rem; max-width: 46rem; }
.scroll { overflow-x: auto; margin: .8rem 0 1.3rem; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; color: var(--muted); border-bottom: 1.5px solid #cbd2d9; padding: .35rem .8rem .35rem 0; vertical-align: bottom; }
td { border-bottom: 1px solid var(--line); padding: .38rem .8rem .38rem 0; vertical-align: top; }
th.n, td.n { text-align: right; white-space: nowrap; }
code { font: .86em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; background: var(--pale); padding: .08em .3em; border-radius: 4px; overflow-wrap: anywhere; }
.tag { display: inline-block; padding: 0 .5em; border-radius: 1em; font-size: .82rem; font-weight: 600; line-height: 1.55; white-space: nowrap; }
.tag.good { background: #e3f4ea; color: var(--green); } .tag.bad { background: #fbe9e7; color: var(--red); } .tag.plain { background: #eef1f4; color: #52606d; }
.note { background: var(--pale); border-left: 3px solid var(--blue); padding: .6rem .9rem; margin: 1rem 0; max-width: 48rem; font-size: .95rem; }
footer { margin-top: 4rem; color: var(--muted); font-size: .88rem; border-top: 1px solid var(--line); padding-top: 1rem; }
@media (max-width: 640px) { nav { columns: 1; } main { padding-top: 1.6rem; } h1 { font-size: 1.6rem; } }
@media print { h2 { break-after: avoid; } figure, .facts, tr { break-inside: avoid; } main { max-width: none; } }
"""


@dataclass(frozen=True)
class Section:
    """A chapter of the page: its title and its blocks, already HTML."""

    title: str
    blocks: Sequence[str]


def page(title: str, lead: str, head: Sequence[str], sections: Sequence[Section], foot: str) -> str:
    """The whole document.

    Args:
        title: plain text.
        lead, foot: HTML of one paragraph.
        head: blocks between the lead and the list of contents.
        sections: numbered in their order.
    """
    contents = "".join(
        f'<a href="#s{number}">{number}. {html.escape(section.title)}</a>'
        for number, section in enumerate(sections, 1)
    )
    body = "".join(
        f'<section id="s{number}"><h2><span class="number">{number}</span>{html.escape(section.title)}</h2>{"".join(section.blocks)}</section>'
        for number, section in enumerate(sections, 1)
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head><body><main>"
        f'<h1>{html.escape(title)}</h1><p class="lead">{lead}</p>{"".join(head)}<nav>{contents}</nav>{body}'
        f"<footer>{foot}</footer></main></body></html>\n"
    )


def paragraph(text: str) -> str:
    """A paragraph; `text` is HTML."""
    return f"<p>{text}</p>"


def heading(text: str) -> str:
    """A heading within a section."""
    return f"<h3>{html.escape(text)}</h3>"


def note(text: str) -> str:
    """A paragraph set apart; `text` is HTML."""
    return f'<div class="note">{text}</div>'


def facts(items: Sequence[tuple[str, str]]) -> str:
    """Large numbers, each with a line of explanation."""
    return (
        '<div class="facts">'
        + "".join(
            f"<div><b>{html.escape(number)}</b><span>{html.escape(text)}</span></div>"
            for number, text in items
        )
        + "</div>"
    )


def figure(svg: str, caption: str, *, scroll: bool = False) -> str:
    """A picture and its caption (HTML)."""
    inner = f'<div class="drawn">{svg}</div>' if scroll else svg
    return f"<figure>{inner}<figcaption>{caption}</figcaption></figure>"


def half(one: str) -> str:
    """A picture of half the page's width."""
    return f'<div class="half">{one}</div>'


def pair(*figures: str) -> str:
    """Pictures side by side where there is room."""
    return f'<div class="pair">{"".join(figures)}</div>'


def table(head: Sequence[str], rows: Sequence[Sequence[object]], numeric: Sequence[int] = ()) -> str:
    """A table. Strings that begin with "<" are HTML, everything else is escaped.

    Args:
        numeric: positions of right-aligned columns.
    """
    marks = [' class="n"' if place in numeric else "" for place in range(len(head))]
    top = "".join(f"<th{mark}>{html.escape(text)}</th>" for text, mark in zip(head, marks, strict=True))
    lines = (
        "<tr>"
        + "".join(f"<td{mark}>{_cell(value)}</td>" for value, mark in zip(row, marks, strict=True))
        + "</tr>"
        for row in rows
    )
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'


def tag(text: str, mood: str) -> str:
    """A small coloured label; `mood` is good, bad or plain."""
    return f'<span class="tag {mood}">{html.escape(text)}</span>'


def code(text: str) -> str:
    """Monospaced."""
    return f"<code>{html.escape(text)}</code>"


def _cell(value: object) -> str:
    text = str(value)
    return text if text.startswith("<") else html.escape(text)
