"""What an erasure is to take, took, and left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass, field
from typing import Final

import polars as pl

from mainspring import notebook
from mainspring.features.join.point_in_time import COMMIT, ORDINAL
from mainspring.features.spec import CommitSpec
from mainspring.types import digest

RECEIPT: Final = "erase"
"""How the report of an erasure is called."""
REJECTED_PLACE: Final[dict[str, pl.DataType]] = {COMMIT: pl.Int64(), "_row": pl.Int64()}
"""Where a rejected row is: the ticket of its batch's commit, and its place in the batch."""


@dataclass(frozen=True)
class Copies:
    """What else holds the entity, and was not erased: each has a reason of its own to stay until somebody decides.

    Attributes:
        models: model versions that were made of training datasets with rows of the entity: they learnt from them.
        made: model packages, registered or not, artifacts of steps and reports that were made of such datasets or of
            the commits: input examples, categories and tables in them may show the entity. Receipts are none of them.
        commits: commit of another group, or of another version of this one, that rows were copied to → how many of its
            rows; None where that group has no such keys to look by.
        backfills: versions of this group that a killed `next_version` was filling: rows of it that nobody can read
            may have the entity until it is called again.
        examples: evidence about commits that shows values of the rows among its examples.
        same_bytes: SHA-256 of bytes that a training dataset had with the rows → what has equal bytes, as rows of the
            database (`table key`): they are its content too. Empty of a dry run.
        unsettled: files that an append, which was under way, may have been writing.
        in_records: what of the database's own files may have rows that were pushed, or values that transformations had
            learnt, though no row has them any more; empty = nothing.
    """

    models: tuple[str, ...]
    commits: dict[str, int | None]
    backfills: tuple[str, ...]
    examples: tuple[str, ...]
    made: tuple[str, ...] = ()
    same_bytes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    unsettled: tuple[str, ...] = ()
    in_records: str = ""


_HEAD: Final = ("what has it", "name", "id", "rows", "is")


@dataclass(frozen=True)
class Holder:
    """What had an entity that was erased, or still may.

    Attributes:
        what: such as training dataset, model or commit.
        name: what people call it; None where it has no name.
        id: in the graph, of the evidence, or a digest; None where it has none.
        rows: of the entity; None where they are not counted.
        became: erased, would be erased, or not erased.
    """

    what: str
    name: str | None
    id: str | None
    rows: int | None
    became: str


