"""The contract of the streams port: messages, each until it is acknowledged."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import msgspec


class Message(msgspec.Struct, frozen=True):
    """One message of a stream.

    Attributes:
        id: the same whenever it is delivered: its producer's name for it, or else its place in the stream.
        data: what was sent.
    """

    id: str
    data: bytes


class Stream(ABC):
    """One consumer of a stream: it has a name, under which its place is remembered.

    Delivery: at least once, in the order of the stream where nothing fails. What was acknowledged is never delivered
    again; what was polled and not acknowledged is, after `close` or when the process has ended.

    Durability: when `acknowledge` has returned, the place is remembered as the server promises it.

    Threads: for one thread at a time.
    """

    @abstractmethod
    def poll(self, n_at_most: int, wait_s: float) -> list[Message]:
        """The next messages, in order; [] where none came in time.

        Args:
            n_at_most: 1 or more.
            wait_s: how long to wait for the first.

        Raises:
            UnavailableError: the server cannot be reached.
            UnknownNameError: it has no such stream.
        """

    @abstractmethod
    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Say that messages were dealt with. Those that this consumer did not poll since it was opened are passed over.

        Raises:
            UnavailableError: the server cannot be reached; they may be delivered again.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of the stream. A later call opens it again."""
