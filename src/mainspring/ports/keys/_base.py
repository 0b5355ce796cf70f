"""The contract of the keys port: the latest value of a key, for serving."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

from mainspring.ports.keys._codec import encode
from mainspring.ports.keys._columns import Columns
from mainspring.ports.keys._entry import Entry
from mainspring.ports.keys._guards import Guards


class Keys(ABC):
    """The newest entry of each key, in spaces that do not see one another.

    Threads and processes: one instance may be shared by all threads and used after a fork; any number of
    processes may read while one writes. Writers of all processes take turns.

    Ownership: the store is a copy that can be made again from the tables; it is no source of truth.

    Atomicity: one `put`, `delete` or `clear` becomes visible at once or not at all. On a server that others
    share, which must not stand still for long, a `put` or `delete` of more than `entries_at_once` becomes
    visible in parts of that length or shorter, in the order given. One `get` sees one state of the store for
    all its keys, as of its beginning, with every `put` that had returned by then; it is one round trip.

    Durability: when a call has returned, its effect survives kill -9 of any process, and power loss. A crash in
    the middle leaves the state before. A server keeps what its own settings promise, and may lose the latest
    calls: each backend says which. What is lost is always the latest, so that the tables can fill it in.

    Waiting: a server that is away is an UnavailableError within a bounded time; a later call tries again.

    Order: an entry replaces another only if its (event_us, known_us, commit, ordinal) is greater, so that puts
    may come twice and in any order and the end is the same. A delete leaves no trace: an older entry may come
    back by a later put, unless that put has guards. They are compared in the same step as its entries are written:
    whoever changes a guard and then deletes knows that nobody who saw the guard before will write any more.

    Limits: a space is 1 to 64 bytes of UTF-8, a key 1 to 440 bytes; there may be any number of spaces.
    """

    entries_at_once: int | None = None
    """How many entries of one call become visible together, at most; None = all."""

    @abstractmethod
    def put(self, space: str, entries: Sequence[Entry], *, guards: Guards | None = None) -> int:
        """Store those entries that are newer than what is there; returns how many were written.

        Args:
            guards: write nothing unless all of these are as given, compared with what is written, each time that a
                part of a long put is; None = none.

        Raises:
            OvertakenError: a guard is not as given. Of a put that becomes visible in parts earlier ones were written.
            InputError: a space, key or number outside the limits. Nothing was written.
            AccessError: the store cannot be written.
            UnavailableError: it is full, failing, or cannot be reached.
        """

    @abstractmethod
    def get(self, space: str, keys: Sequence[bytes]) -> list[Entry | None]:
        """The entries in the order of `keys`; None where there is none.

        Raises:
            InputError: a space or key outside the limits.
            IntegrityError: a stored value cannot be read.
            UnavailableError: the store cannot be reached.
        """

    def get_columns(self, space: str, keys: Sequence[bytes]) -> Columns:
        """What `get` answers, for whoever reads many keys at once: a backend may have a quicker way to it.

        Raises:
            InputError, IntegrityError, UnavailableError: as `get`.
        """
        found = self.get(space, keys)
        return Columns.of(space, keys, [None if entry is None else encode(space, entry) for entry in found])

    @abstractmethod
    def entries(self, space: str) -> Iterator[Entry]:
        """Every entry of a space, for whoever checks the store. What is put or removed meanwhile may be left out.

        Raises:
            IntegrityError: a stored value cannot be read.
        """

    @abstractmethod
    def delete(self, space: str, keys: Sequence[bytes]) -> int:
        """Remove keys; returns how many were there."""

    @abstractmethod
    def remove(self, space: str, entries: Sequence[Entry]) -> int:
        """Remove those keys that still hold exactly these entries, and no newer ones; returns how many they were."""

    @abstractmethod
    def clear(self, space: str) -> None:
        """Remove every key of a space."""

    def claim(self, stores_id: str) -> None:  # noqa: B027 - most have nothing to do
        """Say that a server's entries are of these stores from now on. A folder is marked by whoever opens it."""

    @abstractmethod
    def close(self) -> None:
        """Give up files and connections. A later call opens them again."""
