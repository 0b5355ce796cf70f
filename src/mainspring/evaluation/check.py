"""Checks as users write them: `ms.check.metric("roc_auc", at_least=0.70)`."""

from __future__ import annotations

from typing import TypeVar

from pydantic import ValidationError

from mainspring.errors import InputError
from mainspring.evaluation import metrics
from mainspring.evaluation.comparison import check_slice_metric
from mainspring.evaluation.spec import BeatsCheck, LatencyCheck, MetricCheck, SliceCheck
from mainspring.lineage.spec import Value
from mainspring.models.spec import ModelVersion

Made = TypeVar("Made", bound=Value)


def metric(
    name: str,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    level: float = 0.95,
    cluster: str | None = None,
) -> MetricCheck:
    """The metric reaches the bound, with its confidence limit.

    The value beyond the bound but its limit not: the rows are too few to tell, and the check says so.

    Args:
        name: `roc_auc` or `average_precision` (give `at_least`), `brier` or `log_loss` (give `at_most`), or one
            that a plug-in adds.
        at_least, at_most: the bound; exactly one, in the metric's direction, the other None.
        level: confidence of the two-sided interval.
        cluster: a column whose equal values belong together, such as the day; None = rows are independent.

    Raises:
        UnknownNameError: no such metric.
        PluginError: the plug-in that adds it cannot be used.
        InputError: no bound, two bounds, one that asks for a bad model, or an argument of another type.
    """
    where = f"check.metric({name!r})"
    higher = metrics.metric(name).higher_is_better
    wanted, other = (at_least, at_most) if higher else (at_most, at_least)
    if wanted is None or other is not None:
        raise InputError(
            expected="at_least=" if higher else "at_most=",
            got=f"at_least={at_least}, at_most={at_most}",
            where=where,
            hint=f"{name} is better when {'higher' if higher else 'lower'}.",
        )
    made = _made(
        MetricCheck, where, metric=name, at_least=at_least, at_most=at_most, level=level, cluster=cluster
    )
    _check_share(made.level, "level", where)
    return made


def beats(
    against: str | ModelVersion,
    *,
    metric: str = "roc_auc",
    alpha: float = 0.05,
    margin: float = 0.0,
    cluster: str | None = None,
) -> BeatsCheck:
    """A paired test on the same rows shows the version better than `against`.

    Args:
        against: an alias of the same model ("champion", "baseline") or a model version.
        metric: what is compared: DeLong's test for `roc_auc`, the paired bootstrap for the others.
        alpha: how often an equally good version may pass.
        margin: positive: "not worse by that much" is enough.
        cluster: a column whose equal values belong together, such as the day; None = rows are independent.

    Raises:
        UnknownNameError: no such metric.
        InputError: an argument of another type, or out of its range.
    """
    where = "check.beats"
    metrics.metric(metric)
    if not isinstance(against, str | ModelVersion):
        raise InputError.of_kind(
            "an alias or a model version",
            against,
            where,
            'Write ms.check.beats("champion"), or pass project.models.get(name, number).',
        )
    made = _made(
        BeatsCheck, where, against=against, metric=metric, alpha=alpha, margin=margin, cluster=cluster
    )
    _check_share(made.alpha, "alpha", where)
    if made.margin < 0:
        raise _negative(margin, "check.beats(margin=)")
    return made


def slice(  # noqa: A001 - read as `check.slice`
    column: str,
    metric: str = "roc_auc",
    *,
    max_drop: float,
    half_width: float | None = None,
    alpha: float = 0.05,
) -> SliceCheck:
    """No value of `column` is served clearly worse than the other rows.

    Args:
        column: of the evaluated frame; each value is a slice, null too.
        metric: `roc_auc`, `brier`, `log_loss`, or a plug-in's that is the mean of a loss of each row.
        max_drop: how much worse than the rest is tolerated.
        half_width: a slice is judged if the 95 % interval of its own figure reaches at most so far to each side
            (`comparison.slice_half_width`); the others are listed as too small. None = `max_drop`: who is that
            far below the rest can then be told from noise.
        alpha: the chance of one false alarm among all slices together.

    Raises:
        UnknownNameError: no such metric of slices.
        InputError: an argument of another type, or out of its range.
    """
    where = "check.slice"
    check_slice_metric(metric)
    width = max_drop if half_width is None else half_width
    made = _made(
        SliceCheck, where, column=column, metric=metric, max_drop=max_drop, half_width=width, alpha=alpha
    )
    _check_share(made.alpha, "alpha", where)
    if made.max_drop < 0:
        raise _negative(max_drop, "check.slice(max_drop=)")
    if made.half_width <= 0:
        raise InputError(
            expected="a half width above zero",
            got=repr(width),
            where="check.slice(half_width=)",
            hint="With max_drop=0 say how precisely a slice must be known, such as half_width=0.05.",
        )
    return made


def latency(*, p95_ms: float, n_calls: int = 1_000) -> LatencyCheck:
    """One prediction in this process takes at most `p95_ms` milliseconds in 95 of 100 calls.

    Args:
        n_calls: timed calls, after some that are not.
    """
    made = _made(LatencyCheck, "check.latency", p95_ms=p95_ms, n_calls=n_calls)
    if made.p95_ms <= 0 or made.n_calls < 100:
        raise InputError(
            expected="a positive budget and at least 100 calls",
            got=f"p95_ms={p95_ms}, n_calls={n_calls}",
            where="check.latency",
            hint="A 95th percentile needs calls enough to have one.",
        )
    return made


def _made(kind: type[Made], where: str, **values: object) -> Made:
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise InputError.of_value(error, where, f"See help(ms.{where.partition('(')[0]}).") from error


def _check_share(value: float, name: str, where: str) -> None:
    if not 0 < value < 1:
        raise InputError(
            expected=f"{name} between 0 and 1", got=repr(value), where=where, hint="Such as 0.95 or 0.05."
        )


def _negative(value: float, where: str) -> InputError:
    return InputError(
        expected="zero or more", got=repr(value), where=where, hint="Give the tolerance as a positive number."
    )
