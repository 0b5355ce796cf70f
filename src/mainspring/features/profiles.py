"""Profiles of commits and groups: kept at insert where reading again would take long, else computed when asked for.

A commit's profile is a function of its rows, and these never change: from `KEPT_FROM_ROWS` rows on it is stored beside
the commit, as a blob that the commit's attributes name. Of fewer rows it is computed again in milliseconds, and a
stream of small commits leaves no file for each. Values of keys and of columns marked as personal are not in profiles.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal

import polars as pl

from mainspring.checks import kept
from mainspring.checks.batch import MIN_ROWS, N_BATCHES, BatchDrift, batch_drift
from mainspring.checks.profile import SCHEME_VERSION, Profile, pooled, profile
from mainspring.features import store
from mainspring.features.join.point_in_time import OP, PUT
from mainspring.features.reference import bulk_of, chosen
from mainspring.features.rows import all_current, current, scan
from mainspring.features.schema import STORAGE
from mainspring.features.spec import CommitSpec, DriftReference, FeatureGroupSpec, FeatureViewSpec
from mainspring.features.store import Stores
from mainspring.ports.tables.collect import collect

KEPT_FROM_ROWS: Final = MIN_ROWS
ATTRIBUTE: Final = "profile"
"""Of a commit's asset: the digest of the blob that has its profile."""
LOOKED_AT_ONCE: Final = 200
MOST_LOOKED: Final = 5_000
"""So many large commits are looked through for those of a batch's season."""
ROWS: Final = "rows"
"""What the profile is called within its blob."""
DRIFT: Final = "drift"
"""Kind of the evidence about a commit that keeps what its rows showed against the ones before it."""


@dataclass(frozen=True)
class Looked:
    """What was learnt of an insert's rows while they were written.

    Attributes:
        sha256: of the blob that keeps their profile.
        drift: the rows against those of the commits before them.
    """

    sha256: str
    drift: BatchDrift


class GroupProfile(Profile):
    """A profile of a group's current rows.

    Attributes:
        commits: the numbers of the commits that were read.
        made_by: "merge" of the commits' profiles where every row that was put is current, else a "scan" of the current
            rows. Both are profiles of the same rows.
    """

    commits: tuple[int, ...]
    made_by: Literal["merge", "scan"]


@contextmanager
def beside(
    stores: Stores, group: FeatureGroupSpec, rows: pl.DataFrame, op: int
) -> Iterator[Future[Looked] | None]:
    """While something else is done with an insert's rows, profile and judge them; None where they are too few."""
    if op != PUT or rows.height < KEPT_FROM_ROWS:
        yield None
        return
    with ThreadPoolExecutor(1) as thread:
        yield thread.submit(_look, stores, group, rows)


def _look(stores: Stores, group: FeatureGroupSpec, rows: pl.DataFrame) -> Looked:
    found = of_rows(group, rows)
    reference, last = _large_before(stores, group, rows)
    kept_before = ((each, find_kept(stores, group, each)) for each in reference)
    # A column that was marked as private since, or came to be another kind, is no reference.
    alike = {each.number or 0: part for each, part in kept_before if part is not None and _alike(part, found)}
    judged = batch_drift(pooled(alike.values()) if alike else None, found, _drifts(stores, last))
    judged = judged.model_copy(update={"against": tuple(alike)})
    return Looked(kept.keep(stores.graph.blobs, {ROWS: found}), judged)


def _alike(a: Profile, b: Profile) -> bool:
    kinds = {column.name: (column.kind, column.private) for column in b.columns}
    return all(kinds.get(column.name) == (column.kind, column.private) for column in a.columns)


def _large_before(
    stores: Stores, group: FeatureGroupSpec, rows: pl.DataFrame
) -> tuple[list[CommitSpec], list[CommitSpec]]:
    """Of the commits that may have a kept profile those that rows are compared with, and the last ones; each oldest
    first. Looked at from the last one backwards, and only as far as is needed.
    """
    reference = group.drift or DriftReference()
    bulk = None if group.event_time is None else bulk_of(rows.get_column(group.event_time))
    found, last = list[CommitSpec](), list[CommitSpec]()
    # Without a season the first that are looked at are it.
    n = max(reference.batches, N_BATCHES) if reference.season_s is None else LOOKED_AT_ONCE
    n_looked, number = 0, None
    with stores.records.read() as connection:
        while len(found) < reference.batches and n_looked < MOST_LOOKED:
            page = store.latest(connection, group.group_id, at_least=KEPT_FROM_ROWS, n=n, before=number)
            last = last or page
            found = [*chosen(reference, page, bulk), *found]
            if len(page) < n or reference.season_s is None:
                break
            n_looked, number = n_looked + len(page), page[0].number
    return found[-reference.batches :], last


def _drifts(stores: Stores, commits: Sequence[CommitSpec]) -> list[BatchDrift]:
    """What was found in the last of these commits, as many as the rule looks at."""
    ids = [commit.asset_id for commit in commits[1 - N_BATCHES :] if commit.asset_id is not None]
    evidence = stores.graph.evidence_for(*ids, kind=DRIFT) if ids else []
    by_commit = {entry.subject_id: BatchDrift.model_validate(entry.figures) for entry in evidence}
    return [by_commit[asset_id] for asset_id in ids if asset_id in by_commit]


