"""What does it cost to import mainspring, and to ask the command line for help?"""

from __future__ import annotations

import subprocess
import sys
import time

from benchmarks._harness import Bench, Sample

REPEATS = 15


def run(bench: Bench) -> None:
    bare = _seconds("pass")
    bench.add("bare interpreter", bare, "s")
    imported = _seconds("import mainspring")
    bench.add("import mainspring", imported, "s", peer="bare interpreter", peer_value=bare)
    bench.add("modules of import mainspring", _modules("import mainspring"), "modules", target=60)
    bench.add(
        "import mainspring.project",
        _seconds("import mainspring.project"),
        "s",
        peer="import polars",
        peer_value=_seconds("import polars"),
    )
    bench.add("mainspring --help", _help(), "s", peer="bare interpreter", peer_value=bare, target=0.4)
    bench.add("modules of the command line", _modules("import mainspring.cli._app"), "modules", target=300)


def _seconds(statement: str) -> Sample:
    return _repeat([sys.executable, "-c", statement])


def _help() -> Sample:
    return _repeat([sys.executable, "-m", "mainspring", "--help"])


def _repeat(words: list[str]) -> Sample:
    seconds = []
    for at in range(REPEATS + 1):
        began_s = time.perf_counter()
        subprocess.run(words, stdout=subprocess.DEVNULL, check=True)
        if at:  # the first fills the file cache
            seconds.append(time.perf_counter() - began_s)
    return Sample.of(seconds)


def _modules(statement: str) -> int:
    code = f"import sys\nbefore = set(sys.modules)\n{statement}\nprint(len(set(sys.modules) - before))"
    return int(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    )