@dataclass(frozen=True)
class Erased:
    """What an erasure took, or would take.

    Attributes:
        n_rows: rows of the group, in all their versions, deletes too.
        n_waiting: rows that were pushed and that no commit holds yet; an erasure commits them first, so that they are
            among `n_rows`.
        commits: numbers of the commits that they came with; 0 stands for appends that were never published.
        n_rejected: rows that the group had not taken, in the table of its rejects.
        n_online: entries of the online store.
        n_profiles: kept profiles of commits; they are computed again from the rows that are left.
        datasets: training dataset → how many of its rows; deleted ones too, as long as their bytes are there. Each has
            a new edition without them: see `TrainingDataset.erasures`.
        names: what people call the assets whose ids stand in `datasets` and `copies`: id → such as `flights_delay` or
            `model flights_delay/3`.
        receipt_id: the report in the graph, also of an erasure that found nothing, so that it can be shown that it was
            asked for and looked for; None of a dry run.
    """

    group: str
    n_rows: int
    n_waiting: int
    commits: tuple[int, ...]
    n_rejected: int
    n_online: int
    n_profiles: int
    datasets: dict[str, int]
    copies: Copies
    receipt_id: str | None
    names: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        verb = "would be erased" if self.receipt_id is None else "erased"
        receipt = "" if self.receipt_id is None else f"; receipt {self.receipt_id}"
        if self.found_nothing:
            return (
                f"<Erased of {self.group}: no such entity: nothing {'was ' * bool(receipt)}{verb}{receipt}>"
            )
        counts = {
            "rows": self.n_rows,
            "waiting rows": self.n_waiting,
            "rejects": self.n_rejected,
            "online entries": self.n_online,
            "profiles": self.n_profiles,
            "training datasets": len(self.datasets),
        }
        shown = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
        return f"<Erased of {self.group}: {verb}: {shown}{receipt}>"

    def __str__(self) -> str:
        return notebook.printed(repr(self), _HEAD, [astuple(each) for each in self.held])

    def _repr_html_(self) -> str:
        rows = [astuple(each) for each in self.held]
        return notebook.panel(repr(self), *([notebook.table(_HEAD, rows)] if rows else []))

    @property
    def held(self) -> tuple[Holder, ...]:
        """What had the entity beside the group, or still may; all of `datasets` and `copies`, with names."""
        done = "would be erased" if self.receipt_id is None else "erased"
        left = "not erased"
        rows: list[tuple[str, str | None, str | None, int | None, str]] = [
            ("training dataset", self.names.get(asset_id), asset_id, n_rows, done)
            for asset_id, n_rows in self.datasets.items()
        ]
        for what, ids in (("model", self.copies.models), ("made of it", self.copies.made)):
            rows += [(what, self.names.get(asset_id), asset_id, None, left) for asset_id in ids]
        rows += [
            ("commit", self.names.get(asset_id), asset_id, n_rows, left)
            for asset_id, n_rows in self.copies.commits.items()
        ]
        rows += [("back-fill that was killed", label, None, None, left) for label in self.copies.backfills]
        rows += [("examples in a validation", None, finding, None, left) for finding in self.copies.examples]
        rows += [
            ("equal bytes", ", ".join(others), sha256, None, left)
            for sha256, others in self.copies.same_bytes.items()
        ]
        rows += [("file that was being written", file, None, None, left) for file in self.copies.unsettled]
        return tuple(Holder(*row) for row in rows)

    @property
    def found_nothing(self) -> bool:
        """Whether nothing has, or had, rows or entries of the entities."""
        counts = (self.n_rows, self.n_waiting, self.n_rejected, self.n_online, self.n_profiles)
        return not any(counts) and not self.datasets


@dataclass(frozen=True)
class Found:
    """What of the entities there is.

    Attributes:
        keys: of the entities, as they were named.
        rows: every row of theirs as the table has it.
        rejected: every row of theirs among the rejects.
        waiting: rows of theirs that were pushed and that no commit holds.
        batches: of waiting rows, theirs and others: the asset ids that their commits will have.
        commits: every commit of the group, staged or published.
        erased: tickets of the commits that any erasure took rows of.
        pending: tickets of the commits that erasures which have not ended began to take rows of.
        number: of the last commit that was published before the tables were read; 0 before the first.
    """

    keys: pl.DataFrame
    rows: pl.DataFrame
    rejected: pl.DataFrame
    waiting: pl.DataFrame
    batches: tuple[str, ...]
    commits: tuple[CommitSpec, ...]
    erased: frozenset[int]
    pending: frozenset[int]
    number: int


@dataclass(frozen=True)
class Plan:
    """What is to go.

    Attributes:
        found: where it is decided from.
        commits: staged and published ones that rows came with, staged ones that rejected rows came with, and those of
            erasures that have not ended.
        told: published ones that rows, also rejected ones, came with: what says of them may have the entity too.
        sources: these, and those that earlier erasures took rows of: what is made of them may have the entity, also
            what was being made when its rows were erased.
    """

    found: Found
    commits: tuple[CommitSpec, ...]
    told: tuple[str, ...]
    sources: tuple[str, ...]

    @property
    def tickets(self) -> frozenset[int]:
        """Of the commits."""
        return frozenset(commit.ticket for commit in self.commits)

    @property
    def places(self) -> pl.DataFrame:
        """Ticket and ordinal of each row: no log has a value of the entity for it."""
        return self.found.rows.select(COMMIT, ORDINAL)

    @property
    def rejected_places(self) -> pl.DataFrame:
        """Ticket and place in its batch of each rejected row."""
        return self.found.rejected.select(*REJECTED_PLACE)


@dataclass(frozen=True)
class Named:
    """The keys as they are kept: only who has them can tell that they are meant."""

    salt: str
    keys: tuple[str, ...]

    @classmethod
    def of(cls, keys: pl.DataFrame, salt: str) -> Named:
        """Each key under a digest."""
        return cls(salt, tuple(digest([salt, list(keys.columns), list(row)]) for row in keys.iter_rows()))
