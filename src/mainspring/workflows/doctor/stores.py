"""The stores: does each carry the id that the records name, and is the home no copy of another?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mainspring.workflows.doctor.spec import Finding, Patient, Severity

CHECK: Final = "stores"


def check_stores(patient: Patient) -> Iterator[Finding]:
    """What opening compares. A project with an error here does not open to be written."""
    identity = patient.project.identity
    flaws = identity.flaws()
    for flaw in flaws:
        yield Finding(
            check=CHECK,
            severity=Severity.ERROR,
            what=f"expected {flaw.expected}, got {flaw.got}",
            where=flaw.where,
            do="Correct the address or mount the disk; restore a backup where the records are missing. Of two copies "
            "of a home go on with one. Where it is meant so, `mainspring adopt` makes what is configured one home.",
        )
    # Of a home whose own file cannot be read, or whose records are missing, nothing more can be told.
    if all(flaw.kind not in {"home", "records"} for flaw in flaws) and not identity.is_marked():
        yield Finding(
            check=CHECK,
            severity=Severity.WARNING,
            what="the stores do not say whose they are",
            where=str(patient.project.home),
            do="Run: mainspring upgrade --backup DIR",
        )
