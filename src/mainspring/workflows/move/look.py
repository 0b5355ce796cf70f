"""What stands in the way of a move, looked for before anything is touched."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sqlalchemy import inspect, select
from sqlalchemy.engine import make_url

from mainspring.config import ENVIRONMENT_PREFIX, FILE_NAME
from mainspring.errors import InputError, MainspringError
from mainspring.ports.file_systems import find_network_mount
from mainspring.ports.records import open_records
from mainspring.ports.records.loading import MOVE_JOURNAL
from mainspring.ports.records.migrations import HEAD, VERSION_TABLE, revision_of
from mainspring.ports.records.schema import metadata
from mainspring.project import PROJECT_MARK, Project
from mainspring.workflows.at_work import find_at_work
from mainspring.workflows.move.records import Rows
from mainspring.workflows.move.spec import Obstacle, Subject, Survey
from mainspring.workflows.move.switch import with_key

SPARE: Final = 1.2
"""How much room the target needs, as a multiple of what the source takes."""


def look_records(project: Project, records_url: str, goes_on: bool) -> Survey:
    """What moving the records would do, and what stands in the way.

    Raises:
        InputError: the address is of no kind that records can be moved to.
        AccessError, UnavailableError: the source cannot be read.
    """
    address = filled(project, records_url)
    if not address.startswith(("sqlite:", "postgresql:", "postgresql+psycopg:", "postgres:")):
        raise InputError(
            expected="an address of SQLite or PostgreSQL",
            got=address.split(":", 1)[0] + ":…",
            where="--to-records",
            hint="For example postgresql://user@host/database, or sqlite:///{home}/records.db.",
        )
    project.records.check_current()
    source = Rows(project.records, project.config.project.id)
    size_bytes = source.size_bytes()
    obstacles = [
        *of_home(project),
        *of_configuration(project, "records", "url", records_url),
        *of_work(project),
    ]
    try:
        obstacles += _target(project, address, size_bytes, goes_on)
    except MainspringError as error:
        obstacles.append(Obstacle(what=error.got, where=error.where, do=error.hint))
    return Survey(
        subject=Subject.RECORDS,
        source=project.records.url,
        target=shown_address(address),
        parts=source.count(),
        size_bytes=size_bytes,
        goes_on=goes_on,
        obstacles=tuple(obstacles),
    )


def filled(project: Project, address: str) -> str:
    """An address with the home filled in."""
    return project.config.filled(address)


def shown_address(address: str) -> str:
    """An address without its password."""
    return make_url(address).render_as_string(hide_password=True)


def of_home(project: Project) -> Iterator[Obstacle]:
    """Whether the home is this project's, and open for writing."""
    mark = project.home / PROJECT_MARK
    if not mark.exists() or mark.read_text(encoding="utf-8").strip() != project.config.project.id:
        yield Obstacle(
            what=f"this is not the home of project {project.config.project.id!r}",
            where=str(project.home),
            do="Open the project once for writing, or correct `home.path`.",
        )
    if project.read_only:
        yield Obstacle(
            what="the project is read-only",
            where="home.read_only",
            do="Open it for writing.",
        )


def of_configuration(project: Project, section: str, key: str, value: str) -> Iterator[Obstacle]:
    """Whether the file can be given the key, and nothing outranks it."""
    variable = f"{ENVIRONMENT_PREFIX}{section}_{key}".upper()
    if variable in os.environ:
        yield Obstacle(
            what=f"the environment outranks {FILE_NAME}: {variable} is set",
            where=variable,
            do=f"Unset it and write the address into {FILE_NAME}: the move ends by changing that file alone.",
        )
    file = project.config.folder / FILE_NAME
    if not os.access(file if file.exists() else file.parent, os.W_OK):
        yield Obstacle(
            what="the configuration cannot be written", where=str(file), do="Give write permission."
        )
    elif file.exists():
        try:
            with_key(file.read_text(encoding="utf-8"), section, key, value)
        except InputError as error:
            yield Obstacle(what=error.got, where=error.where, do=error.hint)


def of_work(project: Project) -> Iterator[Obstacle]:
    """Whether nobody is at work."""
    for lease in find_at_work(project):
        execution = project.graph.find_execution(lease.subject)
        yield Obstacle(
            what=f"{lease.subject if execution is None else f'{execution.kind} {execution.name!r}'} is at work",
            where=f"process {lease.holder}",
            do="Stop it, or let it end. What was killed is found by `mainspring doctor --repair`.",
        )


def _target(project: Project, address: str, size_bytes: int, goes_on: bool) -> Iterator[Obstacle]:
    if _same(address, project.config.url("records")):
        yield Obstacle(
            what="the records are there already", where=shown_address(address), do="Name another database."
        )
        return
    if address.startswith("sqlite:"):
        file = Path(make_url(address).database or "").absolute()
        if not file.exists():
            yield from room(file.parent, size_bytes)
            return
    target = open_records(address)
    try:
        with target.read() as connection:
            revision = revision_of(connection)
            there = set(inspect(connection).get_table_names())
            strange = sorted(there - set(metadata.tables) - {VERSION_TABLE, MOVE_JOURNAL})
            filled_tables = (
                [
                    name
                    for name in sorted(there & set(metadata.tables))
                    if connection.execute(select(metadata.tables[name]).limit(1)).first() is not None
                ]
                if revision == HEAD
                else []
            )
    finally:
        target.close()
    if revision not in {None, HEAD}:
        what, do = f"a database at revision {revision}, this version needs {HEAD}", "Name an empty database."
        yield Obstacle(what=what, where=target.url, do=do)
    if strange:
        what = f"tables that are not of mainspring: {', '.join(strange[:3])}"
        yield Obstacle(what=what, where=target.url, do="Name a database or schema of its own.")
    if filled_tables and MOVE_JOURNAL not in there:
        yield Obstacle(
            what=f"the target is not empty: rows in {', '.join(filled_tables[:3])}",
            where=target.url,
            do="Name an empty database or schema. Records that were moved away from there, and are needed no more, "
            "have to be removed first.",
        )
    if MOVE_JOURNAL in there and not goes_on:
        yield Obstacle(
            what="another move to it was begun",
            where=target.url,
            do="End that one, or name another database.",
        )


def room(folder: Path, size_bytes: int, *, is_local: bool = True) -> Iterator[Obstacle]:
    """Whether so much fits into a folder, or into the nearest one above it.

    Args:
        is_local: whether it has to be a disk of this machine.
    """
    while not folder.exists():
        folder = folder.parent
    if is_local and (found := find_network_mount(folder.resolve())) is not None:
        yield Obstacle(
            what=f"the target lies on a network file system ({found[0]})",
            where=f"{folder}, mounted at {found[1]}",
            do="Name a local disk: SQLite and LMDB need locks and shared memory that network disks lack.",
        )
    free = shutil.disk_usage(folder).free
    if free < size_bytes * SPARE:
        yield Obstacle(
            what=f"{free:,} bytes are free, {int(size_bytes * SPARE):,} are needed",
            where=str(folder),
            do="Free some space, or name another disk.",
        )


def _same(one: str, other: str) -> bool:
    first, second = make_url(one), make_url(other)
    if first.get_backend_name() == second.get_backend_name() == "sqlite":
        return Path(first.database or "").resolve() == Path(second.database or "").resolve()
    return first == second
