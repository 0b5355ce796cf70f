"""Answers requests: weight table, features, model, log, in that order, in one process."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import msgspec

from mainspring.errors import (
    IntegrityError,
    SchemaVersionError,
    StateError,
    UnknownNameError,
)
from mainspring.log import get_logger
from mainspring.ports.clock import Clock
from mainspring.serving.claims import other_content
from mainspring.serving.frames import Scored, encoder
from mainspring.serving.given import check_id, check_numbers
from mainspring.serving.weights import Arm, WeightTable, WeightWatch, find_previous, retry_after_s
from mainspring.serving.writer import LogWriter
from mainspring.types import new_id, to_us

_log = get_logger(__name__)

REMEMBERED_IDS: Final = 100_000
WARN_EVERY_S: Final = 30.0
"""How often the same kind of failure is said, at most."""
LOADED_ARMS: Final = 6
"""Arms kept in memory beyond those in force, so that a rollback loads nothing."""


@dataclass(frozen=True, slots=True)
class Looked:
    """Features of one request, with where each came from; tuples are in the order of the arm's names."""

    values: Mapping[str, Any]
    features: tuple[Any, ...]
    statuses: tuple[str, ...]
    commits: tuple[int | None, ...]
    commit_ids: tuple[str | None, ...]
    event_us: tuple[int | None, ...]
    group_keys: tuple[dict[str, Any], ...]


_NOTHING: Final = Looked({}, (), (), (), (), (), ())


