"""How callers write transformations."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

from mainspring.errors import InputError
from mainspring.features.code.functions import helpers_digest, reference_of, source_digest
from mainspring.features.spec import FunctionSpec, TransformSpec
from mainspring.features.transform.known import remember


def impute(
    *columns: str,
    how: Literal["mean", "median", "most_frequent"] | None = None,
    value: float | str | bool | None = None,
) -> TransformSpec:
    """Fill null and NaN, as `wrangle.Fill` does.

    Args:
        columns: features of the view.
        how: fitted: "mean" or "median" of numbers, or "most_frequent" of several the smallest; None = `value`.
        value: a constant instead; None = `how`.

    Raises:
        InputError: no column, or not exactly one of `how` and `value`.
    """
    where = "transform.impute"
    if (how is None) == (value is None):
        raise InputError(
            expected="how= or value=",
            got="both" if how is not None else "neither",
            where=where,
            hint="Write transform.impute('wind', how='median').",
        )
    if how is not None and how not in ("mean", "median", "most_frequent"):
        raise InputError(
            expected="'mean', 'median' or 'most_frequent'",
            got=repr(how),
            where=where,
            hint="For a constant write value=0.0.",
        )
    options: dict[str, Any] = {"value": value} if how is None else {"how": how}
    return TransformSpec(kind="impute", columns=_columns(columns, where), options=options)


def clip(*columns: str, lower: float = 0.01, upper: float = 0.99) -> TransformSpec:
    """Move numbers outside of two quantiles of the training rows to the nearest of them; null and NaN become null.

    Args:
        columns: features of the view, of numbers.
        lower, upper: 0 <= lower < upper <= 1; quantiles are interpolated linearly between finite values.

    Raises:
        InputError: no column, or bounds out of order.
    """
    are_shares = all(isinstance(share, int | float) for share in (lower, upper))
    if not are_shares or not 0 <= lower < upper <= 1:
        raise InputError(
            expected="0 <= lower < upper <= 1",
            got=f"lower={lower}, upper={upper}",
            where="transform.clip",
            hint="They are shares of the training rows: 0.01 and 0.99 are customary.",
        )
    options = {"lower": float(lower), "upper": float(upper)}
    return TransformSpec(kind="clip", columns=_columns(columns, "transform.clip"), options=options)


def standardise(*columns: str) -> TransformSpec:
    """Numbers less their mean, divided by their standard deviation (of the training rows, over n); null stays null.

    A column that does not vary is only shifted. Booleans count as 0 and 1.

    Args:
        columns: features of the view, of numbers or booleans.
    """
    return TransformSpec(kind="standardise", columns=_columns(columns, "transform.standardise"))


def one_hot(*columns: str) -> TransformSpec:
    """Categories as one column of 0 and 1 each, as `wrangle.OneHot`: `carrier=AA`. Null and unknown are 0 in all.

    Args:
        columns: features of the view, of text, whole numbers or booleans.
    """
    return TransformSpec(kind="one_hot", columns=_columns(columns, "transform.one_hot"))


def ordinal(*columns: str) -> TransformSpec:
    """Categories as their place in sorted order, from 0, as `wrangle.Ordinal`. Null and the unknown are null.

    Args:
        columns: features of the view, of text, whole numbers or booleans.
    """
    return TransformSpec(kind="ordinal", columns=_columns(columns, "transform.ordinal"))


def custom(
    name: str,
    columns: Sequence[str],
    *,
    fit: Callable[..., Any],
    apply: Callable[..., Any],
) -> TransformSpec:
    """Two functions of your own: one learns from the training rows, the other makes a column.

    Arrays are those of on-demand features: numbers and booleans as float64 with NaN for null, strings as objects with
    None. That `apply` gives for one row what it gives for many is checked when it is fitted.

    Args:
        name: of the column that it makes; it may be one of `columns`, which it replaces.
        columns: what both functions get, in this order.
        fit: from arrays to plain JSON.
        apply: from what `fit` gave and the arrays, to an array of the same length. A process that serves imports it.

    Raises:
        InputError: no column, or functions whose source cannot be read.
    """
    where = f"transform.custom({name!r})"
    if isinstance(columns, str):
        raise InputError.of_kind("a list of columns", columns, where, f"Write [{columns!r}].")
    if not name:
        raise InputError(
            expected="a name", got=repr(name), where=where, hint="Name the column that it makes."
        )
    _check_arguments(fit, len(columns), where)
    _check_arguments(apply, len(columns) + 1, where)
    return TransformSpec(
        kind="custom",
        columns=_columns(tuple(columns), where),
        options={"name": name},
        fit=_captured(fit, where),
        apply=_captured(apply, where),
    )


def _captured(function: Callable[..., Any], where: str) -> FunctionSpec:
    spec = FunctionSpec(
        reference=reference_of(function),
        digest=source_digest(function, where),
        helpers=helpers_digest(function),
    )
    remember(spec, function)
    return spec


def _check_arguments(function: object, n: int, where: str) -> None:
    try:
        inspect.signature(function).bind(*range(n))  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise InputError(
            expected=f"a function of {n} arguments",
            got=f"{getattr(function, '__qualname__', repr(function))}: {error}",
            where=where,
            hint="fit takes an array a column; apply takes what fit gave, and then the same arrays.",
        ) from error


def _columns(columns: tuple[str, ...], where: str) -> tuple[str, ...]:
    if not columns or len(set(columns)) < len(columns) or not all(isinstance(name, str) for name in columns):
        raise InputError(
            expected="at least one column, each once",
            got=", ".join(map(repr, columns)) or "none",
            where=where,
            hint="Name features of the view.",
        )
    return columns


def is_plain(value: object) -> bool:
    """Whether JSON gives it back as it is."""
    if isinstance(value, dict):
        return all(isinstance(name, str) and is_plain(item) for name, item in value.items())
    if isinstance(value, list):
        return all(map(is_plain, value))
    return (
        value is None or (type(value) in (bool, int, str)) or (type(value) is float and math.isfinite(value))
    )
