"""A home brought to another folder, from its beginning to its end, whichever process has come how far.

The old home is fenced: its records by triggers, its folders by files in their places, its opening by a mark. What lies
outside of it stays where it lies.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mainspring.config import FILE_NAME
from mainspring.errors import MainspringError, StateError
from mainspring.identity.place import MOVED_MARK, find_place, write_place
from mainspring.log.progress import Progress, silent
from mainspring.ports._disk import make_folder, refusals, sync_folder, write_whole
from mainspring.ports.records import open_records
from mainspring.ports.records.schema import metadata
from mainspring.project import Project
from mainspring.workflows.move.folders import ASIDE, folders_of
from mainspring.workflows.move.intent import (
    find_intent,
    forget_intent,
    held,
    is_vacant,
    note_intent,
    opened,
    refused,
)
from mainspring.workflows.move.look import shown_address
from mainspring.workflows.move.look_home import home_intent, look_home, of_writers, records_file
from mainspring.workflows.move.records import Copying, Rows
from mainspring.workflows.move.spec import INTENT, Aborted, Intent, Moved, Part, Subject, Survey
from mainspring.workflows.move.switch import switch


def survey_home(folder: Path | None, target: Path) -> Survey:
    """What moving the home to that folder would do; changes nothing."""
    with opened(folder) as project:
        return look_home(project, home_intent(project, target))


def move_home(folder: Path | None, target: Path, *, progress: Progress = silent) -> Moved:
    """Move the project's home to another folder, and let the configuration name it.

    From the moment that the old home is fenced until the configuration names the new one nothing can be written. A
    move that was interrupted goes on when it is called again with the same folder. Stores outside of the home stay
    where they are, and belong to the new one. The old home stays, fenced.

    Args:
        folder: as for `open_project`.
        target: must not exist, or be empty.

    Raises:
        StateError: something stands in the way: `survey_home` lists all of it. Nothing was changed.
        IntegrityError: what is in the target is not what left the old home, which is whole.
        AccessError, UnavailableError: the target cannot be written.
    """
    with opened(folder) as project, held(project.home):
        begun = find_intent(project.home)
        if begun is not None and begun.subject is Subject.HOME and is_switched(project, begun):
            return _finish(project, begun, progress)
        intent = home_intent(project, target)
        found = look_home(project, intent)
        if found.obstacles:
            raise refused(found.obstacles)
        return _moved(project, intent, progress)


def is_switched(project: Project, intent: Intent) -> bool:
    """Whether the configuration names the new home."""
    return project.home == Path(intent.target)


def abort_home(project: Project, intent: Intent) -> Aborted:
    """Put the old home in use again, then take away what was brought to the new one.

    Raises:
        StateError: the records that were fenced are not those of the configuration, or something in the old home
            would be lost. The new home is as it was.
    """
    target, records = Path(intent.target), shown_address(project.config.url("records"))
    if records != intent.records:
        raise StateError(
            expected=f"the records that the move has fenced: {intent.records}",
            got=records,
            where=f"records.url in {FILE_NAME}",
            hint="Set that address again until the move is given up.",
        )
    folders_of(project.home, intent).unfence()
    Rows(project.records, project.config.project.id).unfence()
    with refusals(project.home):
        (project.home / MOVED_MARK).unlink(missing_ok=True)
        sync_folder(project.home)
    left = ""
    try:
        _discard(target, intent)
    except MainspringError as error:
        left = f"{error.got} ({error.where})"
    forget_intent(project.home)
    return Aborted(subject=Subject.HOME, source=str(project.home), target=str(target), target_left=left)


def _discard(target: Path, intent: Intent) -> None:
    """Remove what the move made; the file that says so goes last, so that whoever is killed here can go on."""
    begun = find_intent(target)
    is_ours = begun is not None and begun.id == intent.id
    with refusals(target):
        if not target.is_dir():
            return
        if not is_ours and not is_vacant(target):
            raise StateError(
                expected="a folder that this move has filled",
                got="one with something else in it",
                where=str(target),
                hint="Look at it, and delete it where nobody needs it.",
            )
        for place in target.iterdir():
            if place.is_dir() and not place.is_symlink():
                shutil.rmtree(place)
            elif place.name != INTENT:
                place.unlink()
        sync_folder(target)
        forget_intent(target)
        target.rmdir()


def _moved(project: Project, intent: Intent, progress: Progress) -> Moved:
    home, target = project.home, Path(intent.target)
    folders = folders_of(home, intent)
    source = Rows(project.records, project.config.project.id)
    with progress("begun", 1) as advance:
        note_intent(home, intent)
        with refusals(target):
            make_folder(target)
        note_intent(target, find_intent(home) or intent)
        advance()
    with progress("fenced", 1) as advance:
        with refusals(home):
            write_whole(home / MOVED_MARK, f"{target}\n")
        source.fence(str(target))
        folders.fence(f"{target}\n")
        if obstacles := tuple(of_writers(folders)):
            abort_home(project, intent)
            raise refused(obstacles)
        advance()
    n_before = folders.bring(progress)
    with _copying(project, target, source, intent) as copying:
        tables = _bring_rows(copying, progress)
        done = [*folders.compare(progress), *tables]
    with progress("switched", 1) as advance:
        place = find_place(home)
        assert place is not None
        with refusals(target):
            write_place(target, place.stores_id, home_id=place.home_id)
        switch(project.config.folder / FILE_NAME, "home", "path", intent.target)
        advance()
    return _ended(project, intent, done, n_before, progress)


def _bring_rows(copying: Copying | None, progress: Progress) -> list[Part]:
    if copying is None:
        return []
    copying.begin()
    before = copying.done()
    with progress("records moved", len(metadata.tables)) as advance:
        for table in metadata.sorted_tables:
            if table.name not in before:
                copying.bring(table)
            advance()
    copying.compare(progress)
    return list(copying.done().values())


@contextmanager
def _copying(project: Project, target: Path, source: Rows, intent: Intent) -> Iterator[Copying | None]:
    """The rows on their way, where they lie in the home."""
    file = records_file(project.config)
    if file is None:
        yield None
        return
    made = target / file.relative_to(project.home)
    with refusals(target):
        make_folder(made.parent)
    with contextlib.closing(open_records(f"sqlite:///{made}")) as records:
        yield Copying(source, Rows(records, project.config.project.id), intent.id)


def _finish(project: Project, intent: Intent, progress: Progress) -> Moved:
    """The end of a move whose new home is in use already."""
    return _ended(project, intent, None, None, progress)


def _ended(
    project: Project, intent: Intent, done: list[Part] | None, n_before: int | None, progress: Progress
) -> Moved:
    source, target = Path(intent.source), Path(intent.target)
    with progress("ended", 1) as advance:
        file = records_file(project.config)
        if file is None:
            Rows(project.records, project.config.project.id).unfence()
        else:
            made = target / file.relative_to(project.home)
            with contextlib.closing(open_records(f"sqlite:///{made}")) as records:
                rows = Rows(records, project.config.project.id)
                Copying(rows, rows, intent.id).let_go()
        if source.is_dir():
            forget_intent(source)
        forget_intent(target)
        advance()
    parts = done or []
    return Moved(
        subject=Subject.HOME,
        source=str(source),
        target=str(target),
        n_parts=len(parts),
        n_before=n_before or 0,
        n=sum(part.n for part in parts),
        left=f"{source}: whole, and refuses every write; its folders lie in {source / ASIDE}",
        remove=f"Delete {source} when you need it no more."
        if source != project.config.folder
        else f"Delete {source / ASIDE} and the database beside it when you need them no more.",
    )