class LoadedArm(Protocol):
    """One arm in memory: its features can be looked up and its model can score."""

    def anonymised(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """What may be logged of keys or a request."""

    def look_up(self, keys: Mapping[str, Any], request: Mapping[str, Any], now: datetime) -> Looked:
        """The features as they are at `now`."""

    def score(self, values: Mapping[str, Any]) -> float:
        """The model's answer for one row of features."""


class Answer(msgspec.Struct, frozen=True):
    """What the caller gets.

    Attributes:
        prediction_id: names the prediction in the log, and in outcomes.
        prediction: the model's answer.
        model, model_version: who gave it.
        deployment, revision: under what.
        context_id: the serving context, the same for all predictions under one weight table.
        now: the moment that features were looked up for.
        statuses: by feature group, what the look-up came to: `present`, `null`, `missing` or `expired`.
    """

    prediction_id: str
    prediction: float
    model: str
    model_version: int
    deployment: str
    revision: int
    context_id: str
    now: datetime
    statuses: dict[str, str]


@dataclass(frozen=True, slots=True)
class _InForce:
    """What answers: replaced as a whole, so that a request sees one table from beginning to end."""

    table: WeightTable
    arms: dict[str, LoadedArm]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a caller sent, as it came: each arm's view anonymises it in its own way. Never logged."""

    keys: Mapping[str, Any]
    request: Mapping[str, Any]


class Predictor:
    """Answers for one deployment in one process. Threads may share it; they take turns.

    Args:
        folder: the deployment's folder, with `weights` and `log` in it.
        deployment: its name.
        load: brings an arm into memory and warms it up.
        clock: the project's clock.
        find_given: the answer that the log has under an id that a caller chose; None if it has none.
        writer: who writes the log.
        background: load new versions in a thread of their own while the old ones go on answering, and the version
            that a rollback would restore as well. Else whoever asks first loads.
        when_log_fails: `refuse` answers nothing that cannot be logged; `gap` answers and counts.

    What cannot be loaded undoes nothing of what answers: it is kept in `load_error`, counted, said as a warning of
    this module's logger, and tried again.

    Attributes:
        log: where predictions go.
        n_load_failures: how often reading or taking up a table, or loading what a rollback restores, has failed.
    """

    def __init__(
        self,
        folder: Path,
        deployment: str,
        *,
        load: Callable[[Arm], LoadedArm],
        clock: Clock,
        find_given: Callable[[str], Answer | None],
        writer: str = "",
        background: bool = False,
        when_log_fails: Literal["refuse", "gap"] = "refuse",
    ) -> None:
        self.deployment = deployment
        self.log = LogWriter(folder / "log", deployment, writer)
        self._weights_folder = folder / "weights"
        self._watch = WeightWatch(self._weights_folder)
        self._load = load
        self._clock = clock
        self._find_given = find_given
        self._background = background
        self._when_log_fails = when_log_fails
        self._loaded: OrderedDict[tuple[str, str], LoadedArm] = OrderedDict()
        self._in_force: _InForce | None = None
        self._answered: OrderedDict[str, tuple[str, Answer]] = OrderedDict()
        self._lock = threading.RLock()
        self._swapping = threading.Lock()
        self._epochs_loading: set[int] = set()
        self._closed = threading.Event()
        self._table_error: Exception | None = None
        self._previous_error: Exception | None = None
        self.n_load_failures = 0
        self._quiet_until_s: dict[str, float] = {}

    @property
    def table(self) -> WeightTable | None:
        """The table whose arms are loaded and answer; None before the first `poll`."""
        return None if self._in_force is None else self._in_force.table

    @property
    def load_error(self) -> Exception | None:
        """Why the table on disk, or what a rollback of it restores, is not loaded; None if nothing is amiss."""
        return self._table_error or self._previous_error

    def poll(self) -> None:
        """Take up a changed weight table: at once if its arms are in memory, else when they are loaded.

        What cannot be taken up is kept in `load_error` and tried again, later each time; what was in force
        goes on answering.

        Raises:
            Exception: whatever kept the first table of all from being loaded; nothing answers then.
        """
        try:
            table = self._watch.find_change()
        except (IntegrityError, SchemaVersionError, UnknownNameError, OSError) as error:
            # Whatever became of the file, the table in memory is the last good one.
            self._table_error = error
            self._watch.put_off(None)
            self._warn("reading the weight table", error)
            return
        if table is None:
            if self._watch.is_settled:
                self._table_error = None
            return
        arms = {} if table.is_retired else self._find_arms(table)
        # The first try of all is the caller's: there is nothing that loading could keep from answering.
        beside = self._background and not (self._in_force is None and self.load_error is None)
        if arms is not None:
            self._put_in_force(table, arms)
        elif not beside:
            self._take_up_or_raise(table)
        if self._background and not table.is_retired:
            self._load_beside(table)

    def _find_arms(self, table: WeightTable) -> dict[str, LoadedArm] | None:
        with self._swapping:
            arms = {arm.name: self._loaded.get((arm.package_id, arm.view_id)) for arm in table.arms}
        found = {name: arm for name, arm in arms.items() if arm is not None}
        return found if len(found) == len(arms) else None

    def _put_in_force(self, table: WeightTable, arms: dict[str, LoadedArm]) -> None:
        with self._swapping:
            # A slow load may end after a rollback that came later and needed none.
            epoch = 0 if self._in_force is None else self._in_force.table.epoch
            if epoch < table.epoch:
                self._in_force = _InForce(table, arms)
                self._previous_error = None
                if table.is_retired:
                    self._loaded.clear()
            if epoch <= table.epoch:
                self._table_error = None
            self._watch.settle(table)

    def _take_up_or_raise(self, table: WeightTable) -> None:
        try:
            self._take_up(table)
        except Exception as error:
            if self._in_force is None:
                raise
            self._warn(f"taking up epoch {table.epoch}", error)

    def _warn(self, what: str, error: Exception) -> None:
        """Count what goes no further, and say it once in a while."""
        with self._swapping:
            self.n_load_failures += 1
            n_failed, now_s = self.n_load_failures, time.monotonic()
            if now_s < self._quiet_until_s.get(what, 0.0):
                return
            self._quiet_until_s[what] = now_s + WARN_EVERY_S
        _log.warning(
            "deployment.load_failed",
            f"deployment {self.deployment!r}: {what} failed, as {n_failed} load(s) have; it is tried again: "
            f"{type(error).__name__}: {error}",
            error=error,
            deployment=self.deployment,
            n_load_failures=n_failed,
        )

    def _take_up(self, table: WeightTable) -> None:
        try:
            arms = {arm.name: self._load_arm(arm) for arm in table.arms}
        except Exception as error:
            self._table_error = error
            # Where nothing answers and loading holds nobody up, every call tries anew.
            if self._background or self._in_force is not None:
                self._watch.put_off(table)
            raise
        self._put_in_force(table, arms)

    def _load_beside(self, table: WeightTable) -> None:
        """In a thread of its own, at most one for each table: its arms, then what a rollback of it restores."""
        with self._swapping:
            if table.epoch in self._epochs_loading:
                return
            self._epochs_loading.add(table.epoch)
        # Not waited for at the end of the process: a store that hangs must not hold it up.
        threading.Thread(target=self._load_all, args=(table,), name="load-arms", daemon=True).start()

    def _load_all(self, table: WeightTable) -> None:
        try:
            if self._in_force is None or self._in_force.table.epoch < table.epoch:
                self._take_up(table)
            self._load_previous(table)
        except Exception as error:  # noqa: BLE001  what is in force goes on answering
            self._warn(f"taking up epoch {table.epoch}", error)
        finally:
            with self._swapping:
                self._epochs_loading.discard(table.epoch)

    def _load_previous(self, table: WeightTable) -> None:
        """Loading needs the records, which may be away when a rollback is wanted: so now, and until it works."""
        n_failed = 0
        while self._is_in_force(table):
            try:
                before = find_previous(self._weights_folder, table)
                if before is not None:
                    self._load_arm(before.champion)
            except Exception as error:  # noqa: BLE001  what is in force goes on answering
                self._say_of_previous(table, error)
                self._warn(f"loading what a rollback of epoch {table.epoch} restores", error)
                if self._closed.wait(retry_after_s(n_failed)):
                    return
                n_failed += 1
            else:
                self._say_of_previous(table, None)
                return

    def _is_in_force(self, table: WeightTable) -> bool:
        return self._in_force is not None and self._in_force.table.epoch == table.epoch

    def _say_of_previous(self, table: WeightTable, error: Exception | None) -> None:
        with self._swapping:
            # A load that ends late says nothing about the table that is in force by then.
            if self._is_in_force(table):
                self._previous_error = error

    def _load_arm(self, arm: Arm) -> LoadedArm:
        key = (arm.package_id, arm.view_id)
        found = self._loaded.get(key)
        if found is None:
            # Not under the lock: what is loaded slowly must not keep a rollback from being put in force.
            found = self._load(arm)
        with self._swapping:
            found = self._loaded.setdefault(key, found)
            self._loaded.move_to_end(key)
            while len(self._loaded) > LOADED_ARMS:
                self._loaded.popitem(last=False)
        return found

    def remember(self, content: str, answer: Answer) -> None:
        """Know an answer that was given before this process began."""
        self._answered[answer.prediction_id] = (content, answer)
        if len(self._answered) > REMEMBERED_IDS:
            self._answered.popitem(last=False)

    def answer(
        self, keys: Mapping[str, Any], request: Mapping[str, Any], prediction_id: str | None = None
    ) -> tuple[Answer, Callable[[], None] | None]:
        """Answer one request and log it.

        Args:
            keys: the entity's keys.
            request: what only the caller knows.
            prediction_id: the caller's name for it, 1 to 64 letters, digits, `-_.:`; None draws one. The same
                id with the same content gets the first answer again, whichever process gave it, and is logged
                once: for the latest 100,000 such ids of the deployment. An answer that was given and not logged
                (`gap`) is known to this process alone.

        Returns:
            The answer, and what remains to be done when it has been sent (scoring the shadow); None for nothing.

        Raises:
            InputError: keys or request are not what the view takes.
            ConflictError: the id was used with other content.
            AccessError, UnavailableError: the prediction cannot be logged.
            RetiredError: the deployment answers no more.
            StateError: nothing is loaded.
        """
        check_numbers(keys)
        check_numbers(request)
        with self._lock:
            self.poll()
            in_force = self._in_force
            if in_force is None:
                raise StateError(
                    expected="a loaded model",
                    got="none yet" if self.load_error is None else f"none: {self.load_error}",
                    where=f"deployment {self.deployment!r}",
                    hint="Wait until the server is ready; what cannot be loaded is tried again and again.",
                )
            in_force.table.check_answers()
            champion = in_force.arms[in_force.table.champion.name]
            asked = _Asked(keys, request)
            keys, request = champion.anonymised(keys), champion.anonymised(request)
            content = ""
            if prediction_id is not None:
                content = _content(prediction_id, keys, request)
                earlier = self._earlier(prediction_id, content) or self._elsewhere(prediction_id, content)
                if earlier is not None:
                    return earlier, None
            return self._fresh(in_force, asked, keys, request, prediction_id or new_id(), content)

    def _earlier(self, prediction_id: str, content: str) -> Answer | None:
        found = self._answered.get(prediction_id)
        if found is None:
            return None
        if found[0] != content:
            raise other_content(prediction_id)
        return found[1]

    def _elsewhere(self, prediction_id: str, content: str) -> Answer | None:
        """What another process answered under that id."""
        try:
            given = self.log.is_given(prediction_id, content)
        except OSError:
            if self._when_log_fails == "refuse":
                raise
            return None
        found = self._find_given(prediction_id) if given else None
        if found is not None:
            self.remember(content, found)
        return found

    def _fresh(
        self,
        in_force: _InForce,
        asked: _Asked,
        keys: dict[str, Any],
        request: dict[str, Any],
        prediction_id: str,
        content: str,
    ) -> tuple[Answer, Callable[[], None] | None]:
        table, champion = in_force.table, in_force.table.champion
        arm = in_force.arms[champion.name]
        began_ns = time.perf_counter_ns()
        now = self._clock.now()
        looked = arm.look_up(keys, request, now)
        prediction = float(arm.score(looked.values))
        latency_us = (time.perf_counter_ns() - began_ns) // 1000
        scored = Scored(
            prediction_id,
            table.context_id,
            champion.name,
            to_us(now),
            keys,
            request,
            looked.features,
            looked.statuses,
            looked.commits,
            looked.commit_ids,
            looked.event_us,
            looked.group_keys,
            prediction,
            latency_us,
            None,
            content,
        )
        earlier = self._record(scored, table)
        if earlier is not None:
            self.remember(content, earlier)
            return earlier, None
        answer = Answer(
            prediction_id,
            prediction,
            champion.model,
            champion.version,
            self.deployment,
            table.revision,
            table.context_id,
            now,
            dict(zip(champion.groups, looked.statuses, strict=True)),
        )
        if content:
            self.remember(content, answer)
        if len(table.arms) == 1:
            return answer, None
        return answer, lambda: self._score_shadows(in_force, asked, scored, looked, now)

    def _record(self, scored: Scored, table: WeightTable) -> Answer | None:
        """Log it; returns the answer that another process logged under the same id meanwhile, if one did."""
        try:
            if scored.content:
                return self.log.append_given(scored, table, lambda: self._find_given(scored.prediction_id))
            self.log.append(scored, table)
        except OSError:
            # Whatever the system has against it: a full disk, a read-only one, no descriptor to spare.
            if self._when_log_fails == "refuse":
                raise
            self.log.lose(scored.context_id, scored.now_us)
        return None

    def _score_shadows(
        self, in_force: _InForce, asked: _Asked, served: Scored, looked: Looked, now: datetime
    ) -> None:
        champion = in_force.table.champion
        with self._lock:
            for shadow in in_force.table.arms[1:]:
                same_view = shadow.view_id == champion.view_id
                self._score_shadow(in_force, shadow, asked, served, looked if same_view else None, now)

    def _score_shadow(
        self,
        in_force: _InForce,
        shadow: Arm,
        asked: _Asked,
        served: Scored,
        looked: Looked | None,
        now: datetime,
    ) -> None:
        arm = in_force.arms[shadow.name]
        began_ns = time.perf_counter_ns()
        prediction, error = None, None
        try:
            looked = looked or arm.look_up(asked.keys, asked.request, now)
            prediction = float(arm.score(looked.values))
        except Exception as failure:  # noqa: BLE001  whatever a candidate does, the champion's caller must not feel it
            error = f"{type(failure).__name__}: {failure}"
        latency_us = (time.perf_counter_ns() - began_ns) // 1000
        looked = looked or _NOTHING
        row = msgspec.structs.replace(
            served,
            arm=shadow.name,
            features=looked.features,
            statuses=looked.statuses,
            commits=looked.commits,
            commit_ids=looked.commit_ids,
            event_us=looked.event_us,
            group_keys=looked.group_keys,
            prediction=prediction,
            latency_us=latency_us,
            error=error,
        )
        try:
            self.log.append(row, in_force.table)
        except OSError:
            self.log.n_shadow_lost += 1

    def close(self) -> None:
        """Sync and end the log's segment, and try no more to load what could not be loaded."""
        self._closed.set()
        self.log.close()


def _content(prediction_id: str, keys: Mapping[str, Any], request: Mapping[str, Any]) -> str:
    check_id(prediction_id, "Leave it out to have one drawn.")
    packed = encoder.encode([sorted(keys.items()), sorted(request.items())])
    return hashlib.blake2b(packed, digest_size=16).hexdigest()
