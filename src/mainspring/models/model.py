"""A scikit-learn estimator that takes features by name."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any, Final, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mainspring.errors import InputError, MissingExtraError, StateError, UnknownNameError
from mainspring.features import transform
from mainspring.features.spec import Transformations
from mainspring.models.encoding import MAX_CATEGORIES, as_frame, encode, learn_columns
from mainspring.models.spec import Signature, Task

ONE_THREAD_ROWS: Final = 100_000
"""Up to so many rows one thread is as quick as a team that must be woken for every tree, and disturbs nobody."""
EXAMPLE_ROWS: Final = 5
"""Rows of the training data that a package keeps, to check itself when it is loaded."""


class Model:
    """An estimator, the features it takes and the label it predicts.

    Numbers reach the estimator as doubles, categorical features as the number of their category, and nulls and
    unseen categories as NaN. An estimator that handles NaN (histogram gradient boosting) gets them as they
    are, told which columns are categories; a `Pipeline` of your own gets them as they are too. Any other
    estimator is put behind `preprocessing`: the median and a "was missing" mark for missing numbers, unit
    variance, one column a category.

    Attributes:
        estimator: as it was given, or with its preprocessing; fitted by `fit`.
        features: names of the inputs, in order.
        categorical: those of them that are categories.
        label: the column to predict; None = `fit` says it.
        max_categories: of a categorical feature with more values the most frequent stay, the others count as unseen.
        transformations: what a training dataset fitted; `fit` and `predict` apply them to the features first. None =
            the estimator gets the features as they are.
        signature: None before `fit`.
        example: a few training rows; None before `fit`.
    """

    def __init__(
        self,
        estimator: Any,
        features: Sequence[str],
        *,
        categorical: Sequence[str] = (),
        label: str | None = None,
        max_categories: int = MAX_CATEGORIES,
        transformations: Transformations | None = None,
    ) -> None:
        self.features = tuple(features)
        self.transformations = transformations
        self.categorical = tuple(categorical)
        self.label = label
        self.max_categories = max_categories
        self.signature: Signature | None = None
        self.example: pl.DataFrame | None = None
        self._check_names()
        self.estimator = _ready(estimator, self._positions(True), self._positions(False))

    @classmethod
    def restored(cls, estimator: Any, signature: Signature, example: pl.DataFrame) -> Self:
        """A fitted model from its parts, as a store gives them back."""
        made = cls.__new__(cls)
        made.estimator = estimator
        made.features = signature.features
        made.transformations = signature.transformations
        made.categorical = tuple(column.name for column in signature.columns if column.categories is not None)
        made.label = signature.label
        made.max_categories = MAX_CATEGORIES
        made.signature = signature
        made.example = example
        return made

    def fit(self, rows: object, label: str | None = None) -> Self:
        """Learn from rows.

        Args:
            rows: a frame with the features, untransformed, and the label.
            label: the column to predict; None = the one that the model was made with.

        Raises:
            UnknownNameError: a column is missing.
            InputError: no rows, rows without a label, a label used as a feature, or a column of a wrong type.
        """
        frame = as_frame(rows, "Model.fit")
        self.label = label or self.label
        target = self._target(frame)
        made = frame if self.transformations is None else transform.apply(self.transformations, frame)
        columns = learn_columns(made, self._columns, self.categorical, self.max_categories)
        task = Task.BINARY if hasattr(self.estimator, "predict_proba") else Task.REGRESSION
        signature = Signature(
            columns=columns, label=str(self.label), task=task, transformations=self.transformations
        )
        self.estimator.fit(encode(frame, signature), _labels(target, task))
        self.signature = signature
        self.example = frame.select(self.features).head(EXAMPLE_ROWS)
        return self

    def predict(self, rows: object) -> NDArray[np.float64]:
        """One number a row, (n,): the probability of label 1, or the value.

        Args:
            rows: a frame (n, …) with the features, untransformed.

        Raises:
            StateError: the model is not fitted.
        """
        return predict(self.estimator, self.fitted_signature(), rows)

    def fitted_signature(self) -> Signature:
        """The signature; `StateError` before `fit`."""
        if self.signature is None:
            raise StateError(
                expected="a fitted model",
                got="one that has not seen data",
                where=f"Model({type(self.estimator).__name__})",
                hint="Call `.fit(frame)` first.",
            )
        return self.signature

    def __repr__(self) -> str:
        state = "fitted" if self.signature else "not fitted"
        return f"Model({type(self.estimator).__name__}, {len(self.features)} features, {state})"

    @property
    def _columns(self) -> tuple[str, ...]:
        """What the estimator gets."""
        return self.features if self.transformations is None else self.transformations.outputs

    def _positions(self, categorical: bool) -> list[int]:
        return [at for at, name in enumerate(self._columns) if (name in self.categorical) == categorical]

    def _check_names(self) -> None:
        if self.transformations is not None and self.features != self.transformations.inputs:
            raise InputError(
                expected=f"the features that the transformations take: {', '.join(self.transformations.inputs)}",
                got=", ".join(self.features),
                where="Model(features=)",
                hint="Write Model(..., features=data.features, transformations=data.transformations), and fit it on "
                "data['train'].",
            )
        for name in self.categorical:
            if name not in self._columns:
                raise UnknownNameError.of("feature", name, self._columns, where="Model(categorical=)")
        if not self.features or len(set(self.features)) < len(self.features):
            raise InputError(
                expected="at least one feature, each once",
                got=repr(list(self.features)),
                where="Model(features=)",
                hint="List the columns that the model may use.",
            )

    def _target(self, frame: pl.DataFrame) -> pl.Series:
        if self.label is None or self.label in self.features:
            raise InputError(
                expected="a label that is not among the features",
                got="no label" if self.label is None else f"{self.label!r}, which is a feature",
                where="Model.fit",
                hint="Name the column to predict: Model(..., label=) or fit(frame, label).",
            )
        if self.label not in frame.columns:
            raise UnknownNameError.of("column", self.label, frame.columns, where="Model.fit")
        target = frame.get_column(self.label)
        if frame.is_empty() or target.null_count():
            raise InputError(
                expected="rows that all carry a label",
                got=f"{frame.height} rows, {target.null_count()} without",
                where=f"label {self.label!r}",
                hint="Drop the rows without a label, and report how many.",
            )
        return target


def predict(estimator: Any, signature: Signature, rows: object) -> NDArray[np.float64]:
    """One number a row, (n,): the probability of label 1, or the value."""
    frame = as_frame(rows, "predict")
    if frame.is_empty():
        return np.empty(0)
    matrix = encode(frame, signature)
    with _one_thread() if frame.height <= ONE_THREAD_ROWS else nullcontext():
        if signature.task is Task.BINARY:
            return np.asarray(estimator.predict_proba(matrix)[:, 1], dtype=np.float64)
        return np.asarray(estimator.predict(matrix), dtype=np.float64)


@cache
def _thread_pools() -> Any:
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

    return ThreadpoolController()


def _one_thread() -> AbstractContextManager[Any]:
    """Predict without OpenMP's team: trees open a parallel region each, and waiting threads spin."""
    limit: AbstractContextManager[Any] = _thread_pools().limit(limits=1, user_api="openmp")
    return limit


