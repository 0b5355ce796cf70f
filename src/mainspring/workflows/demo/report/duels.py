"""Champion and challenger on the same rows, and the section of the page about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from mainspring.evaluation.calibration import calibration_bins
from mainspring.evaluation.comparison import Difference, compare
from mainspring.evaluation.intervals import Estimate, estimate
from mainspring.models.spec import ModelVersion
from mainspring.serving.spec import Rollout
from mainspring.workflows.demo import chapters, figures
from mainspring.workflows.demo.page import Section, figure, half, heading, paragraph, table
from mainspring.workflows.demo.report.months import MONTHS
from mainspring.workflows.demo.world import DEPLOYMENT, MODEL, NEW_YORK, World, midnight


@dataclass(frozen=True)
class Duel:
    """Two versions on the same rows.

    Attributes:
        occasion: which rows these were, in words.
        is_live: whether they were live requests, with the challenger in the champion's shadow.
        champion, challenger: their names.
        first, second: ROC AUC of champion and challenger.
        difference: the challenger's less the champion's, paired.
    """

    occasion: str
    is_live: bool
    champion: str
    challenger: str
    first: Estimate
    second: Estimate
    difference: Difference


def duels_of(world: World) -> list[Duel]:
    """For every shadow: the duel on held-out weeks, then the one on live requests where outcomes are known."""
    rollouts = world.project.deployments.get(DEPLOYMENT).rollouts()
    return [duel for rollout in rollouts for duel in (_held_out(world, rollout), *_live(world, rollout))]


def _versions(world: World, rollout: Rollout) -> tuple[ModelVersion, ModelVersion]:
    """Champion and challenger."""
    revisions = world.project.deployments.get(DEPLOYMENT).revisions()
    champion = next(item.model_version for item in revisions if item.id == rollout.champion_id)
    return world.project.models.get(MODEL, champion), world.project.models.get(
        MODEL, rollout.candidate_version
    )


def _held_out(world: World, rollout: Rollout) -> Duel:
    versions = _versions(world, rollout)
    data = world.project.features.get_training_dataset(str(versions[1].dataset_id))
    rows = data["test"]
    times = rows["sched_dep"].sort()
    first, last = (times[place].astimezone(NEW_YORK) for place in (0, -1))
    scores = [world.project.models.load(version).predict(rows) for version in versions]
    occasion = f"held out, {first:%d %b} to {last:%d %b}"
    return _duel(occasion, False, versions, rows[str(data.label)], scores, rows["sched_dep"])


def _live(world: World, rollout: Rollout) -> list[Duel]:
    versions = _versions(world, rollout)
    rows = _live_rows(world, rollout)
    if rows.is_empty():
        return []
    label = str(world.project.features.get_training_dataset(str(versions[1].dataset_id)).label)
    scores = [rows[column].to_numpy() for column in ("champion", "prediction")]
    occasion = f"live in {_month(rollout)}, as shadow"
    return [_duel(occasion, True, versions, rows[label], scores, rows["now"])]


def _live_rows(world: World, rollout: Rollout) -> pl.DataFrame:
    month = rollout.created_at.astimezone(NEW_YORK).month
    challenger = world.project.models.get(MODEL, rollout.candidate_version)
    return chapters.live_rows(world, challenger, rollout.created_at, midnight(month + 1))


def _month(rollout: Rollout) -> str:
    return MONTHS[rollout.created_at.astimezone(NEW_YORK).month - 1]


def _duel(
    occasion: str,
    is_live: bool,
    versions: tuple[ModelVersion, ModelVersion],
    truth: pl.Series,
    scores: Sequence[ArrayLike],
    times: pl.Series,
) -> Duel:
    labels = truth.cast(pl.Float64).to_numpy()
    days = times.dt.convert_time_zone("America/New_York").dt.date().rank("dense").cast(pl.Int64).to_numpy()
    champion, challenger = (np.asarray(one) for one in scores)
    return Duel(
        occasion=occasion,
        is_live=is_live,
        champion=f"version {versions[0].number}",
        challenger=f"version {versions[1].number}",
        first=estimate("roc_auc", labels, champion, clusters=days),
        second=estimate("roc_auc", labels, challenger, clusters=days),
        difference=compare("roc_auc", labels, challenger, champion, clusters=days),
    )


def section(world: World, duels: list[Duel]) -> Section:
    """The duels, and what answered since when."""
    points = [
        (duel.occasion, name, found.value, found.low, found.high)
        for duel in duels
        for name, found in ((duel.champion, duel.first), (duel.challenger, duel.second))
    ]
    return Section(
        "Champion and challenger",
        [
            paragraph(
                "An alert starts the training pipeline on everything that has happened since January. Its "
                "candidate meets the champion twice, each time on the same rows: on weeks that neither has learnt "
                "from, and on live requests, where it answers in the champion's shadow and nobody sees its answers."
            ),
            figure(
                figures.duel_figure(points),
                "ROC AUC with 95 % intervals (days as clusters). Above the champion, below the challenger.",
            ),
            _duels_table(duels),
            _live_calibration(world),
            heading("What answered, and since when"),
            _revisions_table(world),
            paragraph(
                "The rollback is a drill: one command brings the last version back without asking the "
                "database, then the new one goes live again."
            ),
        ],
    )


def _duels_table(duels: list[Duel]) -> str:
    rows: list[list[object]] = [
        [
            duel.occasion,
            duel.champion,
            duel.challenger,
            f"{duel.first.value:.3f}",
            f"{duel.second.value:.3f}",
            f"{duel.difference.value:+.3f} [{duel.difference.low:+.3f}, {duel.difference.high:+.3f}]",
            f"{duel.difference.p_greater:.2g}",
        ]
        for duel in duels
    ]
    return table(
        ["rows", "champion", "challenger", "AUC", "AUC", "difference [95 %]", "p"], rows, [3, 4, 5, 6]
    )


def _revisions_table(world: World) -> str:
    rows: list[list[object]] = [
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
    return table(["revision", "since", "cause", "model", "reason", "who"], rows, [0])


def _live_calibration(world: World) -> str:
    """Both on the live requests of the first shadow; empty where too few outcomes are known."""
    rollout = world.project.deployments.get(DEPLOYMENT).rollouts()[0]
    rows = _live_rows(world, rollout)
    if rows.height < 100:
        return ""
    truth = rows["outcome"].to_numpy()
    curves = {
        "champion": calibration_bins(truth, rows["champion"].to_numpy(), n_bins=8),
        "challenger": calibration_bins(truth, rows["prediction"].to_numpy(), n_bins=8),
    }
    text = f"Calibration of both on the live requests of {_month(rollout)}."
    return half(figure(figures.calibration_figure(curves), text))
