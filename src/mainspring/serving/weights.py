"""The weight table: which model version answers, kept in a small file so that a rollback needs no database.

Every change is a file of its own, `weights/<epoch>.json`, written once; `weights/current.json` is a second name
of the newest. Changing what is served is: write the next epoch, sync, move the name. A process that serves
looks at the name's inode (`WeightWatch`) and so sees a change within milliseconds. The files are replayed into
the records afterwards.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from mainspring.errors import (
    ConflictError,
    IntegrityError,
    RetiredError,
    SchemaVersionError,
    StateError,
    UnknownNameError,
)
from mainspring.ports._disk import refusals
from mainspring.types import from_us, new_id

CURRENT: Final = "current.json"
FORMAT: Final = 1
"""Of the files. One without a number is of the first."""
CHECK_EVERY_S: Final = 0.02
"""How often a watching process looks, at most: well inside the 50 ms within which it promises to notice."""
RETRY_FIRST_S: Final = 0.25
RETRY_MOST_S: Final = 30.0
"""Between two tries to take up a table whose models cannot be loaded: at first, and at most."""


class Arm(msgspec.Struct, frozen=True, kw_only=True):
    """One model version that takes part.

    Attributes:
        name: `champion` answers; `shadow` is scored on the same requests and never answers.
        weight: share of the answers, 0 to 1; 0 for a shadow.
        model: the model's name.
        version: the model version's number.
        version_id, package_id: their asset ids.
        view, view_version, view_id: the feature view that feeds it.
        features: the view's features, in its order.
        groups: what the view looks up, in its order: the names that statuses and commits are logged under.
    """

    name: str
    weight: float
    model: str
    version: int
    version_id: str
    package_id: str
    view: str
    view_version: int
    view_id: str
    features: tuple[str, ...]
    groups: tuple[str, ...]


class WeightTable(msgspec.Struct, frozen=True, kw_only=True):
    """What is served since one moment. It is the serving context that logged predictions name.

    Attributes:
        format: of the file that it is written to; see `FORMAT`.
        deployment: its name.
        epoch: counts every change of this deployment, from 1.
        context_id: names this table in the prediction log.
        revision_id, revision: asset id and number of the deployment revision in force.
        arms: the champion first.
        cause: what changed it.
        reason: in the words of whoever did; may be empty.
        origin: a person's change holds against the controller's.
        actor: `user:NAME` or `service:NAME`.
        held: a person rolled back; the controller changes nothing until a person promotes again.
        changed_us: when, microseconds UTC on the project's clock.
        used: assets that the change rests on (decision, policy, evidence), by role.
        rollout_id: the rollout under way, or that has just ended; None outside one.
    """

    format: int = FORMAT
    deployment: str
    epoch: int
    context_id: str
    revision_id: str
    revision: int
    arms: tuple[Arm, ...]
    cause: Literal["create", "promote", "rollback", "shadow", "end_shadow", "retire", "resume"]
    reason: str = ""
    origin: Literal["human", "controller"] = "human"
    actor: str
    held: bool = False
    changed_us: int
    used: dict[str, str] = {}
    rollout_id: str | None = None

    @property
    def champion(self) -> Arm:
        """The arm that answers, or answered last where the deployment is retired."""
        return self.arms[0]

    @property
    def is_retired(self) -> bool:
        """Whether nothing answers; only to be resumed can follow."""
        return self.cause == "retire"

    def check_answers(self) -> None:
        """It is not retired.

        Raises:
            RetiredError: it is.
        """
        if self.is_retired:
            said = f" ({self.reason})" if self.reason else ""
            raise RetiredError(
                expected="a deployment that answers",
                got=f"one that was retired on {from_us(self.changed_us):%Y-%m-%d} by {self.actor}{said}",
                where=f"deployment {self.deployment!r}",
                hint=f"Ask another; or have it answer again: mainspring unarchive deployment {self.deployment}",
            )

    def find_arm(self, name: str) -> Arm | None:
        """The arm of that name; None if it does not take part."""
        return next((arm for arm in self.arms if arm.name == name), None)


class _Format(msgspec.Struct, frozen=True):
    """All that is read of a table before it is known to be one of ours."""

    format: int = FORMAT


_format_decoder = msgspec.json.Decoder(_Format)
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(WeightTable)


def read_table(folder: Path) -> WeightTable:
    """The table in force.

    Args:
        folder: the deployment's `weights` folder.

    Raises:
        UnknownNameError: nothing was ever deployed there.
    """
    found = find_table(folder)
    if found is None:
        raise UnknownNameError(
            expected="a deployment with a weight table",
            got="no such file",
            where=str(folder / CURRENT),
            hint="Create the deployment first.",
        )
    return found


def find_table(folder: Path) -> WeightTable | None:
    """The table in force; None if nothing was ever deployed there."""
    with refusals(folder):
        try:
            data = (folder / CURRENT).read_bytes()
        except FileNotFoundError:
            return None
    return _decoded(data, folder / CURRENT)


def history(folder: Path) -> list[WeightTable]:
    """Every table that was in force, oldest first, the present one last."""
    current = find_table(folder)
    if current is None:
        return []
    # A file beyond the present epoch is a change that was never acknowledged.
    paths = [path for path in sorted(folder.glob("[0-9]" * 8 + ".json")) if int(path.stem) <= current.epoch]
    return [_decoded(path.read_bytes(), path) for path in paths]


def find_unnamed(folder: Path) -> WeightTable | None:
    """The newest table that is there while nothing names one in force; None where one is named, or none is there."""
    if (folder / CURRENT).exists():
        return None
    path = max(folder.glob("[0-9]" * 8 + ".json"), default=None)
    return None if path is None else _decoded(path.read_bytes(), path)


def name_again(folder: Path, epoch: int) -> bool:
    """Put the table of an epoch in force where nothing names one; False where one is named, or its file is gone.

    Raises:
        AccessError: the folder cannot be written.
        UnavailableError: the disk is full or failing.
    """
    with refusals(folder), _alone(folder):
        if (folder / CURRENT).exists() or not place_of(folder, epoch).exists():
            return False
        _put_in_force(folder, epoch)
    return True


def first_table(folder: Path) -> WeightTable:
    """The table that the deployment began with.

    Raises:
        UnknownNameError: nothing was ever deployed there.
    """
    path = place_of(folder, 1)
    try:
        return _decoded(path.read_bytes(), path)
    except FileNotFoundError:
        return read_table(folder)


def find_shadow(folder: Path, epoch: int) -> Arm | None:
    """The shadow of one epoch; None if it had none, or its file is not there."""
    path = place_of(folder, epoch)
    try:
        return _decoded(path.read_bytes(), path).find_arm("shadow")
    except FileNotFoundError:
        return None


def place_of(folder: Path, epoch: int) -> Path:
    """The file of one epoch's table."""
    return folder / f"{epoch:08d}.json"


