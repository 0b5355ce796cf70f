"""Whether this process' own signs of life reach the database, and what is said where they do not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from mainspring.lineage.standing import BEATS_A_TTL
from mainspring.log import bound, get_logger

_log = get_logger(__name__)

RETRIES_A_BEAT: Final = 4
"""How often a renewal that failed is tried again until the next would have been due."""


class Pulse:
    """The renewals of one process, that reach the database or do not.

    Args:
        elapsed_s: a clock that only goes forward: `time.monotonic`.
    """

    def __init__(self, ttl_s: float, elapsed_s: Callable[[], float]) -> None:
        self._ttl_s = ttl_s
        self._elapsed_s = elapsed_s
        self.begin()

    def begin(self) -> None:
        """The first lease was taken, and with that this process was heard."""
        self._heard_s = self._elapsed_s()
        self._failure = ""
        self._in_doubt = False

    @property
    def silence(self) -> str:
        """Since when, and why, nothing was renewed, in words; empty where the last renewal was."""
        if not self._failure:
            return ""
        return (
            f"for {self._elapsed_s() - self._heard_s:.0f} s this process could not renew it: {self._failure}"
        )

    def heard(self, held: Mapping[str, Mapping[str, str]]) -> None:
        """A renewal succeeded.

        Args:
            held: the subjects that are held, and what lines about each belong to.
        """
        if self._failure:
            _say(_log.info, "lease.renewed", "is renewed again", held)
        self.begin()

    def unheard(self, error: Exception, held: Mapping[str, Mapping[str, str]]) -> None:
        """A renewal failed. The first of a row is said, and that others may act on it, once they may."""
        is_first, self._failure = not self._failure, str(error)
        if is_first:
            again_s = self._ttl_s / BEATS_A_TTL / RETRIES_A_BEAT
            text = f"could not be renewed, which is tried again every {again_s:g} s: {error}"
            _say(_log.warning, "lease.renewal_failed", text, held, ttl_s=self._ttl_s)
        if not self._in_doubt and self._elapsed_s() - self._heard_s >= self._ttl_s:
            self._in_doubt = True
            text = f"was not renewed for its ttl of {self._ttl_s:g} s: when it was called lost, nothing is published"
            _say(_log.warning, "lease.in_doubt", text, held, ttl_s=self._ttl_s)


def _say(
    say: Callable[..., None], event: str, text: str, held: Mapping[str, Mapping[str, str]], **fields: object
) -> None:
    for subject, around in held.items():
        with bound(**around):
            say(event, f"the lease {subject} {text}", subject=subject, **fields)
