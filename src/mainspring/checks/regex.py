"""Regular expressions of Rust's syntax for one text: quick where Python's `re` surely says the same."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import polars as pl

_PLAIN: Final = re.compile(
    r"""(?:[^\\\[\]&~|(?{*+}]
    |\\[dwDW.\-+*?()\[\]{}|^$/]
    |\[\^?(?:[^\\\[\]&~|-]-[^\\\[\]&~|-]|[^\\\[\]&~|-]|\\[dw.\-+*?/])+-?\]
    |\((?:\?:|(?!\?))|[|)]|[*+?](?![*+?{])|\{[0-9]+(?:,[0-9]*)?\}(?![*+?{]))*""",
    re.VERBOSE,
)
"""What both write alike. Left out are flags, look-around, classes in classes, lazy and possessive repetition, and
names of Unicode classes."""
_START: Final = r"\A"
_END: Final = r"\z"


def compile_regex(pattern: str) -> Callable[[str], bool]:
    r"""Whether a pattern that polars compiles is found in a text.

    Texts of printable ASCII are searched by Python where the pattern is written in what both have in common: there
    `\w`, `\d`, `.` and `$` mean the same. Any other text or pattern is searched by polars, for a hundred times as long.
    """

    def by_polars(text: str) -> bool:
        return bool(pl.Series([text]).str.contains(pattern)[0])

    inner, anchored = pattern, False
    if pattern.startswith(_START) and pattern.endswith(_END):
        inner, anchored = pattern[len(_START) : -len(_END)], True
    if not _PLAIN.fullmatch(inner):
        return by_polars
    try:
        compiled = re.compile(inner, re.ASCII)
    except re.error:
        return by_polars
    search = compiled.fullmatch if anchored else compiled.search

    def found(text: str) -> bool:
        if text.isascii() and text.isprintable():
            return search(text) is not None
        return by_polars(text)

    return found


def like_regex(pattern: str) -> str:
    r"""A pattern of SQL's LIKE as a regular expression of the whole text."""
    parts = []
    rest = iter(pattern)
    for character in rest:
        if character == "\\":
            parts.append(re.escape(next(rest, "\\")))
        else:
            parts.append({"%": "(?s:.*)", "_": "(?s:.)"}.get(character) or re.escape(character))
    return rf"\A{''.join(parts)}\z"
