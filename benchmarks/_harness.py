"""What benchmarks share: measuring with spread, the table, the results file, the machine they ran on."""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results.jsonl"
LIBRARIES = (
    "mainspring",
    "polars",
    "sqlalchemy",
    "deltalake",
    "lmdb",
    "redis",
    "pydantic",
    "scikit-learn",
    "typer",
)


@dataclass(frozen=True)
class Sample:
    """Repeated measurements of one thing: the median, and the quartiles as spread."""

    value: float
    low: float
    high: float
    n: int

    @classmethod
    def of(cls, values: Iterable[float]) -> Sample:
        """From single measurements; at least two."""
        found = sorted(values)
        low, median, high = statistics.quantiles(found, n=4, method="inclusive")
        return cls(median, low, high, len(found))


@dataclass(frozen=True)
class Result:
    """One line of the results file.

    Attributes:
        spread: lower and upper quartile; None for a count.
        peer: what it is compared with.
        ratio: value over the peer's value.
        target: the bound that the value must stay below; None = it only informs.
    """

    benchmark: str
    name: str
    value: float
    unit: str
    spread: tuple[float, float] | None
    peer: str | None
    ratio: float | None
    target: float | None
    measured_at: str
    machine: dict[str, Any]
    versions: dict[str, str]

    @property
    def verdict(self) -> str:
        """Whether the target was met, in a word."""
        if self.target is None:
            return ""
        return "met" if self.value < self.target else "MISSED"


class Bench:
    """One benchmark's results as they come.

    Attributes:
        full: whether it is to be as large as its question says, where that takes long.
    """

    def __init__(self, name: str, question: str, *, full: bool = False) -> None:
        self.name = name
        self.question = question
        self.full = full
        self.results: list[Result] = []

    def add(
        self,
        name: str,
        value: float | Sample,
        unit: str,
        *,
        peer: str | None = None,
        peer_value: float | Sample | None = None,
        target: float | None = None,
    ) -> None:
        """Keep a figure; a `Sample` brings its spread, a plain number is a count."""
        plain = value.value if isinstance(value, Sample) else value
        other = peer_value.value if isinstance(peer_value, Sample) else peer_value
        self.results.append(
            Result(
                benchmark=self.name,
                name=name,
                value=plain,
                unit=unit,
                spread=(value.low, value.high) if isinstance(value, Sample) else None,
                peer=peer,
                ratio=plain / other if other else None,
                target=target,
                measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
                machine=machine(),
                versions=versions(),
            )
        )

    def finish(self) -> int:
        """Print the table, append to the results file; returns how many targets were missed."""
        with RESULTS.open("a", encoding="utf-8") as file:
            for result in self.results:
                file.write(json.dumps(asdict(result)) + "\n")
        show(self.question, self.results)
        return sum(result.verdict == "MISSED" for result in self.results)


def timed(function: Callable[[], object], *, repeats: int, warm_up: int = 1) -> Sample:
    """Seconds of one call, over `repeats` calls after a warm-up."""
    for _ in range(warm_up):
        function()
    seconds = []
    for _ in range(repeats):
        began_s = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - began_s)
    return Sample.of(seconds)


def machine() -> dict[str, Any]:
    """What it ran on, without names of hosts or people."""
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass  # not Linux: the short name will do
    return {
        "system": f"{platform.system()} {platform.release()}",
        "processor": model,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
    }


def versions() -> dict[str, str]:
    """Python and the libraries that matter for speed."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def show(question: str, results: list[Result]) -> None:
    """A benchmark's table."""
    console = _console()
    table = Table(title=question, title_justify="left", box=None, pad_edge=False)
    for head in ("measurement", "value", "spread", "against", "ratio", "target", ""):
        table.add_column(head, justify="right" if head in {"value", "spread", "ratio", "target"} else "left")
    for result in results:
        table.add_row(*_cells(result))
    console.print(table)
    ran_on = machine()
    console.print(
        f"{ran_on['processor']}, {ran_on['cores']} cores, load {ran_on['load']}; "
        + ", ".join(f"{name} {number}" for name, number in versions().items()),
        style="dim",
    )
    console.print()


def _console() -> Console:
    # A pipe has no width: rows stay whole.
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=160)


def _cells(result: Result) -> list[str]:
    spread = "" if result.spread is None else f"{result.spread[0]:.4g}–{result.spread[1]:.4g}"
    return [
        result.name,
        f"{result.value:.4g} {result.unit}",
        spread,
        result.peer or "",
        "" if result.ratio is None else f"{result.ratio:.2f}×",
        "" if result.target is None else f"< {result.target:g} {result.unit}",
        result.verdict,
    ]


def latest() -> list[Result]:
    """The newest result of every measurement in the results file."""
    if not RESULTS.exists():
        print("No results yet: run `make bench` first.", file=sys.stderr)
        return []
    newest: dict[tuple[str, str], Result] = {}
    for line in RESULTS.read_text(encoding="utf-8").splitlines():
        fields = json.loads(line)
        spread = fields.pop("spread")
        result = Result(**fields, spread=None if spread is None else (spread[0], spread[1]))
        newest[result.benchmark, result.name] = result
    return sorted(newest.values(), key=lambda result: (result.benchmark, result.name))


def show_report(results: list[Result]) -> None:
    """The latest results of all benchmarks in one table."""
    console = _console()
    table = Table(box=None, pad_edge=False)
    for head in (
        "benchmark",
        "measurement",
        "value",
        "spread",
        "against",
        "ratio",
        "target",
        "",
        "measured",
        "load",
    ):
        table.add_column(head)
    for result in results:
        measured = result.measured_at[:16].replace("T", " ")
        table.add_row(result.benchmark, *_cells(result), measured, str(result.machine["load"]))
    console.print(table)
