"""How long this process itself has seen leases in doubt, by a clock of its own that nobody can set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from mainspring.lineage.spec import Lease
from mainspring.lineage.standing import LOOKS_A_TTL

Seen = tuple[str, int, object]
"""A lease as of its last renewal: subject, token, and when that was."""


@dataclass(frozen=True)
class Doubt:
    """What one look saw in doubt. It stays what it was, whoever looks meanwhile.

    Attributes:
        at_s: when that was, by the clock of `Doubts`.
        since_s: since when each was seen so, look after look.
        new: those that no look saw before.
    """

    at_s: float
    since_s: Mapping[Seen, float]
    new: frozenset[Seen]

    def lasted(self, lease: Lease, *, stays: bool) -> bool:
        """Whether a lease of this look was in doubt for as long as its holder has to take that back.

        Args:
            stays: this process will look again. One that may not cannot wait, and believes the database's clock
                about what it sees for the first time.
        """
        if _seen(lease) in self.new and not stays:
            return True
        return self.at_s - self.since_s[_seen(lease)] >= lease.ttl_s / LOOKS_A_TTL


class Doubts:
    """Remembers what was in doubt, from look to look. Threads may share it.

    Args:
        elapsed_s: a clock that only goes forward: `time.monotonic`.
    """

    def __init__(self, elapsed_s: Callable[[], float]) -> None:
        self._elapsed_s = elapsed_s
        self._since_s: Mapping[Seen, float] = {}

    def see(self, doubtful: Iterable[Lease]) -> Doubt:
        """These are in doubt at this look, and no others."""
        # Asked once and set once: of looks at the same time the last one is remembered, whole.
        before, now_s = self._since_s, self._elapsed_s()
        seen = [_seen(each) for each in doubtful]
        self._since_s = since_s = {each: before.get(each, now_s) for each in seen}
        return Doubt(now_s, since_s, frozenset(each for each in seen if each not in before))


def _seen(lease: Lease) -> Seen:
    return lease.subject, lease.token, lease.renewed_at
