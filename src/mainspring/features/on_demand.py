"""On-demand features: one function from columns to a column, the same in training and in serving.

A function takes numpy arrays named as its arguments and returns an array of the same length. Numbers and booleans
come as float64 with NaN for null, strings as objects with None for null, times as datetime64 with NaT for null. In
the result NaN, NaT and None are null. In serving it gets arrays of one element; that both forms agree is checked when
a view is defined.
"""

from __future__ import annotations

import inspect
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any, Final, overload

import numpy as np
import polars as pl

from mainspring.errors import InputError
from mainspring.features.code.functions import changed, helpers_digest, imported, reference_of, source_digest
from mainspring.features.schema import (
    STORAGE,
    WHOLE_LIMIT,
    cast,
    check_whole,
    instants,
    logical,
    rounded,
    type_name,
)
from mainspring.features.spec import OnDemandSpec
from mainspring.types import utc

#: Large enough for the difference between a vectorised and a scalar library routine, small enough for a bug to show.
_TOLERANCE: Final = 1e-12

_SAMPLES: Final[Mapping[str, Sequence[object]]] = {
    "float64": (0.0, 1.5, -2.25, 40.64, -73.78, 1e6, None),
    "int64": (0, 1, -2, 40, -73, 1_000_000, None),
    "bool": (True, False, True, True, False, False, None),
    "string": ("a", "", "JFK", "é", "0", "a longer text", None),
    "binary": (b"a", b"", b"\x00", b"b", b"c", b"d", None),
    "datetime": tuple(datetime(2013, 1 + i, 3 * i + 1, 4 * i, tzinfo=UTC) for i in range(6)) + (None,),
    "date": tuple(date(2013, 1 + i, 3 * i + 1) for i in range(6)) + (None,),
}


@dataclass(frozen=True)
class OnDemand:
    """A function that `@on_demand` has made a feature of. Calling it calls the function.

    Attributes:
        name: of the column that it makes.
        inputs: the columns that it reads: its argument names.
        types: logical types that its annotations declare, by input.
        reference: `module:qualname`.
        digest: SHA-256 of its source.
        samples: rows of the user on which both forms are compared, beside ours.
    """

    function: Callable[..., Any]
    name: str
    inputs: tuple[str, ...]
    types: Mapping[str, str] = field(compare=False)
    reference: str
    digest: str
    samples: tuple[Mapping[str, object], ...] = field(default=(), compare=False)

    @cached_property
    def helpers(self) -> str | None:
        """Digest of the first-party code and values that it reaches, or was made with, beside its own source.

        None where there are none.
        """
        return helpers_digest(self.function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)


@overload
def on_demand(function: Callable[..., Any]) -> OnDemand: ...
@overload
def on_demand(
    *, name: str | None = None, samples: Sequence[Mapping[str, object]] = ()
) -> Callable[[Callable[..., Any]], OnDemand]: ...
def on_demand(
    function: Callable[..., Any] | None = None,
    *,
    name: str | None = None,
    samples: Sequence[Mapping[str, object]] = (),
) -> Any:
    """Make a feature of a function from numpy arrays to a numpy array of the same length.

    Args:
        function: its argument names are columns of the view, of the spine (in training) or of the request (in
            serving); an annotation `str`, `float`, `int`, `bool`, `date` or `datetime` says what a request column is,
            float where there is none. None where the decorator is written with arguments.
        name: of the resulting column; None = the function's name.
        samples: rows, column → value, of values that matter: that the function gives for all of them at once what it
            gives for each alone is checked when a view is defined, beside our own samples.

    Raises:
        InputError: variable arguments, or no source to take a digest of.
    """
    if function is None:
        return lambda inner: _wrap(inner, name, samples)
    return _wrap(function, name, samples)


