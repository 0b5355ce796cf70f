"""Times as people and requests write them: datetimes, dates, and text in the form of ISO 8601."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Final

from mainspring.errors import InputError
from mainspring.types import utc

# `fromisoformat` takes a day alone for its midnight, and cuts a seventh digit off without a word.
_WHOLE: Final = re.compile(r"[0-9W-]+[T ][0-9:]+([.,]\d{1,6})?([Zz]|[+-][0-9:.]+)?")

_FINER: Final = re.compile(r"[.,]\d{6}0*[1-9]")

Moment = str | date | datetime
"""A moment that somebody writes down."""


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


def instant(value: object, where: str) -> datetime:
    """A moment as aware UTC; a date is its midnight, and what has no zone is UTC.

    Args:
        value: text of ISO 8601, a date or a datetime.

    Raises:
        InputError: it is no time, finer than microseconds, or outside of the years 1 to 9999.
    """
    try:
        if isinstance(value, str):
            if _FINER.search(value):
                raise ValueError(f"finer than microseconds: {value!r}")
            value = datetime.fromisoformat(value)
        if isinstance(value, datetime):
            return utc(value)
        if isinstance(value, date):
            return datetime(value.year, value.month, value.day, tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise _no_time(value, where) from error
    raise _no_time(value, where)


def find_instant(value: object, where: str) -> datetime | None:
    """The same; None stays None."""
    return None if value is None else instant(value, where)


def span(start: Moment | None, end: Moment | None, where: str) -> tuple[datetime | None, datetime | None]:
    """Both ends as aware UTC; None = open.

    Raises:
        InputError: one is no time, or the end is not after the start.
    """
    first, last = (find_instant(value, where) for value in (start, end))
    if first is not None and last is not None and last <= first:
        raise InputError(
            expected="a start before the end",
            got=f"{first.isoformat()} and {last.isoformat()}",
            where=where,
            hint="The start belongs to the span, and the end does not.",
        )
    return first, last


def _no_time(value: object, where: str) -> InputError:
    return InputError(
        expected="a time such as '2013-04-01' or a datetime",
        got=repr(value)[:80],
        where=where,
        hint="A time without zone is read as UTC; the finest are whole microseconds.",
    )
