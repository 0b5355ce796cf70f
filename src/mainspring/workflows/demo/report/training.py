"""The section of the page about the first versions: their figures, and what the gate said of each."""

from __future__ import annotations

from typing import Any

from mainspring.evaluation.calibration import CalibrationBin
from mainspring.gates.spec import Decision
from mainspring.lineage import AssetKind, Verdict
from mainspring.models.spec import ModelVersion
from mainspring.workflows.demo import chapters, figures
from mainspring.workflows.demo.page import Section, figure, heading, pair, paragraph, table, tag
from mainspring.workflows.demo.world import MODEL, World


def section(world: World) -> Section:
    """How each version came out, the curves of baseline and candidate, and the rulings of the production gate."""
    versions = world.project.models.versions(MODEL)
    judged = [(version, chapters.find_decisions(world, version)) for version in versions]
    return Section(
        "Training and the gate",
        [
            paragraph(
                "A pipeline makes a training dataset pinned to commits, holds its last two weeks out, and "
                "trains a logistic regression as the baseline and gradient-boosted trees as the candidate. The "
                "gate looks at stored evidence only. A candidate whose labels were shuffled before training goes "
                "the same way, and is refused."
            ),
            table(
                ["version", "what", "ROC AUC [95 %]", "Brier", "learnt from", "gates"],
                [_version_row(world, version, decisions) for version, decisions in judged],
                [3],
            ),
            _curves(world, versions[0], versions[1]),
            *(block for version, decisions in judged for block in _ruling(version, decisions)),
        ],
    )


def _curves(world: World, baseline: ModelVersion, candidate: ModelVersion) -> str:
    """Both by precision and recall, the candidate by calibration, on the weeks that were held out."""
    lines = {}
    for version in (baseline, candidate):
        points = (_overview(world, version) or {}).get("precision_recall")
        if points is not None:
            name = f"{_role(version)} (version {version.number})"
            lines[name] = [point["precision"] for point in points], [point["recall"] for point in points]
    found = _overview(world, candidate) or {}
    bins = [CalibrationBin(**item) for item in found.get("calibration", [])]
    base = found["roc_auc"]["n_positives"] / found["roc_auc"]["n_rows"] if found else 0.0
    return pair(
        figure(
            figures.precision_recall_figure(lines, base),
            "Precision against recall on the held-out weeks of March.",
        ),
        figure(
            figures.calibration_figure({f"version {candidate.number}": bins}),
            "Observed against predicted rate on the same rows; bars are 95 % limits.",
        ),
    )


def _ruling(version: ModelVersion, decisions: list[Decision]) -> list[str]:
    """The last ruling of the production gate; nothing where it was not asked."""
    chosen = [decision for decision in decisions if decision.environment == "production"][-1:]
    return [
        block
        for decision in chosen
        for block in (
            heading(f"Gate: production, version {version.number} ({_role(version)})"),
            _decision(decision),
        )
    ]


def _overview(world: World, version: ModelVersion) -> dict[str, Any] | None:
    """The first evaluation's figures and curves; None if the version was never evaluated."""
    found = world.project.graph.find_assets(kind=AssetKind.REPORT, name=f"evaluation of {version}")
    return found[0].attributes["overview"] if found else None


def _role(version: ModelVersion) -> str:
    return str(version.metadata.get("role", "model"))


def _version_row(world: World, version: ModelVersion, decisions: list[Decision]) -> list[object]:
    found = _overview(world, version)
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
