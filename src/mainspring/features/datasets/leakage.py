"""What in a training dataset looks like a leak: pure functions over its frame, each finding with its rule.

Nothing here proves a leak, or that there is none: a finding is a reason to look.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from mainspring import notebook
from mainspring.features.datasets.split import TRAIN
from mainspring.features.join.side_report import of_other_moments, of_the_moment, published_later
from mainspring.features.wrangle import target_means_out_of_fold
from mainspring.lineage.spec import Verdict

#: Rank association of a feature with the label from which on it looks like the label itself: an AUC of 0.99.
ALIKE: Final = 0.98
MIN_ROWS: Final = 50
MIN_OF_A_CLASS: Final = 10
#: With fewer, a fifth of the keys are fewer than four: a part of them would be what these few are like.
FEWEST_KEYS: Final = 20
#: From so many rows a key on, few keys are kinds of things; with fewer rows a frame is just small.
MANY_ROWS_A_KEY: Final = 20
#: Numbers with at most so many different values are looked at as categories too.
_FEW: Final = 50


class Look(enum.StrEnum):
    """What a finding says; `info` is worth knowing, and nothing to be done about."""

    OK = "ok"
    INFO = "info"
    WARNING = "warning"
    INSUFFICIENT_DATA = "insufficient_data"


VERDICTS: Final[Mapping[Look, Verdict]] = {
    Look.OK: Verdict.PASS,
    Look.INFO: Verdict.PASS,
    Look.WARNING: Verdict.FAIL,
    Look.INSUFFICIENT_DATA: Verdict.INSUFFICIENT_DATA,
}


@dataclass(frozen=True)
class LeakFinding:
    """What one rule found.

    Attributes:
        rule: label_like, shared_keys, shared_rows or later_times.
        summary: in a sentence.
        figures: the numbers behind it; plain JSON.
    """

    rule: str
    look: Look
    summary: str
    figures: Mapping[str, Any]


@dataclass(frozen=True)
class LeakageReport:
    """What looks like a leak in one training dataset.

    Attributes:
        dataset: its name.
        findings: one a rule.
        evidence_id: of the evidence about the dataset.
    """

    dataset: str
    findings: tuple[LeakFinding, ...]
    evidence_id: str = ""

    @property
    def look(self) -> Look:
        """The worst: a warning; else what could not be judged; else what is worth knowing; else ok."""
        found = {finding.look for finding in self.findings}
        order = (Look.WARNING, Look.INSUFFICIENT_DATA, Look.INFO, Look.OK)
        return next(look for look in order if look in found)

    def __getitem__(self, rule: str) -> LeakFinding:
        """What one rule found: label_like, shared_keys, shared_rows or later_times."""
        return next(finding for finding in self.findings if finding.rule == rule)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            finding.rule: {"look": finding.look.value, "summary": finding.summary, **finding.figures}
            for finding in self.findings
        }

    def __str__(self) -> str:
        lines = [f"{item.look.value:<18} {item.rule:<12} {item.summary}" for item in self.findings]
        return "\n".join([f"training dataset {self.dataset}: {self.look.value}", *lines])

    def _repr_html_(self) -> str:
        rows = [(item.look, item.rule, item.summary) for item in self.findings]
        return notebook.panel(f"leakage of {self.dataset}", notebook.table(("look", "rule", "found"), rows))


def label_like(train: pl.DataFrame, features: Sequence[str], labels: Sequence[str]) -> LeakFinding:
    """Features that rank the training rows almost as a label does.

    The association is Spearman's rank correlation, and for a label of two values Somers' D, which is 2·AUC - 1 (Somers,
    1962; Hanley and McNeil, 1982): both look at order alone, so that outliers play no part. Of a feature with nulls the
    values that are there and whether there is one are looked at apart; categories are ranked by the mean label of the
    other folds, so that an id, which has a category for each row, does not look like the label. A warning from 0.98 on.
    """
    scores: dict[str, float] = {}
    for label in labels:
        target = _target(train.get_column(label))
        if target is None:
            continue
        for name in features:
            score = _association(train.get_column(name), target)
            if score is not None:
                scores[name] = round(max(score, scores.get(name, 0.0)), 6)
    figures: dict[str, Any] = {"association": scores, "bound": ALIKE, "n_rows": train.height}
    if not scores:
        reason = "no label" if not labels else f"fewer than {MIN_ROWS} rows, or labels that have no order"
        return LeakFinding("label_like", Look.INSUFFICIENT_DATA, f"not judged: {reason}", figures)
    name = max(scores, key=lambda name: scores[name])
    alike = [name for name, score in scores.items() if score >= ALIKE]
    if alike:
        said = ", ".join(f"{name} ({scores[name]:.3f})" for name in alike)
        return LeakFinding("label_like", Look.WARNING, f"almost the label itself: {said}", figures)
    return LeakFinding(
        "label_like", Look.OK, f"the closest to the label is {name} ({scores[name]:.3f})", figures
    )


def shared_keys(
    frame: pl.DataFrame,
    part: str,
    keys: Sequence[str],
    kind: str,
    looked_up: Sequence[Sequence[str]] = (),
) -> LeakFinding:
    """Entities that are in the training rows and in another part too.

    In a division by time that is what serving does as well: the same entities come back, later. Fewer than 20 keys
    that have 20 rows or more each, on average, are kinds of things, such as airports, which cannot be divided among
    parts: that is told, and is no warning.

    Args:
        part: the column that says the part of each row.
        keys: columns that name what the label is of; null is a key as any.
        kind: of the split.
        looked_up: columns by which features were looked up, once a way; null names nobody.
    """
    ways = list(dict.fromkeys(tuple(names) for names in (keys, *looked_up) if names))
    parts = _parts(frame, part, list(dict.fromkeys(name for way in ways for name in way)))
    if parts is None or not ways:
        return LeakFinding("shared_keys", Look.INSUFFICIENT_DATA, "not judged: one part, or no keys", {})
    train, others = parts
    n_shared = {
        ", ".join(way): others.join(train, on=way, how="semi", nulls_equal=way == tuple(keys)).height
        for way in ways
    }
    n_keys = {", ".join(way): frame.select(way).n_unique() for way in ways}
    figures: dict[str, Any] = {
        "n_rows": others.height,
        "n_shared_by_key": n_shared,
        "n_keys_by_key": n_keys,
    }
    if keys:
        figures |= {"n_shared_rows": n_shared[", ".join(keys)], "keys": list(keys)}
    shared = [name for name, count in n_shared.items() if count]
    many = [name for name in shared if not _are_kinds(n_keys[name], frame.height)]
    counts = ", ".join(f"{n_shared[name]} of {others.height} ({name})" for name in many or shared or n_shared)
    said = f"rows beside train that have a key that train has: {counts}"
    if kind == "time" or not shared:
        return LeakFinding("shared_keys", Look.OK, said, figures)
    if not many:
        few = ", ".join(f"{n_keys[name]} of {name} for {frame.height:,} rows" for name in shared)
        said = f"{said}; keys are too few to be divided among parts: {few}"
        return LeakFinding("shared_keys", Look.INFO, said, figures)
    return LeakFinding("shared_keys", Look.WARNING, f"{said}: split.by_entity keeps them together", figures)


def _are_kinds(n_keys: int, n_rows: int) -> bool:
    """Whether keys are so few for their rows that they name kinds of things and no entities."""
    return n_keys < FEWEST_KEYS and n_rows >= MANY_ROWS_A_KEY * n_keys


def shared_rows(frame: pl.DataFrame, part: str) -> LeakFinding:
    """Rows that are in the training rows and, equal in every column, in another part too."""
    columns = [name for name, dtype in frame.schema.items() if name != part and not dtype.is_nested()]
    parts = _parts(frame, part, columns)
    if parts is None:
        return LeakFinding("shared_rows", Look.INSUFFICIENT_DATA, "not judged: one part", {})
    train, others = parts
    shared = others.join(train, on=columns, how="semi", nulls_equal=True).height
    figures = {"n_shared_rows": shared, "n_rows": others.height}
    look = Look.WARNING if shared else Look.OK
    return LeakFinding(
        "shared_rows", look, f"{shared} of {others.height} rows beside train are in train", figures
    )


def later_times(
    frame: pl.DataFrame,
    time: str,
    provenance: pl.DataFrame,
    report: Mapping[str, Any],
    sides: Sequence[str],
    labels: Sequence[str] = (),
) -> LeakFinding:
    """Feature rows that became true or known after the row that got them or after its label was known, answers of
    the very moment asked about, and labels that may be of another moment than the row that got them.

    What is known is asked of groups that say when their rows were learnt. Of others it is told, in the words of the
    join's warning, how many answers were published later; a history that was loaded in one go, after all that it tells
    of, says nothing by when it was published, so that this is no warning here.

    Args:
        time: the column of each row's moment.
        provenance: row by row what answered, as a training dataset keeps it.
        report: what the join reported, by side.
        sides: those of features.
        labels: the sides of labels that were looked up in groups.
    """
    told = {side: report.get(side, {}) for side in sides}
    n_later = {side: _n_later(provenance, side, frame.get_column(time)) for side in sides}
    n_after_label = {
        side: sum(
            _n_later(provenance, side, known) for label in labels for known in _times(provenance, label)[-1:]
        )
        for side in sides
    }
    very = {
        side: of_the_moment(
            item.get("n_simultaneous", 0),
            item.get("n_matched", 0),
            # Reports of 0.1.0 do not tell.
            cutoff=item.get("cutoff", False),
        )
        for side, item in told.items()
    }
    # Reports of datasets that were made before these were counted do not tell them.
    apart = {
        label: (found.get("n_before", 0), found.get("n_several", 0), found.get("n_matched", 0))
        for label in labels
        if (found := report.get(label)) is not None
    }
    figures = {
        "n_later": n_later,
        "n_after_label": n_after_label,
        "n_simultaneous": {side: item.get("n_simultaneous", 0) for side, item in told.items()},
        "n_published_later": {side: item.get("n_published_later", 0) for side, item in told.items()},
        "n_labels_before": {label: counts[0] for label, counts in apart.items()},
        "n_labels_several": {label: counts[1] for label, counts in apart.items()},
    }
    if not sides:
        return LeakFinding("later_times", Look.INSUFFICIENT_DATA, "not judged: nothing is joined", figures)
    said = [
        f"{side}: {count} values are later than {what}"
        for counts, what in (
            (n_later, "the rows that got them"),
            (n_after_label, "what their rows' label tells of: they may tell it too"),
        )
        for side, count in counts.items()
        if count
    ]
    said += [f"{side}: {text}" for side, text in very.items() if text is not None]
    said += [f"{label}: {text}" for label, counts in apart.items() for text in of_other_moments(*counts)]
    if said:
        return LeakFinding("later_times", Look.WARNING, " · ".join(said), figures)
    than = "its row, or its label" if labels else "its row"
    said = [f"no value of {', '.join(sides)} is later than {than}"]
    late = {
        side: published_later(item.get("n_published_later", 0), item.get("n_matched", 0))
        for side, item in told.items()
    }
    said += [f"{side}: {text}" for side, text in late.items() if text is not None]
    look = Look.INFO if len(said) > 1 else Look.OK
    return LeakFinding("later_times", look, " · ".join(said), figures)


def _times(provenance: pl.DataFrame, side: str) -> list[pl.Series]:
    """When what answered was true, and when it was known: the same where the group does not say."""
    names = [f"{side}.{column}" for column in ("event_time", "known_time")]
    return [provenance.get_column(name) for name in names if name in provenance.columns]


def _n_later(provenance: pl.DataFrame, side: str, moments: pl.Series) -> int:
    """Rows of which a time of the side is after a moment; nulls are not."""
    later = pl.zeros(provenance.height, pl.Boolean, eager=True)
    for times in _times(provenance, side):
        later |= (times > moments).fill_null(False)
    return int(later.sum())


def _parts(
    frame: pl.DataFrame, part: str, columns: Sequence[str]
) -> tuple[pl.DataFrame, pl.DataFrame] | None:
    """Some columns of the training rows, and of the others; None where one of them has none."""
    is_train = frame.get_column(part) == TRAIN
    train, others = frame.filter(is_train).select(columns), frame.filter(~is_train).select(columns)
    return (train, others) if train.height and others.height else None


def _target(label: pl.Series) -> pl.Series | None:
    """The label as numbers, of two words one each; None where it has no order, or too few rows to tell."""
    if isinstance(label.dtype, pl.String | pl.Categorical | pl.Enum) and label.n_unique() == 2:
        # Which of the two words is the higher plays no part.
        label = label.cast(pl.String).rank("dense")
    if not (label.dtype.is_numeric() or label.dtype == pl.Boolean) or len(label) < MIN_ROWS:
        return None
    target = label.cast(pl.Float64)
    counts = target.alias("label").value_counts(name="n").get_column("n")
    if target.null_count() or not target.is_finite().all() or len(counts) < 2:
        return None
    smallest = counts.min()
    few = len(counts) == 2 and isinstance(smallest, int) and smallest < MIN_OF_A_CLASS
    return None if few else target


def _association(feature: pl.Series, target: pl.Series) -> float | None:
    """The strongest of the ways to look at it, in [0, 1]; None where none has enough rows."""
    there = feature.is_not_null()
    if feature.dtype.is_float():
        there &= feature.is_not_nan().fill_null(False)
    ways: list[float | None] = []
    if MIN_OF_A_CLASS <= int(there.sum()) <= len(there) - MIN_OF_A_CLASS:
        ways.append(_rank_association(there.cast(pl.Float64), target))
    values, known = feature.filter(there), target.filter(there)
    if len(values) >= MIN_ROWS:
        if values.dtype.is_numeric() or values.dtype == pl.Boolean or values.dtype.is_temporal():
            ways.append(_rank_association(values.to_physical().cast(pl.Float64), known))
        few_numbers = values.dtype.is_numeric() and values.n_unique() <= _FEW
        if values.dtype == pl.String or few_numbers:
            rows = pl.DataFrame({"feature": values.rank("dense") if few_numbers else values, "target": known})
            means = target_means_out_of_fold(rows, ["feature"], "target", seed=0)
            ways.append(_rank_association(means.get_column("feature"), known))
    found = [way for way in ways if way is not None]
    return max(found) if found else None


def _rank_association(values: pl.Series, target: pl.Series) -> float | None:
    """|2·AUC - 1| for a target of two values, else |Spearman's correlation|; None where one of them does not vary."""
    if values.n_unique() < 2 or target.n_unique() < 2:
        return None
    ranks = values.rank("average").to_numpy()
    if target.n_unique() > 2:
        return abs(float(np.corrcoef(ranks, target.rank("average").to_numpy())[0, 1]))
    high = (target == target.max()).to_numpy()
    n_high, n_low = int(high.sum()), int((~high).sum())
    auc = (float(ranks[high].sum()) - n_high * (n_high + 1) / 2) / (n_high * n_low)
    return abs(2 * auc - 1)
