"""Train a classifier on a training dataset, track it, register it, evaluate it.

    mainspring pipelines run pipelines.training:training --parameters '{"view": "churn"}'
"""

from __future__ import annotations

from sklearn.ensemble import HistGradientBoostingClassifier

import mainspring as ms


@ms.step
def train(data: ms.TrainingDataset, *, learning_rate: float = 0.1, seed: int = 7) -> ms.Model:
    """Gradient boosting over every feature of the dataset; handles missing values by itself."""
    estimator = HistGradientBoostingClassifier(learning_rate=learning_rate, random_state=seed)
    return ms.Model(estimator, data.features, label=data.label).fit(data["train"])
