"""Steps that the tests run in worker processes; a real module, because workers import it."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from typing import Any

import polars as pl
import pytest

import mainspring as ms
from mainspring.errors import FencedError
from mainspring.features.api import Features
from mainspring.features.datasets.api import TrainingDataset
from mainspring.log import context
from mainspring.pipelines import Materializer, Slot, StepContext, Stored
from mainspring.tracking import Tracking

SEEN: list[str] = []
BORN_IN = os.getpid()


@ms.step
def load(*, n: int = 4) -> pl.DataFrame:
    return pl.DataFrame({"a": list(range(n))})


@ms.step
def double(frame: pl.DataFrame, *, process: int = 0) -> tuple[pl.DataFrame, int]:
    assert os.getpid() != process, "this step runs where the pipeline runs"
    return frame.with_columns(pl.col("a") * 2), frame.height


@ms.step
def add(frames: list[pl.DataFrame], heights: list[int]) -> int:
    return sum(int(frame["a"].sum()) for frame in frames) + sum(heights)


@ms.pipeline
def sums(process: int = 0) -> int:
    pairs = [double(load(n=n), process=process) for n in (3, 4)]
    return add([frame for frame, _ in pairs], [height for _, height in pairs])


@ms.step(cache=False)
def belonging() -> dict[str, str]:
    return context()


@ms.pipeline
def belongings() -> dict[str, str]:
    return belonging()


@ms.step
def measure(frame: pl.DataFrame, *, tracking: Tracking = ms.RESOURCE, here: StepContext = ms.RESOURCE) -> str:
    with tracking.run("fit", experiment="flights") as run:
        run.log(metrics={"rows": float(frame.height)})
    return here.execution_id


@ms.pipeline
def measured() -> str:
    return measure(load())


@ms.step
def collect(*, features: Features = ms.RESOURCE) -> TrainingDataset:
    group = features.group("weather", keys=["city"], event_time="at")
    frame = pl.DataFrame({"city": ["Rome"], "at": ["2013-01-01"], "temp": [14.0]})
    group.insert(frame.with_columns(pl.col("at").str.to_datetime(time_zone="UTC")))
    view = features.view("v", features=[group["temp"]], spine_time="t")
    spine = pl.DataFrame({"city": ["Rome"], "t": ["2013-01-02"]})
    return view.training_dataset(spine.with_columns(pl.col("t").str.to_datetime(time_zone="UTC")))


@ms.step
def hottest(data: TrainingDataset) -> float:
    return float(data.frame["temp"].max())


@ms.pipeline
def by_reference() -> float:
    return hottest(collect())


@ms.step
def perish(frame: pl.DataFrame, *, how: str) -> int:
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "raise":
        raise ArithmeticError("no such sum")
    if how == "wrong":
        return "text"
    return frame.height


@ms.pipeline
def perilous(how: str) -> int:
    return perish(load(), how=how)


@ms.step
def count_calls(*, name: str) -> int:
    SEEN.append(name)
    return len(SEEN)


@ms.pipeline
def counted(name: str) -> int:
    return count_calls(name=name)


@ms.step
def birthplace() -> int:
    return BORN_IN


@ms.pipeline
def born() -> int:
    return birthplace()


@dataclass(frozen=True)
class Roman:
    """A number, kept in a way of its own."""

    digits: str


class RomanMaterializer(Materializer):
    name = "roman"

    def accepts(self, annotation: Any, /) -> bool:
        return annotation is Roman

    def store(self, value: Any, slot: Slot, /) -> Stored:
        return slot.keep(self, value.digits.encode())

    def load(self, stored: Stored, slot: Slot, /) -> Any:
        return Roman(slot.read(stored).decode())

    def copy(self, _value: Any, /) -> Any:
        return None


@dataclass(frozen=True)
class Ruler:
    """A resource that only the caller's process has."""

    length: int


@ms.step
def rule(*, ruler: Ruler = ms.RESOURCE) -> Roman:
    return Roman("I" * ruler.length)


@ms.step
def read(roman: Roman) -> int:
    return len(roman.digits)


@ms.pipeline
def ruled() -> int:
    return read(rule())


@ms.step
def outlive(*, features: Features = ms.RESOURCE, here: StepContext = ms.RESOURCE) -> int:
    graph = features._stores.graph
    run = graph.find_execution(here.run_id)
    assert run is not None
    graph.lose(run, "lost: it stood still")
    with pytest.raises(FencedError, match=here.run_id):
        collect.function(features=features)
    return len(graph.find_assets())


@ms.pipeline
def outlived() -> int:
    return outlive()
