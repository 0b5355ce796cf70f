"""An estimator of our own that skops would refuse, and a format that holds it."""

import json

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from mainspring.errors import InputError
from mainspring.models.formats import ModelFormat


class ConstantRate(ClassifierMixin, BaseEstimator):
    """Predicts the share of positives that it saw, whatever the features."""

    def fit(self, _rows, labels):
        self.rate_ = float(np.mean(labels))
        self.classes_ = np.array([0, 1])
        return self

    def predict_proba(self, rows):
        return np.tile([1 - self.rate_, self.rate_], (len(rows), 1))

    def predict(self, rows):
        return np.full(len(rows), int(self.rate_ > 0.5))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def _dump(estimator):
    if not isinstance(estimator, ConstantRate):
        raise InputError(
            expected="a ConstantRate",
            got=type(estimator).__name__,
            where="model format 'harbour_json'",
            hint="Store other estimators as skops.",
        )
    return json.dumps({"rate": estimator.rate_}).encode()


def _load(data, _trusted):
    made = ConstantRate()
    made.rate_, made.classes_ = json.loads(data)["rate"], np.array([0, 1])
    return made


JSON = ModelFormat(file_name="model.json", dump=_dump, load=_load)
