"""Compares a home with what its writers were told. Knows nothing else of what they did.

`lost` finds what was acknowledged and is not there, or is there otherwise; `halves` finds what is there by halves:
a row that names what does not exist, an asset without its event, a broken chain, a gap in numbers that count.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import polars as pl
from tests.soak.acknowledged import DONE, Line
from tests.soak.home import Home, Row, plain
from tests.soak.world import CLICKS, DEPLOYMENT, LEDGER, MODEL

from mainspring.types import digest, from_us

NAMES: Final = {
    ("assets", "execution_id"): ("executions", "id"),
    ("links", "execution_id"): ("executions", "id"),
    ("links", "asset_id"): ("assets", "id"),
    ("events", "execution"): ("executions", "id"),
    ("evidence", "id"): ("assets", "id"),
    ("evidence", "subject_id"): ("assets", "id"),
    ("feature_commits", "asset_id"): ("assets", "id"),
    ("runs", "id"): ("executions", "id"),
    ("run_params", "run_id"): ("runs", "id"),
    ("run_artifacts", "run_id"): ("runs", "id"),
    ("model_packages", "id"): ("assets", "id"),
    ("model_versions", "asset_id"): ("assets", "id"),
    ("model_versions", "package_id"): ("model_packages", "id"),
    ("model_aliases", "decision_id"): ("evidence", "id"),
    ("model_alias_moves", "decision_id"): ("evidence", "id"),
    ("model_alias_moves", "execution_id"): ("executions", "id"),
    ("deployment_revisions", "id"): ("assets", "id"),
    ("serving_contexts", "revision_id"): ("deployment_revisions", "id"),
    ("outcomes", "execution_id"): ("executions", "id"),
}
"""Columns that name rows of another table; null names nothing."""


def lost(home: Home, lines: Iterable[Line]) -> Iterator[str]:
    """What was acknowledged and is not there as it was acknowledged."""
    told: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        if line.at == DONE:
            told[line.kind].append(line)
    for kind, compare in COMPARED.items():
        yield from compare(home, told[kind])


def _missing(
    what: str, told: Iterable[Line], there: dict[str, Row], key: str, same: Callable[[Line, Row], bool]
) -> Iterator[str]:
    for line in told:
        row = there.get(line.what[key])
        if row is None:
            yield f"{what} {line.what[key]}, acknowledged to {line.writer}, is not there"
        elif not same(line, row):
            yield f"{what} {line.what[key]}, acknowledged to {line.writer} as {line.what}, is {row}"


def _commits(home: Home, told: list[Line]) -> Iterator[str]:
    commits = {row["asset_id"]: row for row in home.rows("feature_commits")}
    rows = home.table(f"features_{LEDGER}_")
    kept: dict[int, list[list[Any]]] = defaultdict(list)
    # Nobody may have come to insert yet.
    rows = rows if rows.height else pl.DataFrame(schema=["_ordinal", "_commit", "writer", "n", "x"])
    for ticket, writer, n, x in rows.sort("_ordinal").select("_commit", "writer", "n", "x").rows():
        kept[ticket].append([writer, n, x])

    def same(line: Line, row: Row) -> bool:
        what = line.what
        numbered = (row["ticket"], row["number"]) == (what["ticket"], what["number"])
        return numbered and kept[what["ticket"]] == what["rows"]

    yield from _missing("commit", told, commits, "asset", same)
    published = [row["token"] for row in commits.values() if row["number"] is not None]
    yield from (f"idempotency key {key} was published {n} times" for key, n in _doubles(published))
    yield from (
        f"rows of writer and n {who} are in {n} commits"
        for who, n in _doubles(
            (row[0], row[1])
            for asset in commits.values()
            if asset["number"] is not None
            for row in kept.get(asset["ticket"], ())
        )
    )


def _pushes(home: Home, told: list[Line]) -> Iterator[str]:
    """Each event is there once, in the journal or in a commit, and answers online; both as it was sent."""
    (group_id,) = [row["group_id"] for row in home.rows("feature_groups") if row["name"] == CLICKS]
    published = {
        row["ticket"]
        for row in home.rows("feature_commits")
        if row["group_id"] == group_id and row["number"] is not None
    }
    table = home.table(f"features_{CLICKS}_")
    committed = table.filter(pl.col("_commit").is_in(published)) if table.height else table
    parts = [part for part in (committed, home.pushed(group_id)) if part.height]
    rows = [row for part in parts for row in part.select("name", "x").rows()]
    yield from (f"event {name} is there {n} times" for name, n in _doubles(name for name, _ in rows))
    there, online = dict(rows), home.online(group_id)
    for line in told:
        for name, x in line.what["events"]:
            if there.get(name) != x:
                yield f"event {name}, acknowledged to {line.writer} with {x}, is there with {there.get(name)}"
            if online.get(name) != [x]:
                yield f"event {name}, acknowledged to {line.writer} with {x}, is online with {online.get(name)}"


def _datasets(home: Home, told: list[Line]) -> Iterator[str]:
    def same(line: Line, row: Row) -> bool:
        file = home.blobs[line.what["blob"]]
        return row["digest"] == line.what["digest"] and (
            sorted(pl.read_parquet(file)["distance"]) == line.what["distances"]
        )

    yield from _missing("dataset", told, home.by("assets", "id"), "asset", same)


def _runs(home: Home, told: list[Line]) -> Iterator[str]:
    params = {(row["run_id"], row["key"]): plain(row["value"]) for row in home.rows("run_params")}
    artifacts = {(row["run_id"], row["name"]): row["sha256"] for row in home.rows("run_artifacts")}
    points = {(row["run_id"], row["key"], row["step"]): row["value"] for row in home.metric_points}
    executions, assets = home.by("executions", "id"), home.by("assets", "id")

    def same(line: Line, row: Row) -> bool:
        what = line.what
        return (
            row["number"] == what["number"]
            and executions[what["id"]]["state"] == "completed"
            and what["asset"] in assets
            and params.get((what["id"], "count")) == what["count"]
            and points.get((what["id"], "x", 1)) == what["x"]
            and artifacts.get((what["id"], "notes.txt")) == what["artifact"]
            and what["artifact"] in home.blobs
        )

    yield from _missing("run", told, home.by("runs", "id"), "id", same)


def _packages(home: Home, told: list[Line]) -> Iterator[str]:
    packages = home.by("model_packages", "id")

    def same(line: Line, row: Row) -> bool:
        what, files = line.what, plain(packages[row["package_id"]]["files"])
        return (
            (row["number"], row["package_id"], row["package_digest"])
            == (what["number"], what["package"], what["digest"])
            and plain(row["metadata"]) == {"mark": what["mark"]}
            and {what["digest"], *(file["sha256"] for file in files.values())} <= set(home.blobs)
        )

    yield from _missing("model version", told, home.by("model_versions", "asset_id"), "asset", same)


def _evidence(home: Home, told: list[Line]) -> Iterator[str]:
    def same(line: Line, row: Row) -> bool:
        return row["subject_id"] == line.what["subject"] and plain(row["figures"]) == line.what["figures"]

    yield from _missing("evidence", told, home.by("evidence", "id"), "id", same)


def _reports(home: Home, told: list[Line]) -> Iterator[str]:
    def same(line: Line, row: Row) -> bool:
        return (row["digest"], row["execution_id"]) == (line.what["digest"], line.what["execution"]) and (
            line.what["digest"] in home.blobs
        )

    yield from _missing("report", told, home.by("assets", "id"), "asset", same)


def _aliases(home: Home, told: list[Line]) -> Iterator[str]:
    def same(line: Line, row: Row) -> bool:
        return bool(row["verdict"] == "pass")

    yield from _missing("decision", told, home.by("evidence", "id"), "decision", same)


def _deployments(home: Home, told: list[Line]) -> Iterator[str]:
    revisions = {row["number"]: row for row in home.rows("deployment_revisions")}
    for line in told:
        row = revisions.get(line.what["revision"])
        if row is None or row["model_version"] != line.what["version"]:
            yield f"revision {line.what['revision']}, acknowledged to {line.writer} as {line.what}, is {row}"
        elif line.what["id"] not in ("", row["id"]):
            yield f"revision {line.what['revision']}, acknowledged to {line.writer}, has another id: {row}"


def _pipelines(home: Home, told: list[Line]) -> Iterator[str]:
    executions = home.by("executions", "id")

    def same(line: Line, row: Row) -> bool:
        n = line.what["n"]
        right = line.what["total"] == sum(each**2 for each in range(n))
        return right and executions[row["id"]]["state"] == "completed"

    yield from _missing("pipeline run", told, home.by("pipeline_runs", "id"), "id", same)


def _outcomes(home: Home, told: list[Line]) -> Iterator[str]:
    last = {line.what["id"]: line for line in told}
    in_force: dict[str, Row] = {}
    for row in sorted(home.rows("outcomes"), key=lambda row: row["known_us"]):
        in_force[row["prediction_id"]] = row

    def same(line: Line, row: Row) -> bool:
        return bool(row["value"] == line.what["value"])

    yield from _missing("outcome", last.values(), in_force, "id", same)


def lost_predictions(home: Home, lines: Iterable[Line]) -> Iterator[str]:
    """Predictions that were acknowledged and are not in the published log as they were; ids that are in it twice.

    For a log of which everything was published: before, a part of it waits in segments.
    """
    told = [line for line in lines if line.at == DONE and line.kind == "prediction"]
    if not told:
        return
    rows = home.table(f"predictions_{DEPLOYMENT}_").filter(arm="champion")
    yield from (f"prediction {each} is in the log {n} times" for each, n in _doubles(rows["prediction_id"]))
    there = {row["prediction_id"]: row for row in rows.iter_rows(named=True)}

    def same(line: Line, row: Row) -> bool:
        what = line.what
        return (row["prediction"], row["context_id"], row["request_distance"]) == (
            what["prediction"],
            what["context"],
            what["distance"],
        )

    yield from _missing("prediction", told, there, "id", same)


COMPARED: Final = {
    "alias": _aliases,
    "commit": _commits,
    "dataset": _datasets,
    "deployment": _deployments,
    "evidence": _evidence,
    "outcome": _outcomes,
    "package": _packages,
    "pipeline": _pipelines,
    "push": _pushes,
    "report": _reports,
    "run": _runs,
}


def halves(home: Home) -> Iterator[str]:
    """What is visible by halves, and what does not count as it should."""
    yield from _names(home)
    yield from _events(home)
    yield from _numbers(home)
    yield from _alias_steps(home)
    yield from _weights(home)
    yield from (f"blob {name} is not what its name says" for name in home.false_blobs())


def _names(home: Home) -> Iterator[str]:
    for (table, column), (target, key) in NAMES.items():
        there = {row[key] for row in home.rows(target)}
        for row in home.rows(table):
            if row[column] is not None and row[column] not in there:
                yield f"{table}.{column} names {row[column]}, which {target} does not have"


def _events(home: Home) -> Iterator[str]:
    """The chain of digests, and that everything that ended says so."""
    before = ""
    events = sorted(home.rows("events"), key=lambda row: row["seq"])
    for row in events:
        content = {
            "id": row["id"],
            "kind": row["kind"],
            "schema_version": row["schema_version"],
            "subject": row["subject"],
            "execution": row["execution"],
            "actor": row["actor"],
            "on_behalf_of": row["on_behalf_of"],
            "occurred_at": from_us(row["occurred_us"]),
            "recorded_at": from_us(row["recorded_us"]),
            "payload": plain(row["payload"]),
        }
        if digest([before, content]) != row["sha256"]:
            yield f"event {row['seq']} ({row['kind']}) does not follow from the one before it"
        before = row["sha256"]
    told = {row["execution"] for row in events if row["kind"] != "execution.started"}
    for row in home.rows("executions"):
        if row["state"] != "running" and row["id"] not in told:
            yield f"execution {row['id']} ({row['kind']}) ended {row['state']} without an event"
    ended = {row["id"] for row in home.rows("executions") if row["state"] in ("completed", "cached")}
    for row in home.rows("assets"):
        if row["execution_id"] not in ended:
            yield f"asset {row['id']} ({row['kind']}) is visible, and what made it has not ended"
    made = {
        (row["execution_id"], row["asset_id"]) for row in home.rows("links") if row["direction"] == "output"
    }
    for row in home.rows("assets"):
        if (row["execution_id"], row["id"]) not in made:
            yield f"asset {row['id']} ({row['kind']}) is no output of what made it"


def _numbers(home: Home) -> Iterator[str]:
    """Numbers that people type count up from one without a gap."""
    commits = [row for row in home.rows("feature_commits") if row["number"] is not None]
    counted: dict[str, list[int]] = defaultdict(list)
    for row in commits:
        counted[f"commits of group {row['group_id']}"].append(row["number"])
    for row in home.rows("model_versions"):
        counted[f"versions of model {row['name']}"].append(row["number"])
    for row in home.rows("runs"):
        counted[f"runs of experiment {row['experiment']}"].append(row["number"])
    for row in home.rows("deployment_revisions"):
        counted[f"revisions of deployment {row['deployment']}"].append(row["number"])
    for row in home.rows("serving_contexts"):
        counted[f"epochs of deployment {row['deployment']}"].append(row["epoch"])
    for what, numbers in counted.items():
        if sorted(numbers) != list(range(1, len(numbers) + 1)):
            yield f"{what} count {sorted(numbers)}"


def _alias_steps(home: Home) -> Iterator[str]:
    """Every move of an alias begins where the one before it ended, and the last one ended where the alias is."""
    moved = [row for row in home.rows("events") if row["kind"] == "alias.moved"]
    place: dict[tuple[str, str], int | None] = {}
    for row in sorted(moved, key=lambda row: row["seq"]):
        step = plain(row["payload"])
        alias = step["name"], step["alias"]
        if step["previous_number"] != place.get(alias):
            yield f"alias {alias} was at {place.get(alias)} and moved from {step['previous_number']}: a lost update"
        place[alias] = step["number"]
    for row in home.rows("model_aliases"):
        if place.get((row["name"], row["alias"])) != row["number"]:
            yield f"alias {row['alias']} of {row['name']} is at {row['number']}, its last move went elsewhere"
    if len(moved) != len(home.rows("model_alias_moves")):
        yield "moves of aliases and the events that tell of them differ in number"


def _weights(home: Home) -> Iterator[str]:
    """What is served is what the records say, or one change ahead of them."""
    tables = home.weight_tables(DEPLOYMENT)
    contexts = {row["epoch"]: plain(row["table"]) for row in home.rows("serving_contexts")}
    if sorted(tables) != list(range(1, len(tables) + 1)):
        yield f"epochs on disk: {sorted(tables)}"
    for epoch, context in contexts.items():
        if tables.get(epoch, {}).get("context_id") != context["context_id"]:
            yield f"epoch {epoch} is another on disk than in the records"
    versions = {row["number"] for row in home.rows("model_versions") if row["name"] == MODEL}
    for epoch, table in tables.items():
        if table["arms"][0]["version"] not in versions:
            yield f"epoch {epoch} serves a version that is not registered"


def _doubles(keys: Iterable[Any]) -> list[tuple[Any, int]]:
    return [(key, n) for key, n in Counter(keys).items() if n > 1]
