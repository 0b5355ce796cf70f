"""What stands in the way of a move of the home, looked for before anything is touched, and what it is to fence."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sqlalchemy.engine import make_url

from mainspring.config import FILE_NAME, HOME_VARIABLE, Config
from mainspring.identity.compare import SERVING
from mainspring.identity.disks import keys_folder
from mainspring.identity.place import PLACE_MARK, find_place
from mainspring.ports._address import path_of, scheme_of
from mainspring.project import PROJECT_MARK, Project
from mainspring.types import new_id
from mainspring.workflows.move.folders import ASIDE, Folders, folders_of
from mainspring.workflows.move.intent import find_intent, goes_on, is_same, is_vacant
from mainspring.workflows.move.look import of_configuration, of_home, of_work, room, shown_address
from mainspring.workflows.move.records import Rows
from mainspring.workflows.move.spec import Intent, Obstacle, Subject, Survey

_FILES: Final = (PROJECT_MARK, "clock")


def look_home(project: Project, intent: Intent) -> Survey:
    """What a move of the home would do, and what stands in the way; changes nothing."""
    project.records.check_current()
    target = Path(intent.target)
    rows, folders = (
        Rows(project.records, project.config.project.id),
        folders_of(project.home, intent),
    )
    brings_rows = records_file(project.config) is not None
    size_bytes = folders.size_bytes() + (rows.size_bytes() if brings_rows else 0)
    is_begun = goes_on(project.home, intent)
    obstacles = [
        *of_home(project),
        *of_configuration(project, "home", "path", intent.target),
        *_of_environment(),
        *of_work(project),
        *of_writers(folders),
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


def home_intent(project: Project, target: Path) -> Intent:
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


def records_file(config: Config) -> Path | None:
    """The SQLite file of records, where it lies in the home."""
    address = config.url("records")
    file = Path(make_url(address).database or "") if address.startswith("sqlite") else None
    return file if file is not None and file.is_relative_to(config.home_path) else None


def of_writers(folders: Folders) -> Iterator[Obstacle]:
    """Whether nobody logs predictions."""
    for segment in folders.find_writers():
        yield Obstacle(
            what="a process logs predictions",
            where=str(segment),
            do="End it, or close its deployments.",
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


def _of_environment() -> Iterator[Obstacle]:
    if HOME_VARIABLE in os.environ:
        yield Obstacle(
            what=f"the environment outranks {FILE_NAME}: {HOME_VARIABLE} is set",
            where=HOME_VARIABLE,
            do=f"Unset it, and let home.path in {FILE_NAME} name the home: the move ends by changing that file alone.",
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
    elif target.is_dir() and not is_vacant(target):
        theirs = find_intent(target)
        ours = find_intent(home)
        if not is_begun or theirs is None or ours is None or theirs.id != ours.id:
            yield Obstacle(
                what="the target is not empty",
                where=str(target),
                do="Name a folder that does not exist, or is empty.",
            )
