"""Publication: the only way anything comes into being.

A publication collects what one execution used and made, and makes it visible in one fenced transaction when
its block ends cleanly. Bytes go to the blobs and tables before that: there they are durable but unreachable,
because readers go through the records only. A process that dies leaves nothing half visible.
"""

from __future__ import annotations

import traceback
import weakref
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Literal, Self

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from mainspring.errors import FencedError, MainspringError, StateError
from mainspring.lineage import log, store
from mainspring.lineage.enclosing import enclosing, enter, leave
from mainspring.lineage.leases import Leases
from mainspring.lineage.spec import (
    Asset,
    AssetKind,
    Direction,
    Event,
    Evidence,
    Execution,
    ExecutionState,
    Link,
    Verdict,
)
from mainspring.log import bind, context, get_logger, restore
from mainspring.types import digest as digest_of
from mainspring.types import new_id

_log = get_logger(__name__)

Loudness = Literal["debug", "info", "warning"]


class Publication:
    """One execution in the making. Use it as a context manager, from one thread.

    Made by `Graph.execution`. Until the block ends nothing of it is visible, save the `running` row of a
    durable one.

    Args:
        durable: a `running` row is committed when the block begins.
        leases: where a durable execution's own lease is held; None for one that needs none.
        begun: its `running` row is there already: it ends what an earlier call, or another process, began.
    """

    def __init__(
        self,
        scope: log.Scope,
        execution: Execution,
        *,
        durable: bool,
        after_the_fact: bool = False,
        leases: Leases | None = None,
        begun: bool = False,
    ) -> None:
        self._scope = scope
        self._execution = execution
        self._durable = durable
        self._after_the_fact = after_the_fact
        self._leases = leases
        self._begun = begun
        self._links: dict[tuple[Direction, str, str], Link] = {}
        self._assets: list[Asset] = []
        self._evidence: list[Evidence] = []
        self._events: list[tuple[Event, Loudness]] = []
        self._writes: list[Callable[[Connection], object]] = []
        self._writes_of_failure: list[Callable[[Connection], object]] = []
        self._state = ExecutionState.COMPLETED
        self._open = False
        self._is_lost = False
        self._around: Mapping[str, str] = {}
        self._enclosing: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The execution's id."""
        return self._execution.id

    @property
    def execution(self) -> Execution:
        """The execution as it began."""
        return self._execution

    @property
    def _above(self) -> tuple[str, ...]:
        """What it is a part of, and cannot outlive: each is asked for by the statement that makes it visible."""
        parent_id = self._execution.parent_id
        known = parent_id is None or parent_id in self._enclosing
        return self._enclosing if known else (*self._enclosing, str(parent_id))

    def __enter__(self) -> Self:
        self._enclosing = enclosing()
        if self._durable and not self._begun:
            self._begin()
        self._open = True
        self._around = bind({"execution_id": self.id})
        if self._leases is not None:
            enter(self.id, self)
            # Weakly: one that nobody has any more is around nothing, though its lease is kept.
            lose = weakref.WeakMethod(self._lose)
            self._leases.keep(self.id, self._execution.fence, lambda: (found := lose()) and found())
        return self

    def _lose(self) -> None:
        """Its lease was found to be gone: nothing more is begun that could not be published."""
        self._is_lost = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open = False
        try:
            if error is not None:
                self._fail(error)
                return
            try:
                self._publish()
            except BaseException as refused:
                self._fail(refused)
                raise
        finally:
            if self._leases is not None:
                self._leases.forget(self.id)
                leave(self.id)
            if context().get("execution_id") == self.id:
                # Otherwise it ends elsewhere than it began, and nothing of it is bound here.
                restore(self._around)

    def _begin(self) -> None:
        if self._leases is not None:
            self._leases.look_if_due()
        with self._scope.records.write() as connection:
            if not store.add_execution(connection, self._execution, self._scope.project_id, self._above):
                raise self._whole_lost()
            if self._leases is not None:
                self._leases.begin(connection, self._execution)
            log.append(connection, self._scope, [log.begun(self._scope, self._execution)])

    def use(self, asset_id: str, role: str = "input", attributes: Mapping[str, Any] | None = None) -> None:
        """Name an input. Naming it twice in one role is the same as once."""
        self._link(Direction.INPUT, role, asset_id, attributes)

    def add(
        self,
        kind: AssetKind,
        name: str,
        *,
        digest: str | None = None,
        attributes: Mapping[str, Any] | None = None,
        role: str | None = None,
        asset_id: str | None = None,
    ) -> Asset:
        """Make an asset.

        Args:
            digest: SHA-256 of the content; None where the name and attributes are the content.
            attributes: plain JSON.
            role: what it is to this execution; None = its kind.
            asset_id: an id drawn beforehand with `new_id`; None draws one.
        """
        self._check_open()
        described = dict(attributes or {})
        asset = Asset(
            id=asset_id or new_id(),
            kind=kind,
            name=name,
            digest=digest or digest_of([kind.value, name, described]),
            attributes=described,
            execution_id=self.id,
            created_at=self._scope.clock.now(),
        )
        self._assets.append(asset)
        self._link(Direction.OUTPUT, role or kind.value, asset.id, None)
        return asset

    def evidence(
        self,
        subject_id: str,
        kind: str,
        *,
        name: str = "",
        verdict: Verdict,
        figures: Mapping[str, Any],
        trigger: str = "person",
        bound: Mapping[str, str] | None = None,
        expires_at: datetime | None = None,
    ) -> Evidence:
        """Make a finding about `subject_id`, which becomes an input in the role `subject`."""
        plain = dict(figures)
        content = [subject_id, kind, name, verdict.value, plain, dict(bound or {})]
        asset = self.add(
            AssetKind.EVIDENCE,
            name or kind,
            digest=digest_of(content),
            attributes={"subject_id": subject_id, "kind": kind, "verdict": verdict.value},
        )
        if subject_id not in {made.id for made in self._assets}:
            self.use(subject_id, role="subject")
        for role, asset_id in (bound or {}).items():
            self.use(asset_id, role=role)
        finding = Evidence(
            id=asset.id,
            subject_id=subject_id,
            kind=kind,
            name=name or kind,
            verdict=verdict,
            figures=plain,
            trigger=trigger,
            bound=dict(bound or {}),
            actor=self._scope.actor,
            created_at=asset.created_at,
            expires_at=expires_at,
        )
        self._evidence.append(finding)
        return finding

    def event(
        self,
        kind: str,
        subject: str,
        payload: Mapping[str, Any] | None = None,
        *,
        loudness: Loudness = "info",
    ) -> None:
        """Append to the log when the publication becomes visible.

        Args:
            loudness: as what the operator is told of it then.
        """
        self._check_open()
        entry = log.entry(self._scope, self.id, kind, subject, payload or {})
        self._events.append((entry, loudness))

    def write(self, rows: Callable[[Connection], object]) -> None:
        """Run `rows` inside the publication's transaction; if it raises, nothing is published.

        It is called before the rows of what was made are written, and must do no I/O but SQL.
        """
        self._check_open()
        self._writes.append(rows)

    def write_if_failed(self, rows: Callable[[Connection], object]) -> None:
        """Run `rows` in the transaction that records the failure of a durable execution, if it fails.

        Never run when it was fenced off.
        """
        self._check_open()
        self._writes_of_failure.append(rows)

    def mark_cached(self) -> None:
        """Record that the outputs were found and not made: the execution ends as `cached`."""
        self._state = ExecutionState.CACHED

    def _link(
        self, direction: Direction, role: str, asset_id: str, attributes: Mapping[str, Any] | None
    ) -> None:
        self._check_open()
        self._links[direction, role, asset_id] = Link(
            execution_id=self.id,
            direction=direction,
            role=role,
            asset_id=asset_id,
            attributes=dict(attributes or {}),
        )

    def output(self, asset_id: str, role: str) -> None:
        """Name an existing asset as output: a cached execution yields what its producer made."""
        self._link(Direction.FOUND, role, asset_id, None)

    def _check_open(self) -> None:
        if self._is_lost:
            raise self._fenced()
        if not self._open:
            raise StateError(
                expected="a publication inside its `with` block",
                got="one that has not begun or has ended",
                where=f"execution {self._execution.kind} {self._execution.name!r}",
                hint="Use it as `with graph.execution(...) as work:`.",
            )

    def _publish(self) -> None:
        project_id = self._scope.project_id
        finished = self._execution.model_copy(update={"finished_at": datetime.now(UTC), "state": self._state})
        with self._scope.records.write() as connection:
            # The lease first, as whoever takes it away does: two that want the same rows never wait for each other.
            if self._leases is not None and not self._leases.end(connection, self._execution):
                raise self._fenced()
            # Then the executions above, as whoever calls one of them lost does, and the log last: rows may hold that.
            if not self._durable:
                if not store.add_execution(connection, finished, project_id, self._above):
                    raise self._whole_lost()
            elif not store.finish_execution(connection, finished, self._above):
                raise self._fenced()
            for rows in self._writes:
                rows(connection)
            store.add(connection, store.assets, self._assets, project_id)
            store.add(connection, store.links, list(self._links.values()), project_id)
            store.add(connection, store.evidence, self._evidence, project_id)
            # A reader of the log misses no publication: one that says nothing of itself is entered by its end.
            told = self._events or [(log.over(self._scope, finished), "debug")]
            log.append(connection, self._scope, [entry for entry, _ in told], self._used())
        for entry, loudness in told:
            self._tell(entry, loudness)

    def _tell(self, entry: Event, loudness: Loudness) -> None:
        """The operator's line of an event: found from the graph by its id, and back."""
        what = self._execution
        say = {"debug": _log.debug, "info": _log.info, "warning": _log.warning}[loudness]
        text = entry.payload.get("message") or f"{entry.kind} by {what.kind} {what.name!r}"
        # The execution is bound: its line has its id.
        say(entry.kind, str(text), subject=entry.subject, event_id=entry.id, payload=entry.payload)

    def _used(self) -> list[str]:
        """What is put to new use, none of which may be archived or deleted."""
        if self._after_the_fact:
            return []
        return [link.asset_id for link in self._links.values() if link.direction is not Direction.OUTPUT]

    def _fenced(self) -> FencedError:
        silence = "" if self._leases is None else self._leases.silence
        return FencedError(
            expected=f"execution {self.id} still running under fence {self._execution.fence}",
            got="it, or what it is a part of, was called lost because its lease was not renewed; or it has ended, or "
            "another worker took it over" + (f" ({silence})" if silence else ""),
            where=f"{self._execution.kind} {self._execution.name!r}",
            hint="Nothing was published. `mainspring events --subject` with its id says what happened. If the process "
            "was alive but stood still for long, raise `leases.ttl_s`; then do the work again.",
        )

    def _whole_lost(self) -> FencedError:
        return whole_lost(self._above, f"{self._execution.kind} {self._execution.name!r}")

    def _fail(self, error: BaseException) -> None:
        """Keep the failure of a durable execution; one that was fenced off or has ended stays as it is."""
        what = self._execution
        fenced = isinstance(error, FencedError)
        _log.info(
            "execution.fenced" if fenced else "execution.failed",
            f"{what.kind} {what.name!r} {'was fenced off' if fenced else 'failed'}: {error}",
            error=error,
            kind=what.kind,
            name=what.name,
        )
        if not self._durable:
            return
        line = traceback.format_exception_only(error)[-1].strip()
        try:
            with self._scope.records.write() as connection:
                if self._leases is not None and not self._leases.end(connection, self._execution):
                    return
                for rows in self._writes_of_failure:
                    rows(connection)
                if not log.fail(connection, self._scope, self._execution, line):
                    raise _Ended
        except _Ended:
            return
        except (MainspringError, SQLAlchemyError) as unrecorded:
            # The first failure is what the caller must see; its execution stays `running` until it is swept.
            error.add_note(f"and it could not be recorded: {unrecorded}")


class _Ended(Exception):
    """Takes back what was written for an execution that turns out to have ended."""


def whole_lost(above: Sequence[str], where: str) -> FencedError:
    """What is a part of something that was called lost is refused.

    Args:
        above: the ids of what it is a part of, the outermost first.
    """
    return FencedError(
        expected=f"execution {' in '.join(above[::-1])}, of which this is a part, still running",
        got="it was called lost, because its lease was not renewed",
        where=where,
        hint="Nothing was published. Run the whole again; results that were finished before are kept.",
    )
