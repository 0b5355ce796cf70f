"""Rows that a group did not take: what its policy says of a batch, and the table where they lie with reasons."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import polars as pl

from mainspring.checks.spec import Expectation, Severity, Validation
from mainspring.checks.validate import Judged, judge
from mainspring.errors import ExpectationError
from mainspring.features import store
from mainspring.features.digest import frame_digest
from mainspring.features.join.point_in_time import COMMIT, NUMBER
from mainspring.features.rows import with_default
from mainspring.features.schema import STORAGE
from mainspring.features.spec import CommitSpec, FeatureGroupSpec
from mainspring.features.store import Stores
from mainspring.lineage.publication import Publication
from mainspring.lineage.spec import Asset, AssetKind, Verdict
from mainspring.ports.tables.collect import collect

N_NAMED: Final = 20
"""So many broken expectations are named in an event."""


class OnFailure(StrEnum):
    """What an insert does where a critical expectation is broken."""

    ALERT = "alert"
    BLOCK = "block"
    QUARANTINE = "quarantine"


@dataclass(frozen=True)
class Screened:
    """A batch after its group's expectations were asked.

    Attributes:
        rows: those that are published.
        n_given: rows of the batch.
        validation: what the expectations found in the batch; None where the group has none.
        n_failed: rows of the batch that broke at least one expectation.
        rejected: the others, with `_row` (their place in the batch, from 0) and `_broken` (the names of the critical
            expectations that they broke); None where there are none.
    """

    rows: pl.DataFrame
    n_given: int
    validation: Validation | None = None
    n_failed: int = 0
    rejected: pl.DataFrame | None = None

    @property
    def n_rejected(self) -> int:
        """Rows that go to the rejects."""
        return 0 if self.rejected is None else self.rejected.height

    def figures(self) -> dict[str, Any]:
        """What the evidence about the commit keeps."""
        assert self.validation is not None
        counts = {"n_failed": self.n_failed, **({"n_rejected": self.n_rejected} if self.n_rejected else {})}
        return {**self.validation.figures(), **counts}


def screen(
    group: FeatureGroupSpec, rows: pl.DataFrame, expectations: list[Expectation], where: str
) -> Screened:
    """Ask the expectations, and do what the group's policy says.

    Raises:
        ExpectationError: a critical expectation is broken, and the group blocks; or it quarantines, and no row is to
            blame, or no row is left.
    """
    asked, judged = ask(group, rows, expectations)
    validation = asked.validation
    if judged is None or validation is None or not _is_refused(group, validation):
        return asked
    if group.on_failure == OnFailure.BLOCK:
        raise _refused(
            validation, where, "Look at group.failing_rows(frame), repair the rows and insert again."
        )
    if _broken_as_a_whole(validation):
        raise _refused(
            validation, where, "No single row is to blame for what is broken: look at the whole batch."
        )
    passed, rejected = judged.passed(), judged.rejected()
    if not passed.height:
        raise _refused(validation, where, "Every row breaks one of them: look at where the batch comes from.")
    return Screened(passed, rows.height, validation, judged.n_failed, rejected)


def check(group: FeatureGroupSpec, rows: pl.DataFrame, expectations: list[Expectation], where: str) -> None:
    """Ask the expectations of rows whose sender waits for an answer: of a group that only alerts, all may come in.

    Raises:
        ExpectationError: a critical expectation is broken, and the group blocks or quarantines.
    """
    validation = ask(group, rows, expectations)[0].validation
    if validation is not None and _is_refused(group, validation):
        raise _refused(
            validation, where, "Look at group.failing_rows(frame), repair the rows and send them again."
        )


def ask(
    group: FeatureGroupSpec, rows: pl.DataFrame, expectations: list[Expectation]
) -> tuple[Screened, Judged | None]:
    """What the expectations find, with all rows; None where there are no expectations.

    What is found is kept with the commit for good: it has no values of columns that name a person.
    """
    if not expectations:
        return Screened(rows, rows.height), None
    judged = judge(rows, expectations)
    found = judged.validation.without_values(group.hidden)
    return Screened(rows, rows.height, found, judged.n_failed), judged


def _is_refused(group: FeatureGroupSpec, validation: Validation) -> bool:
    return validation.verdict is Verdict.FAIL and group.on_failure != OnFailure.ALERT


def _broken_as_a_whole(validation: Validation) -> bool:
    """Whether a critical expectation is broken that is not about single rows."""
    critical = (each for each in validation.failed if each.expectation.severity is Severity.CRITICAL)
    return any(not each.n_failed for each in critical)


def _refused(validation: Validation, where: str, hint: str) -> ExpectationError:
    broken = [
        f"{item.expectation.name}: {item.n_failed} of {item.n_judged} rows"
        if item.n_failed
        else f"{item.expectation.name}: {'not shown' if item.observed is None else item.observed}"
        for item in validation.failed
    ]
    return ExpectationError(
        expected="rows that hold the group's critical expectations",
        got="; ".join(broken),
        where=where,
        hint=f"{hint} Nothing was written.",
    )


def append(stores: Stores, group: FeatureGroupSpec, spec: CommitSpec, rejected: pl.DataFrame | None) -> None:
    """Write the rejected rows under the commit's ticket; nobody sees them before the commit is published."""
    name = store.rejects_table_name(group)
    if rejected is None or (
        stores.tables.exists(name) and stores.tables.find_append(name, spec.token) is not None
    ):
        return
    ticket = pl.lit(spec.ticket, dtype=pl.Int64).alias(COMMIT)
    stores.tables.append(name, rejected.with_columns(ticket), token=spec.token)


