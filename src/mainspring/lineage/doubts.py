"""How long this process itself has seen leases in doubt, by a clock of its own that nobody can set."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mainspring.lineage.spec import Lease
from mainspring.lineage.standing import LOOKS_A_TTL

Seen = tuple[str, int, object]
"""A lease as of its last renewal: subject, token, and when that was."""


class Doubts:
    """Remembers what was in doubt, from look to look.

    Args:
        elapsed_s: a clock that only goes forward: `time.monotonic`.
    """

    def __init__(self, elapsed_s: Callable[[], float]) -> None:
        self._elapsed_s = elapsed_s
        self._since_s: dict[Seen, float] = {}
        self._new: set[Seen] = set()

    def see(self, doubtful: Iterable[Lease]) -> None:
        """These are in doubt at this look, and no others."""
        now_s, seen = self._elapsed_s(), [_seen(each) for each in doubtful]
        self._new = {each for each in seen if each not in self._since_s}
        self._since_s = {each: self._since_s.get(each, now_s) for each in seen}

    def lasted(self, lease: Lease, *, stays: bool) -> bool:
        """Whether what the last look saw in doubt has been so for as long as its holder has to take that back.

        Args:
            stays: this process will look again. One that may not cannot wait, and believes the database's clock
                about what it sees for the first time.
        """
        if _seen(lease) in self._new and not stays:
            return True
        return self._elapsed_s() - self._since_s[_seen(lease)] >= lease.ttl_s / LOOKS_A_TTL


def _seen(lease: Lease) -> Seen:
    return lease.subject, lease.token, lease.renewed_at
