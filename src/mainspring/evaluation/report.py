"""What an evaluation hands back, for programs, terminals and notebooks."""

from __future__ import annotations

from typing import Any

import polars as pl

from mainspring import notebook
from mainspring.evaluation.spec import CheckResult, EvaluatedRows, RowsOrigin
from mainspring.lineage import Verdict
from mainspring.lineage.spec import Value
from mainspring.models.spec import ModelVersion

_MARKS = {
    Verdict.PASS: "✓ pass",
    Verdict.FAIL: "✗ fail",
    Verdict.INSUFFICIENT_DATA: "· insufficient data",
    Verdict.ERROR: "! error",
}

_ROWS = {
    RowsOrigin.HELD_OUT: "held-out rows",
    RowsOrigin.TRAINING: "rows, training rows among them",
    RowsOrigin.UNKNOWN: "rows, not known to be held out",
}


class Report(Value):
    """One version, one set of rows, all checks.

    Attributes:
        asset_id: the report's asset.
        version: what was evaluated.
        dataset_digest: SHA-256 of the evaluated rows, in order.
        n_rows: rows with a label, which is what was evaluated.
        n_unlabelled: rows that were left out for want of a label.
        rows: whether they were held out from what the version learnt from.
        results: one a check, in the order asked.
        overview: by metric, its estimate with interval; `calibration`: bins; `precision_recall`: points.
    """

    asset_id: str
    version: ModelVersion
    dataset_digest: str
    n_rows: int
    n_unlabelled: int
    rows: EvaluatedRows
    results: tuple[CheckResult, ...]
    overview: dict[str, Any]

    @property
    def verdict(self) -> Verdict:
        """The worst of the checks: fail, then insufficient data, then pass. Without checks: insufficient data."""
        verdicts = {result.verdict for result in self.results}
        if Verdict.FAIL in verdicts:
            return Verdict.FAIL
        return Verdict.PASS if verdicts == {Verdict.PASS} else Verdict.INSUFFICIENT_DATA

    @property
    def table(self) -> pl.DataFrame:
        """One row a check: check, verdict, finding, evidence id."""
        schema = {"check": pl.String, "verdict": pl.String, "finding": pl.String, "evidence_id": pl.String}
        rows = [
            (result.name, result.verdict.value, result.summary, result.evidence_id) for result in self.results
        ]
        return pl.DataFrame(rows, schema=schema, orient="row")

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return self.model_dump(mode="json") | {"verdict": self.verdict.value}

    def __str__(self) -> str:
        head = f"{self.version} on {self.n_rows} {_ROWS[self.rows.origin]}: {self.verdict.value}"
        return "\n".join(
            [
                head,
                *(f"  {_MARKS[result.verdict]}  {result.name}: {result.summary}" for result in self.results),
            ]
        )

    def _repr_html_(self) -> str:
        rows = [(result.name, _MARKS[result.verdict], result.summary) for result in self.results]
        return notebook.panel(
            f"{self.version}: {self.verdict.value}",
            notebook.note(
                f"{self.n_rows} {_ROWS[self.rows.origin]} ({self.rows.why}), "
                f"{self.n_unlabelled} without a label left out"
            ),
            notebook.table(("check", "verdict", "finding"), rows),
        )


class Comparison(Value):
    """Two versions on the same rows.

    Attributes:
        first, second: the versions; a positive difference speaks for the first.
        differences: by metric, the paired difference with interval and p values.
    """

    first: ModelVersion
    second: ModelVersion
    n_rows: int
    n_unlabelled: int
    differences: dict[str, dict[str, Any]]

    @property
    def table(self) -> pl.DataFrame:
        """One row a metric: both figures, how much better the first is, its interval and p."""
        return pl.DataFrame(
            [
                {
                    "metric": name,
                    "first": found["first"],
                    "second": found["second"],
                    "better_by": found["value"],
                    "low": found["low"],
                    "high": found["high"],
                    "p_two_sided": found["p_two_sided"],
                }
                for name, found in self.differences.items()
            ]
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return self.model_dump(mode="json")

    def _repr_html_(self) -> str:
        frame = self.table
        return notebook.panel(
            f"{self.first} against {self.second}",
            notebook.note(f"{self.n_rows} rows, {self.n_unlabelled} without a label left out"),
            notebook.table([name.replace("_", " ") for name in frame.columns], frame.rows()),
        )
