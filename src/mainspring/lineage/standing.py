"""What is to be thought of a lease: pure, so that every order of events and every jump of a clock can be tried.

Two looks decide. The first that finds a lease overdue only says so, in the database; a holder that lives takes that
back with its next renewal, and half a ttl later whoever looks may call it lost. So neither a clock that jumps nor a
database that was away makes a living holder lost: after either it has two renewals' time to be heard.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from mainspring.lineage.spec import Lease, Standing

BEATS_A_TTL: Final = 4
"""How often a lease is renewed in its ttl, and how often a process that holds one looks at the others'."""

LOOKS_A_TTL: Final = 2
"""A lease is overdue after half its ttl, and lost after being suspected for as long."""


def beat_s(ttl_s: float) -> float:
    """How long a holder waits from one renewal to the next."""
    return ttl_s / BEATS_A_TTL


def bound_s(ttl_s: float) -> float:
    """How long after its last renewal a lease is called lost at the latest, while somebody looks every beat."""
    return ttl_s + 2 * beat_s(ttl_s)


def standing(lease: Lease, now: datetime, *, is_dead: bool) -> Standing:
    """What to think of a lease at `now`, by the clock of its times.

    Args:
        is_dead: whether its holder has surely ended; then no waiting is needed.
    """
    if lease.holder is None:
        return Standing.FREE
    if is_dead:
        return Standing.LOST
    patience = timedelta(seconds=lease.ttl_s / LOOKS_A_TTL)
    if lease.suspected_at is None:
        # Renewed in the future: the clock went back, and how long ago it was nobody knows.
        return Standing.HELD if lease.renewed_at <= now < lease.renewed_at + patience else Standing.OVERDUE
    if now < lease.suspected_at:
        return Standing.OVERDUE
    return Standing.LOST if now >= lease.suspected_at + patience else Standing.SUSPECTED
