"""Times as text: JSON has none of its own, so a request over HTTP sends them in the form of ISO 8601."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Final

from mainspring.types import utc

# `fromisoformat` takes a day alone for its midnight, and cuts a seventh digit off without a word.
_WHOLE: Final = re.compile(r"[0-9W-]+[T ][0-9:]+([.,]\d{1,6})?([Zz]|[+-][0-9:.]+)?")


def parse_datetime(text: str) -> datetime:
    """An aware UTC datetime; text without an offset is read as UTC.

    Raises:
        ValueError: it is no ISO 8601 date and time, finer than microseconds, or outside of the years 1 to 9999.
    """
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"no date and time in whole microseconds: {text!r}")
    return utc(datetime.fromisoformat(text))


def parse_date(text: str) -> date:
    """A date.

    Raises:
        ValueError: it is no ISO 8601 date.
    """
    return date.fromisoformat(text)


PARSERS: Final[Mapping[str, Callable[[str], date]]] = {"datetime": parse_datetime, "date": parse_date}
"""By logical type: what makes its value of text."""
