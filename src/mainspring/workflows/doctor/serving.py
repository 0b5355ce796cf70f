"""What is served: weight tables against the records, and segments of the prediction log."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from mainspring.errors import MainspringError
from mainspring.serving import store, weights
from mainspring.serving.replay import serving_folder, weights_folder
from mainspring.serving.spec import ServingContext
from mainspring.serving.wal import claimed, find_segments, read_segment
from mainspring.workflows.doctor.spec import Finding, Patient, Repair, Severity, refused, shown, told

CHECK: Final = "serving"


def check_serving(patient: Patient) -> Iterator[Finding]:
    """Every deployment that lies on disk or in the records."""
    project = patient.project
    project_id = project.config.project.id
    with project.records.read() as connection:
        recorded = {
            name: store.get_contexts(connection, name, project_id)
            for name in store.deployment_names(connection, project_id)
        }
    names = sorted({*recorded, *project.deployments.names()})
    with patient.progress("deployments", len(names)) as advance:
        for name in names:
            try:
                yield from _weights(project.home, name, recorded.get(name, []))
                yield from _log(serving_folder(project.home) / name / "log", name)
            except MainspringError as error:
                yield told(CHECK, error)
            except OSError as error:
                yield refused(CHECK, error)
            advance()


def _weights(home: Path, name: str, contexts: list[ServingContext]) -> Iterator[Finding]:
    folder = weights_folder(home, name)
    if (left := weights.find_unnamed(folder)) is not None:
        yield _unnamed(name, left, contexts, folder)
        return
    tables = weights.history(folder)
    epochs = [table.epoch for table in tables]
    known = {context.epoch: context for context in contexts}
    if epochs != list(range(1, len(epochs) + 1)):
        missing = sorted(set(range(1, max(epochs) + 1)) - set(epochs))
        yield _error(name, f"weight tables of epochs {shown([str(n) for n in missing])} are missing", folder)
    if max(known, default=0) > max(epochs, default=0):
        what = f"the records know epoch {max(known)}, on disk the newest is {max(epochs, default=0)}"
        yield _error(name, what, folder)
    for table in tables:
        context = known.get(table.epoch)
        if context is not None and not _says(context, table):
            yield _error(
                name, f"the weight table of epoch {table.epoch} is not the one in the records", folder
            )
    unrecorded = [epoch for epoch in epochs if epoch not in known]
    if unrecorded:
        yield Finding(
            check=CHECK,
            severity=Severity.WARNING,
            what=f"deployment {name!r}: {len(unrecorded)} changes of what is served are not in the records yet",
            where=str(folder),
            do="Let `mainspring doctor --repair` bring them in, or use the deployment.",
            repair=Repair.RECORD_WEIGHTS,
            subjects=(name,),
        )


def _unnamed(name: str, left: weights.WeightTable, contexts: list[ServingContext], folder: Path) -> Finding:
    """That nothing says which table is in force. The newest is, if the records have it as their newest."""
    newest = max(contexts, key=lambda context: context.epoch, default=None)
    found = _error(name, f"{weights.CURRENT} is missing beside the tables up to epoch {left.epoch}", folder)
    if newest is None or newest.epoch != left.epoch or not _says(newest, left):
        return found
    return found.model_copy(
        update={
            "do": "Put the file back, or let `mainspring doctor --repair` name the newest table again.",
            "repair": Repair.NAME_WEIGHTS,
            "subjects": (name,),
        }
    )


def _says(context: ServingContext, table: weights.WeightTable) -> bool:
    """Whether the records say the same as the file: as values, because an older version wrote less of them."""
    try:
        return msgspec.convert(context.table, weights.WeightTable) == table
    except msgspec.ValidationError:
        return False


def _log(folder: Path, name: str) -> Iterator[Finding]:
    waiting = []
    for path in find_segments(folder):
        try:
            damage = read_segment(path).damage
        except FileNotFoundError:
            # Published between the listing and the reading.
            continue
        if damage is not None and not damage.torn:
            yield Finding(
                check=CHECK,
                severity=Severity.ERROR,
                what=f"deployment {name!r}: a segment of the prediction log is damaged at byte {damage.offset:,};"
                f" up to {damage.n_frames_lost} records are lost",
                where=str(path),
                do="Restore the file from a backup, or publish: what is whole is kept, what is lost becomes a gap.",
            )
        with claimed(path) as ours:
            if ours:
                waiting.append(path.name)
    if waiting:
        yield Finding(
            check=CHECK,
            severity=Severity.INFO,
            what=f"deployment {name!r}: {len(waiting)} segments of the prediction log wait to be published",
            where=f"{folder}: {shown(waiting)}",
            do="Reads see them all the same. `mainspring doctor --repair` publishes them.",
            repair=Repair.PUBLISH_LOG,
            subjects=(name,),
        )
    kept = sorted(path.name for path in folder.glob("*.damaged"))
    if kept:
        yield Finding(
            check=CHECK,
            severity=Severity.WARNING,
            what=f"deployment {name!r}: {len(kept)} damaged segments were published in part and kept",
            where=f"{folder}: {shown(kept)}",
            do="What was lost is counted as gaps. Remove the files when nobody needs them any more.",
        )


def _error(name: str, what: str, folder: Path) -> Finding:
    return Finding(
        check=CHECK,
        severity=Severity.ERROR,
        what=f"deployment {name!r}: {what}",
        where=str(folder),
        do="Restore the weights folder and the records from the same backup, or promote anew.",
    )