def publish(
    work: Publication, group: FeatureGroupSpec, spec: CommitSpec, asset: Asset, batch: Screened
) -> None:
    """Say with the commit what its expectations found, and that there are rejects."""
    if batch.validation is None or batch.validation.verdict is not Verdict.FAIL:
        return
    counts = {"n_failed": batch.n_failed, "n_rejected": batch.n_rejected}
    if batch.rejected is not None:
        work.add(
            AssetKind.REJECTS,
            group.name,
            digest=frame_digest(batch.rejected),
            attributes={
                "group": group.name,
                "version": group.version,
                "group_id": group.group_id,
                "ticket": spec.ticket,
                "table": store.rejects_table_name(group),
                "n_rows": batch.n_rejected,
            },
            role="rejects",
        )
    broken = [each.expectation.name for each in batch.validation.failed][:N_NAMED]
    kept = f"{batch.n_rejected:,} of them kept as rejects" if batch.n_rejected else "published"
    message = f"{batch.n_failed:,} rows for {group.label} break {', '.join(broken)}: {kept}"
    if not batch.n_failed:
        message = f"rows for {group.label} break {', '.join(broken)}: published"
    told = {"message": message, "group": group.label, "ticket": spec.ticket, **counts, "broken": broken}
    work.event("expectations.broken", asset.id, told, loudness="warning")


def read(stores: Stores, group: FeatureGroupSpec, number: int | None) -> pl.DataFrame:
    """Rejected rows of a commit, or of all, by commit and place in the batch: see `FeatureGroup.rejects`."""
    with stores.records.read() as connection:
        if number is not None:
            store.get_commit(connection, group, number)
        commits = store.published(connection, group.group_id, up_to=number, after=(number or 1) - 1)
    name = store.rejects_table_name(group)
    types = {item.name: STORAGE[item.type] for item in group.columns or ()}
    order = [NUMBER, "_row", *types, "_broken"]
    if not stores.tables.exists(name):
        return pl.DataFrame(
            schema={NUMBER: pl.Int64, "_row": pl.Int64, **types, "_broken": pl.List(pl.String)}
        )
    numbers = store.numbered(commits).lazy().select(COMMIT, NUMBER)
    found = stores.tables.scan(name).join(numbers, on=COMMIT, how="inner")
    stored = set(found.collect_schema())
    whole = (
        found.with_columns(pl.lit(None, types[item]).alias(item) for item in types if item not in stored)
        .with_columns(with_default(item) for item in group.columns or () if item.default is not None)
        .select(order)
        .sort(NUMBER, "_row")
    )
    return collect(whole, f"rejects of {group.label}")
