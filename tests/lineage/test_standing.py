"""What is thought of a lease, tried in every order of renewals, looks, jumps of the clock and ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from mainspring.lineage.spec import Lease, Standing
from mainspring.lineage.standing import beat_s, bound_s, standing

TTL_S = 40.0
BEAT = timedelta(seconds=beat_s(TTL_S))
NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)


def lease(suspected_at: datetime | None = None, holder: str | None = "host:1:2@boot") -> Lease:
    return Lease(
        subject="run",
        holder=holder,
        token=0,
        ttl_s=TTL_S,
        taken_at=NOON,
        renewed_at=NOON,
        suspected_at=suspected_at,
    )


@pytest.mark.parametrize(
    ("suspected_s", "now_s", "expected"),
    [
        (None, 0, Standing.HELD),
        (None, 19.9, Standing.HELD),
        (None, 20, Standing.OVERDUE),
        (None, -0.1, Standing.OVERDUE),
        (25, 44.9, Standing.SUSPECTED),
        (25, 45, Standing.LOST),
        (25, 24.9, Standing.OVERDUE),
    ],
)
def test_where_the_bounds_lie(suspected_s: float | None, now_s: float, expected: Standing) -> None:
    """Overdue after half the ttl or before the renewal, lost when suspected for as long; anew if time goes back."""
    suspected_at = None if suspected_s is None else NOON + timedelta(seconds=suspected_s)
    assert standing(lease(suspected_at), NOON + timedelta(seconds=now_s), is_dead=False) is expected


def test_a_dead_holder_is_not_waited_for() -> None:
    """Who has surely ended is lost at once; what nobody has is free, whoever had it."""
    assert standing(lease(), NOON, is_dead=True) is Standing.LOST
    assert standing(lease(holder=None), NOON + timedelta(days=1), is_dead=False) is Standing.FREE


class Lives(RuleBasedStateMachine):
    """A holder that renews every beat while it is not stopped, one who looks every beat, and a clock that jumps.

    Real time goes in beats. The clock may jump by days, either way, but not twice within a ttl.
    """

    def __init__(self) -> None:
        super().__init__()
        self.beats = 0
        self.clock = NOON
        self.lease: Lease | None = lease()
        self.stopped = False
        self.renewed = self.jumped = 0
        self.n_marked = self.n_published = 0
        self.ended = False

    @rule()
    def a_beat_goes_by(self) -> None:
        self.beats += 1
        self.clock += BEAT
        if not self.stopped and not self.ended:
            self.renew()
        self.look()

    def renew(self) -> None:
        if self.lease is not None:
            self.lease = self.lease.model_copy(update={"renewed_at": self.clock, "suspected_at": None})
            self.renewed = self.beats

    @rule()
    def look(self) -> None:
        """What `Leases.look` does, with the rows of the database in one variable."""
        if self.lease is None:
            return
        found = standing(self.lease, self.clock, is_dead=False)
        if found is Standing.OVERDUE:
            self.lease = self.lease.model_copy(update={"suspected_at": self.clock})
        elif found is Standing.LOST:
            assert self.beats - self.renewed >= 2, "called lost though it renewed"
            if self.jumped < self.renewed:
                assert self.beats - self.renewed >= TTL_S / beat_s(TTL_S), (
                    "called lost before its ttl was over"
                )
            self.lease = None
            self.n_marked += 1

    @precondition(lambda self: self.beats - self.jumped > TTL_S / beat_s(TTL_S))
    @rule(days=st.integers(-400, 400))
    def the_clock_jumps(self, days: int) -> None:
        self.clock += timedelta(days=days)
        self.jumped = self.beats

    @rule()
    def the_holder_stops(self) -> None:
        self.stopped = True

    @rule()
    def the_holder_goes_on(self) -> None:
        self.stopped = False

    @precondition(lambda self: not self.stopped and not self.ended)
    @rule()
    def the_holder_publishes(self) -> None:
        """It takes its own lease away, or is refused."""
        self.ended = True
        if self.lease is not None:
            self.lease = None
            self.n_published += 1

    @invariant()
    def one_end_at_most(self) -> None:
        assert self.n_marked + self.n_published <= 1

    @invariant()
    def found_within_the_bound(self) -> None:
        if self.lease is not None and self.jumped <= self.renewed:
            assert self.beats - self.renewed <= bound_s(TTL_S) / beat_s(TTL_S)


TestLives = Lives.TestCase
TestLives.settings = settings(max_examples=60, stateful_step_count=40, deadline=None, derandomize=True)
