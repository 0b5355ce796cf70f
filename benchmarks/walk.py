"""How long does the lineage of an asset 20 executions deep take, in a graph of a million assets?

Asked as users ask, `project.lineage.upstream(asset_id)` and `downstream`, of assets of families drawn at random, each
asked once: backward from a last result, forward from a first commit. Everything that is used by many, and that a walk
must not be drawn into, is a hub; see `_graph`. Without `--full` the graph has 100,000 assets.
"""

from __future__ import annotations

import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import mainspring as ms
from benchmarks import _databases, _graph
from benchmarks._harness import Bench, Sample

SEED: Final = 7
ASKED: Final = 200
WARM_UP: Final = 20
TARGET_MS: Final = 50.0


def run(bench: Bench) -> None:
    n_assets = 1_000_000 if bench.full else 100_000
    with tempfile.TemporaryDirectory(prefix="walk-") as folder:
        _measure(bench, "SQLite", Path(folder) / "sqlite", None, n_assets)
        if (server := _databases.find_server()) is not None:
            with _databases.schema(server) as url:
                _measure(bench, "PostgreSQL", Path(folder) / "postgres", url, n_assets)


def _measure(bench: Bench, database: str, home: Path, url: str | None, n_assets: int) -> None:
    home.mkdir()
    records = "" if url is None else f"[records]\nurl = {json.dumps(url)}\n"
    (home / "mainspring.toml").write_text(f'[project]\nid = "{_graph.PROJECT_ID}"\n{records}')
    with ms.open(home):
        pass
    made = _graph.fill(url or f"sqlite:///{home / '.mainspring' / 'records.db'}", n_assets, SEED)
    title = f"{database}, {made.n_assets:,} assets"
    chance = random.Random(SEED)
    with ms.open(home) as project:
        walks: dict[str, tuple[Callable[[str], Any], Sequence[str]]] = {
            "upstream": (project.lineage.upstream, made.deep),
            "downstream": (project.lineage.downstream, made.first),
        }
        for name, (walk, roots) in walks.items():
            asked = chance.sample(roots, min(len(roots), WARM_UP + ASKED))
            for root in asked[:WARM_UP]:
                walk(root)
            found = [_timed(walk, root) for root in asked[WARM_UP:]]
            assert {depth for _, depth, _ in found} == {_graph.LAYERS}
            times_ms = sorted(1e3 * seconds for seconds, _, _ in found)
            bench.add(f"{title}: {name}", Sample.of(times_ms), "ms", target=TARGET_MS)
            p99_ms = statistics.quantiles(times_ms, n=100)[98]
            bench.add(f"{title}: {name}, 99th percentile", p99_ms, "ms", target=TARGET_MS)
            bench.add(f"{title}: {name}, assets reached", Sample.of(n for _, _, n in found), "assets")
        seconds, _, n_reached = _timed(lambda root: project.lineage.downstream(root, depth=1), made.hub)
        bench.add(f"{title}: one step forward from the busiest hub", 1e3 * seconds, "ms")
        bench.add(f"{title}: assets made of that hub directly", n_reached - 1, "assets")


def _timed(walk: Callable[[str], Any], root: str) -> tuple[float, int, int]:
    """Seconds, and how deep it went and how many assets it reached; what it found is let go, as users do."""
    began_s = time.perf_counter()
    graph = walk(root).graph
    return time.perf_counter() - began_s, max(graph.depth.values()), len(graph)
