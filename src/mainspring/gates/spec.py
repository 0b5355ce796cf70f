"""The nouns of gates, as frozen values, and how a policy is read from TOML."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from pydantic import ConfigDict, Field, ValidationError, field_validator, model_validator

from mainspring import notebook
from mainspring.errors import InputError, MainspringError
from mainspring.evaluation import check
from mainspring.evaluation.spec import Check
from mainspring.lineage import Verdict
from mainspring.lineage.spec import Value
from mainspring.types import digest

_MAKERS: Final[Mapping[str, Callable[..., Check]]] = {
    "check.metric": check.metric,
    "check.beats": check.beats,
    "check.slice": check.slice,
    "check.latency": check.latency,
}
POSITIONAL: Final = {"check.metric": "metric", "check.beats": "against", "check.slice": "column"}
"""The parameter that a check's call takes first, without a name."""
_EXAMPLE: Final = "`mainspring init` writes an example: policies/production.toml."


class _Written(Value):
    """What people write down, in TOML or as a call."""

    if not TYPE_CHECKING:  # a type checker knows the fields by themselves

        def __init__(self, /, *unnamed: object, **given: object) -> None:
            name = type(self).__name__
            if unnamed:
                raise InputError(
                    expected="fields by name",
                    got=f"{len(unnamed)} without a name",
                    where=f"{name}(…)",
                    hint=f"See help({name}).",
                )
            try:
                super().__init__(**given)
            except ValidationError as error:
                raise InputError.of_value(error, f"{name}(…)", f"See help({name}).") from error

        # It is for those who call it: pydantic itself need not, and says where in a file a value stands.
        __init__.__pydantic_base_init__ = True


class Requirement(_Written):
    """One kind of evidence that a version must have, newest first, passing.

    Attributes:
        kind: the evidence's kind: `check.metric`, `check.beats`, `check.slice`, `check.latency`, or any other.
        parameters: what the check must have been made with (`metric = "roc_auc"`), as `ms.check` takes it; what is
            left open has the check's own default. A number that bounds (`at_least`, `at_most`, `max_drop`,
            `p95_ms`, `alpha`, `margin` …) may have been stricter; a `cluster` that is not asked for may have been
            named.
        rows: which rows a metric, a comparison or slices must have been looked at on: `held_out`, none of which the
            version learnt from, or `any`.
        max_age_days: older evidence proves nothing; None = only its own expiry counts.
        unless_first: waived while nobody carries the gate's alias: there is no champion to beat yet.
    """

    kind: str
    parameters: dict[str, Any] = Field(default_factory=dict, alias="with")
    rows: Literal["held_out", "any"] = "held_out"
    max_age_days: float | None = None
    unless_first: bool = False

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    @property
    def check(self) -> Check | None:
        """The check that is asked for, with every parameter; None for a kind that no check of ours makes."""
        make = _MAKERS.get(self.kind)
        if make is None:
            return None
        named = dict(self.parameters)
        first = POSITIONAL.get(self.kind)
        return make(*([named.pop(first)] if first in named else []), **named)

    @model_validator(mode="after")
    def _can_be_made(self) -> Self:
        try:
            _ = self.check
        except MainspringError as error:
            raise InputError(
                expected=error.expected, got=error.got, where=error.where, hint=error.hint
            ) from error
        except TypeError as error:
            hint = f"See help(ms.{self.kind}) for its parameters."
            raise InputError(
                expected=f"parameters of ms.{self.kind}", got=str(error), where="with", hint=hint
            ) from error
        return self

    def __str__(self) -> str:
        named = ", ".join(f"{name}={value!r}" for name, value in self.parameters.items())
        return f"{self.kind}({named})"


