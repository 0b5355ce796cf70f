"""A project with something of everything in it: what the operator's commands are tried on."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import polars as pl
from sqlalchemy import Connection, Engine, MetaData, create_engine, inspect, select, text

import mainspring as ms
from mainspring.ports.clock import ReplayClock
from mainspring.ports.records.migrations import VERSION_TABLE, revision_of
from mainspring.project import Project, open_project
from tests.serving.airport import KEYS, N_HOURS, REQUEST, START, Airport, make_airport, weather


@ms.step
def numbers(*, n: int = 3) -> pl.DataFrame:
    """A step whose result is kept."""
    return pl.DataFrame({"n": list(range(n))})


@ms.pipeline
def counting(n: int = 3) -> pl.DataFrame:
    """A pipeline of one step."""
    return numbers(n=n)


class Filled:
    """The project's folder, and the database that its records are in."""

    def __init__(self, folder: Path, records_url: str) -> None:
        self.folder = folder
        self.records_url = records_url

    @property
    def home(self) -> Path:
        """Where its state lies."""
        return self.folder / ".mainspring"

    def open(self) -> Project:
        """The project, opened as its users do."""
        return open_project(self.folder)

    def sql(self, statement: str, **values: object) -> None:
        """Change the records by hand."""
        with self._engine() as connection:
            connection.execute(text(statement), values)

    def value(self, query: str) -> str:
        """The one value that a query finds."""
        with self._engine() as connection:
            return str(connection.execute(text(query)).scalar_one())

    def rows(self) -> dict[str, list[str]]:
        """Every row of every table, by table."""
        return all_rows(self.records_url)

    def table(self, prefix: str) -> Path:
        """The folder of the table whose name begins so."""
        (found,) = (self.home / "tables").glob(prefix + "*")
        return found

    def blob(self, sha256: str) -> Path:
        """The file of a blob."""
        return self.home / "blobs" / "objects" / sha256[:2] / sha256

    def _engine(self) -> _Connected:
        return _Connected(create_engine(self.records_url))


class _Connected:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._block = engine.begin()

    def __enter__(self) -> Connection:
        return self._block.__enter__()

    def __exit__(self, *given: object) -> None:
        self._block.__exit__(*given)  # type: ignore[arg-type]
        self._engine.dispose()


def all_rows(url: str) -> dict[str, list[str]]:
    """Every row of every table of a database, by table; but for leases, which say who is at work."""
    engine = create_engine(url)
    with engine.connect() as connection:
        found = {
            table.name: sorted(str(row) for row in connection.execute(select(table)))
            for table in _tables_of(connection).sorted_tables
            if table.name != "leases"
        }
    engine.dispose()
    return found


_found_before: dict[object, MetaData] = {}


def _tables_of(connection: Connection) -> MetaData:
    """The tables as the database describes them; it is asked for their columns once a revision of the schema."""
    names = sorted(inspect(connection).get_table_names())
    revision = revision_of(connection) if VERSION_TABLE in names else None
    key = (connection.dialect.name, revision, *names)
    if revision is None or key not in _found_before:
        _found_before[key] = MetaData()
        _found_before[key].reflect(connection)
    return _found_before[key]


def flip(path: Path, at: int = -1) -> None:
    """Change one bit of a file, in the middle unless told where."""
    data = bytearray(path.read_bytes())
    data[at if at >= 0 else len(data) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(bytes(data))


def fill(project: Project) -> Airport:
    """Groups, a delete, a dataset, a run, a pipeline, two versions, a deployment with predictions and outcomes."""
    assert isinstance(project.clock, ReplayClock)
    project.clock.set(START)
    made = make_airport(project)
    hourly = project.features.get_group("weather")
    hourly.delete(weather(1).select("origin", "observed_at").head(1))
    hourly.insert(weather(N_HOURS + 4).tail(8))
    made.at(6)
    spine = (
        weather(6)
        .select("origin", pl.col("observed_at").alias("scheduled_at"))
        .with_columns(carrier=pl.lit("AA"), distance=pl.lit(900.0))
    )
    made.view.training_dataset(spine, split=ms.split.random(test=0.3), seed=1)
    with project.tracking.run("first", experiment="trials") as run:
        run.log(params={"depth": 3}, metrics={"auc": 0.7}, step=1)
        run.log(metrics={"auc": float("nan")}, step=2)
        run.artifact("notes.txt", b"what was tried")
    project.pipelines.run(counting)
    deployment = made.deployments.create("flights", made.versions[0], made.view)
    deployment.promote(made.versions[1], made.view)
    predict(made, 5)
    made.deployments.close()
    deployment.publish_log()
    return made


def predict(made: Airport, n: int) -> list[str]:
    """Predictions of the deployment, half of them with outcomes; their ids."""
    deployment = made.deployments.get("flights")
    ids = [deployment.predict(KEYS, REQUEST).prediction_id for _ in range(n)]
    known = [START + timedelta(hours=6)] * n
    frame = pl.DataFrame({"prediction_id": ids, "value": [1.0] * n, "known_at": known})
    deployment.outcomes(frame.head(n // 2))
    return ids
