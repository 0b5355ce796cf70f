"""What a check says and what it found: frozen values that round-trip through JSON."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any, Final, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
)

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
    INFO = "info"


class Environment(StrEnum):
    """Where rows are looked at: as a model learns from them (and as a group takes them), or as it is asked."""

    TRAINING = "training"
    SERVING = "serving"


class Expectation(Frozen):
    """One statement about a frame. Make it with `ms.expect`, which checks its arguments.

    Attributes:
        kind: which rule of `mainspring.checks.rules`, or of a plug-in.
        columns: the columns that it reads; empty for a statement about the whole frame.
        parameters: the rule's own arguments, in plain JSON values with tuples as lists; times are ISO 8601 strings.
        severity: whether breaking it fails the validation or is only told.
        mostly: the share of judged (non-null) rows that must hold, in [0, 1]; with 0 breaking rows are only told.
        distribution: which installed distribution added the rule when the expectation was made; None for our own.
        row_condition: judges only rows where it holds; None = every row.
        meta: plain JSON for people and other tools.
        environment: says nothing of rows elsewhere, as of a label that a request cannot have; None = holds in both.
    """

    kind: str
    columns: tuple[str, ...] = ()
    parameters: dict[str, Any] = Field(default_factory=dict)
    severity: Severity = Severity.CRITICAL
    mostly: float = Field(default=1.0, ge=0.0, le=1.0)
    distribution: str | None = None
    row_condition: str | None = None
    meta: dict[str, Any] = Field(default_factory=dict)
    environment: Environment | None = None

    @field_validator("parameters", mode="after")
    @classmethod
    def _frozen(cls, given: dict[str, Any]) -> dict[str, Any]:
        return {name: frozen(value) for name, value in given.items()}

    @model_serializer(mode="wrap")
    def _brief(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # What was stored before these existed stays equal to what is made now.
        written: dict[str, Any] = write(self)
        return {name: value for name, value in written.items() if name not in _BRIEF or value}

    @property
    def name(self) -> str:
        """How tables and messages call it, such as `between(temp, low=-40, high=130)`."""
        shown = [
            *self.columns,
            *(f"{key}={_short(value)}" for key, value in self.parameters.items()),
        ]
        if self.mostly < 1.0:
            shown.append(f"mostly={self.mostly:g}")
        if self.row_condition is not None:
            shown.append(f"where {_clipped(self.row_condition)}")
        if self.environment is not None:
            shown.append(f"in {self.environment.value}")
        return f"{self.kind}({', '.join(shown)})"


_BRIEF: Final = ("row_condition", "meta", "environment")


def frozen(value: Any) -> Any:
    """Plain JSON with tuples instead of lists."""
    if isinstance(value, dict):
        return {name: frozen(item) for name, item in value.items()}
    return tuple(map(frozen, value)) if isinstance(value, list | tuple) else value


def thawed(value: Any) -> Any:
    """Plain JSON with lists instead of tuples."""
    if isinstance(value, dict):
        return {name: thawed(item) for name, item in value.items()}
    return [thawed(item) for item in value] if isinstance(value, list | tuple) else value


def _short(value: object) -> str:
    return _clipped(repr(thawed(value)))


def _clipped(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."


class Result(Frozen):
    """What one expectation found.

    Attributes:
        expectation: the statement.
        n_rows: rows of the frame that meet its condition.
        n_null: rows not judged, because a column that the rule reads is null there. For `not_null` itself 0.
        n_failed: judged rows that break it. For a rule about the whole frame 0: no single row breaks it.
        examples: the first values of breaking rows in row order (a mapping where the rule reads several columns;
            for `row_count` the count); what JSON cannot hold is text.
        verdict: `pass`, `fail`, or `insufficient_data` where nothing could be judged.
        plugin: the distribution, version and code that judged, for the rule of a plug-in; None for our own.
        observed: for a rule about the whole frame, what it compared; None for a rule about rows.
        details: what else such a rule found, as its documentation says.
        answered_from: "rows", or "statistics" of a table's files, with the same answer and no row read.
    """

    expectation: Expectation
    n_rows: int
    n_null: int
    n_failed: int
    examples: tuple[Plain | dict[str, Plain], ...] = ()
    verdict: Verdict
    plugin: dict[str, str] | None = None
    observed: Any = None
    details: dict[str, Any] = Field(default_factory=dict)
    answered_from: Literal["rows", "statistics"] = "rows"

    def __repr__(self) -> str:
        found = f"{self.n_failed:,} of {self.n_judged:,} rows failed"
        if self.observed is not None:
            found = f"observed {_short(self.observed)}"
        return f"<Result {self.expectation.name}: {self.verdict.value}, {found}>"

    __str__ = __repr__

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
        """Results of broken expectations of any severity."""
        return tuple(result for result in self.results if result.verdict is Verdict.FAIL)

    @property
    def warnings(self) -> tuple[Result, ...]:
        """Results of broken expectations that only warn."""
        return tuple(result for result in self.failed if result.expectation.severity is Severity.WARNING)

    def without_values(self, columns: Collection[str]) -> Self:
        """The same counts and verdicts, with no value of these columns."""
        results = (
            result.model_copy(update={"examples": (), "observed": None, "details": {}})
            if not set(columns).isdisjoint(result.expectation.columns)
            else result
            for result in self.results
        )
        return self.model_copy(update={"results": tuple(results)})

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
                    **({} if result.n_rows == self.n_rows else {"n_rows": result.n_rows}),
                    **({} if result.observed is None else {"observed": result.observed}),
                    **({} if not result.details else {"details": result.details}),
                    **({} if result.answered_from == "rows" else {"answered_from": result.answered_from}),
                }
                for result in self.results
            ],
        }

    @classmethod
    def of_figures(cls, figures: Mapping[str, Any]) -> Self:
        """The validation that `figures` were made of."""
        told = ("name", "severity")
        results = [
            Result.model_validate(
                {
                    "n_rows": figures["n_rows"],
                    **{name: value for name, value in entry.items() if name not in told},
                }
            )
            for entry in figures["expectations"]
        ]
        return cls(n_rows=figures["n_rows"], results=tuple(results))

    def __repr__(self) -> str:
        broken = f"{len(self.failed)} of {len(self.results)} expectations broken"
        return f"<Validation {self.verdict.value}: {broken}, {self.n_rows:,} rows>"

    def __str__(self) -> str:
        return notebook.printed(f"{self.verdict.value}: {self.n_rows:,} rows", _HEAD, self._rows)

    def _repr_html_(self) -> str:
        return notebook.table(_HEAD, self._rows)

    @property
    def _rows(self) -> list[tuple[object, ...]]:
        return [
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


_HEAD: Final = ("expectation", "severity", "rows", "null", "failed", "examples", "verdict")
