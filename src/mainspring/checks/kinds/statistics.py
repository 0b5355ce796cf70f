"""Kinds about statistics of a column. Nulls and NaN are left out of all of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from typing import Any, Final, Unpack

import polars as pl

from mainspring.checks.arguments import (
    Bound,
    Options,
    bounds,
    choice,
    made,
    number,
    number_bounds,
    refused,
    share,
)
from mainspring.checks.kind import kind
from mainspring.checks.kinds.ranges import LOW_HIGH, within
from mainspring.checks.kinds.sets import N_OBSERVED
from mainspring.checks.rule import Found, Of, Rule
from mainspring.checks.spec import Expectation
from mainspring.checks.values import check_number, is_text, typed_bound, typed_set

_CLOSE: Final = 1e-4
"""A quantile so near to a bound, relative to it, counts as on it, as in Great Expectations."""
_TYPES: Final[dict[type, pl.DataType]] = {int: pl.Int128(), float: pl.Float64()}
"""Of an aggregate, by what Python makes of it; others are looked up."""
_INTERPOLATIONS: Final = ("nearest", "linear", "lower", "higher", "midpoint")


def _known(expectation: Expectation, schema: pl.Schema, of: Of) -> pl.Expr:
    """The values that are neither null nor NaN, or null in their place; categories as texts, decimals as floats."""
    (column,) = expectation.columns
    if is_text(schema[column]):
        return of(column).cast(pl.String)
    if isinstance(schema[column], pl.Decimal):
        return of(column).cast(pl.Float64)
    return of(column).fill_nan(None) if schema[column].is_float() else of(column)


def _aggregated(name: str, aggregate: Callable[[pl.Expr], pl.Expr], *, numbers: bool = True) -> Rule:
    def measures(expectation: Expectation, schema: pl.Schema, of: Of) -> dict[str, pl.Expr]:
        (column,) = expectation.columns
        if numbers:
            check_number(column, schema[column], expectation.kind)
        known = _known(expectation, schema, of)
        _typed(expectation, schema[column])
        if name == "sum" and schema[column].is_integer():
            # In the column's own type a sum wraps.
            known = known.cast(pl.Int128)
        found = {f"{name}({column})": aggregate(known)}
        # The sum of nothing is 0 for polars; there is nothing to judge.
        return {**found, f"n_known({column})": known.count()} if name == "sum" else found

    def finds(expectation: Expectation, given: Mapping[str, Any]) -> Found:
        observed, *n_known = given.values()
        if observed is None or n_known == [0]:
            return Found(None, None)
        dtype = _TYPES.get(type(observed)) or pl.Series([observed]).dtype
        low, high = _typed(expectation, dtype)
        return Found(within(low, high, expectation.parameters)(observed), observed)

    return Rule(measures=measures, finds=finds)


def _typed(expectation: Expectation, dtype: pl.DataType) -> tuple[Any, Any]:
    (column,) = expectation.columns
    given = expectation.parameters
    low, high = (typed_bound(given[side], column, dtype, expectation.kind) for side in ("low", "high"))
    return low, high


def _numbers(
    name: str, column: str, low: object, high: object, strict: tuple[bool, bool], options: Mapping[str, Any]
) -> Expectation:
    where = f"expect.{name}({column!r})"
    given = number_bounds(low, high, where, strict_min=strict[0], strict_max=strict[1], take=number)
    return made(name, (column,), given, options, "frame")


@kind(
    _aggregated("min", lambda values: values.min(), numbers=False),
    "expect_column_min_to_be_between",
    names=LOW_HIGH,
)
def minimum(
    column: str,
    low: Bound = None,
    high: Bound = None,
    *,
    strict_min: bool = False,
    strict_max: bool = False,
    **options: Unpack[Options],
) -> Expectation:
    """The smallest value lies in [low, high]; numbers, times or text."""
    where = f"expect.minimum({column!r})"
    given = bounds(low, high, where, strict_min=strict_min, strict_max=strict_max)
    return made("minimum", (column,), given, options, "frame")


@kind(
    _aggregated("max", lambda values: values.max(), numbers=False),
    "expect_column_max_to_be_between",
    names=LOW_HIGH,
)
def maximum(
    column: str,
    low: Bound = None,
    high: Bound = None,
    *,
    strict_min: bool = False,
    strict_max: bool = False,
    **options: Unpack[Options],
) -> Expectation:
    """The largest value lies in [low, high]; numbers, times or text."""
    where = f"expect.maximum({column!r})"
    given = bounds(low, high, where, strict_min=strict_min, strict_max=strict_max)
    return made("maximum", (column,), given, options, "frame")


@kind(_aggregated("mean", lambda values: values.mean()), "expect_column_mean_to_be_between", names=LOW_HIGH)
def mean(
    column: str,
    low: float | None = None,
    high: float | None = None,
    *,
    strict_min: bool = False,
    strict_max: bool = False,
    **options: Unpack[Options],
) -> Expectation:
    """The mean lies in [low, high]."""
    return _numbers("mean", column, low, high, (strict_min, strict_max), options)


@kind(
    _aggregated("median", lambda values: values.median()),
    "expect_column_median_to_be_between",
    names=LOW_HIGH,
)
def median(
    column: str,
    low: float | None = None,
    high: float | None = None,
    *,
    strict_min: bool = False,
    strict_max: bool = False,
    **options: Unpack[Options],
) -> Expectation:
    """The median lies in [low, high]; of an even number of values it is the mean of the middle two."""
    return _numbers("median", column, low, high, (strict_min, strict_max), options)


@kind(_aggregated("std", lambda values: values.std()), "expect_column_stdev_to_be_between", names=LOW_HIGH)
def stdev(
    column: str,
    low: float | None = None,
    high: float | None = None,
    *,
    strict_min: bool = False,
    strict_max: bool = False,
    **options: Unpack[Options],
) -> Expectation:
    """The standard deviation (n - 1) lies in [low, high]; of one value there is none."""
    return _numbers("stdev", column, low, high, (strict_min, strict_max), options)


@kind(_aggregated("sum", lambda values: values.sum()), "expect_column_sum_to_be_between", names=LOW_HIGH)
def total(
    column: str,
    low: float | None = None,
    high: float | None = None,
    *,
    strict_min: bool = False,
    strict_max: bool = False,
    **options: Unpack[Options],
) -> Expectation:
    """The sum of the values lies in [low, high]."""
    return _numbers("total", column, low, high, (strict_min, strict_max), options)


def _quantiles(expectation: Expectation, schema: pl.Schema, of: Of) -> dict[str, pl.Expr]:
    (column,) = expectation.columns
    check_number(column, schema[column], expectation.kind)
    known = _known(expectation, schema, of)
    how = expectation.parameters["interpolation"]
    return {f"quantile({column}, {q}, {how})": _quantile(known, q, how) for q in _asked(expectation)}


def _quantile(values: pl.Expr, q: float, how: str) -> pl.Expr:
    if how != "nearest":
        return values.quantile(q, how)  # type: ignore[arg-type]
    # The place in the middle of two goes to the even one, as for numpy.
    ordered = values.drop_nulls().sort()
    return ordered.get(((ordered.len() - 1) * q).round().cast(pl.Int64), null_on_oob=True)


def _asked(expectation: Expectation) -> tuple[float, ...]:
    return tuple(expectation.parameters["quantile_ranges"]["quantiles"])


def _in_ranges(expectation: Expectation, given: Mapping[str, Any]) -> Found:
    values = list(given.values())
    if None in values:
        return Found(None, None)
    ranges = expectation.parameters["quantile_ranges"]["value_ranges"]
    held = [_is_near(value, low, high) for value, (low, high) in zip(values, ranges, strict=True)]
    observed = {"quantiles": list(_asked(expectation)), "values": values}
    return Found(all(held), observed, {"success_details": held})


def _is_near(value: float, low: float | None, high: float | None) -> bool:
    if any(each is not None and abs(value - each) <= 1e-8 + _CLOSE * abs(each) for each in (low, high)):
        return True
    return (low is None or low <= value) and (high is None or value <= high)


@kind(
    Rule(measures=_quantiles, finds=_in_ranges),
    "expect_column_quantile_values_to_be_between",
    names={"interpolation": "allow_relative_error"},
)
def quantiles(
    column: str,
    quantile_ranges: Mapping[str, Iterable[Any]],
    *,
    interpolation: str | bool = "nearest",
    **options: Unpack[Options],
) -> Expectation:
    """Quantiles lie in their ranges; one that is within 0.01 % of a bound counts as on it.

    Args:
        quantile_ranges: {"quantiles": [0.1, 0.5], "value_ranges": [[0, 2], [None, 9]]}; None leaves a side open.
        interpolation: between two values "nearest" takes the nearer one; or "linear", "lower", "higher", "midpoint".
            False is "nearest".
    """
    where = f"expect.quantiles({column!r})"
    if interpolation is False:
        interpolation = "nearest"
    given = {
        "quantile_ranges": _ranges(quantile_ranges, where),
        "interpolation": choice(interpolation, "interpolation", _INTERPOLATIONS, where),
    }
    return made("quantiles", (column,), given, options, "frame")


def _ranges(given: object, where: str) -> dict[str, Any]:
    hint = "Write {'quantiles': [0.5], 'value_ranges': [[0, 10]]}."
    expected = "quantiles and as many value_ranges"
    if not isinstance(given, Mapping) or set(given) != {"quantiles", "value_ranges"}:
        raise refused(expected, repr(given)[:200], where, hint)
    if not all(isinstance(each, list | tuple) for each in given.values()):
        raise refused(expected, repr(dict(given))[:200], where, hint)
    asked, ranges = (list(given[name]) for name in ("quantiles", "value_ranges"))
    if not asked or len(asked) != len(ranges):
        raise refused(expected, f"{len(asked)} and {len(ranges)}", where, hint)
    found = []
    for q, pair in zip(asked, ranges, strict=True):
        share(q, "quantile", where)
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise refused("a pair of bounds", repr(pair), where, hint)
        checked = number_bounds(pair[0], pair[1], where, take=number)
        found.append((checked["low"], checked["high"]))
    return {"quantiles": tuple(asked), "value_ranges": tuple(found)}


def _frequencies(expectation: Expectation, schema: pl.Schema, of: Of) -> dict[str, pl.Expr]:
    """How often each value, or each bin's edge as upper bound, is met."""
    (column,) = expectation.columns
    partition = expectation.parameters["partition"]
    known = _known(expectation, schema, of)
    found = {f"n_known({column})": known.count()}
    if "values" in partition:
        dtype = pl.Float64() if isinstance(schema[column], pl.Decimal) else schema[column]
        dtype = pl.String() if is_text(dtype) else dtype
        values = typed_set(partition["values"], column, dtype, expectation.kind)
        one_by_one = [typed_set((each,), column, dtype, expectation.kind) for each in partition["values"]]
        listed = zip(partition["values"], one_by_one, strict=True)
        strange = known.filter(~known.is_in(values.implode())).unique_counts()
        return {
            **found,
            **{f"count({column}, {name!r})": known.is_in(each.implode()).sum() for name, each in listed},
            f"strange_counts({column}, {partition['values']!r})": strange.implode(),
        }
    check_number(column, schema[column], expectation.kind)
    *lower, last = partition["bins"]
    below = {f"below({column}, {edge})": (known < edge).sum() for edge in lower}
    return {**found, **below, f"upto({column}, {last})": (known <= last).sum()}