def _wrap(
    function: Callable[..., Any], name: str | None, samples: Sequence[Mapping[str, object]]
) -> OnDemand:
    if not inspect.isfunction(function):
        hint = "Write @ms.on_demand above a function, def feature(first_column, second_column): ..."
        raise InputError.of_kind("a function", function, "on-demand feature", hint)
    parameters = inspect.signature(function).parameters
    if not parameters or any(
        item.kind in (item.VAR_POSITIONAL, item.VAR_KEYWORD, item.POSITIONAL_ONLY)
        for item in parameters.values()
    ):
        raise InputError(
            expected="named arguments, one a column",
            got=f"{function.__qualname__}{inspect.signature(function)}",
            where="on-demand feature",
            hint="Write def feature(first_column, second_column): ...",
        )
    return OnDemand(
        function=function,
        name=name or function.__name__,
        inputs=tuple(parameters),
        types={item.name: _annotated(item.annotation) for item in parameters.values()},
        reference=reference_of(function),
        digest=source_digest(function, "on-demand feature"),
        samples=tuple(samples),
    )


def _annotated(annotation: object) -> str:
    names = {
        "str": "string",
        "int": "int64",
        "float": "float64",
        "bool": "bool",
        "date": "date",
        "datetime": "datetime",
    }
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
    return names.get(str(text).rsplit(".", 1)[-1], "float64")


@dataclass(frozen=True)
class Bound:
    """A function with the types of its inputs settled, as one view uses it.

    Attributes:
        name: of the column that it makes.
        inputs: the columns that it reads.
        kinds: their logical types, in the same order.
        output: the logical type of its column, whatever rows are asked for; None while it is found out.
    """

    function: Callable[..., Any]
    name: str
    inputs: tuple[str, ...]
    kinds: tuple[str, ...]
    output: str | None = None

    def column(self, frame: pl.DataFrame) -> pl.Series:
        """The result for a frame of n rows."""
        pairs = zip(self.inputs, self.kinds, strict=True)
        arrays = [array_of(frame.get_column(name), kind, self.name) for name, kind in pairs]
        with np.errstate(all="ignore"):
            return series_of(self.function(*arrays), self.name, frame.height, self.output)

    def values(self, columns: Mapping[str, Sequence[object]], n: int) -> list[Any]:
        """The results for n rows, given as columns of plain values."""
        pairs = zip(self.inputs, self.kinds, strict=True)
        if not n:
            return []
        arrays = [array_of_many(columns[name], kind, self.name) for name, kind in pairs]
        with np.errstate(all="ignore"):
            return series_of(self.function(*arrays), self.name, n, self.output).to_list()

    def value(self, values: Mapping[str, object]) -> object:
        """The result for one row."""
        pairs = zip(self.inputs, self.kinds, strict=True)
        arrays = [array_of_one(values[name], kind, self.name) for name, kind in pairs]
        return value_of_one(self.function(*arrays), self.name, self.output)


class Known:
    """On-demand functions that a process has seen; they need not be imported again. Threads may share it."""

    def __init__(self, *functions: OnDemand) -> None:
        # Of one source there may be several, where a function makes functions.
        self._functions: dict[tuple[str, str | None], OnDemand] = {}
        self._latest: dict[str, OnDemand] = {}
        for function in functions:
            self.add(function)

    def add(self, function: OnDemand) -> None:
        """Remember a function."""
        self._functions[function.digest, function.helpers] = function
        self._latest[function.digest] = function

    def find(self, spec: OnDemandSpec) -> OnDemand | None:
        """The function that a view was defined with; None where this process has not seen it."""
        found = self._functions.get((spec.digest, spec.helpers))
        # Views of versions that did not look at helpers take it as it is.
        return self._latest.get(spec.digest) if found is None and spec.helpers is None else found


def bind(spec: OnDemandSpec, known: Known) -> Bound:
    """The function of a stored view, ready to be called; raises as `load` does."""
    return Bound(load(spec, known).function, spec.name, spec.inputs, spec.kinds, spec.output)


