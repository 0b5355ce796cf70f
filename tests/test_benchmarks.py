"""The benchmarks' own machinery: what is appended, and what the report shows of it."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

import pytest
from benchmarks import _harness
from benchmarks.__main__ import main, names
from benchmarks._harness import Bench, Sample, latest


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


def test_an_unknown_benchmark_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong name lists the right ones."""
    assert main(["nothing"]) == 2
    assert "startup" in capsys.readouterr().err
