"""The tables: are their files there, and are the rows of every published commit those that were acknowledged?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import polars as pl
from polars.exceptions import PolarsError

from mainspring.errors import MainspringError
from mainspring.features import store
from mainspring.features.digest import commit_digest
from mainspring.features.erasure.editions import is_edition
from mainspring.features.join.point_in_time import COMMIT, OP, ORDINAL
from mainspring.features.spec import CommitSpec, EditionSpec, FeatureGroupSpec
from mainspring.project import Project
from mainspring.workflows.doctor.spec import Finding, Patient, Severity, shown, told
from mainspring.workflows.prediction_logs import log_tables
from mainspring.workflows.upgrade import UPGRADED

CHECK: Final = "tables"
ROWS_AT_ONCE: Final = 500_000
_RESTORE: Final = (
    "Restore the table's folder from a backup, or insert the rows again into a new version of the group."
)


def check_tables(patient: Patient) -> Iterator[Finding]:
    """Files of every table; unless quick, all rows too, against the counts and digests in the records."""
    project = patient.project
    with project.records.read() as connection:
        groups = store.all_groups(connection, project.config.project.id)
    by_table: dict[str, FeatureGroupSpec | None] = dict.fromkeys(log_tables(project))
    by_table.update({store.table_name(group): group for group in groups})
    rejects = (store.rejects_table_name(group) for group in groups)
    by_table.update(dict.fromkeys(name for name in rejects if project.tables.exists(name)))
    # Other tables in the folder are other projects'.
    with patient.progress("tables", len(by_table)) as advance:
        for name, group in sorted(by_table.items()):
            yield from _check_table(patient, name, group)
            advance()


def _check_table(patient: Patient, name: str, group: FeatureGroupSpec | None) -> Iterator[Finding]:
    damages = patient.project.tables.damages(name, read=not patient.quick)
    harmed = [item for item in damages if item.acknowledged]
    for item in harmed:
        yield _error(f"table {name!r}: {item.file} {item.what}", f"table {name}", _RESTORE)
    if damages and not harmed:
        yield Finding(
            check=CHECK,
            severity=Severity.INFO,
            what=f"table {name!r} has {len(damages)} leftovers of an append that was never acknowledged",
            where=shown([item.file for item in damages]),
            do="Nothing: the next process that opens the table takes them away.",
        )
    if harmed:
        return
    try:
        yield from _digests(patient.project, name)
        if group is not None:
            yield from _check_group(patient, name, group)
        elif not patient.quick:
            nulls = patient.project.tables.scan(name).select(pl.all().is_null().sum())
            nulls.collect(engine="streaming")
    except MainspringError as error:
        yield told(CHECK, error)
    except (PolarsError, OSError) as error:
        yield _error(
            f"table {name!r} cannot be read: {str(error).splitlines()[0]}", f"table {name}", _RESTORE
        )


def _digests(project: Project, name: str) -> Iterator[Finding]:
    """Files of a table in which a flipped bit would not be found; 0.1.0, of which a home may be, took no digests."""
    if not project.tables.exists(name) or project.graph.events(kinds=[UPGRADED], limit=1):
        return
    if without := project.tables.without_digest(name):
        yield Finding(
            check=CHECK,
            severity=Severity.WARNING,
            what=f"table {name!r} has {len(without)} files without a digest: other bytes in them would not be noticed",
            where=f"table {name}: {shown(without)}",
            do="Power loss or a person took lines of the table's `_sums`: restore that file from a backup.",
        )


def _check_group(patient: Patient, name: str, group: FeatureGroupSpec) -> Iterator[Finding]:
    project = patient.project
    with project.records.read() as connection:
        published = store.published(connection, group.group_id)
        editions = store.editions_of(connection, group.group_id)
    if not project.tables.exists(name):
        if published:
            yield _error(
                f"the table of group {group.label} is missing, with {len(published)} published commits",
                f"table {name}",
                _RESTORE,
            )
        return
    yield from _not_ended(group, editions)
    if patient.quick:
        return
    for part in _parts(published):
        tickets = [commit.ticket for commit in part]
        rows = project.tables.scan(name).filter(pl.col(COMMIT).is_in(tickets)).collect()
        found = {key[0]: frame for key, frame in rows.partition_by(COMMIT, as_dict=True).items()}
        for commit in part:
            stored = found.get(commit.ticket)
            wrong = _flaw(group, commit, stored)
            erased = [item for item in editions if item.ticket == commit.ticket]
            if erased:
                wrong = _flaw_of_edition(group, erased, stored, wrong)
            if wrong:
                where = (
                    f"table {name}, commit {commit.number} (ticket {commit.ticket}, asset {commit.asset_id})"
                )
                yield _error(f"commit {commit.number} of group {group.label} {wrong}", where, _RESTORE)
    yield from _unpublished(patient, group)


def _not_ended(group: FeatureGroupSpec, editions: list[EditionSpec]) -> Iterator[Finding]:
    pending = {item.execution_id for item in editions if not item.is_done}
    if pending:
        yield Finding(
            check=CHECK,
            severity=Severity.WARNING,
            what=f"group {group.label} has {len(pending)} erasures that have not ended",
            where=f"executions {shown(sorted(pending))}",
            do="Unless it is at work just now, it was killed: erase the same entities again, which ends it.",
        )


def _unpublished(patient: Patient, group: FeatureGroupSpec) -> Iterator[Finding]:
    orphans = find_unpublished(patient.project, group)
    if orphans:
        with patient.project.records.read() as connection:
            n_staged = len(store.tickets(connection, group.group_id) & {ticket for _, ticket in orphans})
        yield Finding(
            check=CHECK,
            severity=Severity.INFO,
            what=f"group {group.label} has rows of {len(orphans)} appends that were never published"
            f" ({n_staged} can still be, by repeating the insert with its idempotency key)",
            where=f"table {orphans[0][0]}, tickets {shown([str(ticket) for _, ticket in orphans])}",
            do="Nothing has to be done: no reader sees them.",
        )


def find_unpublished(project: Project, group: FeatureGroupSpec) -> list[tuple[str, int]]:
    """Table and ticket of every append of a group that no commit has published, in order."""
    name = store.table_name(group)
    if not project.tables.exists(name):
        return []
    # Read first: what is published after the reading of the records is then not among them.
    stored = project.tables.scan(name).select(pl.col(COMMIT).unique()).collect()[COMMIT].to_list()
    with project.records.read() as connection:
        published = {commit.ticket for commit in store.published(connection, group.group_id)}
    return [(name, ticket) for ticket in sorted(set(stored) - published)]


def _parts(commits: list[CommitSpec]) -> Iterator[list[CommitSpec]]:
    """Commits in order, as many at a time as have not too many rows together."""
    part: list[CommitSpec] = []
    for commit in commits:
        if part and sum(item.n_rows for item in part) + commit.n_rows > ROWS_AT_ONCE:
            yield part
            part = []
        part.append(commit)
    if part:
        yield part


def _flaw(group: FeatureGroupSpec, commit: CommitSpec, rows: pl.DataFrame | None) -> str:
    """What is wrong with the stored rows of a commit; empty if nothing is."""
    n_found = 0 if rows is None else rows.height
    if rows is None or n_found != commit.n_rows:
        return f"has {n_found:,} rows, {commit.n_rows:,} were acknowledged"
    ordered = rows.sort(ORDINAL)
    if ordered[ORDINAL].to_list() != list(range(n_found)):
        return "has rows twice and others not at all"
    op = int(ordered[OP][0])
    names = [column.name for column in group.columns or () if column.name in ordered.columns]
    while names:
        if commit_digest(op, ordered.select(names)) == commit.digest:
            return ""
        # The group may have gained its last columns after this commit; its rows then have nulls there.
        if ordered[names.pop()].null_count() < n_found:
            break
    return "has other values than were acknowledged (its digest differs)"


def _flaw_of_edition(
    group: FeatureGroupSpec, editions: list[EditionSpec], rows: pl.DataFrame | None, as_inserted: str
) -> str:
    """What is wrong with rows of which an erasure left some: they are those of the last one that ended, or of one that
    did not, or, where none ended, those that were inserted.
    """
    done = [item for item in editions if item.is_done]
    pending = [item for item in editions if not item.is_done]
    if not done and not as_inserted:
        return ""
    for edition in [*done[-1:], *pending]:
        if edition.n_rows == 0 if rows is None else is_edition(group, edition, rows):
            return ""
    return "has other rows than its erasures left" if done else as_inserted


def _error(what: str, where: str, do: str) -> Finding:
    return Finding(check=CHECK, severity=Severity.ERROR, what=what, where=where, do=do)