def _divergence(expectation: Expectation, given: Mapping[str, Any]) -> Found:
    n_known, *counts = given.values()
    if not n_known:
        return Found(None, None)
    weigh = _by_value if "values" in expectation.parameters["partition"] else _by_bin
    observed, expected = weigh(expectation, counts, n_known)
    details = {"observed_weights": observed[:N_OBSERVED], "expected_weights": expected[:N_OBSERVED]}
    found = _entropy(observed, expected)
    if math.isinf(found):
        return Found(holds=False, observed=None, details=details)
    return Found(found <= expectation.parameters["threshold"], found, details)


def _entropy(observed: list[float], expected: list[float]) -> float:
    """The Kullback-Leibler divergence in nats, after both were brought to sum 1 (as scipy.stats.entropy does)."""
    sums = math.fsum(observed), math.fsum(expected)
    parts = []
    for p, q in zip(observed, expected, strict=True):
        if p and not q:
            return math.inf
        if p:
            parts.append(p / sums[0] * math.log(p / sums[0] / (q / sums[1])))
    return math.fsum(parts)


def _by_value(expectation: Expectation, counts: list[Any], n_known: int) -> tuple[list[float], list[float]]:
    """Values that the partition does not name share the tail's holdout evenly."""
    *seen, strange = counts
    given = expectation.parameters
    weights = list(given["partition"]["weights"])
    observed = [each / n_known for each in [*seen, *strange]]
    if not strange:
        return observed, weights
    holdout = given["tail_weight_holdout"]
    rest = [holdout / len(strange)] * len(strange)
    return observed, [*(weight * (1 - holdout) for weight in weights), *rest]


