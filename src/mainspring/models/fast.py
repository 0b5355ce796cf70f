"""One row at a time: fitted estimators compiled to the arithmetic that a single row needs.

scikit-learn spends hundreds of microseconds a call on validation, column selection and one call a tree. What a
prediction needs is fixed when the model is fitted, so it is worked out once, at load. Nothing is approximated:
a forest is walked by scikit-learn's own compiled walker (all trees in one call), a linear model is the same
sum with the preparation folded into its coefficients. An estimator of another make is called as it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mainspring.models.encoding import Row
from mainspring.models.spec import Task

RowFunction = Callable[[Row], float]


@dataclass(frozen=True)
class RowPath:
    """How single rows are predicted.

    Attributes:
        name: "forest", "linear" or "estimator" (not compiled).
        predict: from the encoded row to the prediction.
    """

    name: str
    predict: RowFunction


def row_path(estimator: Any, task: Task) -> RowPath:
    """The fastest exact way to predict one row with this fitted estimator."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
    from sklearn.pipeline import Pipeline

    compiled: RowFunction | None = None
    if isinstance(estimator, HistGradientBoostingClassifier | HistGradientBoostingRegressor):
        compiled = _forest(estimator, task)
        name = "forest"
    last = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
    if isinstance(last, LogisticRegression | LinearRegression | Ridge):
        before = [step for _, step in estimator.steps[:-1]] if last is not estimator else []
        compiled = _linear(before, last, task)
        name = "linear"
    return RowPath("estimator", _plain(estimator, task)) if compiled is None else RowPath(name, compiled)


def _plain(estimator: Any, task: Task) -> RowFunction:
    if task is Task.BINARY:
        return lambda row: float(estimator.predict_proba(np.array([row]))[0, 1])
    return lambda row: float(estimator.predict(np.array([row]))[0])


def sigmoid(value: float) -> float:
    """The logistic function without overflow."""
    if value >= 0:
        return 1 / (1 + math.exp(-value))
    grown = math.exp(value)
    return grown / (1 + grown)


# ------------------------------------------------------------------------------------------------------ forest


def _forest(estimator: Any, task: Task) -> RowFunction | None:
    """All trees laid into one array of nodes below a binary switch on "which tree".

    scikit-learn's walker takes many rows through one tree. Here it takes the same row, once a tree with the
    tree's number as a further feature, through one big tree: one call instead of hundreds. Leaf values are then
    added in the estimator's own order, so that even the rounding is the same.
    """
    from scipy.special import expit
    from sklearn.ensemble._hist_gradient_boosting._predictor import _predict_from_raw_data

    if estimator.n_trees_per_iteration_ != 1 or not _codes_are_dense(estimator):
        return None
    link = type(estimator._loss.link).__name__
    if link != ("LogitLink" if task is Task.BINARY else "IdentityLink"):
        return None
    trees = [iteration[0] for iteration in estimator._predictors]
    n_trees, n_features = len(trees), int(estimator.n_features_in_)
    if n_trees == 0:
        return None
    order = np.array(_column_order(estimator), dtype=np.intp)
    nodes, bitsets = _one_tree(trees, n_features)
    known_bitsets, positions = estimator._bin_mapper.make_known_categories_bitsets()
    positions = np.concatenate([positions, np.zeros(1, positions.dtype)])
    baseline = float(estimator._baseline_prediction.ravel()[0])
    numbers = np.arange(n_trees, dtype=np.float64)

    def predict_row(row: Row) -> float:
        rows = np.empty((n_trees, n_features + 1))
        rows[:, :n_features] = np.array(row)[order]
        rows[:, n_features] = numbers
        sums = np.empty(n_trees + 1)
        sums[0] = baseline
        _predict_from_raw_data(nodes, rows, bitsets, known_bitsets, positions, 1, sums[1:])
        # `cumsum` adds one after the other; `sum` would add in pairs and round otherwise.
        return float(sums.cumsum()[-1])

    if task is Task.REGRESSION:
        return predict_row
    return lambda row: float(expit(predict_row(row)))


