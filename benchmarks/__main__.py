"""`python -m benchmarks [NAME …]` runs all or some; `--report` prints the latest result of each measurement.

`--full` makes those that are small by default as large as their question says.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

from benchmarks._harness import Bench, latest, show_report

FOLDER = Path(__file__).parent


def names() -> list[str]:
    """Every benchmark there is."""
    return sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))


def main(words: list[str]) -> int:
    if words == ["--report"]:
        show_report(latest())
        return 0
    full, words = "--full" in words, [word for word in words if word != "--full"]
    unknown = [word for word in words if word not in names()]
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there is: {', '.join(names())}", file=sys.stderr)
        return 2
    missed = 0
    for name in words or names():
        module = import_module(f"benchmarks.{name}")
        bench = Bench(name, (module.__doc__ or "").strip().splitlines()[0], full=full)
        module.run(bench)
        missed += bench.finish()
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
