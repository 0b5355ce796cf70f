"""A process that publishes things of every kind as users do, and writes down each acknowledgement."""

from __future__ import annotations

import hashlib
import json
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from sklearn.linear_model import LogisticRegression
from sqlalchemy import Connection
from tests.serving.airport import KEYS, START
from tests.soak.acknowledged import BEGINS, DONE, ENDED, REFUSED, Ledger, Line, interrupted, lines_of
from tests.soak.world import CLICKS, DEPLOYMENT, ENVIRONMENT, LEDGER, MODEL, REHEARSAL, summing

import mainspring as ms
from mainspring.errors import StateError
from mainspring.lineage import AssetKind, Verdict
from mainspring.models.model import Model
from mainspring.models.spec import ModelVersion
from mainspring.ports.streams import IterableStream, Message
from mainspring.project import Project, open_project
from mainspring.serving import weights
from mainspring.serving.api import weights_folder

KEPT_IDS: Final = 50
"""How many of its own predictions a writer may still post outcomes of, and how many of its events it may send again."""


class Writer:
    """A writer in one of its lives: what it had begun when it was last killed, it asks for again."""

    def __init__(self, project: Project, ledger: Ledger, before: list[Line], chance: random.Random) -> None:
        self._project = project
        self._ledger = ledger
        self._chance = chance
        self._name = ledger.writer
        self._before = before
        self._count = len(before)
        self._predicted = [
            line.what["id"] for line in before if line.at == DONE and line.kind == "prediction"
        ][-KEPT_IDS:]
        pushed = [line for line in before if line.at == DONE and line.kind == "push"]
        self._pushed = [event for line in pushed for event in line.what["events"]][-KEPT_IDS:]
        self.publish: dict[str, Callable[[], None]] = {
            "alias": self.move_alias,
            "commit": self.commit,
            "dataset": self.dataset,
            "deployment": self.deploy,
            "evidence": self.evidence,
            "flush": self.flush,
            "log": self.publish_log,
            "online": self.materialize,
            "outcome": self.outcome,
            "package": self.register,
            "pipeline": self.pipeline,
            "prediction": self.predict,
            "push": self.push,
            "report": self.report,
            "run": self.run,
        }

    def begin_again(self) -> None:
        """Ask again for what may have been done or not: under the same name it is done once."""
        left = interrupted(self._before)
        if left is not None and left.kind == "commit" and left.what["key"]:
            self._insert(left.what["key"], left.what["rows"])
        elif left is not None and left.kind == "prediction" and left.what["id"]:
            self._predict(left.what["id"], left.what["distance"])
        elif left is not None and left.kind == "push" and self._chance.random() < 0.8:
            self._push(left.what["events"])

    def round(self) -> Iterator[str]:
        """One thing of every kind, in an order of its own; yields the kind after each."""
        kinds = list(self.publish)
        self._chance.shuffle(kinds)
        for kind in kinds:
            self.publish[kind]()
            yield kind

    def commit(self) -> None:
        """Rows of its own; every other time under an idempotency key."""
        count = self._next()
        rows = [[count, index, self._chance.random()] for index in range(self._chance.randint(1, 4))]
        self._insert(f"{self._name}-{count}" if self._chance.random() < 0.5 else "", rows)

    def _insert(self, key: str, rows: list[list[Any]]) -> None:
        self._begin("commit", key=key, rows=rows)
        frame = pl.DataFrame(
            {
                "writer": [self._name] * len(rows),
                "n": [row[0] * 10 + row[1] for row in rows],
                "x": [row[2] for row in rows],
            }
        )
        made = self._project.features.get_group(LEDGER).insert(frame, idempotency_key=key or None)
        self._done("commit", ticket=made.ticket, number=made.number, asset=made.asset_id, rows=frame.rows())

    def push(self) -> None:
        """Events of its own, and some that it sent before."""
        count = self._next()
        n_events = self._chance.randint(1, 4)
        events = [[f"{self._name}-{count}-{index}", self._chance.random()] for index in range(n_events)]
        self._push([*events, *self._chance.sample(self._pushed, min(2, len(self._pushed)))])

    def _push(self, events: list[list[Any]]) -> None:
        """Every other time through a stream, which has several steps."""
        self._begin("push", events=events)
        group = self._project.features.get_group(CLICKS)
        rows = [{"name": name, "x": x} for name, x in events]
        if self._chance.random() < 0.5:
            group.push([{"id": row["name"], **row} for row in rows], event_id="id")
        else:
            messages = [Message(row["name"], json.dumps(row).encode()) for row in rows]
            steps = group.consume(IterableStream(messages), n_at_once=2, wait_s=0)
            for step in steps:
                if not step.n_rows + step.n_repeated:
                    break
        self._pushed = [*self._pushed, *events][-KEPT_IDS:]
        self._done("push", events=events)

    def flush(self) -> None:
        """What was pushed, by whomever, becomes a commit."""
        self._begin("flush")
        self._project.features.get_group(CLICKS).flush()
        self._done("flush")

    def dataset(self) -> None:
        """A join of random hours."""
        self._begin("dataset")
        hours = [self._chance.uniform(0, 40) for _ in range(30)]
        spine = pl.DataFrame(
            {
                "origin": ["JFK"] * 30,
                "carrier": ["AA"] * 30,
                "scheduled_at": [START + timedelta(seconds=int(hour * 3600)) for hour in hours],
                "distance": [self._chance.uniform(100, 3000) for _ in hours],
            }
        )
        view = self._project.features.get_view(MODEL, 1)
        made = view.training_dataset(spine, split=ms.split.random(test=0.3), seed=self._next())
        self._done(
            "dataset",
            asset=made.asset_id,
            digest=made.digest,
            blob=made.spec.blob,
            distances=sorted(made.frame["distance"]),
        )

    def run(self) -> None:
        """A tracked run with parameters, metrics and an artifact."""
        self._begin("run")
        count, value = self._next(), self._chance.random()
        content = f"{self._name} {count}".encode()
        with self._project.tracking.run(f"run {count}", experiment="soak") as run:
            run.log(params={"count": count}, metrics={"x": value}, step=1)
            run.artifact("notes.txt", content)
        self._done(
            "run",
            id=run.id,
            number=run.number,
            asset=run.asset_id,
            count=count,
            x=value,
            artifact=hashlib.sha256(content).hexdigest(),
        )

    def register(self) -> None:
        """A model version that the gate may let through."""
        self._begin("package")
        names = list(self._project.features.get_view(MODEL, 1).features)
        numbers = np.random.default_rng(self._chance.getrandbits(32))
        rows = pl.DataFrame({name: numbers.normal(10, 4, 40) for name in names})
        late = pl.Series("late", numbers.random(40) > 0.5)
        model = Model(LogisticRegression(), names, label="late").fit(rows.with_columns(late))
        mark = f"{self._name} {self._next()}"
        made = self._project.models.register(MODEL, model, metadata={"mark": mark})
        self._done(
            "package",
            number=made.number,
            asset=made.asset_id,
            package=made.package_id,
            digest=made.package_digest,
            mark=mark,
        )
        if self._chance.random() < 0.7:
            self._rehearse(made)

    def evidence(self) -> None:
        """A finding about the version of a number that there is."""
        self._rehearse(self._version())

    def _rehearse(self, version: ModelVersion) -> None:
        self._begin("evidence")
        figures = {"count": self._next(), "x": self._chance.random()}
        with self._project.graph.execution("rehearse", str(version)) as work:
            found = work.evidence(version.asset_id, REHEARSAL, verdict=Verdict.PASS, figures=figures)
        self._done("evidence", id=found.id, subject=version.asset_id, figures=figures)

    def report(self) -> None:
        """An asset with a blob, an input and an event of its own."""
        self._begin("report")
        content = f"report {self._name} {self._next()}".encode() * self._chance.randint(1, 2000)
        blob = self._project.blobs.put(content)
        with self._project.graph.execution("write", self._name, durable=self._chance.random() < 0.5) as work:
            work.use(self._version().asset_id)
            made = work.add(AssetKind.REPORT, self._name, digest=blob.sha256)
            work.event("report.written", made.id, {"writer": self._name})
        self._done("report", asset=made.id, digest=blob.sha256, execution=work.id)

    def move_alias(self) -> None:
        """To a version that may have it, through the gate."""
        self._begin("alias")
        version = self._rehearsed()
        ruling = self._project.gates.promote(ENVIRONMENT, version)
        self._done("alias", decision=ruling.id, number=version.number)

    def deploy(self) -> None:
        """Another version through the gate, or one step back if there is one."""
        self._begin("deployment")
        deployment = self._project.deployments.get(DEPLOYMENT)
        if self._chance.random() < 0.2 and weights.find_previous(self._weights, deployment.table) is not None:
            try:
                back = deployment.rollback(reason=self._name)
            except StateError as error:
                # Somebody else was quicker, and went back to where it began.
                self._ledger.say(REFUSED, "deployment", why=str(error))
            else:
                self._done("deployment", revision=back.revision, id="", version=back.version)
            return
        view = self._project.features.get_view(MODEL, 1)
        made = deployment.promote(self._rehearsed(), view, environment=ENVIRONMENT, reason=self._name)
        self._done("deployment", revision=made.number, id=made.id, version=made.model_version)

    @property
    def _weights(self) -> Path:
        return weights_folder(self._project.home, DEPLOYMENT)

    def predict(self) -> None:
        """One request; every other time under a name of the caller's."""
        prediction_id = f"{self._name}-{self._next()}" if self._chance.random() < 0.5 else ""
        self._predict(prediction_id, self._chance.uniform(100, 3000))

    def _predict(self, prediction_id: str, distance: float) -> None:
        self._begin("prediction", id=prediction_id, distance=distance)
        deployment = self._project.deployments.get(DEPLOYMENT)
        answer = deployment.predict(KEYS, {"distance": distance}, prediction_id or None)
        self._predicted = [*self._predicted[1 - KEPT_IDS :], answer.prediction_id]
        self._done(
            "prediction",
            id=answer.prediction_id,
            distance=distance,
            prediction=answer.prediction,
            context=answer.context_id,
        )

    def outcome(self) -> None:
        """The label of a prediction of its own, or another one for it."""
        if not self._predicted:
            self.predict()
        self._begin("outcome")
        prediction_id, value = self._chance.choice(self._predicted), self._chance.choice([0.0, 1.0])
        known_at = datetime.now(UTC)
        frame = pl.DataFrame({"prediction_id": [prediction_id], "value": [value], "known_at": [known_at]})
        counts = self._project.deployments.get(DEPLOYMENT).outcomes(frame)
        assert counts.n_orphans == 0, f"the log does not know {prediction_id}, which was acknowledged"
        if counts.n_contradictory:
            self._ledger.say(REFUSED, "outcome", why="known before the label in force")
        else:
            self._done("outcome", id=prediction_id, value=value)

    def publish_log(self) -> None:
        """What is logged becomes rows of a table."""
        self._begin("log")
        self._project.deployments.get(DEPLOYMENT).publish_log()
        self._done("log")

    def materialize(self) -> None:
        """Rows to the keys store."""
        self._begin("online")
        self._project.features.materialize()
        self._done("online")

    def pipeline(self) -> None:
        """A pipeline of two steps, found again or executed."""
        n = self._chance.randint(1, 1000)
        self._begin("pipeline", n=n)
        made = self._project.pipelines.run(summing, n=n)
        self._done("pipeline", id=made.id, n=n, total=made.outputs["output"])

    def _version(self) -> ModelVersion:
        return self._chance.choice(self._project.models.versions(MODEL))

    def _rehearsed(self) -> ModelVersion:
        """A version that the gate lets through."""
        versions = {version.asset_id: version for version in self._project.models.versions(MODEL)}
        found = self._project.graph.evidence_for(*versions, kind=REHEARSAL)
        return versions[self._chance.choice(found).subject_id]

    def _next(self) -> int:
        self._count += 1
        return self._count

    def _begin(self, kind: str, **what: Any) -> None:
        self._began_s = time.monotonic()
        self._ledger.say(BEGINS, kind, **what)

    def _done(self, kind: str, **what: Any) -> None:
        self._ledger.say(DONE, kind, took_s=time.monotonic() - self._began_s, **what)


