"""How results are kept: by content, by reference, and never in a form that cannot be read."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from tests.pipelines.conftest import Code

import mainspring as ms
from mainspring.errors import InputError, IntegrityError
from mainspring.features.api import Features
from mainspring.lineage import AssetKind, Graph
from mainspring.pipelines import RESOURCE, Materializers, Slot, Stored, pipeline, step
from mainspring.project import Project


def roundtrip(graph: Graph, value: Any, annotation: Any) -> tuple[Stored, Any]:
    materializer = Materializers().choose(annotation)
    slot = Slot("output", annotation, graph)
    stored = materializer.store(value, slot)
    return stored, Materializers().named(stored).load(stored, slot)


def test_frames_come_back(graph: Graph) -> None:
    """Types, nulls, NaN and order survive; equal frames have equal digests, however they are chunked."""
    frame = pl.DataFrame(
        {"a": [1, None], "b": [float("nan"), 0.5], "c": ["x", None], "d": [[1], []]},
        schema_overrides={"a": pl.Int32},
    )
    stored, back = roundtrip(graph, frame, pl.DataFrame)
    assert back.equals(frame)
    assert back.schema == frame.schema
    chunked = pl.concat([frame[:1], frame[1:]], rechunk=False)
    assert roundtrip(graph, chunked, pl.DataFrame)[0].digest == stored.digest
    assert roundtrip(graph, frame.select("b", "a", "c", "d"), pl.DataFrame)[0].digest != stored.digest


def test_arrays_come_back(graph: Graph) -> None:
    """Arrays keep their type and shape, whatever their layout in memory."""
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    stored, back = roundtrip(graph, array, np.ndarray)
    assert np.array_equal(back, array)
    assert back.dtype == array.dtype
    assert roundtrip(graph, np.asfortranarray(array), np.ndarray)[0].digest == stored.digest
    with pytest.raises(InputError, match="array of numbers"):
        roundtrip(graph, np.array([object()]), np.ndarray)


def test_a_lazy_frame_is_refused(graph: Graph) -> None:
    """A plan of a frame is no result."""
    with pytest.raises(InputError, match="collect"):
        roundtrip(graph, pl.LazyFrame(), pl.DataFrame)


def test_an_unknown_way_of_storing_is_an_integrity_error(graph: Graph) -> None:
    """What another version stored is not read by guessing."""
    stored, _ = roundtrip(graph, 1, int)
    with pytest.raises(IntegrityError, match="unknown here"):
        Materializers().named(stored.model_copy(update={"version": 99}))


@step(cache=True)
def dataset(*, features: Features = RESOURCE) -> ms.TrainingDataset:
    view = features.get_view("delay", 1)
    spine = features.get_group("flights").read().to_polars().select("id", "at")
    return view.training_dataset(spine, split=ms.split.by_time(test_from="2012-06-01T02:00:00"), seed=7)


@step
def rows(data: ms.TrainingDataset) -> int:
    return int(data["train"].height)


@pipeline
def counting() -> dict[str, Any]:
    data = dataset()
    return {"data": data, "rows": rows(data)}


def test_a_training_dataset_is_kept_by_reference(project: Project) -> None:
    """The dataset's own asset is the step's output; lineage runs through it to the commits, both when it is
    made and when it is reused.
    """
    flights = project.features.group("flights", keys=["id"], event_time="at")
    times = pl.datetime_range(
        pl.datetime(2012, 6, 1), pl.datetime(2012, 6, 1, 3), "1h", time_zone="UTC", eager=True
    )
    arrivals = project.features.group("arrivals", keys=["id"], event_time="landed")
    commit = flights.insert(pl.DataFrame({"id": [1, 2, 3, 4], "at": times, "x": [1.0, 2.0, 3.0, 4.0]}))
    arrivals.insert(
        pl.DataFrame({"id": [1, 2, 3, 4], "landed": times + timedelta(hours=1), "late": [0, 1, 0, 1]})
    )
    project.features.view("delay", features=[flights["x"]], label=arrivals["late"], spine_time="at")
    for expected in ("executed", "cached"):
        run = project.pipelines.run(counting)
        assert [found.state.value for found in run.steps] == [expected] * 2
        data = run.outputs["data"]
        assert data.asset_id == run.outputs.asset_id("data")
        assert run.outputs["rows"] == data["train"].height
    upstream = project.graph.upstream(run.outputs.asset_id("rows"))
    assert {commit.asset_id, data.asset_id} <= {asset.id for asset in upstream}
    assert len(upstream.of_kind(AssetKind.TRAINING_DATASET)) == 1


def test_keys_do_not_depend_on_the_process(code: Code) -> None:
    """Another hash seed, another process: the same digest of the same code."""
    code.write(
        helpers="""
        NAMES = {"a", "b", "c", "d"}
        KINDS = frozenset({("a", 1), ("b", 2), ("c", 3)})

        class Base:
            z, y, x = 1, 2, 3

            def run(self, name):
                return name in {"e", "f", "g", "h"} or name in NAMES
        """,
        steps="""
        import helpers

        def entry(x):
            return helpers.Base().run(x) or x in helpers.KINDS
        """,
    )
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import steps; "
        "from mainspring.features.code.closure import code_closure; print(code_closure(steps.entry).digest)"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program, str(code.folder)],
            capture_output=True,
            text=True,
            check=True,
            env={
                "PYTHONHASHSEED": seed,
                "PYTHONDONTWRITEBYTECODE": "1",
                "PATH": str(Path(sys.executable).parent),
            },
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1
