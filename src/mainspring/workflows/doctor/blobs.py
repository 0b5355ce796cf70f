"""The blobs: is everything there that rows refer to, and is it what was put?"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from mainspring.ports.blobs import StoredBlob
from mainspring.workflows.doctor.spec import DRAFT_MAX_AGE, Finding, Patient, Repair, Severity, shown
from mainspring.workflows.references import BlobReference, blob_references, unmentioned

CHECK: Final = "blobs"
EMPTY_SHA256: Final = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def check_blobs(patient: Patient) -> Iterator[Finding]:
    """Referenced blobs by presence and digest (quick: presence and size), then what nothing refers to."""
    project = patient.project
    needed: dict[str, list[BlobReference]] = {}
    with project.records.read() as connection:
        for reference in blob_references(connection, project.config.project.id):
            needed.setdefault(reference.sha256, []).append(reference)
    there = {blob.sha256: blob for blob in project.blobs.walk()}
    with patient.progress("blobs", len(needed)) as advance:
        for sha256, references in needed.items():
            wrong = _flaw(patient, there[sha256], references) if sha256 in there else "is missing"
            if wrong:
                yield Finding(
                    check=CHECK,
                    severity=Severity.ERROR,
                    what=f"blob {sha256} {wrong}",
                    where=f"needed by {shown(sorted({reference.owner for reference in references}))}",
                    do="Restore the file from a backup, or make again what needs it (pipelines run the step again).",
                )
            advance()
    yield from _orphans(
        patient, {sha256: blob.size_bytes for sha256, blob in there.items() if sha256 not in needed}
    )
    yield from _drafts(patient)


def _flaw(patient: Patient, blob: StoredBlob, references: Sequence[BlobReference]) -> str:
    """What is wrong with a blob that is there; empty if nothing is."""
    known = {reference.size_bytes for reference in references} - {None, blob.size_bytes}
    if known:
        return (
            f"has {blob.size_bytes:,} bytes, was put with {max(size for size in known if size is not None):,}"
        )
    if patient.quick:
        # Not every row knows the size, but what is referred to was hardly empty when it was put.
        empty = blob.size_bytes == 0 and blob.sha256 != EMPTY_SHA256
        return "has no bytes left" if empty else ""
    with patient.project.blobs.path(blob.sha256).open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    return "" if found == blob.sha256 else f"is damaged: its bytes have SHA-256 {found}"


def _orphans(patient: Patient, candidates: dict[str, int]) -> Iterator[Finding]:
    with patient.project.records.read() as connection:
        orphans = sorted(unmentioned(connection, candidates))
    if orphans:
        size_bytes = sum(candidates[sha256] for sha256 in orphans)
        yield Finding(
            check=CHECK,
            severity=Severity.INFO,
            what=f"{len(orphans)} blobs ({size_bytes:,} bytes) are referred to by nothing",
            where=shown(orphans),
            do="Nothing has to be done; `mainspring gc` shows which of them are old enough to go.",
        )


def _drafts(patient: Patient) -> Iterator[Finding]:
    bound = datetime.now(UTC) - DRAFT_MAX_AGE
    old = [draft for draft in patient.project.blobs.drafts() if draft.written_at < bound]
    if old:
        yield Finding(
            check=CHECK,
            severity=Severity.INFO,
            what=f"{len(old)} staged files are leftovers of processes that were killed",
            where=shown([draft.name for draft in old]),
            do="Let `mainspring doctor --repair` remove them.",
            repair=Repair.DELETE_DRAFTS,
            subjects=tuple(draft.name for draft in old),
        )
