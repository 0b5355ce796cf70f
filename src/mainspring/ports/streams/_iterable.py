"""A stream of what Python iterates over, for tests and for whoever has a client of his own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from mainspring.ports.streams._base import Message, Stream


class IterableStream(Stream):
    """Messages of an iterable, which nobody remembers longer than this object lives.

    Args:
        messages: taken from when polled; an iterator that waits makes `poll` wait.
    """

    def __init__(self, messages: Iterable[Message]) -> None:
        self._coming = iter(messages)
        self._again: list[Message] = []
        self._unacknowledged: dict[str, Message] = {}

    def poll(self, n_at_most: int, wait_s: float) -> list[Message]:  # noqa: ARG002 - it has or has not
        again, self._again = self._again[:n_at_most], self._again[n_at_most:]
        found = [*again, *islice(self._coming, n_at_most - len(again))]
        self._unacknowledged |= {message.id: message for message in found}
        return found

    def acknowledge(self, messages: Sequence[Message]) -> None:
        for message in messages:
            self._unacknowledged.pop(message.id, None)

    def close(self) -> None:
        self._again = [*self._unacknowledged.values(), *self._again]
        self._unacknowledged = {}
