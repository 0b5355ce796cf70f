"""The benchmarks' own machinery: what is appended, and what the report shows of it."""

from __future__ import annotations

import json
from contextlib import closing
from importlib import import_module
from pathlib import Path

import pytest
from benchmarks import _graph, _harness, _peers
from benchmarks.__main__ import main, names
from benchmarks._bare import publish
from benchmarks._harness import Bench, Sample, latest

from mainspring.lineage import Code, Graph
from mainspring.lineage.store import event_sha256
from mainspring.ports.blobs import open_blobs
from mainspring.ports.clock import ReplayClock
from mainspring.ports.records import open_records


@pytest.mark.parametrize("name", names())
def test_every_benchmark_asks_one_question(name: str) -> None:
    """The first line of each file is a question."""
    module = import_module(f"benchmarks.{name}")
    assert (module.__doc__ or "").splitlines()[0].endswith("?")
    assert callable(module.run)


def test_results_are_appended_and_the_latest_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each figure is one JSON line with machine and versions; the report takes the newest of each."""
    monkeypatch.setattr(_harness, "RESULTS", tmp_path / "results.jsonl")
    for value in (5.0, 1.0):
        bench = Bench("toy", "How fast?")
        spread = Sample.of([value - 0.1, value, value + 0.1])
        bench.add("a", spread, "s", peer="b", peer_value=2.0, target=3.0)
        assert bench.finish() == (1 if value > 3 else 0)
    lines = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert len(lines) == 2
    assert {"name", "value", "unit", "spread", "peer", "ratio", "target", "machine", "versions"} <= set(
        lines[0]
    )
    (newest,) = latest()
    assert (newest.value, newest.ratio, newest.verdict) == (1.0, 0.5, "met")
    assert main(["--report"]) == 0
    assert "toy" in capsys.readouterr().out


def test_an_absent_peer_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without its environment another tool has no figures, and the output says so."""
    monkeypatch.setattr(_peers, "PEERS", tmp_path)
    assert _peers.peer("feast", "join", "folder") is None
    assert capsys.readouterr().out.startswith("feast: not run")


def test_an_unknown_benchmark_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong name lists the right ones."""
    assert main(["nothing"]) == 2
    assert "startup" in capsys.readouterr().err


def test_what_is_measured_in_full_size_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Words of the command line reach the benchmark, and the others keep their size."""
    sizes: list[bool] = []
    module = import_module("benchmarks.startup")
    monkeypatch.setattr(module, "run", lambda bench: sizes.append(bench.full))
    monkeypatch.setattr(Bench, "finish", lambda _: 0)
    assert main(["--full", "startup"]) == 0
    assert main(["startup"]) == 0
    assert sizes == [True, False]


def test_a_loaded_graph_is_what_publications_would_have_made(
    records_url: str, clock: ReplayClock, tmp_path: Path
) -> None:
    """As deep as it says, its hub used by many, and its log a chain that goes on."""
    made = _graph.fill(records_url, _graph.HUBS + _graph.FAMILY, 7, with_events=True)
    with closing(open_records(records_url)) as records:
        graph = Graph(
            records=records,
            blobs=open_blobs(tmp_path),
            clock=clock,
            project_id=_graph.PROJECT_ID,
            actor="user:test",
            code=lambda: Code(commit=None, dirty=None, digest="0" * 64),
        )
        assert sum(graph.count_assets().values()) == made.n_assets == _graph.HUBS + _graph.FAMILY
        assert max(graph.upstream(made.deep[0]).depth.values()) == _graph.LAYERS
        assert max(graph.downstream(made.first[0]).depth.values()) == _graph.LAYERS
        assert len(graph.downstream(made.hub, depth=1)) > 2
        publish(graph, "later", made.deep[0])
        before = ""
        for entry in graph.events():
            assert entry.sha256 == event_sha256(entry, before)
            before = entry.sha256
