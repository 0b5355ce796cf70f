"""Published commits as users see them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from mainspring import notebook
from mainspring.checks.batch import BatchDrift
from mainspring.checks.profile import Profile
from mainspring.checks.spec import Validation
from mainspring.errors import InputError
from mainspring.features import profiles
from mainspring.features.rows import n_replaced
from mainspring.features.spec import CommitSpec, FeatureGroupSpec
from mainspring.features.store import Stores

EVIDENCE_KIND: Final = "expectations"
"""Of the evidence about a commit that keeps its validation."""


@dataclass(frozen=True, repr=False)
class Commit:
    """One insert or delete of a group, published.

    Attributes:
        group: `name@version`.
        group_id: of the group, whatever it is called.
        number: its place in the order of becoming visible, from 1.
        ticket: what its rows carry as `_commit`.
        asset_id: of the commit in the graph.
        n_rows: rows written, deletes included.
        n_deletes: how many of them are deletes.
        n_failed: rows of the batch that broke at least one expectation.
        n_rejected: rows of the batch that are not among its rows: see `FeatureGroup.rejects`.
        verdict: of the expectations; None where the group has none.
        min_event, max_event: the span of event times; None without event time.
        published_at: the project clock.
        validation: what the expectations found; None where the group had none.
    """

    group: str
    group_id: str
    number: int
    ticket: int
    asset_id: str
    n_rows: int
    n_deletes: int
    n_failed: int
    verdict: str | None
    min_event: datetime | None
    max_event: datetime | None
    published_at: datetime
    validation: Validation | None = None
    n_rejected: int = 0
    read_profile: Callable[[], Profile] | None = field(default=None, repr=False, compare=False)
    read_replaced: Callable[[], int] | None = field(default=None, repr=False, compare=False)
    read_drift: Callable[[], BatchDrift | None] | None = field(default=None, repr=False, compare=False)

    def __repr__(self) -> str:
        counts = {"rows": self.n_rows, "of them deletes": self.n_deletes, "rejected": self.n_rejected}
        shown = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count or what == "rows")
        said = f", {self.verdict}" if self.verdict else ""
        return f"<Commit {self.number} of {self.group}: {shown}{said}>"

    def __str__(self) -> str:
        found = "" if self.validation is None else f"\n{self.validation}"
        return f"{self!r}{found}"

    def number_in(self, group: FeatureGroupSpec) -> int:
        """Its number, in the group that it is of.

        Raises:
            InputError: it is a commit of another group.
        """
        if self.group_id == group.group_id:
            return self.number
        raise InputError(
            expected=f"a commit of feature group {group.label}",
            got=f"commit {self.number} of {self.group}",
            where=f"feature group {group.label}",
            hint="Every group counts its commits for itself: ask the group that it is of, or give a moment.",
        )

    @property
    def profile(self) -> Profile:
        """The profile of the rows that it put, without values of keys; of a delete that of no rows."""
        assert self.read_profile is not None
        return self.read_profile()

    @property
    def n_replaced(self) -> int:
        """Rows of it that no read shows, because another row of the same key and event time came with them, and was
        known or written later. Keys and event times are read for it.
        """
        assert self.read_replaced is not None
        return self.read_replaced()

    @property
    def drift(self) -> BatchDrift | None:
        """What its rows showed against those of the commits before it; None for a delete. It refuses nothing."""
        assert self.read_drift is not None
        return self.read_drift()

    def _repr_html_(self) -> str:
        told = {
            "rows": self.n_rows,
            "of them deletes": self.n_deletes,
            "broke an expectation": self.n_failed,
            "rejected": self.n_rejected,
            "verdict": self.verdict,
            "event times": (self.min_event, self.max_event),
            "published at": self.published_at,
        }
        found = () if self.validation is None else (self.validation._repr_html_(),)
        return notebook.panel(f"commit {self.number} of {self.group}", notebook.fields(told), *found)


def commits_of(stores: Stores, group: FeatureGroupSpec, found: Sequence[CommitSpec]) -> list[Commit]:
    """Published commits as users see them, with what is stored of their validations."""
    validated = [spec.asset_id for spec in found if spec.asset_id is not None and spec.verdict is not None]
    evidence = stores.graph.evidence_for(*validated, kind=EVIDENCE_KIND) if validated else []
    figures = {entry.subject_id: entry.figures for entry in evidence}
    return [_commit_of(stores, group, spec, figures.get(spec.asset_id or "")) for spec in found]


def _commit_of(
    stores: Stores, group: FeatureGroupSpec, spec: CommitSpec, figures: Mapping[str, Any] | None
) -> Commit:
    assert spec.number is not None and spec.asset_id is not None and spec.published_at is not None
    return Commit(
        group=group.label,
        group_id=group.group_id,
        number=spec.number,
        ticket=spec.ticket,
        asset_id=spec.asset_id,
        n_rows=spec.n_rows,
        n_deletes=spec.n_deletes,
        n_failed=spec.n_failed,
        verdict=spec.verdict,
        min_event=spec.min_event_at,
        max_event=spec.max_event_at,
        published_at=spec.published_at,
        validation=None if figures is None else Validation.of_figures(figures),
        n_rejected=0 if figures is None else figures.get("n_rejected", 0),
        read_profile=lambda: profiles.of_commit(stores, group, spec),
        read_replaced=lambda: n_replaced(stores, group, spec),
        read_drift=lambda: profiles.find_drift(stores, spec),
    )
