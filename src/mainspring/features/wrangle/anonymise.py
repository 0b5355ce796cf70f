"""Personal data made less personal: hashed under a key, coarsened, or left out."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Final, Literal

import polars as pl
from pydantic import Field

from mainspring.errors import InputError, UnknownNameError
from mainspring.features.spec import FeatureSpec
from mainspring.features.treatment import Coarse
from mainspring.features.wrangle.refuse import frame_with
from mainspring.lineage.spec import Value
from mainspring.types import canonical_bytes

KEY_MIN_BYTES: Final = 16
#: Of a quotient that is a whole number but for rounding: a few units in the last place of a double.
_ROUNDING: Final = 1e-15


class Anonymisation(Value):
    """What is done to which columns; the key of the hash is no part of it, and is never stored.

    Attributes:
        hashed: replaced by `keyed_hash`.
        coarsened: as for `generalise`.
        dropped: left out.
    """

    hashed: tuple[str, ...] = ()
    coarsened: dict[str, Coarse] = Field(default_factory=dict)
    dropped: tuple[str, ...] = ()

    def apply(self, frame: object, key: bytes | None = None) -> pl.DataFrame:
        """The frame without what it should not hold; other columns stay as they are.

        Args:
            frame: (n, …), with every column that is named.
            key: of the hash, as for `keyed_hash`; None where no column is hashed.

        Raises:
            UnknownNameError: a column is not there.
            InputError: no key or a short one, or a column that cannot be coarsened so.
        """
        frame = frame_with(frame, self.dropped, "anonymise")
        if self.hashed:
            frame = keyed_hash(frame, self.hashed, b"" if key is None else key)
        return generalise(frame, self.coarsened).drop(self.dropped)


def anonymisation_of(
    columns: Iterable[FeatureSpec],
    *,
    direct: Literal["hash", "drop"] = "hash",
    sensitive: Literal["hash", "drop"] = "drop",
    coarsened: Mapping[str, Coarse] | None = None,
) -> Anonymisation:
    """What the marks of personal data on a group's columns ask for, so that no marked column slips through.

    Args:
        columns: of the group: `group.spec.columns`.
        direct: what becomes of columns that name a person.
        sensitive: what becomes of columns that the law protects most.
        coarsened: column → how, as for `generalise`; every column with the mark "indirect" has to be named. A column
            with another mark that is named is coarsened instead.

    Raises:
        InputError: a column that names a person together with others is not named.
        UnknownNameError: what is named is no column.
    """
    known = list(columns)
    named = dict(coarsened or {})
    for name in named:
        if name not in {item.name for item in known}:
            raise UnknownNameError.of("column", name, [item.name for item in known], "anonymisation_of")
    hashed: list[str] = []
    dropped: list[str] = []
    for item in known:
        if item.personal is None or item.name in named:
            continue
        if item.personal == "indirect":
            raise InputError(
                expected=f"how to coarsen {item.name!r}, which is marked as indirect",
                got="nothing",
                where="anonymisation_of",
                hint=f"Write coarsened={{{item.name!r}: …}}: a width, a count of characters, or a duration.",
            )
        how = direct if item.personal == "direct" else sensitive
        (hashed if how == "hash" else dropped).append(item.name)
    return Anonymisation(hashed=tuple(hashed), coarsened=named, dropped=tuple(dropped))


def keyed_hash(frame: object, columns: Sequence[str], key: bytes) -> pl.DataFrame:
    """Columns replaced by HMAC-SHA256 under a key (RFC 2104): equal values stay equal, and nobody without the key can
    tell which they were, nor try out which they could be.

    Who has the key can: it is a pseudonym and not anonymous data in the sense of the GDPR (recital 26). Destroying the
    key makes it so for whoever has nothing else to go by.

    Args:
        columns: of any type but lists; 1 and "1" give different hashes, null stays null.
        key: at least 16 random bytes, the same for everything that is to be joined.

    Returns:
        The frame with these columns as 64 hex digits.

    Raises:
        UnknownNameError: a column is not there.
        InputError: the key is too short, or a column cannot be hashed.
    """
    frame = frame_with(frame, columns, "keyed_hash")
    if len(key) < KEY_MIN_BYTES:
        raise InputError(
            expected=f"a secret key of at least {KEY_MIN_BYTES} bytes",
            got=f"{len(key)} bytes",
            where="keyed_hash",
            hint="Draw one with secrets.token_bytes(32), and keep it apart from the data.",
        )
    return frame.with_columns(_hashed(frame.get_column(name), key) for name in columns)


def generalise(frame: object, columns: Mapping[str, Coarse]) -> pl.DataFrame:
    """Columns made coarser, so that more rows are alike (Sweeney, k-anonymity, 2002).

    Args:
        frame: (n, …).
        columns: column → how. A number for columns of numbers: the width of a band, whose lower end replaces the
            value, whole numbers as Int64. A whole number for text: how many leading characters stay. A polars
            duration ("1d", "1mo", "1y") for times and dates: the beginning of that span, in UTC.

    Raises:
        UnknownNameError: a column is not there.
        InputError: a column cannot be made coarser in that way.
    """
    frame = frame_with(frame, columns, "generalise")
    coarser = [_coarse(name, frame.schema[name], how) for name, how in columns.items()]
    try:
        return frame.with_columns(coarser)
    except pl.exceptions.PolarsError as error:
        raise InputError(
            expected="a width that polars knows: of times and dates a duration such as '1d', '1mo' or '1y'",
            got=", ".join(repr(how) for how in columns.values()),
            where=f"generalise, {', '.join(columns)}",
            hint="Correct the width.",
        ) from error


def _hashed(series: pl.Series, key: bytes) -> pl.Series:
    distinct = series.drop_nulls().unique()
    try:
        digests = [hash_of(value, key) for value in distinct]
    except TypeError as error:
        raise InputError(
            expected="numbers, text, booleans, bytes, dates or times",
            got=f"type {series.dtype}",
            where=f"keyed_hash, column {series.name!r}",
            hint="Drop the column, or hash its parts.",
        ) from error
    if distinct.is_empty():
        return pl.Series(series.name, [None] * len(series), dtype=pl.String)
    return series.replace_strict(
        distinct, pl.Series(digests, dtype=pl.String), default=None, return_dtype=pl.String
    )


def hash_of(value: object, key: bytes) -> str:
    """What `keyed_hash` makes of one value that is not null.

    Raises:
        TypeError: it cannot be hashed.
    """
    return hmac.new(key, _bytes(value), hashlib.sha256).hexdigest()


def _bytes(value: object) -> bytes:
    """Typed, so that 1 and "1" differ; a date has no canonical encoding of its own."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return canonical_bytes(["date", value.isoformat()])
    # Both zeros are equal.
    return canonical_bytes(value + 0.0 if isinstance(value, float) else value)