def load(spec: OnDemandSpec, known: Known) -> OnDemand:
    """The function of a stored view.

    Args:
        spec: what the view stored.
        known: functions already at hand in this process.

    Raises:
        UnknownNameError: it cannot be imported.
        IntegrityError: what is imported is not what the view was defined with.
    """
    at_hand = known.find(spec)
    if at_hand is not None:
        return at_hand
    found: Any = imported(spec.reference, f"on-demand feature {spec.name!r}")
    if not isinstance(found, OnDemand) or found.digest != spec.digest:
        got = found.digest if isinstance(found, OnDemand) else type(found).__name__
        raise changed(spec.digest, got, f"on-demand feature {spec.reference}")
    if spec.helpers not in (None, found.helpers):
        what = "code and values that the function reaches or was made with"
        raise changed(str(spec.helpers), found.helpers or "none", f"on-demand feature {spec.reference}", what)
    return found


_NUMBERS: Final = frozenset({"float64", "int64", "bool"})
#: Logical type by the kind of a numpy type.
_OF_NUMPY: Final = {"f": "float64", "i": "int64", "u": "int64", "b": "bool"}


class _Exactly(dict[str, frozenset[type]]):
    """Kind → the types of values that need no closer look; lists are of many kinds."""

    def __missing__(self, kind: str) -> frozenset[type]:
        return frozenset({list, type(None)})


_EXACTLY: Final = _Exactly(
    {
        **dict.fromkeys(_NUMBERS, frozenset({bool, int, float, type(None)})),
        "string": frozenset({str, type(None)}),
        "binary": frozenset({bytes, type(None)}),
        "datetime": frozenset({datetime, type(None)}),
        "date": frozenset({date, type(None)}),
    }
)
_MISSING_TIME: Final = {
    "datetime": np.array(["NaT"], dtype="datetime64[us]"),
    "date": np.array(["NaT"], dtype="datetime64[D]"),
}


def array_of(series: pl.Series, kind: str, function: str) -> np.ndarray:
    """A column of the logical type `kind` as on-demand functions see it; (n,)."""
    given = logical(series.dtype)
    if series.dtype == pl.Null:
        series = series.cast(STORAGE[kind])
    elif given != kind and not {given, kind} <= _NUMBERS:
        raise _wrong_input(function, series.name, kind, f"type {series.dtype}")
    if kind in _NUMBERS:
        if series.dtype.is_integer():
            check_whole(series, f"on-demand feature {function!r}")
        return series.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    if kind == "datetime":
        return instants(series, f"on-demand feature {function!r}").dt.replace_time_zone(None).to_numpy()
    if kind == "date":
        return series.to_numpy()
    out = np.empty(len(series), dtype=object)
    out[:] = series.cast(pl.String).to_list() if kind == "string" else series.to_list()
    return out


def array_of_many(values: Sequence[Any], kind: str, function: str) -> np.ndarray:
    """What `array_of_one` makes of each of n values, at least one; (n,)."""
    types = {*map(type, values)}
    if kind in _NUMBERS and types <= _EXACTLY[kind]:
        made = np.array(values, dtype=np.float64)
        if int not in types or not (np.abs(made) >= WHOLE_LIMIT).any():
            return made
    if kind in _NUMBERS or not types <= _EXACTLY[kind]:
        # One by one, to say which cannot be.
        return np.concatenate([array_of_one(value, kind, function) for value in values])
    if kind == "datetime":
        naive = [None if value is None else utc(value).replace(tzinfo=None) for value in values]
        return np.array(naive, dtype="datetime64[us]")
    if kind == "date":
        return np.array(values, dtype="datetime64[D]")
    out = np.empty(len(values), dtype=object)
    # Not at once: of lists of one length numpy would make rows.
    for place, value in enumerate(values):
        out[place] = value
    return out


