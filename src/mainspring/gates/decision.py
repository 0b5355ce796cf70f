"""Stored rulings, as those who act on one ask for it."""

from __future__ import annotations

from typing import Final

from mainspring.errors import RefusedError, UnknownNameError
from mainspring.lineage import Evidence, Graph, Verdict
from mainspring.models.spec import ModelVersion

DECISION_KIND: Final = "gate.decision"


def get_passed(graph: Graph, version: ModelVersion, decision_id: str) -> Evidence:
    """The ruling of that id, which let `version` through.

    Raises:
        UnknownNameError: no gate made a ruling of that id on this very version.
        RefusedError: the ruling did not let it through.
    """
    rulings = {ruling.id: ruling for ruling in graph.evidence_for(version.asset_id, kind=DECISION_KIND)}
    found = rulings.get(decision_id)
    if found is None:
        raise UnknownNameError(
            expected=f"the id of a gate's decision on {version} ({_listed(rulings)})",
            got=repr(decision_id),
            where="decision_id",
            hint=f"Ask a gate: project.gates.decide(environment, version), or "
            f"`mainspring gates decide ENVIRONMENT {version}`.",
        )
    if found.verdict is not Verdict.PASS:
        raise RefusedError(
            expected=f"a decision that lets {version} through",
            got=f"{found.verdict.value} by the {found.name}",
            where=f"decision {decision_id}",
            hint="Supply what its reasons ask for and decide again, or name the decision that passed.",
        )
    return found


def _listed(rulings: dict[str, Evidence]) -> str:
    newest = [f"{ruling.id} ({ruling.verdict.value})" for ruling in rulings.values()][-3:]
    return "there is: " + (", ".join(newest) if newest else "none yet")
