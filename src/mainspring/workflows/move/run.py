"""A move from its beginning to its end, whichever process has come how far."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mainspring.config import FILE_NAME
from mainspring.errors import MainspringError, StateError
from mainspring.log.progress import Progress, silent
from mainspring.ports.records import Records, open_records
from mainspring.ports.records.schema import metadata
from mainspring.project import Project
from mainspring.types import new_id
from mainspring.workflows.move.home import abort_home, is_switched
from mainspring.workflows.move.intent import (
    find_intent,
    forget_intent,
    goes_on,
    held,
    is_same,
    note_intent,
    opened,
    refused,
)
from mainspring.workflows.move.look import filled, look_records, shown_address
from mainspring.workflows.move.records import Copying, Rows
from mainspring.workflows.move.spec import INTENT, Aborted, Intent, Moved, Subject, Survey
from mainspring.workflows.move.switch import switch


def survey(folder: Path | None, records_url: str) -> Survey:
    """What moving the records to that address would do; changes nothing."""
    with opened(folder) as project:
        intent = Intent(id="", subject=Subject.RECORDS, target=records_url)
        return look_records(project, records_url, goes_on(project.home, intent))


def move_records(folder: Path | None, records_url: str, *, progress: Progress = silent) -> Moved:
    """Move the project's records to another database, and let the configuration name it.

    From the moment that the old records are fenced until the configuration names the target nothing can be written.
    A move that was interrupted goes on when it is called again with the same address. Ids, numbers, the chain of
    events and readers' cursors stay as they are. The old records stay, fenced.

    Args:
        folder: as for `open_project`.
        records_url: an empty database: `postgresql:` or `sqlite:`; `{home}` stands for the home.

    Raises:
        StateError: something stands in the way: `survey` lists all of it. Nothing was changed.
        IntegrityError: what is in the target is not what left the source. The old records are whole.
        UnavailableError, AccessError: a database cannot be reached or written.
    """
    with opened(folder) as project, held(project.home):
        intent = Intent(id=new_id(), subject=Subject.RECORDS, target=records_url)
        begun = find_intent(project.home)
        if begun is not None and is_same(begun, intent):
            intent = begun
        if begun is not None and _is_switched(project, begun):
            return _finish(project, begun, progress)
        found = look_records(project, records_url, goes_on(project.home, intent))
        if found.obstacles:
            raise refused(found.obstacles)
        with _target(project, intent) as target:
            return _moved(project, target, intent, progress)


def abort(folder: Path | None) -> Aborted:
    """Give an interrupted move up: the old place is in use again, and what was brought to the new one goes.

    Raises:
        StateError: no move was begun, or it is over.
    """
    with opened(folder) as project, held(project.home):
        intent = find_intent(project.home)
        if intent is not None and intent.subject is Subject.HOME and not is_switched(project, intent):
            return abort_home(project, intent)
        if intent is None or _is_switched(project, intent) or intent.subject is Subject.HOME:
            raise StateError(
                expected="a move that was begun and is not over",
                got="none" if intent is None else "one whose new place is in use",
                where=str(project.home / INTENT),
                hint="Nothing is to be given up."
                if intent is None
                else "Run `mainspring move` again to end it, then move back.",
            )
        source, left = Rows(project.records, project.config.project.id), ""
        try:
            with _target(project, intent) as target:
                Copying(source, Rows(target, project.config.project.id), intent.id).clear()
        except MainspringError as error:
            left = f"{error.got} ({error.where})"
        source.unfence()
        forget_intent(project.home)
        return Aborted(
            subject=intent.subject,
            source=project.records.url,
            target=shown_address(filled(project, intent.target)),
            target_left=left,
        )


def _moved(project: Project, target: Records, intent: Intent, progress: Progress) -> Moved:
    project_id = project.config.project.id
    # The rows are copied into this version's tables.
    project.records.check_current()
    source = Rows(project.records, project_id)
    copying = Copying(source, Rows(target, project_id), intent.id)
    with progress("begun", 1) as advance:
        note_intent(project.home, intent)
        copying.begin()
        advance()
    with progress("fenced", 1) as advance:
        source.fence(target.url)
        advance()
    before = copying.done()
    with progress("moved", len(metadata.tables)) as advance:
        for table in metadata.sorted_tables:
            if table.name not in before:
                copying.bring(table)
            advance()
    copying.compare(progress)
    with progress("switched", 1) as advance:
        switch(project.config.folder / FILE_NAME, "records", "url", intent.target)
        advance()
    return _ended(project, source, copying, intent, len(before), progress)


def _finish(project: Project, intent: Intent, progress: Progress) -> Moved:
    """The end of a move whose target is in use already."""
    target = Rows(project.records, project.config.project.id)
    return _ended(project, None, Copying(target, target, intent.id), intent, None, progress)


def _ended(
    project: Project,
    source: Rows | None,
    copying: Copying,
    intent: Intent,
    n_before: int | None,
    progress: Progress,
) -> Moved:
    with progress("ended", 1) as advance:
        done = copying.done_or_nothing()
        copying.let_go()
        forget_intent(project.home)
        advance()
    old = "the records that the move was begun from" if source is None else source.records.url
    file = None if source is None else source.file
    return Moved(
        subject=Subject.RECORDS,
        source=old,
        target=shown_address(filled(project, intent.target)),
        n_parts=len(done),
        n_before=len(done) if n_before is None else n_before,
        n=sum(part.n for part in done.values()),
        left=f"{old}: whole, and refuses every write",
        remove=f"Delete {file} and what lies beside it under that name, when you need them no more."
        if file is not None
        else "Drop that database or schema when nobody needs it any more; other projects may have rows there.",
    )


@contextmanager
def _target(project: Project, intent: Intent) -> Iterator[Records]:
    records = open_records(filled(project, intent.target))
    with contextlib.closing(records):
        yield records


def _is_switched(project: Project, intent: Intent) -> bool:
    return project.config.records.url == intent.target