def _band(bands: pl.Expr) -> pl.Expr:
    """The whole number at or below each; what rounding left beside a whole number is that number.

    So 0.3 is the beginning of a band of 0.1, and what begins a band stays where it is however often it is asked.
    """
    nearest = bands.round()
    is_whole = (bands - nearest).abs() <= pl.max_horizontal(nearest.abs() * _ROUNDING, pl.lit(1e-12))
    return pl.when(is_whole).then(nearest).otherwise(bands.floor())


def _coarse(name: str, dtype: pl.DataType, how: Coarse) -> pl.Expr:
    column = pl.col(name)
    is_number = isinstance(how, int | float) and not isinstance(how, bool) and how > 0
    if dtype.is_integer() and is_number and isinstance(how, int):
        # A band may begin below the smallest number of a narrow type.
        wide = column if dtype in (pl.UInt64, pl.Int128) else column.cast(pl.Int64)
        return wide.floordiv(how) * how
    if dtype.is_numeric() and is_number:
        return _band(column / how) * how
    if dtype == pl.String and is_number and isinstance(how, int):
        return column.str.head(how)
    if isinstance(dtype, pl.Datetime | pl.Date) and isinstance(how, str):
        has_zone = isinstance(dtype, pl.Datetime) and dtype.time_zone is not None
        return (column.dt.convert_time_zone("UTC") if has_zone else column).dt.truncate(how)
    raise InputError(
        expected="a positive width for numbers, a count of characters for text, a duration for times and dates",
        got=f"{how!r} for type {dtype}",
        where=f"generalise, column {name!r}",
        hint="For example {'age': 10, 'postcode': 3, 'born_on': '1y'}.",
    )
