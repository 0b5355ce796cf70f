"""Training: a pinned dataset, a baseline and a candidate, both tracked and registered.

The steps say all that they depend on, so a second run with nothing changed does no work and says why.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import numpy as np
import polars as pl
from features.view import CATEGORIES
from threadpoolctl import threadpool_limits

import mainspring as ms
from mainspring.evaluation.metrics import brier, roc_auc
from mainspring.features.api import Features
from mainspring.models.api import Models
from mainspring.models.spec import ModelVersion
from mainspring.tracking import Tracking

MODEL: Final = "flight_delay"
EXPERIMENT: Final = "flights"
SEED: Final = 7


def what_is_read(*, features: Features, view_version: int, **_: object) -> dict[str, Any]:
    """The commits that the dataset step would read: new rows make a new dataset, anything else does not."""
    view = features.get_view(MODEL, view_version)
    names = {"flights", *(label.rpartition("@")[0] for label in view.groups())}
    groups = [features.get_group(name) for name in sorted(names)]
    return {
        "view": view.spec.digest,
        "commits": {group.spec.name: group.commits()[-1].number for group in groups},
    }


@ms.step(reads=what_is_read)
def dataset(
    *,
    test_from: datetime,
    until: datetime,
    known_until: datetime,
    view_version: int = 1,
    seed: int = SEED,
    features: Features = ms.RESOURCE,
) -> ms.TrainingDataset:
    """The flights scheduled before `until`, with what was known of each at its departure.

    Args:
        test_from: flights from then on are held out.
        until: flights from then on are left out.
        known_until: labels that became known later are not used.
    """
    spine = features.get_group("flights").read().filter(pl.col("sched_dep") < until)
    view = features.get_view(MODEL, view_version)
    return view.training_dataset(
        spine, split=ms.split.by_time(test_from=test_from), seed=seed, as_of=known_until
    )


@ms.step(cache=True)
def baseline(
    data: ms.TrainingDataset,
    *,
    penalty: float = 1.0,
    tracking: Tracking = ms.RESOURCE,
    models: Models = ms.RESOURCE,
) -> ModelVersion:
    """Logistic regression on the same features: what the candidate has to beat."""
    from sklearn.linear_model import LogisticRegression

    model = model_of(LogisticRegression(C=penalty, max_iter=300), data)
    return fit(model, data, "baseline", {"penalty": penalty}, tracking, models)


@ms.step(cache=True)
def candidate(
    data: ms.TrainingDataset,
    *,
    learning_rate: float = 0.05,
    trees: int = 200,
    leaves: int = 8,
    leaf_rows: int = 200,
    shrinkage: float = 10.0,
    feature_share: float = 0.4,
    spoiled: bool = False,
    tracking: Tracking = ms.RESOURCE,
    models: Models = ms.RESOURCE,
) -> ModelVersion:
    """Gradient-boosted trees.

    The parameters were compared on weeks inside the training part of January to March: among those within one
    standard error of the best, these are simple trees (Breiman, Friedman, Olshen and Stone 1984, section 3.4.3).
    Whoever settled them had seen results on the held-out weeks and on later months too: held-out figures here are
    a little flattered.

    Args:
        spoiled: shuffle the labels before fitting: a model that no gate may let through.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    parameters = {
        "learning_rate": learning_rate,
        "trees": trees,
        "leaves": leaves,
        "leaf_rows": leaf_rows,
        "shrinkage": shrinkage,
        "feature_share": feature_share,
        "spoiled": spoiled,
    }
    estimator = HistGradientBoostingClassifier(
        learning_rate=learning_rate,
        max_iter=trees,
        max_leaf_nodes=leaves,
        min_samples_leaf=leaf_rows,
        l2_regularization=shrinkage,
        max_features=feature_share,
        early_stopping=False,
        random_state=SEED,
    )
    return fit(
        model_of(estimator, data), data, "spoiled" if spoiled else "candidate", parameters, tracking, models
    )


def model_of(estimator: Any, data: ms.TrainingDataset) -> ms.Model:
    """The estimator behind what the dataset fitted on its training flights: a package takes both along."""
    return ms.Model(estimator, data.features, categorical=CATEGORIES, transformations=data.transformations)


def fit(
    model: ms.Model,
    data: ms.TrainingDataset,
    role: str,
    parameters: dict[str, Any],
    tracking: Tracking,
    models: Models,
) -> ModelVersion:
    """Fit on `train`, measure on `test`, register; all of it in one tracked run."""
    label = str(data.label)
    train, test = data["train"], data["test"]
    if parameters.get("spoiled"):
        train = train.with_columns(pl.col(label).shuffle(SEED))
    with tracking.run(role, experiment=EXPERIMENT, seeds={"numpy": SEED}) as run:
        run.use(data, role="training_dataset")
        run.log(params={**parameters, "rows": train.height, "dataset": data.digest})
        # One thread adds up in one order, so that every machine makes the same trees.
        with threadpool_limits(1):
            model.fit(train, label)
        truth, scores = test[label].cast(pl.Float64).to_numpy(), model.predict(test)
        run.log(
            metrics={
                "roc_auc": roc_auc(truth, scores),
                "brier": brier(truth, scores),
                "predicted_rate": float(np.mean(scores)),
                "observed_rate": float(np.mean(truth)),
            }
        )
    return models.register(MODEL, model, data=data, run=run, metadata={**parameters, "role": role})


@ms.pipeline
def training(test_from: datetime, until: datetime, known_until: datetime) -> Any:
    """Dataset, baseline, candidate."""
    data = dataset(test_from=test_from, until=until, known_until=known_until)
    return {"data": data, "baseline": baseline(data), "candidate": candidate(data)}


@ms.pipeline
def spoiled(test_from: datetime, until: datetime, known_until: datetime) -> Any:
    """The same candidate, learnt from shuffled labels."""
    data = dataset(test_from=test_from, until=until, known_until=known_until)
    return {"data": data, "candidate": candidate(data, spoiled=True)}
