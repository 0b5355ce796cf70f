"""Write the sample of a released schema: a small home with rows in every table, made by that release's own code.

Run it with the release's sources, from a checkout of its commit, and the present repository's interpreter:

    git worktree add --detach ../released COMMIT
    PYTHONPATH=../released/src python scripts/write_schema_sample.py tests/data/schemas 0001

Writes `0001.sql` (the records), `0001-metrics.sql` (the metric points), both as SQLite's own text dump, and
`0001-home.tar.gz` (blobs, tables, weight tables, log segments). A release has one sample, which is never written again.
"""

from __future__ import annotations

import gzip
import io
import platform
import socket
import sqlite3
import sys
import tarfile
import tempfile
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from sklearn.linear_model import LogisticRegression

import mainspring as ms
from mainspring.evaluation import check
from mainspring.gates.spec import Policy, Requirement
from mainspring.models.model import Model
from mainspring.project import Project, open_project

START = datetime(2013, 1, 1, tzinfo=UTC)
N_DAYS = 4
KEYS = {"origin": "JFK"}
REQUEST = {"distance": 1400.0}
SQLITE_ONLY_ELSEWHERE = "metric_points"
"""Of SQLite, the one table of the records that stays empty: its rows are in the second file."""


@ms.step
def numbers(*, n: int = 3) -> pl.DataFrame:
    """A step whose result is kept."""
    return pl.DataFrame({"n": list(range(n))})


@ms.pipeline
def counting(n: int = 3) -> pl.DataFrame:
    """A pipeline of one step."""
    return numbers(n=n)


def live(project: Project) -> None:
    """A little of everything that a project does."""
    project.clock.set(START)  # type: ignore[attr-defined]
    weather = project.features.group("weather", keys=["origin"], event_time="observed_at", online=True)
    weather.insert(_weather(4))
    weather.delete(_weather(1).select("origin", "observed_at").head(1))
    view = project.features.view(
        "lateness", features=[weather["wind"], ms.request("distance")], spine_time="scheduled_at"
    )
    spine = _weather(4).select("origin", pl.col("observed_at").alias("scheduled_at"))
    spine = spine.with_columns(distance=pl.lit(900.0))
    data = view.training_dataset(spine, split=ms.split.random(test=0.3), seed=1)
    versions = [_model(project, view, sign) for sign in (1, -1)]
    with project.tracking.run("first", experiment="trials") as run:
        run.log(params={"depth": 3}, metrics={"auc": 0.7}, step=1)
        run.log(metrics={"auc": float("nan")}, step=2)
        run.artifact("notes.txt", f"what was tried on {data.asset_id}".encode())
    requirement = Requirement(
        kind="check.metric", parameters={"metric": "roc_auc", "at_least": 0.5}, rows="any"
    )
    project.gates.define(Policy(environment="production", alias="champion", require=(requirement,)))
    for version in versions[:1]:
        project.evaluation.evaluate(version, _rows(200), [check.metric("roc_auc", at_least=0.5)])
        project.gates.promote("production", version)
    project.pipelines.on_event("alert.raised", counting, parameters=lambda _: {"n": 2}, name="recount")
    project.pipelines.run(counting)
    _serve(project, view, versions)
    project.pipelines.handle_events()


def _serve(project: Project, view: Any, versions: list[Any]) -> None:
    project.features.materialize(START + timedelta(hours=6))
    deployment = project.deployments.create("flights", versions[0], view)
    names, outcomes = [], []
    for day in range(N_DAYS):
        project.clock.set(START + timedelta(days=day, hours=6))  # type: ignore[attr-defined]
        for number in range(4):
            answer = deployment.predict(KEYS, REQUEST, prediction_id=f"{day}-{number}")
            names.append(answer.prediction_id)
            outcomes.append(float((answer.prediction > 0.5) == (number < day % 2)))
    project.clock.set(START + timedelta(days=N_DAYS, hours=6))  # type: ignore[attr-defined]
    known = START + timedelta(days=N_DAYS)
    frame = pl.DataFrame({"prediction_id": names, "value": outcomes})
    deployment.outcomes(frame.with_columns(known_at=pl.lit(known)))
    reference = pl.DataFrame(
        {
            "now": [START - timedelta(days=1 + i // 20) for i in range(200)],
            "prediction": np.random.default_rng(2).uniform(0.2, 0.3, 200),
            "outcome": [float(i % 2) for i in range(200)],
            "wind": np.random.default_rng(2).normal(10, 4, 200),
        }
    )
    project.monitors.add(
        "rate",
        on=deployment,
        reference=reference,
        false_alarms_per_year=0.99,
        label_delay=timedelta(hours=6),
        min_clusters=3,
        min_events=2,
    )
    project.monitors.check("rate", START, START + timedelta(days=N_DAYS))
    deployment.shadow(versions[1], view)
    deployment.promote(versions[1], view)
    project.deployments.close()
    deployment.publish_log()
    deployment.predict(KEYS, REQUEST, prediction_id="waiting")
    project.deployments.close()


def _weather(n_hours: int) -> pl.DataFrame:
    rows = [(origin, START + timedelta(hours=hour)) for hour in range(n_hours) for origin in ("JFK", "LGA")]
    wind = np.random.default_rng(3).normal(10, 4, len(rows))
    return pl.DataFrame(
        {"origin": [row[0] for row in rows], "observed_at": [row[1] for row in rows], "wind": wind}
    )


def _rows(n: int, sign: int = 1) -> pl.DataFrame:
    random = np.random.default_rng(1)
    rows = pl.DataFrame({name: random.normal(10, 4, n) for name in ("wind", "distance")})
    return rows.with_columns(late=sign * (rows["wind"] - 10) + random.normal(0, 1, n) > 0)


def _model(project: Project, view: Any, sign: int) -> Any:
    model = Model(LogisticRegression(), list(view.features), label="late").fit(_rows(300, sign))
    return project.models.register("lateness", model)


def main(folder: Path, revision: str) -> None:
    # Whose machine it was made on is nobody's business.
    socket.gethostname = lambda: "sample"
    platform.platform = lambda *_: "Linux"
    with tempfile.TemporaryDirectory() as place:
        at = Path(place)
        (at / "mainspring.toml").write_text('[project]\nid = "sample"\n')
        with open_project(at, overrides={"clock.kind": "replay", "actor.name": "user:sample"}) as project:
            live(project)
            home = project.home
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{revision}.sql").write_text(_dump(home / "records.db", at))
        (folder / f"{revision}-metrics.sql").write_text(_dump(home / "records-metrics.db", at))
        _pack(home, folder / f"{revision}-home.tar.gz")


def _dump(file: Path, at: Path) -> str:
    with closing(sqlite3.connect(file)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (name,) in names:
            (n_rows,) = connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()
            if n_rows == 0 and name != SQLITE_ONLY_ELSEWHERE:
                sys.exit(f"no row in {name}: live a little more")
        text = "\n".join(connection.iterdump())
    if str(at) in text:
        sys.exit(f"{file.name} names a folder of this machine")
    return f"PRAGMA user_version = {version};\n{text}\n"


def _pack(home: Path, target: Path) -> None:
    """Everything but the databases, with nothing of this machine in it."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for place in sorted(home.rglob("*")):
            name = place.relative_to(home).as_posix()
            if place.is_file() and not name.startswith(("records", "keys/", "place")):
                entry = tarfile.TarInfo(name)
                entry.size = place.stat().st_size
                entry.mode = 0o644
                archive.addfile(entry, io.BytesIO(place.read_bytes()))
    target.write_bytes(gzip.compress(packed.getvalue(), 9, mtime=0))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
