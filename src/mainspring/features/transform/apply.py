"""Applying frozen parameters: to a frame, and to the values of one row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, Final

import numpy as np
import polars as pl

from mainspring.errors import InputError, UnknownNameError
from mainspring.features.on_demand import array_of, array_of_one, series_of, value_of_one
from mainspring.features.python_types import EXACTLY
from mainspring.features.schema import cast
from mainspring.features.spec import FittedStep, Transformations
from mainspring.features.transform.known import load
from mainspring.features.wrangle import Fill, OneHot, Ordinal
from mainspring.features.wrangle.refuse import frame_with

Values = dict[str, Any]


def apply(transformations: Transformations, frame: object) -> pl.DataFrame:
    """The frame with the outputs in place of the inputs; other columns stay, in front.

    Args:
        frame: (n, …) with every input, untransformed; whole numbers may be stored as floats.

    Raises:
        UnknownNameError: an input is missing.
        InputError: a column is of another type than in training, or one that is no input has an output's name.
    """
    frame = frame_with(frame, transformations.inputs, "transformations")
    inputs = zip(transformations.inputs, transformations.kinds, strict=True)
    made = pl.DataFrame([cast(frame.get_column(name), kind, "transformations") for name, kind in inputs])
    _check_names(transformations, frame)
    for step in transformations.steps:
        made = apply_step(step, made)
    replaced = {*transformations.inputs, *transformations.outputs}
    others = [column for column in frame.get_columns() if column.name not in replaced]
    return pl.DataFrame([*others, *made.get_columns()])


def _check_names(transformations: Transformations, frame: pl.DataFrame) -> None:
    """Refuses to put an output over a column that was no input."""
    taken = [
        name
        for name in transformations.outputs
        if name in frame.columns and name not in transformations.inputs
    ]
    if taken:
        raise InputError(
            expected="no column with the name of an output",
            got=repr(taken[0]),
            where="transformations",
            hint="Rename or drop the column: transformations are applied to untransformed rows.",
        )


def apply_step(step: FittedStep, frame: pl.DataFrame) -> pl.DataFrame:
    """What one of them makes of the features."""
    return _FRAMES[step.transform.kind](step, frame)


def row_function(transformations: Transformations) -> Callable[[Mapping[str, Any]], Values]:
    """A function from the values of one row, by name, to the outputs: what `apply` gives for that row.

    Raises (when called):
        UnknownNameError: an input is missing.
        InputError: one is of another type than in training.
    """
    inputs = transformations.inputs
    kinds = tuple(
        (name, kind, EXACTLY[kind])
        for name, kind in zip(inputs, transformations.kinds, strict=True)
        if kind in EXACTLY
    )
    steps = tuple(_ROWS[step.transform.kind](step) for step in transformations.steps)

    def transformed(given: Mapping[str, Any]) -> Values:
        try:
            values = {name: given[name] for name in inputs}
        except KeyError as error:
            raise UnknownNameError.of("feature", error.args[0], given, where="transformations") from None
        for name, kind, exact in kinds:
            value = values[name]
            if value is not None and type(value) not in exact and not _fits(value, kind):
                raise InputError(
                    expected=f"type {kind}, as in training",
                    got=f"{type(value).__name__}: {value!r:.80}",
                    where=f"transformations, feature {name!r}",
                    hint="Give the value in that type, or None where it is missing.",
                )
        for step in steps:
            step(values)
        return values

    return transformed


def _fits(value: object, kind: str) -> bool:
    """Whether a value of a rarer type says the same, such as numpy's."""
    if isinstance(value, float | np.floating) and kind == "int64":
        return float(value).is_integer()
    wide: dict[str, Any] = {
        "int64": np.integer,
        "float64": (np.integer, np.floating),
        "string": str,
        "bool": np.bool_,
        "datetime": datetime,
        "date": date,
        "binary": bytes,
    }
    return isinstance(value, wide[kind]) and (kind != "date" or not isinstance(value, datetime))


def _number(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.Float64).fill_nan(None)


def _impute(step: FittedStep, frame: pl.DataFrame) -> pl.DataFrame:
    return Fill.model_validate(step.fitted).apply(frame)


def _impute_row(step: FittedStep) -> Callable[[Values], None]:
    fills = tuple(Fill.model_validate(step.fitted).values.items())

    def fill(values: Values) -> None:
        for name, value in fills:
            given = values[name]
            # NaN is the one value that differs from itself.
            if given is None or given != given:  # noqa: PLR0124
                values[name] = value

    return fill


