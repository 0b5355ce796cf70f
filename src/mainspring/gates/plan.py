"""`decide`: from a policy and stored evidence to a ruling. Pure: the same values give the same ruling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import BaseModel

from mainspring.evaluation.spec import BeatsCheck, LatencyCheck, MetricCheck, SliceCheck
from mainspring.gates.spec import Policy, Reason, Requirement, Ruling
from mainspring.lineage import Evidence, Verdict

AT_LEAST: Final = frozenset({"at_least", "level", "n_calls", "min_days"})
"""Parameters where a larger number is the stricter check."""
AT_MOST: Final = frozenset({"at_most", "max_drop", "p95_ms", "alpha", "margin", "min_rows", "min_class_rows"})
"""Parameters where a smaller number is the stricter check. A slice check is the other way round in `alpha`: a
slice is worse where p is below it, so a smaller one excuses more."""

_CHECKS: Final[Mapping[str, type[BaseModel]]] = {
    "check.metric": MetricCheck,
    "check.beats": BeatsCheck,
    "check.slice": SliceCheck,
    "check.latency": LatencyCheck,
}

_WORDS = {
    "check.metric": "metric",
    "check.beats": "beats",
    "check.slice": "slice",
    "check.latency": "latency",
}
_POSITIONAL = {"check.metric": "metric", "check.beats": "against", "check.slice": "column"}


def decide(
    policy: Policy, evidence: Sequence[Evidence], now: datetime, holders: Mapping[str, str] | None = None
) -> Ruling:
    """Whether the evidence about one version satisfies the policy at `now`.

    For each requirement the newest evidence counts that was made as asked or stricter, never an older, kinder
    one; what the policy leaves open must have been made with the check's own defaults or stricter. A check that
    failed although it was laxer counts too. Missing, expired, overtaken and inconclusive evidence holds.

    Args:
        evidence: findings about the version and its package, in any order.
        now: the project clock.
        holders: the version asset that carries each alias of this model now. A comparison with whoever carried
            an alias before is overtaken.

    Returns:
        fail if any requirement failed; else insufficient data if any is not shown; else pass.
    """
    carried = dict(holders or {})
    reasons = tuple(_reason(policy, requirement, evidence, now, carried) for requirement in policy.require)
    verdicts = {reason.verdict for reason in reasons}
    if Verdict.FAIL in verdicts:
        return Ruling(verdict=Verdict.FAIL, reasons=reasons)
    verdict = Verdict.PASS if verdicts == {Verdict.PASS} else Verdict.INSUFFICIENT_DATA
    return Ruling(verdict=verdict, reasons=reasons)


def _reason(
    policy: Policy,
    requirement: Requirement,
    evidence: Sequence[Evidence],
    now: datetime,
    holders: Mapping[str, str],
) -> Reason:
    said, supply = str(requirement), _supply(requirement)
    if requirement.unless_first and policy.alias not in holders:
        return Reason(
            requirement=said, verdict=Verdict.PASS, text=f"{said}: waived, nobody is {policy.alias!r} yet"
        )
    found = [entry for entry in evidence if entry.kind == requirement.kind and entry.created_at <= now]
    matching = [entry for entry in found if _matches(requirement, entry)]
    if not matching:
        why = "none of that kind" if not found else "only checks made otherwise or with laxer bounds"
        return _held(said, f"{said}: no evidence ({why})", None, supply)
    newest = max(matching, key=lambda entry: (entry.created_at, entry.id))
    overtaken = _overtaken(requirement, newest, now, holders)
    if overtaken:
        return _held(said, f"{said}: {overtaken}", newest.id, supply)
    text = f"{said}: {newest.figures.get('summary', newest.verdict.value)}"
    if newest.verdict in (Verdict.PASS, Verdict.FAIL):
        return Reason(requirement=said, verdict=newest.verdict, text=text, evidence_id=newest.id)
    return _held(said, text, newest.id, supply)


def _held(said: str, text: str, evidence_id: str | None, supply: str) -> Reason:
    return Reason(
        requirement=said,
        verdict=Verdict.INSUFFICIENT_DATA,
        text=text,
        evidence_id=evidence_id,
        supply=supply,
    )


def _matches(requirement: Requirement, entry: Evidence) -> bool:
    """Whether the check was made as asked or stricter; or laxer, and failed all the same."""
    made: Mapping[str, Any] = entry.figures.get("check", {})
    asked = _asked(requirement)
    kind = requirement.kind
    if all(_strict_enough(kind, name, wanted, made.get(name)) for name, wanted in asked.items()):
        return True
    failed = entry.verdict is Verdict.FAIL
    return failed and all(_lax_enough(kind, name, wanted, made.get(name)) for name, wanted in asked.items())


def _asked(requirement: Requirement) -> dict[str, Any]:
    """The requirement's parameters, and the check's own numbers where it leaves them open."""
    check = _CHECKS.get(requirement.kind)
    fields = {} if check is None else check.model_fields
    own = {
        name: field.default
        for name, field in fields.items()
        if name in AT_LEAST | AT_MOST and isinstance(field.default, int | float)
    }
    return {**own, **requirement.parameters}


def _strict_enough(kind: str, name: str, wanted: Any, made: Any) -> bool:
    if name == "against" and isinstance(made, str):
        # The name of a model stands for any of its versions: `baseline` for `baseline/4`.
        return bool(wanted in (made, made.rpartition("/")[0]))
    direction = _direction(kind, name)
    if direction == 0 or isinstance(made, bool) or not isinstance(made, int | float):
        return bool(made == wanted)
    return bool(direction * (made - wanted) >= 0)


def _lax_enough(kind: str, name: str, wanted: Any, made: Any) -> bool:
    direction = _direction(kind, name)
    if direction == 0 or isinstance(made, bool) or not isinstance(made, int | float):
        return _strict_enough(kind, name, wanted, made)
    return bool(direction * (made - wanted) <= 0)


def _direction(kind: str, name: str) -> int:
    """1 where a larger number is the stricter check, -1 where a smaller one is, 0 where it must be equal."""
    if name in AT_LEAST or (kind == "check.slice" and name == "alpha"):
        return 1
    return -1 if name in AT_MOST else 0


def _overtaken(requirement: Requirement, entry: Evidence, now: datetime, holders: Mapping[str, str]) -> str:
    """Why the evidence no longer proves anything; empty if it still does."""
    if entry.expires_at is not None and entry.expires_at <= now:
        return f"expired on {entry.expires_at:%Y-%m-%d}"
    age = now - entry.created_at
    if requirement.max_age_days is not None and age > timedelta(days=requirement.max_age_days):
        return f"{age.days} days old, at most {requirement.max_age_days:g} wanted"
    against = entry.figures.get("check", {}).get("against")
    holder = holders.get(against) if isinstance(against, str) else None
    if holder is not None and entry.bound.get("against") != holder:
        compared = entry.figures.get("against_version") or "nobody"
        return f"compared with {compared}, but another version is {against!r} by now"
    return ""


def _supply(requirement: Requirement) -> str:
    """The call that makes the evidence."""
    if requirement.kind not in _WORDS:
        return f"record evidence of kind {requirement.kind!r} about this version"
    named = dict(requirement.parameters)
    first = named.pop(_POSITIONAL.get(requirement.kind, ""), None)
    arguments = ([] if first is None else [repr(first)]) + [
        f"{name}={value!r}" for name, value in named.items()
    ]
    check = f"ms.check.{_WORDS[requirement.kind]}({', '.join(arguments)})"
    return f"project.evaluation.evaluate(version, rows, checks=[{check}])"