def _by_bin(expectation: Expectation, counts: list[Any], n_known: int) -> tuple[list[float], list[float]]:
    """Bins hold their lower edge; the last one both. What lies outside of all is compared with the tails' weights."""
    given = expectation.parameters
    partition = given["partition"]
    inner, tail = given["internal_weight_holdout"], given["tail_weight_holdout"]
    weights = [weight * (1 - tail - inner) for weight in partition["weights"]]
    n_empty = weights.count(0)
    weights = [inner / n_empty if n_empty and not weight else weight for weight in weights]
    tails = partition.get("tail_weights", (tail / 2, tail / 2))
    edges = [0, *counts, n_known]
    return [(high - low) / n_known for low, high in pairwise(edges)], [
        tails[0],
        *weights,
        tails[1],
    ]


@kind(
    Rule(measures=_frequencies, finds=_divergence),
    "expect_column_kl_divergence_to_be_less_than",
    names={"partition": "partition_object"},
)
def kl_divergence(
    column: str,
    partition: Mapping[str, Any],
    threshold: float,
    *,
    tail_weight_holdout: float = 0,
    internal_weight_holdout: float = 0,
    **options: Unpack[Options],
) -> Expectation:
    """The Kullback-Leibler divergence from the partition's weights to the column's is at most `threshold` nats.

    Args:
        partition: {"values": [...], "weights": [...]} of categories, or {"bins": [...], "weights": [...]} of finite
            edges, one more than weights, and perhaps "tail_weights": [below, above]. Weights add up to 1.
        tail_weight_holdout: weight taken from the others for values outside of the partition. With 0 such values
            make the divergence infinite, which breaks it.
        internal_weight_holdout: weight taken from the other bins for those that have none.
    """
    where = f"expect.kl_divergence({column!r})"
    given = {
        "partition": _partition(partition, where),
        "threshold": number(threshold, "threshold", where),
        "tail_weight_holdout": share(tail_weight_holdout, "tail_weight_holdout", where),
        "internal_weight_holdout": share(internal_weight_holdout, "internal_weight_holdout", where),
    }
    return made("kl_divergence", (column,), given, options, "frame")