def _labels(target: pl.Series, task: Task) -> NDArray[np.float64]:
    numbers = target.cast(pl.Float64).to_numpy() if target.dtype != pl.String else None
    if numbers is None or (task is Task.BINARY and set(np.unique(numbers)) != {0.0, 1.0}):
        raise InputError(
            expected="labels 0 and 1 (or false and true), both present",
            got=f"{target.dtype}: {target.unique().sort().head(5).to_list()}",
            where=f"label {target.name!r}",
            hint="Encode the label as a boolean column; a classifier needs rows of both kinds.",
        )
    return numbers if task is Task.REGRESSION else numbers.astype(np.int64)


def _ready(estimator: Any, categories: list[int], numbers: list[int]) -> Any:
    """The estimator with what it needs to take NaN and category numbers."""
    try:
        from sklearn.base import BaseEstimator
        from sklearn.pipeline import Pipeline
        from sklearn.utils import get_tags
    except ImportError as error:
        raise MissingExtraError.of("scikit-learn", "sklearn", where="Model") from error
    if not isinstance(estimator, BaseEstimator) or not hasattr(estimator, "fit"):
        raise InputError(
            expected="an estimator with scikit-learn's conventions",
            got=type(estimator).__name__,
            where="Model(estimator=)",
            hint="Pass an instance such as LogisticRegression().",
        )
    if isinstance(estimator, Pipeline):
        return estimator
    if not get_tags(estimator).input_tags.allow_nan:
        return Pipeline([("preprocessing", preprocessing(categories, numbers)), ("estimator", estimator)])
    if "categorical_features" in estimator.get_params() and categories:
        return estimator.set_params(categorical_features=categories)
    return estimator


def preprocessing(categories: Sequence[int], numbers: Sequence[int]) -> Any:
    """The standard preparation for estimators that cannot take NaN or category numbers.

    Args:
        categories, numbers: positions of the categorical and of the numeric features.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    fill = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    parts: list[tuple[str, Any, list[int]]] = []
    if numbers:
        parts.append(("numbers", Pipeline([("fill", fill), ("scale", StandardScaler())]), list(numbers)))
    if categories:
        parts.append(("categories", OneHotEncoder(handle_unknown="ignore"), list(categories)))
    return ColumnTransformer(parts)
