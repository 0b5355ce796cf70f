"""What the commits of a next version are filled by, and what is left of them by calls that were killed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self, TypeAlias

import polars as pl

from mainspring.errors import ConflictError
from mainspring.features import store
from mainspring.features.code.closure import value_digest
from mainspring.features.define import lock_group
from mainspring.features.join.point_in_time import COMMIT, ORDINAL
from mainspring.features.spec import CommitSpec, FeatureGroupSpec
from mainspring.features.store import Stores
from mainspring.features.upkeep import maintenance
from mainspring.ports.tables.collect import collect

Backfill: TypeAlias = Callable[[pl.DataFrame], pl.DataFrame] | Mapping[str, str | pl.Expr]
"""How the rows of one version become those of the next: a function of a commit's rows, or new column → old one."""


@dataclass(frozen=True)
class Filling:
    """The old version and the back-fill; a commit's idempotency key names both, and the edition that was read.

    Attributes:
        digest: of the back-fill: its code and all that it reaches, or its expressions.
    """

    group: FeatureGroupSpec
    backfill: Backfill | None
    digest: str

    @classmethod
    def of(cls, group: FeatureGroupSpec, backfill: Backfill | None) -> Self:
        """With its digest."""
        return cls(group, backfill, value_digest(backfill))

    def start(self, commit: CommitSpec) -> str:
        """How the keys of a commit begin, whatever it is filled by."""
        return f"{store.backfill_token(self.group.group_id)}{commit.number}"

    def token(self, commit: CommitSpec, erased: str | None) -> str:
        """The key of a commit as it is now.

        Args:
            erased: the last erasure that took rows of it; None = none did.
        """
        return "/".join([self.start(commit), self.digest, *([] if erased is None else [erased])])

    def check_same(self, first: CommitSpec | None, where: str) -> None:
        """The version's first commit was filled by this back-fill, if there is one, or by one that nobody noted.

        Raises:
            ConflictError: it was filled by another.
        """
        parts = [] if first is None else first.token.removeprefix(f"{self.group.group_id}/").split("/")
        if parts[1:] and parts[1] != self.digest:
            raise ConflictError(
                expected="the back-fill that the version was begun with",
                got=f"another one, or one whose code or values changed since: {self.digest[:12]} is not "
                f"{parts[1][:12]}",
                where=where,
                hint="Commits that are filled stay as they are. Call with the first one to go on; what is to be other "
                "than it made it is a version after this one: next_version(backfill=…) of this one.",
            )


def give_up(stores: Stores, group: FeatureGroupSpec, staged: CommitSpec) -> None:
    """Take away what a killed call left of a commit that will not be published as it is: its rows, then its ticket."""
    with maintenance.of_group(stores, group):
        for name in store.tables_of(stores, group):
            ordinal = ORDINAL if name == store.table_name(group) else "_row"
            rows = stores.tables.scan(name).filter(pl.col(COMMIT) == staged.ticket)
            stores.tables.erase(name, collect(rows.select(COMMIT, ordinal), name))
        with stores.records.write() as connection:
            lock_group(stores, connection, group.group_id)
            store.forget_staged(connection, staged)
