"""Options that many commands share, and the group of a noun's commands."""

from __future__ import annotations

import re
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from mainspring.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mainspring.lineage.delivery import Skip
    from mainspring.log.output import Level
    from mainspring.log.progress import Progress
    from mainspring.project import Project

In = Annotated[
    Path | None,
    typer.Option("--project", "-p", help="The project's folder; else the present one, or MAINSPRING_HOME."),
]


def _hush(context: typer.Context, as_json: bool) -> bool:
    """No bars beside what a program reads."""
    from mainspring.log import bars

    before = bars.hush(as_json)
    context.call_on_close(lambda: bars.hush(before))
    return as_json


Json = Annotated[
    bool,
    typer.Option("--json", callback=_hush, help="Print JSON for programs instead of a table for people."),
]

Archived = Annotated[
    bool, typer.Option("--archived", help="Also what is archived or deleted; else it is left out.")
]

Skipped = Annotated[
    str | None,
    typer.Option(
        "--skip", metavar="EVENT", help="Pass over this event for good if it is refused; with --reason."
    ),
]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept in the log.")]


def noun(text: str) -> typer.Typer:
    """A group of commands about one noun."""
    return typer.Typer(help=text, no_args_is_help=True, rich_markup_mode=None)


@contextmanager
def opened(
    folder: Path | None, level: Level = "warning", *, progress: Progress | None = None
) -> Iterator[Project]:
    """The project in `folder`, closed afterwards; the command says lines as configured, else from `level` on.

    Args:
        progress: as for `open_project`; None = bars.
    """
    from mainspring.log.bars import drawn
    from mainspring.project import open_project

    say_as_configured(folder, level)
    with open_project(folder, progress=progress or drawn) as project:
        yield project


def say_as_configured(folder: Path | None, level: Level = "warning") -> None:
    """Send the lines of this command where the project's `[log]` says, from `level` on unless it says so.

    Raises:
        InputError: there is no project in the folder.
    """
    from mainspring import log
    from mainspring.project import check_project, load_config

    config = load_config(folder)
    check_project(config)
    log.configure(config.log_output(level))


def find_skip(event_id: str | None, reason: str) -> Skip | None:
    """What a delivery may pass over; None where nothing is named."""
    from mainspring.lineage.delivery import Skip

    return None if event_id is None else Skip(event_id, reason)


def model_reference(text: str) -> tuple[str, int | str]:
    """`name/3` or `name/champion` → (name, 3 or "champion").

    Raises:
        InputError: there is no version in it.
    """
    name, _, version = text.partition("/")
    if not name or not version:
        raise InputError(
            expected="a model version written NAME/NUMBER or NAME/ALIAS",
            got=repr(text),
            where="argument MODEL",
            hint="For example flight_delay/3; `mainspring models list` shows what there is.",
        )
    return name, int(version) if version.isdigit() else version


def group_reference(text: str) -> tuple[str, int]:
    """`name@2` → (name, 2); a bare name means version 1."""
    name, _, version = text.partition("@")
    if not name or not (version or "1").isdigit():
        raise InputError(
            expected="a feature group or view written NAME or NAME@VERSION",
            got=repr(text),
            where="argument NAME",
            hint="For example weather@1; `mainspring features list` shows what there is.",
        )
    return name, int(version or "1")


def find_instant(text: str | None, where: str) -> datetime | None:
    """As `instant`; None stays None."""
    return None if text is None else instant(text, where)


def instant(text: str, where: str) -> datetime:
    """An ISO 8601 time; without a zone it is UTC."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(
            expected="an ISO 8601 time",
            got=repr(text),
            where=where,
            hint="For example 2013-06-01 or 2013-06-01T12:00:00+00:00.",
        ) from error
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


def age(text: str) -> timedelta:
    """36h, 7d or 2w as a span."""
    found = re.fullmatch(r"(\d+)([hdw])", text)
    if found is None:
        raise InputError(
            expected="a whole number with h, d or w for hours, days or weeks",
            got=repr(text),
            where="--older-than",
            hint="For example 36h, 7d or 2w; 1h at least.",
        )
    return timedelta(**{_SPANS[found[2]]: int(found[1])})


_SPANS: Final = {"h": "hours", "d": "days", "w": "weeks"}


def json_object(text: str, where: str) -> dict[str, Any]:
    """A JSON object given on the command line, or in a file as `@path`."""
    import json

    source = text
    if text.startswith("@"):
        try:
            source = Path(text[1:]).read_text(encoding="utf-8")
        except OSError as error:
            raise InputError(
                expected="a file that can be read",
                got=str(error.strerror),
                where=text[1:],
                hint="Check the path.",
            ) from error
    try:
        found = json.loads(source)
    except json.JSONDecodeError as error:
        raise InputError(
            expected="a JSON object",
            got=f"{error.msg} at line {error.lineno}, column {error.colno}",
            where=where,
            hint="""For example '{"carrier": "UA"}', or @file.json.""",
        ) from error
    if not isinstance(found, dict):
        raise InputError(
            expected="a JSON object",
            got=type(found).__name__,
            where=where,
            hint="""For example '{"carrier": "UA"}'.""",
        )
    return found