def change(folder: Path, build: Callable[[WeightTable | None], WeightTable]) -> WeightTable:
    """Put the next table in force: it is on disk, and watched processes take it up, when this returns.

    Args:
        folder: the deployment's `weights` folder; made if missing.
        build: makes the next table out of the present one (None at first). Runs alone among all processes.

    Raises:
        ConflictError: `build` made a table whose epoch is not the next one.
        StateError: a controller's change against a person's rollback.
        RetiredError: it is retired, and `build` does not resume it.
        AccessError: the folder cannot be written.
        UnavailableError: the disk is full or failing.
    """
    with refusals(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder):
            present = find_table(folder)
            following = build(present)
            _check(present, following)
            _replace(folder, following)
    return following


def roll_back(folder: Path, *, actor: str, reason: str, changed_us: int) -> WeightTable:
    """Serve again what was served before the present revision. Needs no database.

    The new revision has a number of its own and the arms of the one it restores; a shadow ends.

    Raises:
        StateError: there is no earlier revision to go back to.
        AccessError, UnavailableError: as for `change`.
    """

    def back(present: WeightTable | None) -> WeightTable:
        present = present or read_table(folder)
        present.check_answers()
        before = find_previous(folder, present)
        if before is None:
            raise StateError(
                expected="an earlier promotion that was not rolled back",
                got=f"revision {present.revision}, which serves {present.champion.model}/"
                f"{present.champion.version}, the oldest of what was deployed",
                where=f"deployment {present.deployment!r}",
                hint="Promote another model version instead.",
            )
        return msgspec.structs.replace(
            present,
            epoch=present.epoch + 1,
            context_id=new_id(),
            revision_id=new_id(),
            revision=present.revision + 1,
            arms=(before.champion,),
            cause="rollback",
            reason=reason,
            origin="human",
            actor=actor,
            held=True,
            changed_us=changed_us,
            used={"restores": before.revision_id},
            rollout_id=present.rollout_id if present.find_arm("shadow") else None,
        )

    return change(folder, back)


def find_previous(folder: Path, present: WeightTable) -> WeightTable | None:
    """The table that a rollback of `present` restores; None if there is none."""
    return next(iter(reversed(restorable(folder, present))), None)


def restorable(folder: Path, present: WeightTable) -> list[WeightTable]:
    """The tables that rollbacks of `present` would restore one after another, the next one last.

    None of one that is retired: it has to be resumed first.
    """
    if present.is_retired:
        return []
    # Walking the revisions as a stack: a rollback takes the top off, so that a second one goes further back.
    stack: list[WeightTable] = []
    for table in history(folder):
        if table.epoch > present.epoch:
            break
        if table.cause == "rollback" and stack:
            stack.pop()
        elif table.cause in ("create", "promote"):
            stack.append(table)
    return stack[:-1]


