"""Answers requests: weight table, features, model, log, in that order, in one process."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import msgspec

from mainspring.errors import ConflictError, InputError, IntegrityError, StateError, UnavailableError
from mainspring.ports.clock import Clock
from mainspring.serving.frames import Scored, encoder
from mainspring.serving.weights import Arm, WeightTable, WeightWatch, find_previous
from mainspring.serving.writer import LogWriter
from mainspring.types import new_id, to_us

_ID: Final = re.compile(r"[A-Za-z0-9_.:-]{1,64}")

REMEMBERED_IDS: Final = 100_000
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
        statuses: by feature group, what the look-up came to (`ok`, `missing`, `stale` …).
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


class Predictor:
    """Answers for one deployment in one process. Threads may share it; they take turns.

    Args:
        folder: the deployment's folder, with `weights` and `log` in it.
        deployment: its name.
        load: brings an arm into memory and warms it up.
        clock: the project's clock.
        writer: who writes the log.
        background: load new versions in a thread of their own while the old ones go on answering.
        when_log_fails: `refuse` answers nothing that cannot be logged; `gap` answers and counts.
    """

    def __init__(
        self,
        folder: Path,
        deployment: str,
        *,
        load: Callable[[Arm], LoadedArm],
        clock: Clock,
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
        self._background = background
        self._when_log_fails = when_log_fails
        self._loaded: OrderedDict[tuple[str, str], LoadedArm] = OrderedDict()
        self._in_force: _InForce | None = None
        self._answered: OrderedDict[str, tuple[str, Answer]] = OrderedDict()
        self._lock = threading.RLock()
        self._loading = threading.Lock()
        self.load_error: Exception | None = None

    @property
    def table(self) -> WeightTable | None:
        """The table whose arms are loaded and answer; None before the first `poll`."""
        return None if self._in_force is None else self._in_force.table

    def poll(self) -> None:
        """Take up a changed weight table. At once if its arms are in memory, else when they are loaded."""
        try:
            table = self._watch.find_change()
        except (IntegrityError, OSError) as error:
            # Whatever became of the file, the table in memory is the last good one.
            self.load_error = error
            return
        if table is None:
            return
        if self._background and self._in_force is not None and not self._has_all(table):
            threading.Thread(target=self._take_up_or_note, args=(table,), name="load-arms").start()
        else:
            self._take_up(table)

    def _has_all(self, table: WeightTable) -> bool:
        return all((arm.package_id, arm.view_id) in self._loaded for arm in table.arms)

    def _take_up_or_note(self, table: WeightTable) -> None:
        try:
            self._take_up(table)
        except Exception as error:  # noqa: BLE001  the thread's only way out; /health and GET show it
            self.load_error = error

    def _take_up(self, table: WeightTable) -> None:
        with self._loading:
            arms = {arm.name: self._arm(arm) for arm in table.arms}
            # A slow load may end after a rollback that came later and needed none.
            if self._in_force is None or self._in_force.table.epoch < table.epoch:
                self._in_force = _InForce(table, arms)
                self.load_error = None
            if self._background:
                # Loading needs the records; a rollback must work without them.
                before = find_previous(self._weights_folder, table)
                if before is not None:
                    self._arm(before.champion)

    def _arm(self, arm: Arm) -> LoadedArm:
        key = (arm.package_id, arm.view_id)
        found = self._loaded.get(key)
        if found is None:
            found = self._loaded[key] = self._load(arm)
            while len(self._loaded) > LOADED_ARMS:
                self._loaded.popitem(last=False)
        self._loaded.move_to_end(key)
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
                id with the same content gets the first answer again and is not logged twice.

        Returns:
            The answer, and what remains to be done when it has been sent (scoring the shadow); None for nothing.

        Raises:
            InputError: keys or request are not what the view takes.
            ConflictError: the id was used with other content.
            UnavailableError: the prediction cannot be logged.
            StateError: nothing is loaded.
        """
        with self._lock:
            self.poll()
            in_force = self._in_force
            if in_force is None:
                raise StateError(
                    expected="a loaded model",
                    got="none yet",
                    where=f"deployment {self.deployment!r}",
                    hint="Wait until the server is ready.",
                )
            content = ""
            if prediction_id is not None:
                content = _content(prediction_id, keys, request)
                earlier = self._earlier(prediction_id, content)
                if earlier is not None:
                    return earlier, None
            return self._fresh(in_force, keys, request, prediction_id or new_id(), content)

    def _earlier(self, prediction_id: str, content: str) -> Answer | None:
        found = self._answered.get(prediction_id)
        if found is None:
            return None
        if found[0] != content:
            raise ConflictError(
                expected="the keys and request that this prediction id came with first",
                got="others",
                where=f"prediction_id {prediction_id!r}",
                hint="Use a new id for a new request, or leave it out.",
            )
        return found[1]

    def _fresh(
        self,
        in_force: _InForce,
        keys: Mapping[str, Any],
        request: Mapping[str, Any],
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
            dict(keys),
            dict(request),
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
        self._record(scored, table)
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
        return answer, lambda: self._score_shadows(in_force, scored, looked, now)

    def _record(self, scored: Scored, table: WeightTable) -> None:
        try:
            self.log.append(scored, table)
        except UnavailableError:
            if self._when_log_fails == "refuse":
                raise
            self.log.lose(scored.context_id, scored.now_us)

    def _score_shadows(self, in_force: _InForce, served: Scored, looked: Looked, now: datetime) -> None:
        champion = in_force.table.champion
        with self._lock:
            for shadow in in_force.table.arms[1:]:
                same_view = shadow.view_id == champion.view_id
                self._score_shadow(in_force, shadow, served, looked if same_view else None, now)

    def _score_shadow(
        self, in_force: _InForce, shadow: Arm, served: Scored, looked: Looked | None, now: datetime
    ) -> None:
        arm = in_force.arms[shadow.name]
        began_ns = time.perf_counter_ns()
        prediction, error = None, None
        try:
            looked = looked or arm.look_up(served.keys, served.request, now)
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
        except UnavailableError:
            self.log.n_shadow_lost += 1

    def close(self) -> None:
        """Sync and end the log's segment."""
        self.log.close()


def _content(prediction_id: str, keys: Mapping[str, Any], request: Mapping[str, Any]) -> str:
    if not isinstance(prediction_id, str) or not _ID.fullmatch(prediction_id):
        raise InputError(
            expected="a prediction id of 1 to 64 letters, digits, '-', '_', '.' and ':'",
            got=repr(prediction_id)[:80],
            where="prediction_id",
            hint="Leave it out to have one drawn.",
        )
    packed = encoder.encode([sorted(keys.items()), sorted(request.items())])
    return hashlib.blake2b(packed, digest_size=16).hexdigest()