class WaitingTimes:
    """The longest wait of a project's write transactions until they could begin, and until they were committed."""

    def __init__(self, project: Project) -> None:
        self.longest_wait_s = self.longest_write_s = 0.0
        self._write = project.records.write
        project.records.write = self._timed  # type: ignore[method-assign]

    @contextmanager
    def _timed(self) -> Iterator[Connection]:
        asked_s = time.monotonic()
        with self._write() as connection:
            self.longest_wait_s = max(self.longest_wait_s, time.monotonic() - asked_s)
            yield connection
        self.longest_write_s = max(self.longest_write_s, time.monotonic() - asked_s)


def live(folder: Path, ledgers: Path, name: str, seed: int, until_s: float | None = None) -> None:
    """Open the project and publish, one round after another.

    Args:
        until_s: on the monotonic clock, when to end; None = after one round.
    """
    before = lines_of(ledgers, name)
    with open_project(folder) as project:
        waiting = WaitingTimes(project)
        ledger = Ledger(ledgers, name)
        writer = Writer(project, ledger, before, random.Random(f"{seed} {name} {len(before)}"))
        writer.begin_again()
        while True:
            for _ in writer.round():
                if until_s is not None and time.monotonic() > until_s:
                    break
            if until_s is None or time.monotonic() > until_s:
                break
        ledger.say(
            ENDED, "life", longest_wait_s=waiting.longest_wait_s, longest_write_s=waiting.longest_write_s
        )
