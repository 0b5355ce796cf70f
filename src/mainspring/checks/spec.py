"""What a check says and what it found: frozen values that round-trip through JSON."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from mainspring import notebook
from mainspring.lineage.spec import Verdict

Plain = bool | int | float | str | None
"""A value that JSON can hold."""


class Frozen(BaseModel):
    """Base of this room's values: immutable, closed to unknown fields; no field holds NaN or infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Severity(StrEnum):
    """How much a broken expectation weighs: only a critical one fails a validation."""

    CRITICAL = "critical"
    WARNING = "warning"


class Expectation(Frozen):
    """One statement about a frame. Make it with `ms.expect`, which checks its arguments.

    Attributes:
        kind: which rule of `mainspring.checks.rules`, or of a plug-in.
        columns: the columns that it reads; empty for a statement about the whole frame.
        parameters: the rule's own arguments, in plain JSON values; times are ISO 8601 strings.
        severity: whether breaking it fails the validation or only warns.
        mostly: the share of judged (non-null) rows that must hold, 0 < mostly <= 1.
        distribution: which installed distribution added the rule when the expectation was made; None for our own.
    """

    kind: str
    columns: tuple[str, ...] = ()
    parameters: dict[str, Plain | tuple[Plain, ...]] = Field(default_factory=dict)
    severity: Severity = Severity.CRITICAL
    mostly: float = Field(default=1.0, gt=0.0, le=1.0)
    distribution: str | None = None

    @property
    def name(self) -> str:
        """How tables and messages call it, such as `between(temp, low=-40, high=130)`."""
        shown = [
            *self.columns,
            *(f"{key}={_short(value)}" for key, value in self.parameters.items()),
        ]
        if self.mostly < 1.0:
            shown.append(f"mostly={self.mostly:g}")
        return f"{self.kind}({', '.join(shown)})"


def _short(value: object) -> str:
    text = repr(list(value)) if isinstance(value, tuple) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


class Result(Frozen):
    """What one expectation found.

    Attributes:
        expectation: the statement.
        n_rows: rows of the frame.
        n_null: rows not judged, because a column that the rule reads is null there. For `not_null` itself 0.
        n_failed: judged rows that break it. For `row_count` 0: no single row breaks it.
        examples: up to five values of breaking rows in row order (a mapping where the rule reads several
            columns; for `row_count` the count); what JSON cannot hold is text.
        verdict: `pass`, `fail`, or `insufficient_data` where no row could be judged.
        plugin: the distribution, version and code that judged, for the rule of a plug-in; None for our own.
    """

    expectation: Expectation
    n_rows: int
    n_null: int
    n_failed: int
    examples: tuple[Plain | dict[str, Plain], ...] = ()
    verdict: Verdict
    plugin: dict[str, str] | None = None

    @property
    def n_judged(self) -> int:
        """Rows that were judged: the denominator of `mostly`."""
        return self.n_rows - self.n_null


class Validation(Frozen):
    """What a list of expectations found in one frame, in the order in which they were given."""

    n_rows: int
    results: tuple[Result, ...]

    @property
    def verdict(self) -> Verdict:
        """`fail` if a critical expectation is broken, else `insufficient_data` if one could not be judged."""
        found = {
            result.verdict for result in self.results if result.expectation.severity is Severity.CRITICAL
        }
        for verdict in (Verdict.FAIL, Verdict.INSUFFICIENT_DATA):
            if verdict in found:
                return verdict
        return Verdict.PASS

    @property
    def failed(self) -> tuple[Result, ...]:
        """Results of broken expectations of either severity."""
        return tuple(result for result in self.results if result.verdict is Verdict.FAIL)

    @property
    def warnings(self) -> tuple[Result, ...]:
        """Results of broken expectations that only warn."""
        return tuple(result for result in self.failed if result.expectation.severity is Severity.WARNING)

    def figures(self) -> dict[str, object]:
        """What evidence keeps: counts per expectation, with examples only for those that failed."""
        return {
            "n_rows": self.n_rows,
            "expectations": [
                {
                    "expectation": result.expectation.model_dump(mode="json"),
                    "name": result.expectation.name,
                    "severity": result.expectation.severity.value,
                    "verdict": result.verdict.value,
                    "n_null": result.n_null,
                    "n_failed": result.n_failed,
                    "examples": list(result.examples),
                    **({} if result.plugin is None else {"plugin": result.plugin}),
                }
                for result in self.results
            ],
        }

    @classmethod
    def of_figures(cls, figures: Mapping[str, Any]) -> Self:
        """The validation that `figures` were made of."""
        kept = ("expectation", "n_null", "n_failed", "examples", "verdict")
        results = [
            Result.model_validate({"n_rows": figures["n_rows"], **{name: entry[name] for name in kept}})
            for entry in figures["expectations"]
        ]
        return cls(n_rows=figures["n_rows"], results=tuple(results))

    def _repr_html_(self) -> str:
        head = ("expectation", "severity", "rows", "null", "failed", "examples", "verdict")
        rows = [
            (
                result.expectation.name,
                result.expectation.severity,
                result.n_rows,
                result.n_null,
                result.n_failed,
                result.examples,
                result.verdict,
            )
            for result in self.results
        ]
        return notebook.table(head, rows)
