"""What one side of a join did: counts, the times that it used, and what looks like a leak."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np

from mainspring.features.join.nearest import Longs

#: From this share of answers on, those of the very moment asked about are worth a look.
_MANY: Final = 0.1


@dataclass(frozen=True)
class SideReport:
    """What one side of a join did, in rows of the spine unless said otherwise.

    Attributes:
        n_rows: rows of the spine.
        n_matched: answered by a row.
        n_missing: no row could be used, or the last one was a delete.
        n_expired: the row found was older than the time to live.
        n_null_keys: asked with a null key, which never matches.
        n_simultaneous: answered by a row whose event time is the very moment asked about.
        n_published_later: answered by a row with an event time (of a label, by any) whose commit was published after
            the moment asked about, in a group that does not say when its rows were learnt.
        n_group_null_keys: rows of the group that can never match.
        n_group_unknown: rows of the group, of those true by the last moment asked about, without known time, which are
            never used under a cut-off.
        cutoff: whether the group says when its rows were learnt, so that none is used before.
        n_before: of labels, and of what is known with them: answered by a row that was true before the moment of the
            spine's row.
        n_several: likewise: answered, by the newest, where the key has rows of several event times.
        late: whether it was asked about one moment for all rows, as labels are.
        min_event_us, max_event_us: oldest and newest event time used; None when nothing was, or the group has no event
            time.
        min_lag_us: smallest distance between the moment asked about and the event time used; None likewise.
        commits: number of each commit that answered → how many rows it did.
    """

    n_rows: int
    n_matched: int
    n_missing: int
    n_expired: int
    n_null_keys: int
    n_simultaneous: int
    n_published_later: int
    n_group_null_keys: int
    n_group_unknown: int
    cutoff: bool
    min_event_us: int | None
    max_event_us: int | None
    min_lag_us: int | None
    commits: Mapping[int, int]
    n_before: int = 0
    n_several: int = 0
    late: bool = False

    @classmethod
    def of(
        cls,
        *,
        matched: np.ndarray,
        expired: np.ndarray,
        timed: np.ndarray,
        moments: Longs,
        events: Longs,
        numbers: Longs,
        published_us: Mapping[int, int],
        n_null_keys: int,
        n_group_null_keys: int,
        n_group_unknown: int,
        cutoff: bool,
        before: np.ndarray | None = None,
        several: np.ndarray | None = None,
    ) -> SideReport:
        """From arrays of one entry a row of the spine; `before` and `several` of labels alone."""
        late = several is not None
        used = matched & timed
        at = events[used]
        lag = moments[used] - at
        answered = numbers[matched]
        known = np.array(sorted(published_us), dtype=np.int64)
        later = 0
        told = matched if late else used
        if len(known) and told.any():
            stamps = np.array([published_us[int(number)] for number in known], dtype=np.int64)
            place = np.minimum(np.searchsorted(known, numbers[told]), len(known) - 1)
            later = int(((known[place] == numbers[told]) & (stamps[place] > moments[told])).sum())
        counted = np.bincount(answered) if len(answered) else np.zeros(0, dtype=np.int64)
        return cls(
            n_rows=len(moments),
            n_matched=len(answered),
            n_missing=int((~matched & ~expired).sum()),
            n_expired=int(expired.sum()),
            n_null_keys=n_null_keys,
            n_simultaneous=int((lag == 0).sum()),
            n_published_later=later,
            n_group_null_keys=n_group_null_keys,
            n_group_unknown=n_group_unknown,
            cutoff=cutoff,
            min_event_us=int(at.min()) if len(at) else None,
            max_event_us=int(at.max()) if len(at) else None,
            min_lag_us=int(lag.min()) if len(lag) else None,
            commits={int(number): int(counted[number]) for number in np.flatnonzero(counted)},
            n_before=0 if before is None else int((used & before).sum()),
            n_several=0 if several is None else int((matched & several).sum()),
            late=late,
        )

    @classmethod
    def summed(cls, parts: Iterable[SideReport]) -> SideReport:
        """Of a side that was joined in parts, each with rows and questions of its own; at least one."""
        given = list(parts)
        commits: dict[int, int] = {}
        for part in given:
            for number, count in part.commits.items():
                commits[number] = commits.get(number, 0) + count
        counts = {
            item.name: sum(getattr(part, item.name) for part in given)
            for item in fields(cls)
            if item.name.startswith("n_")
        }
        return cls(
            **counts,
            cutoff=given[0].cutoff,
            late=given[0].late,
            min_event_us=min((p.min_event_us for p in given if p.min_event_us is not None), default=None),
            max_event_us=max((p.max_event_us for p in given if p.max_event_us is not None), default=None),
            min_lag_us=min((p.min_lag_us for p in given if p.min_lag_us is not None), default=None),
            commits=dict(sorted(commits.items())),
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What looks like a leak, in sentences; empty where nothing does."""
        very = of_the_moment(self.n_simultaneous, self.n_matched, cutoff=self.cutoff)
        out = [] if very is None else [very]
        if self.n_published_later and self.late:
            out.append(
                f"{self.n_published_later} of {self.n_matched} labels came in a commit published after as_of, and the "
                "group does not say when its rows were learnt, so that they are used. Give it a known_time."
            )
        elif (later := published_later(self.n_published_later, self.n_matched)) is not None:
            out.append(later)
        return (*out, *of_other_moments(self.n_before, self.n_several, self.n_matched))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON, with the warnings."""
        return {
            **vars(self),
            "commits": {str(number): count for number, count in self.commits.items()},
            "warnings": list(self.warnings),
        }


def of_other_moments(n_before: int, n_several: int, n_matched: int) -> list[str]:
    """What to think of labels that may be of another moment than the row that got them; [] where none is."""
    out = []
    if n_several:
        out.append(
            f"{n_several} of {n_matched} labels are of keys with labels of several event times, and each row got the "
            "newest known by as_of, whichever its own moment is. Key the label's group by what names one row, such as "
            "an order."
        )
    if n_before:
        out.append(
            f"{n_before} of {n_matched} labels were true before the row that got them. Give the label's group a ttl_s: "
            "an older one is no label then."
        )
    return out


def published_later(n_published_later: int, n_matched: int) -> str | None:
    """What to think of when answers were published after the moment asked about; None where none were."""
    if not n_published_later:
        return None
    return (
        f"{n_published_later} of {n_matched} answers came in a commit published after the moment asked about, and the "
        "group does not say when its rows were learnt. Unless all of its history was loaded afterwards, give it a "
        "known_time."
    )


def of_the_moment(n_simultaneous: int, n_matched: int, *, cutoff: bool) -> str | None:
    """What to think of when many answers are of the very moment asked about; None where few are.

    Args:
        cutoff: whether the group says when its rows were learnt.
    """
    if not n_matched or n_simultaneous < _MANY * n_matched:
        return None
    many = f"{n_simultaneous} of {n_matched} answers are of the very moment asked about"
    if cutoff:
        return (
            f"{many}, and by their known_time they were known then: could they be read then? Else correct it."
        )
    return (
        f"{many}: is the value known then, or does it tell what happened? Give the group a source_delay_s, or a "
        "known_time."
    )
