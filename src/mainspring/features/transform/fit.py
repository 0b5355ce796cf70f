"""Fitting: from declarations and the training rows to frozen parameters."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import polars as pl

from mainspring.errors import InputError
from mainspring.features.on_demand import array_of
from mainspring.features.schema import cast, logical
from mainspring.features.spec import FittedStep, Transformations, TransformSpec
from mainspring.features.transform.apply import apply, apply_step, row_function
from mainspring.features.transform.declare import is_plain
from mainspring.features.transform.known import load
from mainspring.features.wrangle import Fill, fit_fill, fit_one_hot, fit_ordinal
from mainspring.features.wrangle.refuse import frame_with

#: Rows of the training part on which one row alone is compared with many at once.
_COMPARED_ROWS: Final = 64
#: A standard deviation, relative to the largest value, that is no more than the rounding of a mean.
_ROUNDING: Final = 4 * float(np.finfo(np.float64).eps)


def fit(transforms: Sequence[TransformSpec], train: pl.DataFrame, features: Sequence[str]) -> Transformations:
    """Fit each on what those before it made of the training rows.

    Args:
        transforms: in the order of their application.
        train: the rows that a model learns from, and no others; (n, …) with the features.
        features: the inputs, untransformed.

    Raises:
        UnknownNameError: a column is none of the features, or is no more there.
        InputError: a column of a type that its transformation does not take, nothing to fit on, parameters that are no
            plain JSON, or a function that gives other results for many rows than for one.
    """
    train = frame_with(train, features, "transformations")
    kinds = tuple(logical(train.schema[name]) or "string" for name in features)
    frame = train.select(
        cast(train.get_column(name), kind, "transformations")
        for name, kind in zip(features, kinds, strict=True)
    )
    steps = []
    for spec in transforms:
        frame = frame_with(frame, spec.columns, f"transform.{spec.kind}")
        steps.append(FittedStep(transform=spec, fitted=_FIT[spec.kind](spec, frame)))
        frame = apply_step(steps[-1], frame)
    made = Transformations(
        inputs=tuple(features),
        kinds=kinds,
        outputs=tuple(frame.columns),
        steps=tuple(steps),
    )
    _compare(made, train.select(features))
    return made


def _impute(spec: TransformSpec, frame: pl.DataFrame) -> dict[str, Any]:
    if "value" in spec.options:
        return Fill(values=dict.fromkeys(spec.columns, spec.options["value"])).model_dump(mode="json")
    return fit_fill(frame, dict.fromkeys(spec.columns, spec.options["how"])).model_dump(mode="json")


def _clip(spec: TransformSpec, frame: pl.DataFrame) -> dict[str, Any]:
    shares = [spec.options["lower"], spec.options["upper"]]
    return {
        "bounds": {name: np.quantile(_finite(frame, name, spec), shares).tolist() for name in spec.columns}
    }


def _standardise(spec: TransformSpec, frame: pl.DataFrame) -> dict[str, Any]:
    moments = {}
    for name in spec.columns:
        values = _finite(frame, name, spec)
        # Squares of very large and very small numbers are none: a power of two away they are, with the same digits.
        _, exponent = math.frexp(float(np.abs(values).max()))
        near = np.ldexp(values, -exponent)
        spread = float(near.std())
        # Of equal values rounding may leave a spread that is nothing but rounding.
        scale = math.ldexp(spread, exponent) if spread > _ROUNDING else 0.0
        moments[name] = [math.ldexp(float(near.mean()), exponent), scale or 1.0]
    return {"moments": moments}


def _one_hot(spec: TransformSpec, frame: pl.DataFrame) -> dict[str, Any]:
    return fit_one_hot(frame, spec.columns, unknown="null").model_dump(mode="json")


def _ordinal(spec: TransformSpec, frame: pl.DataFrame) -> dict[str, Any]:
    return fit_ordinal(frame, spec.columns, unknown="null").model_dump(mode="json")


def _custom(spec: TransformSpec, frame: pl.DataFrame) -> dict[str, Any]:
    where = f"transform.custom({spec.options['name']!r})"
    assert spec.fit is not None
    kinds = [logical(frame.schema[name]) or "string" for name in spec.columns]
    arrays = [
        array_of(frame.get_column(name), kind, where) for name, kind in zip(spec.columns, kinds, strict=True)
    ]
    parameters = load(spec.fit, where)(*arrays)
    if not is_plain(parameters):
        raise InputError(
            expected="plain JSON from fit: numbers, text, booleans, None, lists and dicts with text keys",
            got=repr(parameters)[:200],
            where=where,
            hint="Convert numpy values with .item() or .tolist(); write None for NaN and infinities.",
        )
    return {"kinds": kinds, "parameters": parameters}


_FIT: Final[Mapping[str, Callable[[TransformSpec, pl.DataFrame], dict[str, Any]]]] = {
    "impute": _impute,
    "clip": _clip,
    "standardise": _standardise,
    "one_hot": _one_hot,
    "ordinal": _ordinal,
    "custom": _custom,
}


def _finite(frame: pl.DataFrame, name: str, spec: TransformSpec) -> np.ndarray:
    """The finite values of a column of numbers or booleans; at least one."""
    series, where = frame.get_column(name), f"transform.{spec.kind}, column {name!r}"
    if not (series.dtype.is_numeric() or series.dtype == pl.Boolean):
        raise InputError(
            expected="numbers or booleans",
            got=f"type {series.dtype}",
            where=where,
            hint="Encode text with transform.one_hot or transform.ordinal.",
        )
    numbers = series.cast(pl.Float64)
    values: np.ndarray = numbers.filter(numbers.is_finite().fill_null(False)).to_numpy()
    if not len(values):
        raise InputError(
            expected="at least one finite value in the part 'train'",
            got="none",
            where=where,
            hint="Leave the column out, or impute a constant first.",
        )
    return values


def _compare(made: Transformations, train: pl.DataFrame) -> None:
    """Refuses what is another value for one row than for many; a row of nulls is among them."""
    nulls = pl.DataFrame({name: [None] for name in train.columns}, schema=train.schema)
    rows = pl.concat([train.head(_COMPARED_ROWS), nulls])
    alone = row_function(made)
    for given, expected in zip(rows.to_dicts(), apply(made, rows).to_dicts(), strict=True):
        found = alone(given)
        for name in made.outputs:
            if not _same(found[name], expected[name]):
                raise InputError(
                    expected="the same value for many rows at once and for each row alone",
                    got=f"{name}: {expected[name]!r} at once and {found[name]!r} alone for {given}",
                    where="transformations of a training dataset",
                    hint="Let apply use what fit learnt and the row itself, and nothing of the rows beside it.",
                )


def _same(a: object, b: object) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return a == b or (math.isnan(a) and math.isnan(b)) or math.isclose(a, b, rel_tol=1e-12, abs_tol=1e-12)
    return a == b