def array_of_one(value: Any, kind: str, function: str) -> np.ndarray:
    """One value of the logical type `kind` as on-demand functions see it; (1,)."""
    if kind in _NUMBERS:
        if value is None:
            return np.array([math.nan])
        if not isinstance(value, bool | int | float):
            raise _wrong_input(function, "", kind, repr(value))
        if isinstance(value, int) and abs(value) > WHOLE_LIMIT:
            raise rounded(repr(value), f"on-demand feature {function!r}")
        return np.array([value], dtype=np.float64)
    if kind in _MISSING_TIME:
        return _one_time(value, kind, function)
    if value is not None and not isinstance(value, {"string": str, "binary": bytes}.get(kind, list)):
        raise _wrong_input(function, "", kind, repr(value))
    out = np.empty(1, dtype=object)
    out[0] = value
    return out


def _one_time(value: Any, kind: str, function: str) -> np.ndarray:
    if value is None:
        return _MISSING_TIME[kind].copy()
    if isinstance(value, datetime) and kind == "datetime":
        return np.array([utc(value).replace(tzinfo=None)], dtype="datetime64[us]")
    if type(value) is date and kind == "date":
        return np.array([value], dtype="datetime64[D]")
    raise _wrong_input(function, "", kind, repr(value))


def _wrong_input(function: str, column: str, kind: str, got: str) -> InputError:
    return InputError(
        expected=f"type {kind}",
        got=got,
        where=f"on-demand feature {function!r}" + (f", column {column!r}" if column else ""),
        hint="Annotate the argument (text: str), or declare the request column: ms.request(text=str).",
    )


def series_of(result: object, name: str, height: int, output: str | None = None) -> pl.Series:
    """A function's result as a column; refuses another shape or type.

    Args:
        output: the logical type that it has to have; None = that of the result.
    """
    series = _series_of(result, name, height)
    return series if output is None or logical(series.dtype) == output else _as_declared(series, output)


def _as_declared(series: pl.Series, output: str) -> pl.Series:
    """The same values in the type that the function's column has: numpy takes it from the values that it sees."""
    where, given = f"on-demand feature {series.name!r}", logical(series.dtype)
    if series.null_count() == len(series) or (given in ("bool", "int64") and output in ("int64", "float64")):
        return series.cast(STORAGE[output])
    if given == "float64" and output == "int64":
        return cast(series, output, where)
    raise InputError(
        expected=f"type {output}, as on the samples when the view was defined",
        got=f"type {given}",
        where=where,
        hint="Return one type whatever the values are: end with .astype(...).",
    )


def _series_of(result: object, name: str, height: int) -> pl.Series:
    if not isinstance(result, np.ndarray) or result.shape != (height,):
        raise InputError(
            expected=f"a numpy array of shape ({height},)",
            got=f"shape {result.shape}" if isinstance(result, np.ndarray) else type(result).__name__,
            where=f"on-demand feature {name!r}",
            hint="Compute with whole arrays: numpy functions, not `if` on values.",
        )
    if result.dtype.kind == "f":
        return pl.Series(name, result.astype(np.float64, copy=False), nan_to_null=True)
    if result.dtype.kind in "iu":
        return pl.Series(name, result.astype(np.int64))
    if result.dtype.kind == "b":
        return pl.Series(name, result)
    if result.dtype.kind == "M":
        return pl.Series(name, result.astype("datetime64[us]")).dt.replace_time_zone("UTC")
    if result.dtype.kind in "UO":
        return pl.Series(name, result.tolist(), dtype=pl.String)
    raise InputError(
        expected="numbers, booleans, strings or times",
        got=f"numpy type {result.dtype}",
        where=f"on-demand feature {name!r}",
        hint="Convert the result with .astype(...).",
    )


def value_of_one(result: Any, name: str, output: str | None = None) -> object:
    """The only value of a result of shape (1,), as `series_of` would hold it."""
    if isinstance(result, np.ndarray) and result.shape == (1,):
        kind = _OF_NUMPY.get(result.dtype.kind)
        if kind is not None and output in (None, kind):
            value = result[0].item()
            return None if kind == "float64" and math.isnan(value) else value
    return series_of(result, name, 1, output)[0]


