"""`mainspring events`: the append-only log, as it is and as it grows."""

from __future__ import annotations

import json
import os
import select
import signal
import stat
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from mainspring.cli._options import In, find_instant, opened
from mainspring.cli._output import plain, print_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mainspring.lineage import Event
    from mainspring.project import Project

LOOK_EVERY_S: Final = 0.5
EVENTS_A_READ: Final = 1_000


def events(
    kind: Annotated[
        list[str] | None, typer.Option("--kind", help="Only this kind, such as commit.published; may repeat.")
    ] = None,
    subject: Annotated[
        str | None, typer.Option("--subject", metavar="ID", help="Only what is about the thing of this id.")
    ] = None,
    actor: Annotated[
        str | None, typer.Option("--actor", help="Only by this actor: user:NAME or service:NAME.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="TIME", help="Only what happened at this time or later, ISO 8601."),
    ] = None,
    after: Annotated[int, typer.Option("--after", min=0, help="Only entries after this number.")] = 0,
    limit: Annotated[
        int, typer.Option("--limit", min=0, help="At most so many of the newest; 0 = all.")
    ] = 50,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Stay, and print what comes, until Ctrl-C.")
    ] = False,
    project: In = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a line instead of a table for people.")
    ] = False,
) -> None:
    """The append-only log of what happened, in the order in which it became visible."""
    wanted = {
        "kinds": kind or None,
        "subject": subject,
        "actor": actor,
        "since": find_instant(since, "--since"),
    }
    with opened(project) as found:
        try:
            _print(found, wanted, after, limit, as_json=as_json, follow=follow)
        except BrokenPipeError:
            # Our reader has what it wants. What Python still holds for it would fail again at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except KeyboardInterrupt:
            # The way to end --follow is no failure.
            return


def _print(
    project: Project, wanted: dict[str, Any], after: int, limit: int, *, as_json: bool, follow: bool
) -> None:
    pages = _pages(project, wanted, after, limit)
    if not as_json and not follow:
        entries = [event for page in pages for event in page]
        print_rows(
            entries, ["seq", "kind", "subject", "actor", "occurred_at"], as_json=False, none="No events."
        )
        return
    place = after
    for page in pages:
        _print_lines(page, as_json=as_json)
        place = page[-1].seq or place
    if not follow:
        return
    with _told_to_end() as ended:
        while not ended and not _reader_is_gone():
            for page in _pages(project, wanted, place, 0):
                _print_lines(page, as_json=as_json)
                place = page[-1].seq or place


@contextmanager
def _told_to_end() -> Iterator[list[int]]:
    """Holds the signal once Ctrl-C was pressed: an exception would break off a query in the middle."""
    ended: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: ended.append(number))
    try:
        yield ended
    finally:
        signal.signal(signal.SIGINT, before)


def _pages(project: Project, wanted: dict[str, Any], place: int, limit: int) -> Iterator[Sequence[Event]]:
    """The newest `limit` entries behind a place at once, or all of them (0) page by page."""
    if limit:
        if newest := project.graph.events(after_seq=place, limit=limit, newest=True, **wanted):
            yield newest
        return
    while page := project.graph.events(after_seq=place, limit=EVENTS_A_READ, **wanted):
        yield page
        place = page[-1].seq or place


def _print_lines(entries: Sequence[Event], *, as_json: bool) -> None:
    for event in entries:
        if as_json:
            typer.echo(json.dumps(plain(event), ensure_ascii=False))
        else:
            at = event.occurred_at.strftime("%Y-%m-%d %H:%M:%SZ")
            typer.echo(f"{event.seq:>8}  {event.kind:<26} {event.subject}  {event.actor}  {at}")


def _reader_is_gone() -> bool:
    """Wait a moment; True as soon as nobody reads our output any more."""
    try:
        output = sys.stdout.fileno()
    except OSError:
        # An output without a file (a buffer) has no reader that could go.
        time.sleep(LOOK_EVERY_S)
        return False
    kind = os.fstat(output).st_mode
    if not (stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind)):
        # Not every system can watch a terminal or a device.
        time.sleep(LOOK_EVERY_S)
        return False
    poll = select.poll()
    poll.register(output, 0)
    return bool(poll.poll(LOOK_EVERY_S * 1000))
