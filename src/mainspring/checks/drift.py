"""Which columns of a frame no longer look like the reference.

A distance alone says little: with ten bins and windows of 200 rows, half of all windows lie above a PSI of 0.08
although nothing drifted. A column has drifted when its distance exceeds what sampling noise explains by an
amount that matters, and the difference holds after correction for the number of columns tested.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

from mainspring.checks.column import ColumnKind, ColumnProfile
from mainspring.checks.distances import (
    ChiSquare,
    benjamini_hochberg,
    chi_square,
    js_distance,
    js_noise,
    merge_rare,
    psi,
)
from mainspring.checks.profile import Profile
from mainspring.checks.spec import Frozen
from mainspring.errors import InputError

SMALL_EFFECT: Final = 0.2 / math.sqrt(8 * math.log(2))
"""JS distance (base 2) of two normals 0.2 standard deviations apart: Cohen's "small" effect (1988), 0.085.

For a small shift d of a unit normal the divergence is d^2 / 8 nats, hence d / sqrt(8 ln 2) as distance.
"""
ALPHA: Final = 0.05
"""Share of false ones among the columns said to differ (false discovery rate)."""


class DriftVerdict(StrEnum):
    """What is said of one column."""

    DRIFT = "drift"
    NEGLIGIBLE = "negligible"
    OK = "ok"
    INSUFFICIENT_DATA = "insufficient_data"


class Drift(Frozen):
    """One column of a window against the reference.

    Attributes:
        js_distance: base 2, on the reference's bins with rare ones joined; nan is written as None.
        psi: on the same bins.
        noise_floor: the distance that 95 % of windows stay below when nothing drifted.
        excess: js_distance - noise_floor, at least 0.
        p_value: contingency test; None where it was not made.
        q_value: p corrected for the columns tested together.
        mean_shift: difference of means in reference standard deviations; None for categories.
        null_share_change: current share of nulls minus the reference's.
        n_bins: bins compared, after joining.
        design_effect: by which rows that share clusters were discounted; 1.0 for independent rows.
        verdict: `drift` if the excess is at least `min_effect` and q <= alpha; `negligible` if only q <= alpha;
            `insufficient_data` if no test can be made, if of a category no level could be compared and its missing
            values did not drift, or if nothing large is seen and the window is too small to tell a drift of
            `min_effect` from noise; else `ok`.
        reason: the verdict in words.
    """

    column: str
    n_reference: int
    n_current: int
    js_distance: float | None
    psi: float | None
    noise_floor: float | None
    excess: float | None
    p_value: float | None
    q_value: float | None
    mean_shift: float | None
    null_share_change: float | None
    n_bins: int
    design_effect: float
    verdict: DriftVerdict
    reason: str

    def __repr__(self) -> str:
        far = "" if self.js_distance is None else f", JS distance {self.js_distance:.3g}"
        return f"<Drift {self.column!r}: {self.verdict.value}{far}>"

    def __str__(self) -> str:
        return f"{self.column}: {self.verdict.value}: {self.reason}"


def drift(
    reference: Profile,
    current: Profile,
    *,
    alpha: float = ALPHA,
    min_effect: float = SMALL_EFFECT,
    design_effects: Mapping[str, float] | None = None,
) -> list[Drift]:
    """Compares every column that both profiles bin; times and nested columns have no bins and are left out.

    Args:
        reference: made without `edges_from`.
        current: made with `edges_from=reference`.
        alpha: false discovery rate across the columns that could be tested.
        min_effect: by how much the JS distance (base 2) must exceed the noise floor to matter.
        design_effects: by column, how many times more its shares vary than those of independent rows, because
            rows share days, users or sessions; 1.0 where absent. None = 1.0 for all.

    Returns:
        One value per column, the largest excess first.

    Raises:
        InputError: the bins differ, or a parameter is out of range.
    """
    _check_parameters(alpha, min_effect, design_effects or {})
    compared = [
        _compared(column, current[column.name], (design_effects or {}).get(column.name, 1.0))
        for column in reference.columns
        if column.kind in (ColumnKind.NUMERIC, ColumnKind.CATEGORY)
    ]
    tested = [found for found in compared if found.verdict is DriftVerdict.OK and found.p_value is not None]
    q_values = benjamini_hochberg([found.p_value for found in tested if found.p_value is not None])
    judged = {
        found.column: _judged(found, q, alpha, min_effect) for found, q in zip(tested, q_values, strict=True)
    }
    results = [_seen(judged.get(found.column, found), reference[found.column]) for found in compared]
    return sorted(results, key=lambda found: -(found.excess or 0.0))


def _check_parameters(alpha: float, min_effect: float, design_effects: Mapping[str, float]) -> None:
    if not (0 < alpha < 1 and 0 < min_effect < 1 and all(value >= 1 for value in design_effects.values())):
        raise InputError(
            expected="alpha and min_effect in (0, 1), design effects of 1 or more",
            got=f"alpha={alpha!r}, min_effect={min_effect!r}, design_effects={dict(design_effects)!r}"[:200],
            where="drift",
            hint="Leave them out for the documented defaults.",
        )


def _compared(reference: ColumnProfile, current: ColumnProfile, design_effect: float) -> Drift:
    if not reference.same_bins(current):
        raise InputError(
            expected=f"column {reference.name!r} on the reference's bins",
            got="a profile with bins of its own",
            where="drift",
            hint="Make it with profile(frame, edges_from=reference).",
        )
    # Shares of rows that share clusters vary as those of fewer rows would: expected counts shrink likewise.
    a, b = merge_rare(reference.vector, current.vector, at_least=5.0 * design_effect)
    n, m = reference.n_rows, current.n_rows
    empty = not n or not m
    noise = js_noise(n / design_effect, m / design_effect, len(a))
    distance = None if empty else js_distance(a, b)
    test: ChiSquare | None = None if empty else chi_square(a, b, design_effect=design_effect)
    reason = _untestable(reference, current, len(a))
    return Drift(
        column=reference.name,
        n_reference=n,
        n_current=m,
        js_distance=distance,
        psi=None if empty else psi(a, b),
        noise_floor=noise if math.isfinite(noise) else None,
        excess=None if distance is None else max(0.0, distance - noise),
        p_value=None if test is None else test.p_value,
        q_value=None,
        mean_shift=_mean_shift(reference, current),
        null_share_change=None if empty else current.n_null / m - reference.n_null / n,
        n_bins=len(a),
        design_effect=design_effect,
        verdict=DriftVerdict.INSUFFICIENT_DATA if reason else DriftVerdict.OK,
        reason=reason,
    )


def _untestable(reference: ColumnProfile, current: ColumnProfile, n_bins: int) -> str:
    """Why no test can be made; empty where one can."""
    if not reference.n_rows or not current.n_rows:
        return "no rows"
    n_used = sum(1 for a, b in zip(reference.vector, current.vector, strict=True) if a + b)
    if n_bins < 2 and n_used > 1:
        return f"too few rows: {n_used} bins in use, and not two with 5 expected rows"
    return ""


def _judged(found: Drift, q_value: float, alpha: float, min_effect: float) -> Drift:
    excess, noise = found.excess or 0.0, found.noise_floor or 0.0
    differs = q_value <= alpha
    if differs and excess >= min_effect:
        verdict = DriftVerdict.DRIFT
        reason = f"{excess:.3f} above noise, at least {min_effect:.3f}, and q {q_value:.2g} <= {alpha:g}"
    elif noise > min_effect:
        verdict = DriftVerdict.INSUFFICIENT_DATA
        reason = f"sampling noise alone reaches {noise:.3f}, above the {min_effect:.3f} that matters"
    elif differs:
        verdict = DriftVerdict.NEGLIGIBLE
        reason = f"different (q {q_value:.2g}), but only {excess:.3f} above noise, below {min_effect:.3f}"
    else:
        verdict, reason = DriftVerdict.OK, f"q {q_value:.2g} is above {alpha:g}"
    return found.model_copy(update={"q_value": q_value, "verdict": verdict, "reason": reason})


def _seen(found: Drift, reference: ColumnProfile) -> Drift:
    """Of a category without a level that both sides count, only missing values were compared: no more is known."""
    is_blind = (
        reference.kind is ColumnKind.CATEGORY and not reference.levels and reference.n_null < reference.n_rows
    )
    if not is_blind or found.verdict in (DriftVerdict.DRIFT, DriftVerdict.INSUFFICIENT_DATA):
        return found
    reason = "too many different values, none of them frequent enough to be counted on both sides"
    return found.model_copy(update={"verdict": DriftVerdict.INSUFFICIENT_DATA, "reason": reason})


def _mean_shift(reference: ColumnProfile, current: ColumnProfile) -> float | None:
    a, b = reference.moments, current.moments
    if a is None or b is None or not b.count or a.mean is None or b.mean is None or not a.variance:
        return None
    return (b.mean - a.mean) / math.sqrt(a.variance)


def worst(drifts: Sequence[Drift]) -> DriftVerdict:
    """One verdict for all: `drift` if any column drifted, else `negligible` or `ok` if any column is.

    Where no column could be judged: `insufficient_data`.
    """
    found = {result.verdict for result in drifts}
    for verdict in (DriftVerdict.DRIFT, DriftVerdict.NEGLIGIBLE, DriftVerdict.OK):
        if verdict in found:
            return verdict
    return DriftVerdict.INSUFFICIENT_DATA