def _check(present: WeightTable | None, following: WeightTable) -> None:
    due = 1 if present is None else present.epoch + 1
    if following.epoch != due:
        raise ConflictError(
            expected=f"epoch {due}",
            got=f"epoch {following.epoch}",
            where=f"deployment {following.deployment!r}",
            hint="Somebody else changed it first. Look at what is served now and decide again.",
        )
    if present is not None:
        if following.cause != "resume":
            present.check_answers()
        check_origin(present, following.cause, following.origin)


def check_origin(present: WeightTable, cause: str, origin: str) -> None:
    """Refuse a controller's change against a person's rollback.

    Raises:
        StateError: that is what it is.
    """
    if present.held and origin == "controller":
        raise StateError(
            expected="a change by a person, after a person rolled back",
            got=f"a change by the controller ({cause})",
            where=f"deployment {present.deployment!r}",
            hint="Promote by hand when the reason for the rollback is gone.",
        )


def _replace(folder: Path, table: WeightTable) -> None:
    named = place_of(folder, table.epoch)
    draft = folder / f".{table.epoch:08d}.draft"
    # A process killed in here leaves drafts, which may share an inode with what is named: never write to them.
    draft.unlink(missing_ok=True)
    with open(draft, "xb") as file:
        file.write(msgspec.json.format(_encoder.encode(table), indent=2) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, named)
    _put_in_force(folder, table.epoch)


def _put_in_force(folder: Path, epoch: int) -> None:
    second = folder / f".{epoch:08d}.second"
    second.unlink(missing_ok=True)
    os.link(place_of(folder, epoch), second)
    # One inode under two names: the move below is what puts the table in force, in one step.
    os.replace(second, folder / CURRENT)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _decoded(data: bytes, path: Path) -> WeightTable:
    try:
        found = _format_decoder.decode(data).format
        if found > FORMAT:
            raise SchemaVersionError(
                expected=f"a weight table of format {FORMAT} or older",
                got=f"format {found}",
                where=str(path),
                hint="A newer mainspring wrote it: serve with that one.",
            )
        return _decoder.decode(data)
    except msgspec.DecodeError as error:
        raise IntegrityError(
            expected="a weight table",
            got=str(error),
            where=str(path),
            hint="Restore the file from a backup.",
        ) from error


class WeightWatch:
    """Tells a serving process when the table changed. Cheap enough to ask on every request.

    A table is told of until it is settled, so that one that could not be taken up is tried again.

    Args:
        folder: the deployment's `weights` folder.

    Attributes:
        is_settled: whether the last look found the table that was settled.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / CURRENT
        self._folder = folder
        self._offered: tuple[int, int] | None = None
        self._settled: tuple[int, int] | None = None
        self._epoch: int | None = None
        self._n_failed = 0
        self._retry_s = 0.0
        self._next_s = 0.0
        self.is_settled = False

    def find_change(self) -> WeightTable | None:
        """The table, if it is another than the one that was settled; None otherwise, or while it is put off.

        Raises:
            IntegrityError: the file is no weight table.
            UnknownNameError: it has just gone.
        """
        now_s = time.monotonic()
        if now_s < self._next_s:
            return None
        self._next_s = now_s + CHECK_EVERY_S
        self.is_settled = False
        try:
            status: Any = os.stat(self._path)
        except FileNotFoundError:
            return None
        seen = (status.st_ino, status.st_mtime_ns)
        self.is_settled = seen == self._settled
        if self.is_settled:
            return None
        if seen != self._offered:
            self._offered, self._epoch, self._n_failed, self._retry_s = seen, None, 0, 0.0
        if now_s < self._retry_s:
            return None
        table = read_table(self._folder)
        self._epoch = table.epoch
        return table

    def settle(self, table: WeightTable) -> None:
        """`table` was taken up: it is told of no more. Nothing, if there is a newer one by now."""
        if table.epoch == self._epoch:
            self._settled = self._offered

    def put_off(self, table: WeightTable | None) -> None:
        """`table` could not be taken up (None: not be read). It is told of again, later each time."""
        if table is None or table.epoch == self._epoch:
            self._retry_s = time.monotonic() + retry_after_s(self._n_failed)
            self._n_failed += 1


def retry_after_s(n_failed: int) -> float:
    """How long to wait before trying again what has failed once and `n_failed` times before."""
    return min(RETRY_MOST_S, RETRY_FIRST_S * 2.0 ** min(n_failed, 30))