def find_drift(stores: Stores, commit: CommitSpec) -> BatchDrift | None:
    """What the rows of a commit showed against those before them; None where nobody looked, as at a delete."""
    found = _drifts(stores, [commit])
    if found or commit.n_deletes or commit.n_rows >= KEPT_FROM_ROWS:
        return found[0] if found else None
    return batch_drift(None, Profile(n_rows=commit.n_rows, columns=()))


def of_rows(group: FeatureGroupSpec, rows: pl.DataFrame) -> Profile:
    """The profile of rows that have the group's columns; of keys and marked columns no value is kept."""
    return profile(rows, columns=[item.name for item in group.columns or ()], private=private_columns(group))


def private_columns(group: FeatureGroupSpec) -> frozenset[str]:
    """Columns of which profiles keep no value: keys, and those that name a person or that the law protects most."""
    return frozenset((*group.keys, *group.hidden))


def private_columns_of_view(
    view: FeatureViewSpec, groups: Mapping[tuple[str, int], FeatureGroupSpec], row_key: Collection[str]
) -> frozenset[str]:
    """Columns of a training dataset of which profiles keep no value: what names a row or an entity and is no feature,
    and, feature or not, what comes from or looks up a column that is marked.
    """
    keys, marked = set(row_key), set()
    for item in view.everything:
        group = groups[item.table]
        names = dict(zip(item.columns, item.outputs, strict=True))
        names_of_keys = dict(zip(group.keys, item.spine_keys(group.keys), strict=True))
        keys |= set(names_of_keys.values())
        hidden = group.hidden
        marked |= {name for of in (names, names_of_keys) for column, name in of.items() if column in hidden}
    return frozenset(keys - {view.spine_time, *view.features} | marked)


def of_commit(stores: Stores, group: FeatureGroupSpec, commit: CommitSpec) -> Profile:
    """The profile of the rows that a commit put; of a delete the profile of no rows.

    Raises:
        IntegrityError: the table of the group is gone.
    """
    return find_kept(stores, group, commit) or of_rows(group, _put(stores, group, [commit]))


def find_kept(stores: Stores, group: FeatureGroupSpec, commit: CommitSpec) -> Profile | None:
    """The profile that was kept with a commit; None where there is none that this version would make."""
    if commit.asset_id is None or commit.n_rows < KEPT_FROM_ROWS:
        return None
    with stores.records.read() as connection:
        # It is of all rows that there were; its bytes may be there because other commits have the same.
        if store.has_edition(connection, commit.group_id, commit.ticket):
            return None
    sha256 = stores.graph.get_asset(commit.asset_id).attributes.get(ATTRIBUTE)
    if sha256 is None or stores.graph.blobs.find(sha256) is None:
        return None
    found = kept.load(stores.graph.blobs, sha256)[ROWS]
    hidden = {column.name for column in found.columns if column.private}
    came_later = [item for item in group.columns or () if found.find(item.name) is None]
    # Rows from before a column that has a default have that, and not null.
    is_whole = all(item.default is None for item in came_later)
    is_hidden = hidden == private_columns(group) & set(found.names)
    return found if found.scheme == SCHEME_VERSION and is_whole and is_hidden else None


def give_up(stores: Stores, digests: set[str]) -> int:
    """Delete kept profiles that no commit with all its rows has; returns how many they were."""
    with stores.records.read() as connection:
        alone = digests - store.profiles_in_use(connection, digests)
    for sha256 in alone:
        stores.graph.blobs.delete(sha256)
    return len(alone)


def of_group(stores: Stores, group: FeatureGroupSpec, commits: Sequence[CommitSpec]) -> GroupProfile:
    """The profile of the rows that are current as of the last of these commits."""
    merged = all_current(stores, group, commits)
    found = of_history(stores, group, commits) if merged else _scanned(stores, group, commits)
    return GroupProfile(
        **dict(found),
        commits=tuple(commit.number or 0 for commit in commits),
        made_by="merge" if merged else "scan",
    )


def of_history(stores: Stores, group: FeatureGroupSpec, commits: Sequence[CommitSpec]) -> Profile:
    """The profile of all rows of these commits, replaced ones included: what was kept, and one scan of the rest."""
    parts, rest = [], []
    for commit in commits:
        found = find_kept(stores, group, commit)
        if found is None:
            rest.append(commit)
        else:
            parts.append(found)
    if rest or not parts:
        parts.append(of_rows(group, _put(stores, group, rest)))
    return pooled(parts)


def _scanned(stores: Stores, group: FeatureGroupSpec, commits: Sequence[CommitSpec]) -> Profile:
    rows = current(scan(stores, group, list(commits)), group)
    return of_rows(group, collect(rows, f"profile of feature group {group.label}"))


def _put(stores: Stores, group: FeatureGroupSpec, commits: Sequence[CommitSpec]) -> pl.DataFrame:
    if not commits:
        return pl.DataFrame(schema={item.name: STORAGE[item.type] for item in group.columns or ()})
    rows = scan(stores, group, list(commits)).filter(pl.col(OP) == PUT)
    return collect(rows, f"profile of feature group {group.label}")