def compute(frame: pl.DataFrame, functions: Sequence[Bound]) -> pl.DataFrame:
    """`frame` with one more column a function; later functions may read what earlier ones made."""
    for function in functions:
        frame = frame.with_columns(function.column(frame))
    return frame


def describe(function: OnDemand, types: Mapping[str, str | None]) -> OnDemandSpec:
    """The function's spec, after comparing one call on n sample rows with n calls on one row.

    Args:
        function: what a view wants.
        types: logical type by column, as far as it is known; else the annotation says, else it is a number.

    Raises:
        InputError: the two forms differ, or the function fails on ordinary values, nulls among them.
    """
    kinds = {name: types.get(name) or function.types[name] for name in function.inputs}
    size = len(_SAMPLES["float64"])
    columns: list[pl.Series] = []
    for place, (name, kind) in enumerate(kinds.items()):
        values = _SAMPLES[type_name(kind, f"on-demand feature {function.name!r}, column {name!r}")]
        # Each column starts elsewhere, so that nulls and extremes do not all meet in one row.
        rotated = [values[(i + place) % size] for i in range(size)]
        columns.append(pl.Series(name, rotated, dtype=STORAGE[kind]))
    bound = Bound(function.function, function.name, function.inputs, tuple(kinds.values()))
    output = _compared(bound, pl.DataFrame(columns))
    if function.samples:
        _compared(bound, _given(function, kinds))
    return OnDemandSpec(
        name=function.name,
        inputs=function.inputs,
        kinds=tuple(kinds.values()),
        reference=function.reference,
        digest=function.digest,
        output=logical(output) or "float64",
        helpers=function.helpers,
    )


def _given(function: OnDemand, kinds: Mapping[str, str]) -> pl.DataFrame:
    """The rows that the user gave, in the types that the view has."""
    try:
        return pl.DataFrame(
            {name: [row[name] for row in function.samples] for name in kinds},
            schema={name: STORAGE[kind] for name, kind in kinds.items()},
        )
    except (KeyError, TypeError, pl.exceptions.PolarsError) as error:
        raise InputError(
            expected=f"samples with {', '.join(f'{name} ({kind})' for name, kind in kinds.items())}",
            got=f"{type(error).__name__}: {error}",
            where=f"on-demand feature {function.name!r}, samples",
            hint="Write @ms.on_demand(samples=[{'first_column': 1.0, 'second_column': None}]).",
        ) from error


def _compared(bound: Bound, sample: pl.DataFrame) -> pl.DataType:
    """The type of the result, after comparing one call on n rows with n calls on one row."""
    where = f"on-demand feature {bound.name!r}"
    try:
        # A mean of nothing warns; here it is only a sample.
        with warnings.catch_warnings(action="ignore"):
            whole = bound.column(sample)
            single = [bound.value(row) for row in sample.to_dicts()]
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            expected="a function that takes arrays of any length, nulls included",
            got=f"{type(error).__name__}: {error}",
            where=where,
            hint="Numbers and booleans come as float64 with NaN for null, strings as objects with None for null.",
        ) from error
    for row, (vector, scalar) in enumerate(zip(whole.to_list(), single, strict=True)):
        if not _same(vector, scalar):
            raise InputError(
                expected="the same result for n rows at once and for each row alone",
                got=f"{vector!r} at once and {scalar!r} alone for {sample.row(row, named=True)}",
                where=where,
                hint="Let each row's result depend on that row only (no means, ranks or sorting over the array).",
            )
    return whole.dtype


def _same(vector: object, scalar: object) -> bool:
    if isinstance(vector, float) and isinstance(scalar, float):
        return math.isclose(vector, scalar, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)
    return type(vector) is type(scalar) and vector == scalar
