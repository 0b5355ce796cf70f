"""`decide`: from a policy and stored evidence to a ruling. Pure: the same values give the same ruling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from mainspring.evaluation.spec import RowsOrigin, parameters
from mainspring.gates.spec import POSITIONAL, Policy, Reason, Requirement, Ruling
from mainspring.lineage import Evidence, Verdict

AT_LEAST: Final = frozenset({"at_least", "level", "n_calls", "min_days", "half_width"})
"""Parameters where a larger number is the stricter check."""
AT_MOST: Final = frozenset({"at_most", "max_drop", "p95_ms", "alpha", "margin"})
"""Parameters where a smaller number is the stricter check. A slice check is the other way round in `alpha`: a
slice is worse where p is below it, so a smaller one excuses more."""

ON_ROWS: Final = frozenset({"check.metric", "check.beats", "check.slice"})
"""Checks whose answer depends on whether the version learnt from the rows."""

SHOWN: Final = 3
"""Evidence that does not count, at most so much of it, is named in a reason; the newest first."""

ROWS: Final = "rows"


def decide(
    policy: Policy,
    evidence: Sequence[Evidence],
    now: datetime,
    holders: Mapping[str, str] | None = None,
    subject: str = "MODEL",
) -> Ruling:
    """Whether the evidence about one version satisfies the policy at `now`.

    For each requirement the newest evidence counts that was made as asked or stricter in every parameter, never an
    older, kinder one; what the policy leaves open must have been made with the check's own defaults or stricter. A
    failure of a check that was at most as strict in every parameter counts too: its figures fail the stricter one,
    save that a slice check that judges more slices corrects for more (Holm), so that a failure near the level may
    not be one there. Anything else (stricter in one, laxer in another) shows neither, and the reason names it.
    Missing, expired, overtaken and inconclusive evidence holds.

    Args:
        evidence: findings about the version and its package, in any order.
        now: the project clock.
        holders: the version asset that carries each alias of this model now. A comparison with whoever carried
            an alias before is overtaken.
        subject: the version as `NAME/NUMBER`, for the commands in `Reason.supply`.

    Returns:
        fail if any requirement failed; else insufficient data if any is not shown; else pass.
    """
    carried = dict(holders or {})
    reasons = tuple(
        _reason(policy, requirement, evidence, now, carried, supply(requirement, subject))
        for requirement in policy.require
    )
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
    missing: str,
) -> Reason:
    said = str(requirement)
    if requirement.unless_first and policy.alias not in holders:
        return Reason(
            requirement=said, verdict=Verdict.PASS, text=f"{said}: waived, nobody is {policy.alias!r} yet"
        )
    asked = _asked(requirement)
    found = [entry for entry in evidence if entry.kind == requirement.kind and entry.created_at <= now]
    found = [entry for entry in found if _is_about(asked, entry)]
    found.sort(key=lambda entry: (entry.created_at, entry.id), reverse=True)
    counting = [entry for entry in found if _counts(asked, entry)]
    if not counting:
        other = "; ".join(_otherwise(asked, entry) for entry in found[:SHOWN])
        none = f"no evidence that counts, there is {other}" if found else "no evidence"
        return _held(said, f"{said}: {none}", None, missing)
    newest = counting[0]
    # A failure that does not count, but is newer than what does, is not passed over in silence.
    failures = [entry for entry in found[: found.index(newest)] if entry.verdict is Verdict.FAIL]
    beside = "".join(f"; not counted: {_otherwise(asked, entry)}" for entry in failures[:SHOWN])
    overtaken = _overtaken(requirement, newest, now, holders)
    if overtaken:
        return _held(said, f"{said}: {overtaken}{beside}", newest.id, missing)
    text = f"{said}: {newest.figures.get('summary', newest.verdict.value)}{beside}"
    if newest.verdict in (Verdict.PASS, Verdict.FAIL):
        return Reason(requirement=said, verdict=newest.verdict, text=text, evidence_id=newest.id)
    return _held(said, text, newest.id, missing)


def _held(said: str, text: str, evidence_id: str | None, supply: str) -> Reason:
    return Reason(
        requirement=said,
        verdict=Verdict.INSUFFICIENT_DATA,
        text=text,
        evidence_id=evidence_id,
        supply=supply,
    )


def _asked(requirement: Requirement) -> dict[str, Any]:
    """Every parameter that the evidence must have been made with; for a check also those left to its defaults."""
    check = requirement.check
    if check is None:
        return dict(requirement.parameters)
    given = parameters(check)
    asked = {
        name: value
        for name, value in given.items()
        if name == "cluster" or (name != "kind" and value is not None)
    }
    return asked | ({ROWS: requirement.rows} if requirement.kind in ON_ROWS else {})


def _is_about(asked: Mapping[str, Any], entry: Evidence) -> bool:
    """Whether the check looked at the same metric, column or rival, however it was made."""
    made: Mapping[str, Any] = entry.figures.get("check", {})
    return all(
        _order(entry.kind, name, asked[name], made.get(name)) == 0
        for name in ("metric", "column", "against")
        if name in asked
    )


def _counts(asked: Mapping[str, Any], entry: Evidence) -> bool:
    """Whether the check was made as asked or stricter; or no stricter, and failed all the same."""
    orders = _orders(asked, entry).values()
    if all(order in (0, 1) for order in orders):
        return True
    return entry.verdict is Verdict.FAIL and all(order in (0, -1) for order in orders)


def _orders(asked: Mapping[str, Any], entry: Evidence) -> dict[str, int | None]:
    """By parameter: 1 made stricter than asked, 0 as asked, -1 laxer, None neither."""
    made: Mapping[str, Any] = entry.figures.get("check", {})
    return {
        name: _rows_order(wanted, _origin(entry))
        if name == ROWS
        else _order(entry.kind, name, wanted, made.get(name))
        for name, wanted in asked.items()
    }


def _order(kind: str, name: str, wanted: Any, made: Any) -> int | None:
    if name == "against" and isinstance(made, str):
        # The name of a model stands for any of its versions: `baseline` for `baseline/4`.
        return 0 if wanted in (made, made.rpartition("/")[0]) else None
    if made == wanted:
        return 0
    if name == "cluster" and None in (wanted, made):
        # Rows of one day are alike: intervals over whole days are the wider ones.
        return 1 if wanted is None else -1
    direction = _direction(kind, name)
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (wanted, made))
    if direction == 0 or not numbers:
        return None
    return 1 if direction * (made - wanted) > 0 else -1


def _rows_order(wanted: str, origin: str) -> int | None:
    """Rows that were learnt from flatter; of rows of unknown origin nothing can be said."""
    if wanted == "any" or origin == RowsOrigin.HELD_OUT:
        return 0
    return -1 if origin == RowsOrigin.TRAINING else None


def _origin(entry: Evidence) -> str:
    found = entry.figures.get("rows", {})
    return str(found.get("origin", RowsOrigin.UNKNOWN.value))


def _direction(kind: str, name: str) -> int:
    """1 where a larger number is the stricter check, -1 where a smaller one is, 0 where it must be equal."""
    if name in AT_LEAST or (kind == "check.slice" and name == "alpha"):
        return 1
    return -1 if name in AT_MOST else 0


def _otherwise(asked: Mapping[str, Any], entry: Evidence) -> str:
    """Evidence that does not count, and in what it differs from what is asked."""
    made: Mapping[str, Any] = entry.figures.get("check", {})
    words = {-1: "laxer", 1: "stricter", None: "other"}
    differences = [
        f"with {name}={made.get(name)!r} ({words[order]} than {wanted!r})"
        for name, wanted in asked.items()
        if name != ROWS and (order := _order(entry.kind, name, wanted, made.get(name))) != 0
    ]
    if ROWS in asked and _rows_order(asked[ROWS], _origin(entry)) != 0:
        why = entry.figures.get("rows", {}).get("why", "the evidence does not say")
        rows = "training rows" if _origin(entry) == RowsOrigin.TRAINING else "rows not known to be held out"
        differences.append(f"on {rows} ({why})")
    return f"{entry.verdict.value} of a check made {', '.join(differences)}"


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


def supply(requirement: Requirement, subject: str = "MODEL") -> str:
    """The command, where there is one, and the call that make the evidence for a version."""
    name, _, number = subject.rpartition("/")
    version = f"project.models.get({name!r}, {number})" if name and number.isdecimal() else "version"
    if requirement.check is None:
        asked = {"check": requirement.parameters}
        return (
            f"with project.graph.execution({requirement.kind!r}, {subject!r}) as work: "
            f"work.evidence({version}.asset_id, {requirement.kind!r}, verdict=…, figures={asked!r})"
        )
    named = dict(requirement.parameters)
    first = named.pop(POSITIONAL.get(requirement.kind, ""), None)
    arguments = ([] if first is None else [repr(first)]) + [
        f"{key}={value!r}" for key, value in named.items()
    ]
    check = f"ms.check.{requirement.kind.removeprefix('check.')}({', '.join(arguments)})"
    rows = "held_out_rows" if requirement.kind in ON_ROWS and requirement.rows == "held_out" else "rows"
    call = f"project.evaluation.evaluate({version}, {rows}, checks=[{check}])"
    command = _command(requirement, subject)
    return f"`{command}`, or in Python {call}" if command else f"in Python {call}"


def _command(requirement: Requirement, subject: str) -> str:
    """The command line that makes the check on the test part of the version's dataset; empty where none can."""
    given = requirement.parameters
    if requirement.kind == "check.metric" and set(given) == {"metric", "at_least"}:
        return f"mainspring evaluate {subject} --metric {given['metric']} --at-least {given['at_least']}"
    if requirement.kind == "check.beats" and set(given) == {"against"}:
        return f"mainspring evaluate {subject} --beats {given['against']}"
    return ""
