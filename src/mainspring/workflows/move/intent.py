"""The move that a home has begun: one at a time, told by a file until it is over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mainspring.errors import StateError
from mainspring.ports._disk import drafts_of, locked, refusals, sync_folder, write_whole
from mainspring.project import Project, open_project
from mainspring.workflows.move.look import shown_address
from mainspring.workflows.move.spec import INTENT, Intent, Obstacle, Subject


@contextmanager
def opened(folder: Path | None) -> Iterator[Project]:
    """The project as it is: one that is fenced too."""
    with open_project(folder, as_is=True, importable=False) as project:
        yield project


@contextmanager
def held(home: Path) -> Iterator[None]:
    """One move at a time.

    Raises:
        StateError: another one is under way.
    """
    with locked(home / "move.lock") as ours:
        if ours is None:
            raise StateError(
                expected="one move at a time",
                got="another one that is under way",
                where=str(home),
                hint="Wait for it.",
            )
        yield


def find_intent(home: Path) -> Intent | None:
    """The move that was begun and is not over; None if there is none.

    Raises:
        AccessError: this user may not read it.
    """
    with refusals(home):
        try:
            return Intent.model_validate_json((home / INTENT).read_bytes())
        except FileNotFoundError:
            return None


def note_intent(home: Path, intent: Intent) -> None:
    """Say durably that it is begun."""
    with refusals(home):
        # An address may hold a password.
        write_whole(home / INTENT, intent.model_dump_json(), mode=0o600)


def forget_intent(home: Path) -> None:
    """Say durably that it is over."""
    with refusals(home):
        for place in (home / INTENT, *drafts_of(home / INTENT)):
            place.unlink(missing_ok=True)
        sync_folder(home)


def is_vacant(folder: Path) -> bool:
    """Whether nothing is in it but what a move that was killed at its beginning left."""
    return set(folder.iterdir()) == set(drafts_of(folder / INTENT))


def goes_on(home: Path, intent: Intent) -> bool:
    """Whether an interrupted move is this one.

    Raises:
        StateError: it is another.
    """
    begun = find_intent(home)
    if begun is None:
        return False
    if not is_same(begun, intent):
        raise StateError(
            expected=f"the move to {shown(begun)} to go on",
            got=f"another one, to {shown(intent)}",
            where=str(home / INTENT),
            hint="Give the same target to go on, or end that move with `mainspring move --abort`.",
        )
    return True


def is_same(begun: Intent, intent: Intent) -> bool:
    """Whether two moves are of the same to the same."""
    return (begun.subject, begun.target) == (intent.subject, intent.target)


def shown(intent: Intent) -> str:
    """Where it goes, without a password."""
    return intent.target if intent.subject is Subject.HOME else shown_address(intent.target)


def refused(obstacles: tuple[Obstacle, ...]) -> StateError:
    """For what stands in the way. Nothing was changed."""
    return StateError(
        expected="nothing that stands in the way of a move",
        got="; ".join(each.what for each in obstacles),
        where="; ".join(each.where for each in obstacles),
        hint=" ".join(dict.fromkeys(each.do for each in obstacles)),
    )