class Policy(_Written):
    """What a version must show before it may carry an alias.

    Attributes:
        environment: the gate's name, such as `production`.
        alias: what a passing version may be called, such as `champion`.
        require: all of these; at least one, because a gate that asks for nothing is an open door.
        description: why it asks for what it asks.
    """

    environment: str
    alias: str
    require: tuple[Requirement, ...]
    description: str = ""

    @field_validator("require")
    @classmethod
    def _asks_for_something(cls, require: tuple[Requirement, ...]) -> tuple[Requirement, ...]:
        if not require:
            raise ValueError("at least one [[require]], because a gate that asks for nothing is open")
        return require

    @field_validator("alias")
    @classmethod
    def _is_no_number(cls, alias: str) -> str:
        if not alias or alias.isdecimal() or not all(letter.isalnum() or letter in "_-" for letter in alias):
            raise ValueError("an alias of letters, digits, '_' and '-' that is no number")
        return alias

    @property
    def digest(self) -> str:
        """SHA-256 of the policy's content: its version."""
        return digest(self.model_dump(mode="json"))

    @classmethod
    def from_toml(cls, path: str | Path) -> Self:
        """Read a policy; its environment is the file's name.

        Raises:
            InputError: the file cannot be read, is no TOML, or is no policy.
        """
        file = Path(path)
        try:
            content = tomllib.loads(file.read_text(encoding="utf-8"))
            if content.setdefault("environment", file.stem) != file.stem:
                raise _no_policy(
                    file, f"environment = {content['environment']!r}, which is not the file's name"
                )
            return cls.model_validate(content)
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise _no_policy(file, str(error)) from error
        except ValidationError as error:
            raise InputError.of_value(error, str(file), _EXAMPLE) from error


class StoredPolicy(Value):
    """A version of a policy, in force from `created_at` until the next of its environment.

    Attributes:
        asset_id: its asset, of kind policy.
    """

    asset_id: str
    environment: str
    digest: str
    policy: Policy
    created_at: datetime


class Reason(Value):
    """What a gate says about one requirement.

    Attributes:
        requirement: in words.
        verdict: pass, fail, or insufficient data (missing, stale, made otherwise than asked, or not shown).
        text: one line for people.
        evidence_id: what it rests on; None where nothing was found.
        supply: the command or call that makes what is missing; empty where nothing is.
    """

    requirement: str
    verdict: Verdict
    text: str
    evidence_id: str | None = None
    supply: str = ""


class Ruling(Value):
    """What `plan.decide` says: pure, not yet stored."""

    verdict: Verdict
    reasons: tuple[Reason, ...]


class Decision(Value):
    """A stored ruling of a gate on a version.

    Attributes:
        id: the evidence that keeps it.
        policy_id: the asset of the policy version that ruled.
        version_name, version_number: what it ruled on.
        verdict: pass; fail; or insufficient data, which holds.
        holders: the number of the version that carried each alias of the model when the gate ruled.
    """

    id: str
    environment: str
    alias: str
    policy_id: str
    policy_digest: str
    version_name: str
    version_number: int
    version_asset_id: str
    verdict: Verdict
    reasons: tuple[Reason, ...]
    holders: dict[str, int] = Field(default_factory=dict)
    decided_at: datetime

    @property
    def passed(self) -> bool:
        """Whether the version may take the alias."""
        return self.verdict is Verdict.PASS

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return self.model_dump(mode="json")

    def __str__(self) -> str:
        head = f"{self.environment}: {self.version_name}/{self.version_number} {self.verdict.value}"
        return "\n".join([head, *(f"  {reason.verdict.value}: {reason.text}" for reason in self.reasons)])

    def _repr_html_(self) -> str:
        rows = [(reason.verdict, reason.text, reason.supply) for reason in self.reasons]
        return notebook.panel(
            f"{self.version_name}/{self.version_number} at {self.environment}: {self.verdict.value}",
            notebook.table(("verdict", "reason", "what would supply it"), rows),
        )


def _no_policy(path: Path, got: str) -> InputError:
    return InputError(
        expected='a policy in TOML: alias = "…" and at least one [[require]] with kind and with = {…}',
        got=got,
        where=str(path),
        hint=_EXAMPLE,
    )
