"""What a caller gives: whether it can be kept, before anything is done with it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from mainspring.errors import InputError
from mainspring.types import utc

_ID: Final = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_INT64: Final = range(-(2**63), 2**63)


def check_id(prediction_id: object, hint: str) -> None:
    """Refuse what is no prediction id.

    Raises:
        InputError: it is not 1 to 64 letters, digits, `-_.:`.
    """
    if not isinstance(prediction_id, str) or not _ID.fullmatch(prediction_id):
        raise InputError(
            expected="a prediction id of 1 to 64 letters, digits, '-', '_', '.' and ':'",
            got=repr(prediction_id)[:80],
            where="prediction_id",
            hint=hint,
        )


def check_numbers(given: Mapping[str, Any]) -> None:
    """Refuse whole numbers that the log's columns cannot hold, in lists and mappings too.

    Raises:
        InputError: one lies outside of 64 bits with a sign.
    """
    for name, value in given.items():
        if type(value) is not str and not _fits(value):
            raise InputError(
                expected="whole numbers from -2^63 to 2^63 - 1",
                got="a larger one",
                where=f"column {name!r}",
                hint="Send a float, written with a decimal point or an exponent.",
            )


def check_keys(keys: Mapping[str, Any], columns: Sequence[str]) -> None:
    """Refuse keys that name nothing. One that is null beside others is a row that joins nothing there.

    Args:
        columns: the columns that name entities.

    Raises:
        InputError: there are such columns, and all of them are given as null.
    """
    if columns and all(column in keys and keys[column] is None for column in columns):
        raise InputError(
            expected=f"a value of {' or '.join(map(repr, columns))}",
            got="null",
            where="keys",
            hint="Say what the prediction is about; only a key beside others may be null.",
        )


def check_labels(rows: Iterable[tuple[str, float, datetime]]) -> None:
    """Refuse a posting of labels of which one cannot be kept.

    Args:
        rows: prediction id, value, known at (naive = UTC).

    Raises:
        InputError: an id that no prediction can have, or a time that UTC has no name for.
    """
    for prediction_id, _, known_at in rows:
        check_id(prediction_id, "Nothing was stored; post the id that the prediction was answered with.")
        try:
            utc(known_at)
        except ValueError as error:
            raise InputError(
                expected="a time in the years 1 to 9999 of UTC",
                got=str(known_at),
                where=f"known_at of {prediction_id!r}",
                hint="Nothing was stored; correct the time.",
            ) from error


def _fits(value: object) -> bool:
    if isinstance(value, int):
        return value in _INT64
    if isinstance(value, list | tuple):
        return all(map(_fits, value))
    if isinstance(value, dict):
        return all(map(_fits, value.values()))
    return True