def _partition(given: object, where: str) -> dict[str, Any]:
    hint = (
        "Write {'values': ['a', 'b'], 'weights': [0.4, 0.6]}, or {'bins': [0, 1, 2], 'weights': [0.4, 0.6]}."
    )
    known = [{"values", "weights"}, {"bins", "weights"}, {"bins", "weights", "tail_weights"}]
    if not isinstance(given, Mapping) or set(given) not in known:
        raise refused("a partition with values or bins, and weights", repr(given)[:200], where, hint)
    if not all(isinstance(each, list | tuple) for each in given.values()):
        raise refused("lists of values or bins, and of weights", repr(dict(given))[:200], where, hint)
    found = {name: tuple(each) for name, each in given.items()}
    n_wanted = len(found["values"]) if "values" in found else len(found["bins"]) - 1
    weights = (*found["weights"], *found.get("tail_weights", ()))
    for weight in weights:
        share(weight, "weight", where)
    if (
        not n_wanted
        or len(found["weights"]) != n_wanted
        or not math.isclose(math.fsum(weights), 1.0, abs_tol=1e-6)
    ):
        raise refused("as many weights as values or bins, of sum 1", repr(weights)[:200], where, hint)
    edges = [number(each, "bin", where) for each in found.get("bins", ())]
    if any(low >= high for low, high in pairwise(edges)):
        raise refused("edges that increase", repr(edges)[:200], where, hint)
    if len(found.get("tail_weights", (0, 0))) != 2:
        raise refused("two tail_weights", repr(found["tail_weights"]), where, hint)
    return found
