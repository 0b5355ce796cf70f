"""The leases of one process: taken, renewed by one thread for all of them, and those of others looked at."""

from __future__ import annotations

import builtins
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from mainspring.errors import MainspringError
from mainspring.lineage import lease as rows
from mainspring.lineage import log, store
from mainspring.lineage.doubts import Doubts
from mainspring.lineage.process import is_dead, process_name
from mainspring.lineage.pulse import RETRIES_A_BEAT, Pulse
from mainspring.lineage.spec import Execution, ExecutionState, Lease, Standing
from mainspring.lineage.standing import beat_s, standing
from mainspring.log import bound, carried, get_logger

_log = get_logger(__name__)

DEFAULT_TTL_S: Final = 30.0
LOOK_EVERY_S: Final = 0.2
"""How often whoever waits for a role looks."""


@dataclass(frozen=True)
class Found:
    """A lease, and what is to be thought of it."""

    lease: Lease
    standing: Standing


@dataclass(frozen=True)
class _Held:
    """A lease of this process.

    Attributes:
        around: what lines about it belong to.
    """

    token: int
    when_lost: Callable[[], object] | None
    around: Mapping[str, str]


class Leases:
    """Gives signs of life for what this process does, and finds out what others no longer do.

    While it holds a lease, one daemon thread renews all that it holds with one statement every quarter of `ttl_s`, and
    looks at the others'. It begins with the first lease and ends soon after the last. A database that is away is
    asked again; nothing is lost before it was back for half a ttl without hearing from the holder.

    Threads may share it. A process that forks holds nothing of its parent's.

    Args:
        ttl_s: after how many seconds without a renewal others may take its leases away.
        vacate: frees a role whose lease is lost, as it was seen, and says so in the log; False when it is not any
            more as it was seen.
        present: tells the present as SQL; None = by the database's clock.
        elapsed_s: a clock of this process that only goes forward.
    """

    def __init__(
        self,
        scope: Callable[[], log.Scope],
        vacate: Callable[[Lease], bool],
        *,
        ttl_s: float = DEFAULT_TTL_S,
        present: Callable[[], rows.Present] | None = None,
        elapsed_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.ttl_s = ttl_s
        self._doubts = Doubts(elapsed_s)
        self._pulse = Pulse(ttl_s, elapsed_s)
        self._scope = scope
        self._vacate = vacate
        self._present = present
        self._pid = os.getpid()
        self._guard = threading.Condition()
        self._held: dict[str, _Held] = {}
        self._thread: threading.Thread | None = None
        self._closing = False
        self._looked_s = float("-inf")

    # Holding ------------------------------------------------------------------------------------------------

    def begin(self, connection: Connection, execution: Execution) -> None:
        """Take the lease of an execution that begins in this transaction; `keep` it once that has ended."""
        rows.begin(connection, self._claim(self._scope(), execution.id), execution.fence)

    def keep(self, subject: str, token: int, when_lost: Callable[[], object] | None = None) -> None:
        """Renew from here on; as `role`."""
        self._after_fork()
        with self._guard:
            if not self._held:
                self._pulse.begin()
            self._held[subject] = _Held(token, when_lost, carried())
            self._closing = False
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="leases", daemon=True)
                self._thread.start()

    def take(self, connection: Connection, subject: str) -> int:
        """Take what is no execution, from whoever has it; `keep` it once the transaction has ended.

        Returns:
            The token, greater than that of every holder before.
        """
        scope = self._scope()
        return rows.take_over(connection, scope.records, self._claim(scope, subject))

    def give_up(self, connection: Connection, subject: str, token: int) -> bool:
        """End in this transaction what was taken, for good. False when it was taken away.

        It is renewed no longer, whatever becomes of the transaction.
        """
        # Before its row goes, so that a beat in between does not take it for lost.
        self.forget(subject)
        return rows.end(connection, subject, process_name(), token, self._scope().project_id)

    def end(self, connection: Connection, execution: Execution) -> bool:
        """Give up the lease of an execution that ends in this transaction, as its first act.

        False when it was taken away: then nothing that the execution made may be published.
        """
        return self.give_up(connection, execution.id, execution.fence)

    def forget(self, subject: str) -> None:
        """Renew no longer."""
        self._after_fork()
        with self._guard:
            self._held.pop(subject, None)

    @contextmanager
    def role(self, name: str, when_lost: Callable[[], object] | None = None) -> Iterator[int]:
        """Have a role while the block runs, taken over from whoever has it: the newest holder is the right one.

        Args:
            when_lost: called in the renewing thread when somebody else has it; None = nobody asks.

        Yields:
            The token.
        """
        with self._scope().records.write() as connection:
            token = self.take(connection, name)
        with self._having(name, token, when_lost):
            yield token

    @contextmanager
    def exclusive(self, name: str) -> Iterator[int]:
        """Have a role while the block runs, as soon as nobody else has it: who lost it is no longer waited for.

        Yields:
            The token.
        """
        token = self._take_free(name)
        while token is None:
            # Who waits is here to look again: it takes both looks, and its own clock.
            self._look(stays=True)
            time.sleep(LOOK_EVERY_S)
            token = self._take_free(name)
        with self._having(name, token, None):
            yield token

    def _take_free(self, name: str) -> int | None:
        scope = self._scope()
        with scope.records.write() as connection:
            return rows.take_free(connection, scope.records, self._claim(scope, name))

    def _claim(self, scope: log.Scope, subject: str) -> rows.Claim:
        """A lease for this process from now on."""
        return rows.Claim(scope.project_id, subject, process_name(), self.ttl_s, self._now(scope))

    @contextmanager
    def _having(self, name: str, token: int, when_lost: Callable[[], object] | None) -> Iterator[int]:
        scope = self._scope()
        self.keep(name, token, when_lost)
        try:
            yield token
        finally:
            self.forget(name)
            # Where the database is away, the role lapses by itself.
            with suppress(MainspringError, SQLAlchemyError), scope.records.write() as connection:
                rows.leave(connection, name, process_name(), token, scope.project_id)

    def free(self, start: str) -> None:
        """Nobody has the roles whose names begin so: of records that were copied while somebody had them."""
        scope = self._scope()
        with scope.records.write() as connection:
            rows.free(connection, start, scope.project_id)

    def close(self) -> None:
        """End the thread. What is still held lapses, unless something is begun again."""
        self._after_fork()
        with self._guard:
            thread, self._thread, self._closing = self._thread, None, True
            self._guard.notify_all()
        if thread is not None:
            thread.join()

    # Looking ------------------------------------------------------------------------------------------------

    def list(self, subjects: Sequence[str] | None = None) -> builtins.list[Found]:
        """The leases of these subjects, or all of the project, by subject. Roles that nobody has are left out."""
        with self._scope().records.read() as connection:
            return self.seen(connection, subjects)

    def seen(self, connection: Connection, subjects: Sequence[str] | None = None) -> builtins.list[Found]:
        """As `list`, in the snapshot of a connection."""
        scope = self._scope()
        now, found = rows.found(connection, self._now(scope), scope.project_id, subjects)
        judged = [Found(each, standing(each, now, is_dead=_is_dead(each))) for each in found]
        return [each for each in judged if each.standing is not Standing.FREE]

    def as_seen(self, executions: Mapping[str, Execution]) -> dict[str, Execution]:
        """Executions by id, those that run and whose lease is lost as they will be when somebody calls them so."""
        running = [each.id for each in executions.values() if each.state is ExecutionState.RUNNING]
        lost = {
            found.lease.subject: {"state": ExecutionState.LOST, "error": why(found.lease)}
            for found in (self.list(running) if running else ())
            if found.standing is Standing.LOST
        }
        return {key: each.model_copy(update=lost.get(key)) for key, each in executions.items()}

    @property
    def silence(self) -> str:
        """Since when, and why, this process could not renew what it holds, in words; empty where it could."""
        return self._pulse.silence

    def look(self) -> builtins.list[str]:
        """Call lost what is lost, and suspect what is overdue; returns the subjects that were called lost.

        Each is called lost by one process only, whoever looks at the same time: its execution, and what runs below
        it, ends as `lost`, with an event. A role is free then, and the log says `lease.lost`.

        While it holds a lease itself, this process will look again: it waits for half a ttl by its own clock as well,
        so that no step of the database's clock makes a living holder lost.
        """
        return self._look(stays=self._thread is not None)

    def _look(self, *, stays: bool) -> builtins.list[str]:
        self._looked_s = time.monotonic()
        lost = []
        doubtful = [each for each in self.list() if each.standing is not Standing.HELD]
        doubt = self._doubts.see(each.lease for each in doubtful)
        for found in doubtful:
            if found.standing is Standing.OVERDUE:
                self._suspect(found.lease)
            elif not _is_dead(found.lease) and not doubt.lasted(found.lease, stays=stays):
                continue
            elif found.standing is Standing.LOST and self._take_away(found.lease):
                lost.append(found.lease.subject)
        return lost

    def settle(self) -> builtins.list[str]:
        """Look until no lease is in doubt, which takes half of the longest ttl at most; as `look`."""
        lost = self._look(stays=True)
        while doubtful := [each.lease.ttl_s for each in self.list() if each.standing is not Standing.HELD]:
            time.sleep(beat_s(min(doubtful)) / 2)
            lost += self._look(stays=True)
        return lost

    def look_if_due(self) -> None:
        """Look, unless this process has looked within a beat."""
        if time.monotonic() - self._looked_s >= beat_s(self.ttl_s):
            self.look()

    def _suspect(self, lease: Lease) -> None:
        scope = self._scope()
        with scope.records.write() as connection:
            rows.suspect(connection, self._now(scope), lease, scope.project_id)

    def _take_away(self, lease: Lease) -> bool:
        scope = self._scope()
        with scope.records.write() as connection:
            execution = store.find_execution(connection, lease.subject, scope.project_id)
            if execution is not None:
                # The lease first, as holders do when they end: two that want the same rows never wait for each other.
                taken = rows.take_away(connection, lease, scope.project_id)
                lost = log.lose(connection, scope, execution, why(lease)) if taken else []
        if execution is None:
            return self._vacate(lease)
        for each in lost:
            _log.warning(
                "execution.lost",
                f"{each.kind} {each.name!r} was called {why(lease)}",
                execution_id=each.id,
                kind=each.kind,
                name=each.name,
                holder=lease.holder,
                ttl_s=lease.ttl_s,
            )
        return bool(lost)

    # Renewing -----------------------------------------------------------------------------------------------

    def beat(self) -> None:
        """Renew what is held, and look at the others': what the thread does again and again."""
        with self._guard:
            held = dict(self._held)
        scope = self._scope()
        with scope.records.write() as connection:
            kept = rows.renew(connection, self._now(scope), process_name(), held, scope.project_id)
        self._pulse.heard({subject: hold.around for subject, hold in held.items() if subject in kept})
        for subject, hold in held.items():
            if kept.get(subject) != hold.token:
                self._lost(subject, hold)
        self.look()

    def _lost(self, subject: str, hold: _Held) -> None:
        with self._guard:
            # Given up, not lost, if it is not held any more.
            was_held = self._held.get(subject) == hold
            if was_held:
                del self._held[subject]
        if not was_held:
            return
        with bound(**hold.around):
            _log.warning(
                "lease.taken",
                f"the lease {subject} was taken: this process was not heard of for long, or another has it now",
                subject=subject,
                token=hold.token,
                ttl_s=self.ttl_s,
            )
        if hold.when_lost is not None:
            hold.when_lost()

    def _run(self) -> None:
        pause_s = beat_s(self.ttl_s)
        while self._waited(pause_s):
            try:
                self.beat()
            except Exception as error:  # noqa: BLE001  said; what else is held here would lapse with this thread
                # Away, or busy for long, or unforeseen: asked again soon, because a renewal is due.
                pause_s = beat_s(self.ttl_s) / RETRIES_A_BEAT
                self._miss(error)
            else:
                pause_s = beat_s(self.ttl_s)

    def _miss(self, error: Exception) -> None:
        with self._guard:
            held = {subject: hold.around for subject, hold in self._held.items()}
        self._pulse.unheard(error, held)

    def _waited(self, pause_s: float) -> bool:
        """Wait for the next beat. False when there is nothing to renew any more."""
        with self._guard:
            self._guard.wait_for(lambda: self._closing, timeout=pause_s)
            if self._held and not self._closing:
                return True
            if self._thread is threading.current_thread():
                self._thread = None
            return False

    def _now(self, scope: log.Scope) -> rows.Present:
        return scope.records.present_us if self._present is None else self._present()

    def _after_fork(self) -> None:
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._guard = threading.Condition()
            self._held = {}
            self._thread = None


def why(lease: Lease) -> str:
    """Why a lease was called lost, in words."""
    if _is_dead(lease):
        return f"lost: its process ended ({lease.holder})"
    return f"lost: not heard of for {lease.ttl_s:g} s ({lease.holder})"


def _is_dead(lease: Lease) -> bool:
    return lease.holder is not None and is_dead(lease.holder)