def _codes_are_dense(estimator: Any) -> bool:
    """Whether the estimator's own encoder maps our category numbers to themselves."""
    if estimator._preprocessor is None:
        return True
    encoder = estimator._preprocessor.named_transformers_["encoder"]
    return all(
        np.array_equal(known[~np.isnan(known)], np.arange((~np.isnan(known)).sum()))
        for known in encoder.categories_
    )


def _column_order(estimator: Any) -> list[int]:
    """Positions of our features in the order in which the trees know them: categories come first."""
    marks = estimator.is_categorical_
    if estimator._preprocessor is None or marks is None:
        return list(range(int(estimator.n_features_in_)))
    return [*np.flatnonzero(marks).tolist(), *np.flatnonzero(~marks).tolist()]


def _one_tree(trees: Sequence[Any], switch: int) -> tuple[NDArray[Any], NDArray[np.uint32]]:
    """Nodes and category bit sets of all trees, below a balanced switch on feature number `switch`."""
    n_switches = len(trees) - 1
    sizes = np.array([len(tree.nodes) for tree in trees])
    roots = n_switches + np.concatenate([[0], np.cumsum(sizes)[:-1]])
    nodes = np.zeros(n_switches + int(sizes.sum()), dtype=trees[0].nodes.dtype)
    bitset_at = 0
    for tree, root in zip(trees, roots.tolist(), strict=True):
        part = tree.nodes.copy()
        part["left"] += root
        part["right"] += root
        part["bitset_idx"] += bitset_at
        nodes[root : root + len(part)] = part
        bitset_at += len(tree.raw_left_cat_bitsets)
    _lay_switch(nodes, roots.tolist(), switch)
    bitsets = np.concatenate([tree.raw_left_cat_bitsets for tree in trees])
    return nodes, np.ascontiguousarray(bitsets)


def _lay_switch(nodes: NDArray[Any], roots: list[int], switch: int) -> None:
    """Fill the first len(roots) - 1 nodes with a search tree whose leaves are the trees' roots."""
    free = iter(range(len(roots) - 1))

    def lay(low: int, high: int) -> int:
        if high - low == 1:
            return roots[low]
        at, middle = next(free), (low + high) // 2
        nodes[at]["feature_idx"] = switch
        nodes[at]["num_threshold"] = middle - 0.5
        nodes[at]["left"] = lay(low, middle)
        nodes[at]["right"] = lay(middle, high)
        return at

    lay(0, len(roots))


# ------------------------------------------------------------------------------------------------------ linear


@dataclass(frozen=True)
class _Slope:
    """A prepared column that is `slope * x + offset` of one input, and `missing` where that is NaN."""

    at: int
    slope: float
    offset: float
    missing: float


@dataclass(frozen=True)
class _Table:
    """A prepared column that is 1 for one category (None: for a missing one) and 0 otherwise."""

    at: int
    category: int | None


_Prepared = _Slope | _Table


def _linear(before: Sequence[Any], last: Any, task: Task) -> RowFunction | None:
    """Intercept plus one term an input: a slope and a missing value, or a table of categories."""
    coefficients = np.ravel(last.coef_)
    prepared: list[_Prepared] | None = [_Slope(at, 1.0, 0.0, math.nan) for at in range(_inputs(before, last))]
    for step in before:
        prepared = None if prepared is None else _prepare(step, prepared)
    if prepared is None or len(prepared) != len(coefficients):
        return None
    intercept = float(np.ravel(last.intercept_)[0])
    slopes: dict[int, list[float]] = {}
    tables: dict[int, dict[int | None, float]] = {}
    for column, weight in zip(prepared, coefficients.tolist(), strict=True):
        if isinstance(column, _Slope):
            term = slopes.setdefault(column.at, [0.0, 0.0, 0.0])
            term[0] += weight * column.slope
            term[1] += weight * column.offset
            term[2] += weight * column.missing
        else:
            table = tables.setdefault(column.at, {})
            table[column.category] = table.get(column.category, 0.0) + weight
    return _sum(intercept, slopes, tables, logistic=task is Task.BINARY)


