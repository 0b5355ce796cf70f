"""Feast: a Parquet file to SQLite, then reads of one and of a hundred entities. Its one argument is the file."""

from __future__ import annotations

import json
import random
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig
from feast.types import Float64
from feast.value_type import ValueType

READS = 200


def main(parquet: str) -> None:
    names = [name for name in pq.read_schema(parquet).names if name not in {"user", "at"}]
    n_rows = pq.read_metadata(parquet).num_rows
    with tempfile.TemporaryDirectory() as folder:
        config = RepoConfig(
            project="bench",
            provider="local",
            registry=str(Path(folder) / "registry.db"),
            online_store={"type": "sqlite", "path": str(Path(folder) / "online.db")},
            entity_key_serialization_version=3,
        )
        store = FeatureStore(config=config)
        user = Entity(name="user", join_keys=["user"], value_type=ValueType.STRING)
        view = FeatureView(
            name="users",
            entities=[user],
            ttl=timedelta(days=3650),
            schema=[Field(name=name, dtype=Float64) for name in names],
            source=FileSource(path=parquet, timestamp_field="at"),
        )
        store.apply([user, view])
        began_s = time.perf_counter()
        store.materialize(datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC))
        took_s = time.perf_counter() - began_s
        features = [f"users:{name}" for name in names]
        told = {"materialize_row_us": took_s / n_rows * 1e6}
        draw = random.Random(7)
        for n in (1, 100):
            times = []
            for _ in range(READS):
                rows = [{"user": f"user-{draw.randrange(n_rows):06d}"} for _ in range(n)]
                began_s = time.perf_counter()
                found = store.get_online_features(features=features, entity_rows=rows).to_dict()
                times.append(time.perf_counter() - began_s)
                assert None not in found[names[0]]
            told[f"read_{n}_us"] = statistics.median(times) * 1e6
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1])