def _clip(step: FittedStep, frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(_number(name).clip(*bounds) for name, bounds in step.fitted["bounds"].items())


def _clip_row(step: FittedStep) -> Callable[[Values], None]:
    return _of_numbers(step.fitted["bounds"], lambda value, low, high: min(max(value, low), high))


def _standardise(step: FittedStep, frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(
        _scaled(frame.get_column(name), mean, scale) for name, (mean, scale) in step.fitted["moments"].items()
    )


def _scaled(series: pl.Series, mean: float, scale: float) -> pl.Series:
    # Polars multiplies by the reciprocal where it divides by a number, which rounds otherwise than one row's division.
    values = series.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    return pl.Series(series.name, (values - mean) / scale).fill_nan(None)


def _standardise_row(step: FittedStep) -> Callable[[Values], None]:
    return _of_numbers(step.fitted["moments"], lambda value, mean, scale: (value - mean) / scale)


def _of_numbers(
    pairs: Mapping[str, tuple[float, float]], change: Callable[[float, float, float], float]
) -> Callable[[Values], None]:
    plan = tuple((name, *pair) for name, pair in pairs.items())

    def changed(values: Values) -> None:
        for name, first, second in plan:
            given = values[name]
            # NaN is the one value that differs from itself.
            there = given is not None and given == given  # noqa: PLR0124
            values[name] = change(float(given), first, second) if there else None

    return changed


def _one_hot(step: FittedStep, frame: pl.DataFrame) -> pl.DataFrame:
    return OneHot.model_validate(step.fitted).apply(frame)


def _one_hot_row(step: FittedStep) -> Callable[[Values], None]:
    columns = OneHot.model_validate(step.fitted).columns
    plan = tuple((name, tuple((item, f"{name}={item}") for item in known)) for name, known in columns.items())

    def encode(values: Values) -> None:
        for name, outputs in plan:
            given = values.pop(name)
            for category, output in outputs:
                # True is equal to 1, and is another category.
                values[output] = int(given == category and type(given) is type(category))

    return encode


def _ordinal(step: FittedStep, frame: pl.DataFrame) -> pl.DataFrame:
    return Ordinal.model_validate(step.fitted).apply(frame)


def _ordinal_row(step: FittedStep) -> Callable[[Values], None]:
    columns = Ordinal.model_validate(step.fitted).columns
    plan = tuple(
        (name, {(type(item), item): place for place, item in enumerate(known)})
        for name, known in columns.items()
    )

    def encode(values: Values) -> None:
        for name, places in plan:
            given = values[name]
            values[name] = places.get((type(given), given))

    return encode


def _custom(step: FittedStep, frame: pl.DataFrame) -> pl.DataFrame:
    name, function = _function(step)
    pairs = zip(step.transform.columns, step.fitted["kinds"], strict=True)
    arrays = [array_of(frame.get_column(column), kind, name) for column, kind in pairs]
    with np.errstate(all="ignore"):
        return frame.with_columns(series_of(function(*arrays), name, frame.height))


def _custom_row(step: FittedStep) -> Callable[[Values], None]:
    name, function = _function(step)
    plan = tuple(zip(step.transform.columns, step.fitted["kinds"], strict=True))

    def make(values: Values) -> None:
        arrays = [array_of_one(values[column], kind, name) for column, kind in plan]
        values[name] = value_of_one(function(*arrays), name)

    return make


def _function(step: FittedStep) -> tuple[str, Callable[..., Any]]:
    """The output's name, and the function of arrays alone."""
    name = str(step.transform.options["name"])
    assert step.transform.apply is not None
    function, parameters = (
        load(step.transform.apply, f"transform.custom({name!r})"),
        step.fitted["parameters"],
    )
    return name, lambda *arrays: function(parameters, *arrays)


_FRAMES: Final[Mapping[str, Callable[[FittedStep, pl.DataFrame], pl.DataFrame]]] = {
    "impute": _impute,
    "clip": _clip,
    "standardise": _standardise,
    "one_hot": _one_hot,
    "ordinal": _ordinal,
    "custom": _custom,
}

_ROWS: Final[Mapping[str, Callable[[FittedStep], Callable[[Values], None]]]] = {
    "impute": _impute_row,
    "clip": _clip_row,
    "standardise": _standardise_row,
    "one_hot": _one_hot_row,
    "ordinal": _ordinal_row,
    "custom": _custom_row,
}