def _sum(
    intercept: float,
    slopes: dict[int, list[float]],
    tables: dict[int, dict[int | None, float]],
    logistic: bool,
) -> RowFunction:
    numbers = [(at, term[0], term[1], term[2]) for at, term in slopes.items()]
    categories = [(at, table.get(None, 0.0), table) for at, table in tables.items()]

    def predict_row(row: Row) -> float:
        total = intercept
        for at, slope, offset, missing in numbers:
            number = row[at]
            total += missing if isnan(number) else slope * number + offset
        for at, missing, table in categories:
            number = row[at]
            total += missing if isnan(number) else table.get(int(number), 0.0)
        return sigmoid(total) if logistic else total

    return predict_row


def _inputs(before: Sequence[Any], last: Any) -> int:
    return int((before[0] if before else last).n_features_in_)


def _prepare(step: Any, columns: list[_Prepared]) -> list[_Prepared] | None:
    """What the step makes of the columns; None where it is not one of the steps known here."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    if isinstance(step, ColumnTransformer):
        return _prepare_parts(step, columns)
    if isinstance(step, Pipeline):
        made: list[_Prepared] | None = columns
        for _, inner in step.steps:
            made = None if made is None else _prepare(inner, made)
        return made
    if isinstance(step, str):
        return {"passthrough": columns, "drop": []}.get(step)
    slopes = [column for column in columns if isinstance(column, _Slope)]
    if len(slopes) < len(columns):
        return None
    if isinstance(step, SimpleImputer):
        return _prepare_fill(step, slopes)
    if isinstance(step, StandardScaler):
        return _prepare_scale(step, slopes)
    if isinstance(step, OneHotEncoder):
        return _prepare_categories(step, slopes)
    return None


def _prepare_parts(step: Any, columns: list[_Prepared]) -> list[_Prepared] | None:
    made: list[_Prepared] = []
    for _, inner, positions in step.transformers_:
        if not all(isinstance(at, int) for at in positions):
            return None
        part = _prepare(inner, [columns[at] for at in positions])
        if part is None:
            return None
        made.extend(part)
    return made


def _prepare_fill(step: Any, columns: list[_Slope]) -> list[_Prepared] | None:
    statistics = step.statistics_.tolist()
    if any(map(isnan, statistics)) or not _takes_nan(step):
        return None
    filled: list[_Prepared] = [
        _Slope(column.at, column.slope, column.offset, value)
        for column, value in zip(columns, statistics, strict=True)
    ]
    if step.add_indicator:
        filled += [_Slope(columns[at].at, 0.0, 0.0, 1.0) for at in step.indicator_.features_.tolist()]
    return filled


def _takes_nan(step: Any) -> bool:
    return isinstance(step.missing_values, float) and isnan(step.missing_values)


def _prepare_scale(step: Any, columns: list[_Slope]) -> list[_Prepared]:
    means = step.mean_ if step.with_mean else np.zeros(len(columns))
    scales = step.scale_ if step.with_std else np.ones(len(columns))
    return [
        _Slope(
            column.at, column.slope / scale, (column.offset - mean) / scale, (column.missing - mean) / scale
        )
        for column, mean, scale in zip(columns, means.tolist(), scales.tolist(), strict=True)
    ]


def _prepare_categories(step: Any, columns: list[_Slope]) -> list[_Prepared] | None:
    plain = step.handle_unknown == "ignore" and step.drop is None
    if not plain or step.min_frequency is not None or step.max_categories is not None:
        return None
    if any((column.slope, column.offset) != (1.0, 0.0) or not isnan(column.missing) for column in columns):
        return None
    made: list[_Prepared] = []
    for column, known in zip(columns, step.categories_, strict=True):
        for code in known.tolist():
            if not isnan(code) and code != int(code):
                return None
            made.append(_Table(column.at, None if isnan(code) else int(code)))
    return made
