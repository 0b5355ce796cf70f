"""What people decide about things that exist, as frozen values."""

from __future__ import annotations

import enum
from typing import Final

from mainspring.lineage.spec import MarkKind, Noun, Value


class Part(Value):
    """Something that is marked whenever the thing that it belongs to is.

    Attributes:
        subject_id: its own id, under which it is marked.
    """

    subject_id: str
    noun: Noun
    name: str


class Thing(Value):
    """What a decision is about.

    Attributes:
        subject_id: its id, or `noun:name` of what has only a name.
        name: as people write it now.
        lasting: the same as it is stored: a rename does not change it.
        parts: what goes with it: the versions of a model, the runs of an experiment …
        asset_ids: assets of the graph that it is, or that are its parts.
    """

    subject_id: str
    noun: Noun
    name: str
    lasting: str
    parts: tuple[Part, ...] = ()
    asset_ids: tuple[str, ...] = ()

    @property
    def ids(self) -> frozenset[str]:
        """Its own id, and those of its parts and assets."""
        return frozenset({self.subject_id, *(part.subject_id for part in self.parts), *self.asset_ids})

    @property
    def title(self) -> str:
        """What it is and what it is called."""
        return f"{self.noun.words} {self.name}"


class Holds(enum.StrEnum):
    """What a dependent keeps from being done: nothing, deleting, or archiving and deleting."""

    NOTHING = "nothing"
    DELETE = "delete"
    ARCHIVE = "archive"


_AGAINST: Final = {
    MarkKind.PINNED: frozenset[Holds](),
    MarkKind.ARCHIVED: frozenset({Holds.ARCHIVE}),
    MarkKind.DELETED: frozenset({Holds.ARCHIVE, Holds.DELETE}),
}


class Dependent(Value):
    """Something that depends on a thing.

    Attributes:
        what: what it is: pin, alias, deployment, predictions, or a kind of asset.
        name: what it is called; empty where several are counted together.
        id: its id; None where it has none, or several are counted together.
        count: how many they are.
        holds: what it keeps from being done.
        do: what to do so that it does not; empty where it holds nothing.
    """

    what: str
    name: str
    id: str | None
    count: int = 1
    holds: Holds = Holds.NOTHING
    do: str = ""


class Decision(Value):
    """What would be decided, or was.

    Attributes:
        kind: archived, pinned or deleted.
        dependents: what depends on the thing, with what holds first.
        n_blobs, size_bytes: contents that nothing else needs and that `gc` may take after a deletion; 0 for an
            archiving.
        execution_id: the execution that decided; None as long as it is only shown.
    """

    kind: MarkKind
    thing: Thing
    dependents: tuple[Dependent, ...]
    n_blobs: int = 0
    size_bytes: int = 0
    execution_id: str | None = None

    @property
    def holding(self) -> tuple[Dependent, ...]:
        """The dependents that keep it from being done."""
        against = _AGAINST[self.kind]
        return tuple(found for found in self.dependents if found.holds in against)


class Renaming(Value):
    """What would be called otherwise, or is.

    Attributes:
        subject_id: the id of the thing, or `noun:name` of what has only a name.
        name: what it is called before.
        lasting: the name that it is stored under; of a run its id.
        dependents: what says one of its names, or depends on it: all of it goes on working.
        execution_id: the execution that renamed it; None as long as it is only shown.
    """

    noun: Noun
    subject_id: str
    name: str
    lasting: str
    new_name: str
    dependents: tuple[Dependent, ...]
    execution_id: str | None = None

    @property
    def title(self) -> str:
        """What it is and what it is called before."""
        return f"{self.noun.words} {self.name}"
