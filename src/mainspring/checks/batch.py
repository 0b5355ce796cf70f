"""Whether a batch still looks like the rows before it: a finding, never a refusal.

A column is told of where three things agree: its distribution is another by an amount that matters, sampling noise does
not explain it (both of `drift`), and it is not the first time, as it was so in one of the two batches before. A shift
beyond half a standard deviation is told of at once. A batch too small for that is `insufficient_data`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from mainspring import notebook
from mainspring.checks.column import N_BINS, N_LEVELS, ColumnKind, ColumnProfile
from mainspring.checks.drift import Drift, DriftVerdict, drift
from mainspring.checks.profile import Profile
from mainspring.checks.spec import Frozen
from mainspring.lineage.spec import Verdict

MIN_ROWS: Final = 2_000
"""From so many rows on the noise of ten bins and four of their own, sqrt(chi2(13) / (8 ln 2 m)), is at most half of the
smallest effect that `drift` tells of."""
SEVERE: Final = 0.5 / math.sqrt(8 * math.log(2))
"""JS distance (base 2) of two normals half a standard deviation apart: Cohen's "medium" effect (1988), 0.21."""
N_BATCHES: Final = 3
"""Two of so many batches, this one among them."""


class BatchDrift(Frozen):
    """What a batch shows against the rows before it.

    Attributes:
        n_reference, n_rows: rows before, and of the batch.
        drifts: every column that has bins on both sides, the largest excess first. Of times and nested columns there
            are none, so that they are not compared.
        told: columns that drifted, and again or severely: what the finding is about.
        verdict: `fail` if there are any, `insufficient_data` if nothing could be compared, else `pass`.
        reason: the verdict in words.
        against: numbers of the commits whose rows are the reference.
    """

    n_reference: int
    n_rows: int
    drifts: tuple[Drift, ...] = ()
    told: tuple[str, ...] = ()
    verdict: Verdict
    reason: str
    against: tuple[int, ...] = ()

    @property
    def drifted(self) -> tuple[str, ...]:
        """Columns that drifted, those included that are seen for the first time."""
        return tuple(found.column for found in self.drifts if found.verdict is DriftVerdict.DRIFT)

    def __repr__(self) -> str:
        drifted = f", {len(self.drifted)} columns drifted" if self.drifted else ""
        rows = f"{self.n_rows:,} rows against {self.n_reference:,}"
        return f"<BatchDrift {self.verdict.value}: {rows}{drifted}>"

    def __str__(self) -> str:
        return notebook.printed(f"{self._title}\n{self.reason}", _HEAD, self._rows)

    def _repr_html_(self) -> str:
        return notebook.panel(self._title, notebook.note(self.reason), notebook.table(_HEAD, self._rows))

    @property
    def _title(self) -> str:
        return f"batch of {self.n_rows:,} rows against {self.n_reference:,}: {self.verdict.value}"

    @property
    def _rows(self) -> list[tuple[object, ...]]:
        return [(d.column, d.verdict, d.js_distance, d.null_share_change, d.reason) for d in self.drifts]


_HEAD: Final = ("column", "verdict", "JS distance", "missing share", "reason")


def batch_drift(reference: Profile | None, batch: Profile, earlier: Sequence[BatchDrift] = ()) -> BatchDrift:
    """Judges a batch by the rows before it.

    Args:
        reference: of the rows before it, on any bins; None = there are none.
        batch: of its own rows.
        earlier: what was found in the batches before it, oldest first; the last two count.
    """
    n_reference = 0 if reference is None else reference.n_rows
    missing = _missing(n_reference, batch.n_rows)
    if missing or reference is None:
        return BatchDrift(
            n_reference=n_reference, n_rows=batch.n_rows, verdict=Verdict.INSUFFICIENT_DATA, reason=missing
        )
    drifts = drift(*on_common_bins(reference, batch))
    before = {name for found in earlier[1 - N_BATCHES :] for name in found.drifted}
    now = [found for found in drifts if found.verdict is DriftVerdict.DRIFT]
    told = [found.column for found in now if found.column in before or (found.excess or 0.0) >= SEVERE]
    judged = {found.column for found in drifts if found.verdict is not DriftVerdict.INSUFFICIENT_DATA}
    if told:
        verdict, reason = Verdict.FAIL, f"drifted again, or by half a standard deviation: {', '.join(told)}"
    elif not judged:
        verdict, reason = Verdict.INSUFFICIENT_DATA, "no column could be compared"
    elif now:
        names = ", ".join(found.column for found in now)
        verdict, reason = Verdict.PASS, f"drifted for the first time in {N_BATCHES} batches: {names}"
    else:
        verdict, reason = Verdict.PASS, "no column drifted"
    unjudged = [name for name in batch.names if name not in judged]
    if judged and unjudged:
        reason += f"; not compared: {', '.join(unjudged)}"
    return BatchDrift(
        n_reference=n_reference,
        n_rows=batch.n_rows,
        drifts=tuple(drifts),
        told=tuple(told),
        verdict=verdict,
        reason=reason,
    )


def _missing(n_reference: int, n_rows: int) -> str:
    """Why nothing can be compared; empty where it can."""
    if n_rows < MIN_ROWS:
        return f"{n_rows:,} rows, {MIN_ROWS:,} are needed"
    return f"{n_reference:,} rows before it, {MIN_ROWS:,} are needed" if n_reference < MIN_ROWS else ""


def on_common_bins(
    reference: Profile, current: Profile, *, n_bins: int = N_BINS, n_levels: int = N_LEVELS
) -> tuple[Profile, Profile]:
    """Both profiles on bins that count both exactly, laid on the reference's quantiles and most frequent levels.

    Columns that only one of them has, or that are of different kinds, are left out.
    """
    pairs = [
        _common(a, b, n_bins, n_levels)
        for a in reference.columns
        if (b := current.find(a.name)) is not None and (a.kind, a.private) == (b.kind, b.private)
    ]
    both = ((reference, [a for a, _ in pairs]), (current, [b for _, b in pairs]))
    first, second = (
        Profile(scheme=of.scheme, n_rows=of.n_rows, columns=tuple(columns)) for of, columns in both
    )
    return first, second


def _common(
    a: ColumnProfile, b: ColumnProfile, n_bins: int, n_levels: int
) -> tuple[ColumnProfile, ColumnProfile]:
    if a.kind is ColumnKind.NUMERIC and a.quantiles is not None and b.quantiles is not None:
        # Buckets of the coarser of both levels are unions of those of the finer one.
        level = max(a.quantiles.level, b.quantiles.level)
        a, b = (x.model_copy(update={"quantiles": x.quantiles.coarser(level)}) for x in (a, b) if x.quantiles)
        edges = () if a.quantiles is None else a.quantiles.edges(n_bins)
        a, b = (x.model_copy(update={"edges": edges, "counts": x.count_on(edges)}) for x in (a, b))
    elif a.kind is ColumnKind.CATEGORY and a.top is not None and b.top is not None:
        known = [str(e.value) for e in a.top.values if e.is_exact and b.top.find(e.value).is_exact][:n_levels]
        a, b = (_on_levels(x, known) for x in (a, b))
    return a, b


def _on_levels(column: ColumnProfile, levels: Sequence[str]) -> ColumnProfile:
    assert column.top is not None
    counts = tuple(column.top.find(level).low for level in levels)
    rest = column.n_rows - column.n_null - sum(counts)
    return column.model_copy(update={"levels": tuple(levels), "counts": counts, "n_unlisted": rest})
