"""Steps in worker processes: the same results, records and cache as in this one, and failures that stay theirs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.pipelines import flows_elsewhere as flows

import mainspring as ms
from mainspring.errors import FencedError, InputError, StateError, WorkerError
from mainspring.lineage import Graph
from mainspring.pipelines import Pipelines, StepState
from mainspring.ports.engine import Engine, open_engine
from mainspring.project import Project, open_project

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def pool() -> Iterator[Engine]:
    """One worker for the module: starting one takes longer than most tests."""
    engine = open_engine("processes:", n_workers=1)
    yield engine
    engine.close()


@pytest.fixture
def opened(project: Project, pool: Engine) -> Iterator[Project]:
    """A project whose steps run in that worker."""
    # As `engine.kind = "processes"` gives it, but shared.
    project.__dict__["engine"] = pool
    yield project
    del project.__dict__["engine"]


def test_same_as_here(opened: Project) -> None:
    """Frames, several outputs and lists go there and back; a second run reuses what the first one made."""
    found = opened.pipelines.run(flows.sums, process=os.getpid())
    assert found.output == 2 * 3 + 2 * 6 + 3 + 4
    assert found.n_executed == 5
    again = opened.pipelines.run(flows.sums, process=os.getpid())
    assert (again.n_executed, again.n_cached) == (0, 5)
    assert all(step.seconds > 0 for step in found.steps)
    with open_project(opened.config.folder, overrides=_overrides(opened)) as local:
        # The key does not know where a step runs.
        assert local.pipelines.run(flows.sums, process=os.getpid()).n_cached == 5


def test_lines_of_a_step_say_whose_it_is(opened: Project) -> None:
    """Whatever a step says carries its run, its own execution and its name, in another process as in this one."""
    with open_project(opened.config.folder, overrides=_overrides(opened)) as local:
        for project in (opened, local):
            found = project.pipelines.run(flows.belongings)
            assert found.output == {
                "execution_id": found.steps[0].execution_id,
                "run_id": found.id,
                "step": found.steps[0].node,
            }


def _overrides(project: Project) -> dict[str, str]:
    return {"records.url": project.config.records.url, "clock.kind": "replay", "actor.name": "user:test"}


def test_rooms_are_there(opened: Project) -> None:
    """A step's resources are those of its process, and what it makes through them belongs to its execution."""
    found = opened.pipelines.run(flows.measured)
    (inner,) = opened.tracking.runs("flights")
    assert inner.metrics["rows"] == 4.0
    assert inner.parent_id == found.step("measure").execution_id == found.output


def test_by_reference(opened: Project) -> None:
    """What another room has published goes between processes as its asset."""
    found = opened.pipelines.run(flows.by_reference)
    assert found.output == 14.0
    (stored,) = found.step("collect").outputs
    assert stored.by_reference


def test_a_step_of_a_lost_run_publishes_nothing(opened: Project) -> None:
    """In another process as in this one: an insert inside it is refused, and the step says so."""
    with open_project(opened.config.folder, overrides=_overrides(opened)) as local:
        for project in (opened, local):
            with pytest.raises(FencedError):
                project.pipelines.run(flows.outlived)
            assert project.graph.find_assets() == []


@pytest.mark.parametrize(
    ("how", "kind", "message"),
    [
        ("kill", WorkerError, "SIGKILL"),
        ("raise", StateError, "ArithmeticError: no such sum"),
        ("wrong", InputError, "pipeline perilous, step perish, output 'output'"),
    ],
)
def test_failures(opened: Project, how: str, kind: type[Exception], message: str) -> None:
    """A step that dies, raises or returns nonsense fails its run alone; what came before it is kept."""
    with pytest.raises(kind, match=message):
        opened.pipelines.run(flows.perilous, how=how)
    failed, good = opened.pipelines.runs("perilous")[0], opened.pipelines.run(flows.perilous, how="well")
    assert [step.state for step in failed.steps] == [StepState.EXECUTED, StepState.FAILED]
    assert [step.state for step in good.steps] == [StepState.CACHED, StepState.EXECUTED]
    assert good.output == 4


def test_what_only_the_caller_has(opened: Project) -> None:
    """Resources and materializers that the caller added go along."""
    opened.pipelines.provide(flows.Ruler, lambda _: flows.Ruler(7))
    opened.pipelines.materializers.register(flows.RomanMaterializer())
    assert opened.pipelines.run(flows.ruled).output == 7


def test_each_step_finds_the_state_of_its_key(opened: Project) -> None:
    """What a step did to its module in a warm worker is not there for the next step, whose key does not say it."""
    results = [opened.pipelines.run(flows.counted, name=name).output for name in ("a", "b")]
    assert results == [1, 1]


def test_values_that_differ(opened: Project) -> None:
    """A module-level value that no other process has is refused by name: the result would be kept under a wrong key."""
    with pytest.raises(StateError, match=r"value tests\.pipelines\.flows_elsewhere:BORN_IN"):
        opened.pipelines.run(flows.born)


def test_local_steps(opened: Project) -> None:
    """A step that another process cannot import is refused before it runs."""

    @ms.step
    def inner() -> int:
        return 1

    @ms.pipeline
    def local() -> int:
        return inner()

    with pytest.raises(InputError, match="top level of a module"):
        opened.pipelines.run(local)


def test_no_way_there(graph: Graph, pool: Engine) -> None:
    """Pipelines that do not say how a process reaches them run nothing elsewhere."""
    with pytest.raises(InputError, match="reached_by"):
        Pipelines(graph, pool).run(flows.sums)


SCRIPT = """
import mainspring as ms

FACTOR = 3

class Count:
    def __init__(self, n: int) -> None:
        self.n = n

def scaled(n: int) -> int:
    return Count(n).n * FACTOR

@ms.step
def triple(*, n: int) -> int:
    return scaled(n)

@ms.pipeline
def tripled(n: int = 2) -> int:
    return triple(n=n)

if __name__ == "__main__":
    with ms.open(overrides={"engine.kind": "processes", "engine.workers": 1}) as project:
        print("result", project.pipelines.run(tripled).output)
        print("again", project.pipelines.run(tripled).n_cached)
"""


@pytest.fixture
def script(tmp_path: Path) -> Callable[[], str]:
    """A project whose steps are in the script that runs them; returns what the script prints."""
    (tmp_path / "mainspring.toml").write_text('[project]\nid = "scripted"\n')
    (tmp_path / "train.py").write_text(SCRIPT)

    def run() -> str:
        done = subprocess.run(
            [sys.executable, "train.py"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_steps_of_a_script(script: Callable[[], str]) -> None:
    """Steps defined in the script itself run elsewhere too, under the keys that they have here."""
    assert script() == "result 6\nagain 1\n"
