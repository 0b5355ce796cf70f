"""A home brought to another folder, from its beginning to its end, whichever process has come how far.

The old home is fenced: its records by triggers, its folders by files in their places, its opening by a mark. What lies
outside of it stays where it lies.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy.engine import make_url

from mainspring.config import FILE_NAME, HOME_VARIABLE, Config
from mainspring.errors import MainspringError, StateError
from mainspring.identity.compare import SERVING
from mainspring.identity.disks import keys_folder
from mainspring.identity.place import MOVED_MARK, PLACE_MARK, find_place, write_place
from mainspring.ports._address import path_of, scheme_of
from mainspring.ports._disk import make_folder, refusals, sync_folder, write_whole
from mainspring.ports.records import open_records
from mainspring.ports.records.schema import metadata
from mainspring.project import PROJECT_MARK, Project
from mainspring.types import new_id
from mainspring.workflows.move.folders import ASIDE, Folders
from mainspring.workflows.move.intent import (
    find_drafts,
    find_intent,
    forget_intent,
    goes_on,
    held,
    is_same,
    note_intent,
    opened,
    refused,
)
from mainspring.workflows.move.look import of_configuration, of_home, of_work, room, shown_address
from mainspring.workflows.move.records import Copying, Rows
from mainspring.workflows.move.spec import INTENT, Aborted, Intent, Moved, Obstacle, Part, Subject, Survey
from mainspring.workflows.move.switch import switch
from mainspring.workflows.progress import Progress, silent

_FILES: Final = (PROJECT_MARK, "clock")


def survey_home(folder: Path | None, target: Path) -> Survey:
    """What moving the home to that folder would do; changes nothing."""
    with opened(folder) as project:
        return _look(project, _intent(project, target))


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
        intent = _intent(project, target)
        found = _look(project, intent)
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
    _folders(project.home, intent).unfence()
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
        if not is_ours and not _is_vacant(target):
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


def _is_vacant(folder: Path) -> bool:
    """Whether nothing is in it but what a move that was killed at its beginning left."""
    return set(folder.iterdir()) == set(find_drafts(folder))


def _intent(project: Project, target: Path) -> Intent:
    """The move to that folder: one that was begun, or a new one."""
    begun, intended = find_intent(project.home), _intended(project, target)
    return begun if begun is not None and is_same(begun, intended) else intended


def _intended(project: Project, target: Path) -> Intent:
    return Intent(
        id=new_id(),
        subject=Subject.HOME,
        target=str(target.expanduser().resolve()),
        source=str(project.home),
        names=tuple(_inside(project.config).values()),
        files=_FILES,
        records=shown_address(project.config.url("records")),
    )


def _look(project: Project, intent: Intent) -> Survey:
    project.records.check_current()
    target = Path(intent.target)
    rows, folders = (
        Rows(project.records, project.config.project.id),
        _folders(project.home, intent),
    )
    brings_rows = _records_file(project.config) is not None
    size_bytes = folders.size_bytes() + (rows.size_bytes() if brings_rows else 0)
    is_begun = goes_on(project.home, intent)
    obstacles = [
        *of_home(project),
        *of_configuration(project, "home", "path", intent.target),
        *_of_environment(),
        *of_work(project),
        *_of_writers(folders),
        *_of_addresses(project.config),
        *_of_identity(project),
        *_of_target(project, target, is_begun),
        *_of_change(intent, _intended(project, target)),
        *room(target, size_bytes, is_local=brings_rows or "keys" in _inside(project.config)),
    ]
    return Survey(
        subject=Subject.HOME,
        source=str(project.home),
        target=str(target),
        parts={**(rows.count() if brings_rows else {}), **folders.count()},
        size_bytes=size_bytes,
        goes_on=is_begun,
        obstacles=tuple(obstacles),
    )


def _moved(project: Project, intent: Intent, progress: Progress) -> Moved:
    home, target = project.home, Path(intent.target)
    folders = _folders(home, intent)
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
        if obstacles := tuple(_of_writers(folders)):
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
    file = _records_file(project.config)
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
        file = _records_file(project.config)
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


def _inside(config: Config) -> dict[str, str]:
    """The folders of a home, by kind, relative to it."""
    places = {
        kind: path_of(config.url(kind))
        for kind in ("blobs", "tables")
        if scheme_of(config.url(kind)) == "file"
    }
    if (keys := keys_folder(config)) is not None:
        places["keys"] = keys
    home = config.home_path
    found = {
        kind: place.relative_to(home).as_posix()
        for kind, place in places.items()
        if place.is_relative_to(home)
    }
    return {**found, SERVING: SERVING}


def _records_file(config: Config) -> Path | None:
    """The SQLite file of records, where it lies in the home."""
    address = config.url("records")
    file = Path(make_url(address).database or "") if address.startswith("sqlite") else None
    return file if file is not None and file.is_relative_to(config.home_path) else None


def _folders(home: Path, intent: Intent) -> Folders:
    return Folders(home=home, target=Path(intent.target), names=intent.names, files=intent.files)


def _of_environment() -> Iterator[Obstacle]:
    if HOME_VARIABLE in os.environ:
        yield Obstacle(
            what=f"the environment outranks {FILE_NAME}: {HOME_VARIABLE} is set",
            where=HOME_VARIABLE,
            do=f"Unset it, and let home.path in {FILE_NAME} name the home: the move ends by changing that file alone.",
        )


def _of_writers(folders: Folders) -> Iterator[Obstacle]:
    for segment in folders.find_writers():
        yield Obstacle(
            what="a process logs predictions",
            where=str(segment),
            do="End it, or close its deployments.",
        )


def _of_addresses(config: Config) -> Iterator[Obstacle]:
    """An address of a place in the home has to say so: it would name the old one for ever."""
    for section in ("records", "blobs", "tables", "keys"):
        written = getattr(config, section).url
        if str(config.home_path) in written:
            yield Obstacle(
                what=f"{section}.url names a place in the home by its path",
                where=FILE_NAME,
                do="Write {home} for the home's path.",
            )
    for kind, name in _inside(config).items():
        if name == ".":
            yield Obstacle(
                what=f"{kind}.url is the home itself",
                where=FILE_NAME,
                do="Move it by hand, and run `mainspring adopt`.",
            )


def _of_identity(project: Project) -> Iterator[Obstacle]:
    if find_place(project.home) is None or not project.identity.is_marked():
        yield Obstacle(
            what="the home does not say whose its stores are",
            where=str(project.home / PLACE_MARK),
            do="Open it once for writing; a home of 0.1.0 needs `mainspring upgrade`.",
        )
        return
    if (project.home / ASIDE).exists():
        # It is fenced by this move: its folders are not where a project would look for them.
        return
    for flaw in project.identity.flaws():
        yield Obstacle(what=f"{flaw.kind}: {flaw.got}", where=flaw.where, do="See `mainspring doctor`.")


def _of_change(begun: Intent, now: Intent) -> Iterator[Obstacle]:
    """What a move has fenced is what it brings: an address that was changed since names something else."""
    if (begun.names, begun.files, begun.records) != (now.names, now.files, now.records):
        yield Obstacle(
            what="the addresses of stores are others than when the move was begun: "
            f"it has fenced {', '.join(begun.names)} and {begun.records}",
            where=FILE_NAME,
            do="Set them as they were, or give the move up with `mainspring move --abort`.",
        )


def _of_target(project: Project, target: Path, is_begun: bool) -> Iterator[Obstacle]:
    home = project.home
    if target == home:
        yield Obstacle(what="the home is there already", where=str(target), do="Name another folder.")
    elif target.is_relative_to(home) or home.is_relative_to(target):
        yield Obstacle(
            what="one of the two folders lies in the other", where=str(target), do="Name a folder beside it."
        )
    elif target.exists() and not target.is_dir():
        yield Obstacle(what="the target is a file", where=str(target), do="Name a folder.")
    elif target.is_dir() and not _is_vacant(target):
        theirs = find_intent(target)
        ours = find_intent(home)
        if not is_begun or theirs is None or ours is None or theirs.id != ours.id:
            yield Obstacle(
                what="the target is not empty",
                where=str(target),
                do="Name a folder that does not exist, or is empty.",
            )
