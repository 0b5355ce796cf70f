"""Training: a pinned dataset from a view, a tracked run, a registered version.

    mainspring pipelines run pipelines.training:training --parameters @parameters.json

The steps say all that they depend on, so a second run with nothing changed does no work and says why.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sklearn.ensemble import HistGradientBoostingClassifier

import mainspring as ms
from mainspring.evaluation.metrics import roc_auc
from mainspring.features.api import Features
from mainspring.models.api import Models
from mainspring.models.spec import ModelVersion
from mainspring.tracking import Tracking


def what_is_read(*, view: str, spine: str, features: Features, **_: object) -> dict[str, Any]:
    """The commits that the dataset step would read: new rows make a new dataset, anything else does not."""
    found = features.get_view(view)
    names = {spine, *(label.rpartition("@")[0] for label in found.groups())}
    groups = [features.get_group(name) for name in sorted(names)]
    return {
        "view": found.spec.digest,
        # The name in the specification outlives a rename.
        "commits": {group.spec.name: group.commits()[-1].number for group in groups},
    }


@ms.step(reads=what_is_read)
def dataset(
    *, view: str, spine: str, test_from: datetime, features: Features = ms.RESOURCE
) -> ms.TrainingDataset:
    """What was known at each row of the spine group, with its label; rows from `test_from` on are held out."""
    rows = features.get_group(spine).read()
    return features.get_view(view).training_dataset(rows, split=ms.split.by_time(test_from=test_from))


@ms.step(cache=True)
def train(
    data: ms.TrainingDataset,
    *,
    model: str,
    learning_rate: float = 0.1,
    seed: int = 7,
    tracking: Tracking = ms.RESOURCE,
    models: Models = ms.RESOURCE,
) -> ModelVersion:
    """Gradient boosting over every feature of the view; it handles missing values by itself."""
    label = str(data.label)
    estimator = HistGradientBoostingClassifier(learning_rate=learning_rate, random_state=seed)
    with tracking.run(model, experiment=model, seeds={"numpy": seed}) as run:
        run.use(data, role="training_dataset")
        fitted = ms.Model(estimator, data.features, transformations=data.transformations)
        fitted.fit(data["train"], label)
        truth = data["test"][label].cast(float).to_numpy()
        run.log(
            params={"learning_rate": learning_rate},
            metrics={"roc_auc": roc_auc(truth, fitted.predict(data["test"]))},
        )
    return models.register(model, fitted, data=data, run=run)


@ms.pipeline
def training(model: str, view: str, spine: str, test_from: datetime) -> Any:
    """Dataset, then a registered version of `model`."""
    return train(dataset(view=view, spine=spine, test_from=test_from), model=model)
