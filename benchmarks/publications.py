"""How many publications a second do 1, 4 and 16 writing processes come to, and how evenly are they served?

Each is compared with bare inserts by as many processes: one row of as many bytes as the publication's rows, in a
transaction of its own, with the same durability. The driver of SQLite waits by SQLite's own way then, not in turns.
fsyncs of SQLite are counted in the writers, those of PostgreSQL by the server, whose other databases must be at rest.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import mainspring as ms
from benchmarks import _databases, _syncs
from benchmarks._bare import last_publication, publish
from benchmarks._harness import Bench, Sample

ROOT: Final = Path(__file__).parent.parent
WRITERS: Final = (1, 4, 16)
ROUNDS: Final = 3
WINDOW_S: Final = float(os.environ.get("BENCHMARK_WINDOW_S", "4"))


def run(bench: Bench) -> None:
    with tempfile.TemporaryDirectory(prefix="publications-") as folder, ExitStack() as held:
        row_bytes = _row_bytes(Path(folder) / "one")
        counter = _syncs.build(Path(folder))
        _measure(bench, "SQLite", _Place(_home(Path(folder) / "sqlite"), None, None, counter, row_bytes))
        if (server := _databases.find_server()) is not None:
            url = held.enter_context(_databases.schema(server))
            home = _home(Path(folder) / "postgres", url)
            _measure(bench, "PostgreSQL", _Place(home, url, server, None, row_bytes))


@dataclass(frozen=True)
class _Place:
    """Where is written.

    Attributes:
        url: of a PostgreSQL schema; None on SQLite.
        server: who counts its own fsyncs.
        counter: the library that counts those of a process.
    """

    home: Path
    url: str | None
    server: str | None
    counter: Path | None
    row_bytes: int


@dataclass(frozen=True)
class _Round:
    """What some writers came to in one window."""

    per_s: float
    fairness: float
    longest_s: float
    syncs: float | None
    statements: int


def _measure(bench: Bench, database: str, place: _Place) -> None:
    for n in WRITERS:
        rounds: dict[str, list[_Round]] = {"bare insert": [], "publication": []}
        for _ in range(ROUNDS):
            for kind, done in rounds.items():
                done.append(_round(place, kind, n))
        titles = {kind: f"{database}, {n} writer{'s' * (n > 1)}: {kind}" for kind in rounds}
        bare = Sample.of(each.per_s for each in rounds["bare insert"])
        for kind, done in rounds.items():
            title, peer = titles[kind], titles["bare insert"] if kind != "bare insert" else None
            per_s = Sample.of(each.per_s for each in done)
            bench.add(f"{title}s a second", per_s, "/s", peer=peer, peer_value=bare if peer else None)
            bench.add(f"{title}, longest wait", Sample.of(1e3 * each.longest_s for each in done), "ms")
            if n > 1:
                bench.add(f"{title}, least / most of a writer", Sample.of(each.fairness for each in done), "")
            if (syncs := [each.syncs for each in done if each.syncs is not None]) and len(syncs) > 1:
                bench.add(f"{title}, fsyncs each", Sample.of(syncs), "calls")
            bench.add(f"{title}, statements each", done[0].statements, "calls")


def _round(place: _Place, kind: str, n: int) -> _Round:
    request = {
        "kind": kind,
        "home": str(place.home),
        "server": place.url,
        "seconds": WINDOW_S,
        "row_bytes": place.row_bytes,
    }
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **_syncs.environment(place.counter)}
    words = [sys.executable, "-m", "benchmarks._publications_child", json.dumps(request)]
    children = [
        subprocess.Popen(words, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(n)
    ]
    try:
        for child in children:
            _say(child)
        before = None if place.server is None else _databases.count_syncs(place.server)
        for child in children:
            assert child.stdin is not None
            child.stdin.write("go\n")
            child.stdin.flush()
        found = [json.loads(_say(child)) for child in children]
        after = None if place.server is None else _databases.count_syncs(place.server)
    finally:
        for child in children:
            child.kill()
            child.wait()
            assert child.stdin is not None and child.stdout is not None
            child.stdin.close()
            child.stdout.close()
    return _summed(found, None if before is None or after is None else after - before)


def _say(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    line = child.stdout.readline()
    if not line:
        raise RuntimeError(f"a writer ended with status {child.wait()}")
    return line


def _summed(found: Sequence[dict[str, Any]], server_syncs: int | None) -> _Round:
    counts = [each["n"] for each in found]
    own = [each["syncs"] for each in found if each["syncs"] is not None]
    syncs = server_syncs if server_syncs is not None else sum(own) if own else None
    return _Round(
        per_s=sum(each["n"] / each["seconds"] for each in found),
        fairness=min(counts) / max(counts),
        longest_s=max(each["longest_s"] for each in found),
        syncs=None if syncs is None else syncs / sum(counts),
        statements=found[0]["statements"],
    )


def _home(folder: Path, url: str | None = None) -> Path:
    folder.mkdir()
    records = "" if url is None else f"[records]\nurl = {json.dumps(url)}\n"
    (folder / "mainspring.toml").write_text(f'[project]\nid = "bench"\n{records}')
    with ms.open(folder) as project:
        publish(project.graph, "first")
    return folder


def _row_bytes(home: Path) -> int:
    """How many bytes the values of a publication's rows have."""
    _home(home)
    with ms.open(home) as project:
        publish(project.graph, "plain", publish(project.graph, "source"))
        written = last_publication(home / ".mainspring" / "records.db")
    return sum(len(str(each)) for _, row in written for each in row.values() if each is not None)
