"""Feast with DuckDB: three Parquet files joined to a spine as of its moments. Its one argument is the folder."""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig
from feast.types import Float64
from feast.value_type import ValueType


def main(place: str) -> None:
    spine = pd.read_parquet(Path(place) / "spine.parquet").rename(columns={"event_time": "event_timestamp"})
    with tempfile.TemporaryDirectory() as folder:
        config = RepoConfig(
            project="bench",
            provider="local",
            registry=str(Path(folder) / "registry.db"),
            online_store=None,
            offline_store={"type": "duckdb"},
            entity_key_serialization_version=3,
        )
        store = FeatureStore(config=config)
        key = Entity(name="key", join_keys=["key"], value_type=ValueType.INT64)
        views = []
        for path in sorted(Path(place).glob("calm?.parquet")):
            names = [name for name in pq.read_schema(path).names if name not in {"key", "at"}]
            views.append(
                FeatureView(
                    name=path.stem,
                    entities=[key],
                    ttl=timedelta(days=3650),
                    schema=[Field(name=name, dtype=Float64) for name in names],
                    source=FileSource(path=str(path), timestamp_field="at"),
                )
            )
        store.apply([key, *views])
        features = [f"{view.name}:{field.name}" for view in views for field in view.features]
        began_s = time.perf_counter()
        found = store.get_historical_features(entity_df=spine, features=features).to_arrow()
        seconds = time.perf_counter() - began_s
        assert found.num_rows == len(spine)
    # Linux counts kibibytes.
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": [seconds], "peak_bytes": peak_bytes}))


if __name__ == "__main__":
    main(sys.argv[1])
