"""One arm in memory: features looked up, and the model that scores them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression

from mainspring.features import transform
from mainspring.features.api import Features, request
from mainspring.features.datasets import split
from mainspring.lineage import Graph
from mainspring.models.api import Models
from mainspring.models.model import Model
from mainspring.ports.keys import open_keys
from mainspring.ports.tables import open_tables
from mainspring.serving.arms import OnlineArm, describe_arm

# Asked of rows and files; every statement on the records that runs here is run on both databases by others.
pytestmark = pytest.mark.once

START = datetime(2013, 1, 1, tzinfo=UTC)


def test_an_arm_applies_what_its_dataset_fitted(graph: Graph, tmp_path: Path) -> None:
    """One row online is what it is in a batch, to the last bits: looked up untransformed, and transformed to score."""
    random = np.random.default_rng(5)
    keys = open_keys(f"lmdb:{tmp_path}/keys")
    features, models = Features(graph, open_tables(f"file:{tmp_path}/tables"), lambda: keys), Models(graph)
    hours = [START + timedelta(hours=hour) for hour in range(80)]
    winds = [None if hour % 7 == 0 else float(wind) for hour, wind in enumerate(random.normal(10, 4, 80))]
    weather = features.group("weather", keys=["origin"], event_time="t", online=True)
    weather.insert(pl.DataFrame({"origin": ["JFK"] * 80, "t": hours, "wind": winds}))
    outcome = features.group("outcome", keys=["flight"], event_time="t")
    late = [(wind or 10.0) > 10 for wind in winds]
    outcome.insert(pl.DataFrame({"flight": list(range(80)), "t": hours, "late": late}))
    view = features.view(
        "delay",
        features=[weather["wind"], request(carrier=str)],
        label=outcome["late"],
        transforms=[
            transform.impute("wind", how="mean"),
            transform.standardise("wind"),
            transform.one_hot("carrier"),
        ],
    )
    carriers = random.choice(["AA", "UA"], 80)
    rows = {"flight": list(range(80)), "origin": ["JFK"] * 80, "event_time": hours, "carrier": carriers}
    data = view.training_dataset(
        pl.DataFrame(rows), split=split.by_time(test_from=hours[60]), as_of=hours[-1] + timedelta(hours=1)
    )
    model = Model(
        LogisticRegression(), features=data.features, label=data.label, transformations=data.transformations
    )
    version = models.register("delay", model.fit(data["train"]), data=data)
    arm = OnlineArm(describe_arm("champion", version, view), models, features)
    for hour, carrier in ((70, "AA"), (71, "ZZ"), (77, None)):
        weather.materialize(hours[hour])
        looked = arm.look_up({"origin": "JFK"}, {"carrier": carrier}, hours[hour])
        asked = pl.DataFrame({"origin": ["JFK"], "event_time": [hours[hour]], "carrier": [carrier]})
        batch = view.batch(spine=asked.with_columns(pl.col("carrier").cast(pl.String))).frame
        assert looked.features == batch.select(view.features).row(0) == (winds[hour], carrier)
        assert arm.score(looked.values) == pytest.approx(model.predict(batch)[0], rel=1e-12)
    keys.close()
