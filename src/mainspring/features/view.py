"""Handles of feature views: point-in-time joins, training datasets and online readers of one view."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, overload

import polars as pl

from mainspring import notebook
from mainspring.config import JOIN_MEMORY_MIN_BYTES
from mainspring.errors import InputError, StateError
from mainspring.features import on_demand, schema, store
from mainspring.features.datasets import again, batch, make
from mainspring.features.datasets.api import TrainingDataset
from mainspring.features.datasets.make import Asked, check_free, check_recipe
from mainspring.features.datasets.split import check_split
from mainspring.features.digest import frame_digest
from mainspring.features.erasure import meanwhile as erased_meanwhile
from mainspring.features.insert.origin import Origin, check_rows, read, source_asset
from mainspring.features.iso8601 import Moment, find_instant, span
from mainspring.features.join.joined import JoinResult
from mainspring.features.join.point_in_time import NUMBER, Side
from mainspring.features.join.point_in_time import Spine as Lookup
from mainspring.features.join.sources import GroupKey, Search
from mainspring.features.online.api import OnlineReader
from mainspring.features.online.vectors import Vector
from mainspring.features.personal import of_spine, open_door, unshown
from mainspring.features.plan import check_dataset_name
from mainspring.features.read import Read, check_pins
from mainspring.features.rows import delay_us, ttl_us
from mainspring.features.spec import (
    CommitSpec,
    FeatureGroupSpec,
    FeatureViewSpec,
    SelectionSpec,
    SplitSpec,
    is_late,
    is_strict,
)
from mainspring.features.store import Stores
from mainspring.features.treatment import TreatedColumn
from mainspring.types import from_us, to_us


@dataclass(frozen=True)
class Spine:
    """The rows that ask, and where they came from.

    Attributes:
        frame: without system columns; the time column is aware UTC. Rows that the view is not about are left out.
        times_us: the moment of each row.
        numbers: the commit number that each row came from; None where they came from elsewhere.
        commits: number → asset id of these commits.
        read: the read of a group that the rows are; None where they came from elsewhere.
        origin: of rows from elsewhere.
        whole: the rows as they were given.
    """

    frame: pl.DataFrame
    times_us: pl.Series
    numbers: pl.Series | None
    commits: Mapping[int, str]
    read: Read | None
    origin: Origin
    whole: pl.DataFrame

    def only(self, taken: pl.Series) -> Spine:
        """The rows of which a mask says so."""
        return replace(
            self,
            frame=self.frame.filter(taken),
            times_us=self.times_us.filter(taken),
            numbers=None if self.numbers is None else self.numbers.filter(taken),
        )


class FeatureView:
    """A selection of features and a label, joined point-in-time."""

    def __init__(self, stores: Stores, spec: FeatureViewSpec) -> None:
        self._stores = stores
        self.spec = spec
        self._reader: OnlineReader | None = None

    @property
    def name(self) -> str:
        """What it is called now, without version."""
        return self.spec.called or self.spec.name

    @property
    def version(self) -> int:
        """From 1."""
        return self.spec.version

    @property
    def asset_id(self) -> str:
        """Of the view in the graph."""
        return self.spec.view_id

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features in order."""
        return self.spec.features

    @property
    def label(self) -> str | None:
        """The first label's column."""
        return self.spec.label_name

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels' columns in order; () for a view without label."""
        return self.spec.label_names

    def __repr__(self) -> str:
        return f"<FeatureView {self.spec.title}>"

    def _repr_html_(self) -> str:
        spec = self.spec
        labels = [
            f"{', '.join(item.outputs)} of {item.group}@{item.version}" for item in spec.labels
        ] or "none"
        told = {
            "label": labels,
            "spine time": spec.spine_time,
            "rows where": None if spec.condition is None else str(spec.condition),
            "taken from requests": [*spec.requests, *spec.on_demand_requests],
            "for training only": spec.training_only,
            "for inference only": spec.inference_only,
            "description": spec.description,
        }
        return notebook.panel(
            f"feature view {spec.title}",
            notebook.fields({name: value for name, value in told.items() if value or name == "description"}),
            notebook.table(("feature", "from"), spec.origins.items()),
        )

    def join(
        self,
        spine: object,
        *,
        as_of: Moment | None = None,
        pins: Mapping[str, int] | None = None,
        memory_bytes: int | None = None,
    ) -> JoinResult:
        """What each spine row could have known at its moment, with labels and what is for training only.

        Which rows answer is found now, and told by the result's report; their values are read when they are asked for,
        those of groups that are estimated to need less than 64 MB now. So a result may still have what an erasure took
        since: join again after one.

        Args:
            spine: a frame, a path, or a read of a group; its columns are the keys, the view's spine time and the
                request columns, with others passed through.
            as_of: labels that became known after this moment are not used: a datetime, a date or ISO text, without
                zone UTC; None = the project clock's present. Known, that is by their group's known time; of a group
                without one, true by then, and what was published later is used with a warning.
            pins: `name@version` → the highest commit number to read, of the view's groups and of the one that the spine
                is a read of; what is not named is read as it is.
            memory_bytes: a group of which the search is estimated to need more is searched in parts; 16,000,000 at
                least. None = what `features.join_memory_bytes` says.

        Raises:
            InputError: a column is missing, of another type, or would appear twice; a time is null.
        """
        moment = find_instant(as_of, f"join of view {self.spec.title}, as_of")
        check_pins(pins, f"view {self.spec.title}")
        return self._join(self._spine(spine, pins=pins), moment, pins, memory_bytes=memory_bytes)

    def training_dataset(
        self,
        spine: object,
        *,
        split: SplitSpec | None = None,
        seed: int = 0,
        name: str | None = None,
        as_of: Moment | None = None,
        pins: Mapping[str, int] | None = None,
        source: str | Path | None = None,
    ) -> TrainingDataset:
        """The join of a spine, without the rows that have no label yet, split and stored.

        Asked for again it is found again, with the pins of the first time, as long as the same commits decide its
        rows. Equal rows of other commits are a dataset of their own, with its own pins and lineage: the digest is
        the same, and the bytes are stored once.

        Args:
            split: made by `ms.split`; None = everything is `train`.
            seed: of random splits.
            name: what people call it, in letters, digits, `_`, `-` and `.`; None = the view's name.
            as_of, pins: as for `join`.
            source: the file that the spine came from, where it is a frame.

        Raises:
            InputError: as for `join`, or no row has a label.
            StateError: the view is archived; or an erasure took rows of a group that is read meanwhile.
        """
        where = f"training dataset of view {self.spec.title}"
        check_split(split, f"view {self.spec.title}")
        seed = check_recipe(seed, name, where)
        check_pins(pins, f"view {self.spec.title}")
        if name is not None:
            check_dataset_name(name, where)
        self._stores.graph.check_usable(self.spec.view_id)
        read_from = [*self._groups().values(), *([spine.group] if isinstance(spine, Read) else [])]
        seen = erased_meanwhile.look(self._stores, read_from)
        moment = find_instant(as_of, f"{where}, as_of")
        with erased_meanwhile.told(self._stores, seen, where):
            asked = self._spine(spine, source, pins=pins)
            check_free(asked.frame.columns, where)
            result = self._join(asked, moment, pins)
            joined, provenance = result.frame, result.provenance
        return make.make(
            self._stores,
            self.spec,
            spine=asked.frame,
            joined=joined,
            provenance=provenance,
            assets=result.assets,
            spine_assets=lambda taken: self._spine_assets(asked, taken),
            pins=result.pins,
            as_of=result.as_of,
            asked=Asked(moment, dict(pins or {})),
            row_key=self._row_key(asked.frame),
            report={side: counts.to_dict() for side, counts in result.report.items()},
            split=split or SplitSpec(kind="none"),
            seed=seed,
            name=name or self.spec.name,
            n_filtered=asked.whole.height - asked.frame.height,
            seen=seen,
            spine_read=None if asked.read is None else asked.read.spec,
        )

    def again(self, data: TrainingDataset, spine: object = None) -> TrainingDataset:
        """Make a training dataset of this view again: of the same commits, with the labels known at the same moment, by
        the same split and seed, whatever was written since.

        Args:
            data: the dataset.
            spine: the rows that asked, as `training_dataset` was given them; of a read of a group, later commits are
                left out. None = the read of a group that they were.

        Returns:
            The very dataset where it is there and no erasure took rows of it. Of the same spine it has the same
            `digest` where no erasure took what it was made of.

        Raises:
            InputError: it is a dataset of another view, or what asked was no read, or one with filters, and is not
                given.
            StateError: as for `training_dataset`.
        """
        made = data.spec
        if made.view_id != self.spec.view_id:
            raise InputError(
                expected=f"a training dataset of view {self.spec.title}",
                got=f"one of {made.view}@{made.view_version}",
                where=f"training dataset {data.name!r}, again",
                hint=f"Write features.get_view({made.view!r}, {made.view_version}).again(data).",
            )
        return self.training_dataset(
            again.spine_of(self._stores, data, spine),
            split=made.split,
            seed=made.seed,
            name=data.name,
            as_of=made.as_of,
            pins=made.pins,
        )

    def batch(
        self,
        start: Moment | None = None,
        end: Moment | None = None,
        *,
        spine: object = None,
        pins: Mapping[str, int] | None = None,
        memory_bytes: int | None = None,
    ) -> JoinResult:
        """The features of many rows for predictions: with what is for inference only, and never a label.

        Each row is answered as of its own moment, as it would have been online.

        Args:
            start, end: rows whose moment lies in [start, end); ISO text, date or datetime, without zone UTC. None =
                open.
            spine: as for `join`; labels need not be known, and the columns that they are looked up by need not be
                there. None = every row that became true in the span, of the one group of the view that has the
                keys and request columns of them all: its event time is the moment.
            pins, memory_bytes: as for `join`; `batches()` of the result gives its rows without holding them all.

        Raises:
            InputError: as for `join`; a span that ends before it starts; no group names all that is needed.
        """
        first, last = span(start, end, f"batch of view {self.spec.title}")
        check_pins(pins, f"view {self.spec.title}")
        if spine is None:
            spine = batch.rows_of_group(self._stores, self.spec, self._groups(), first, last, pins or {})
        asked = self._spine(spine, inference=True, pins=pins)
        times = asked.frame.get_column(self.spec.spine_time)
        asked = asked.only(batch.within(times, first, last))
        return self._join(asked, None, pins, memory_bytes=memory_bytes, inference=True)

    @overload
    def online(self) -> OnlineReader: ...
    @overload
    def online(self, keys: Mapping[str, Any], request: Mapping[str, Any] | None = None) -> Vector: ...
    def online(
        self, keys: Mapping[str, Any] | None = None, request: Mapping[str, Any] | None = None
    ) -> OnlineReader | Vector:
        """A compiled reader of the view's features from the online store; or one entity's features now.

        Args:
            keys: column → value, as the spine's columns are called. None = the reader, for whoever reads often, many
                at once, or at another moment than the project clock's present.
            request: column → value, for request features and on-demand functions.

        Raises:
            StateError: a group of the view is not online.
            InputError: as for `OnlineReader.read`; `keys` of several entities, which `OnlineReader.many` takes.
        """
        if keys is None:
            return self._online_reader()
        reader = self._reader = self._reader or self._online_reader()
        return reader.read(keys, {} if request is None else request, self._stores.graph.clock.now())

    def _online_reader(self) -> OnlineReader:
        groups = self._groups()
        for group in groups.values():
            if not group.online and any(
                (item.group, item.version) == (group.name, group.version) for item in self.spec.selections
            ):
                raise StateError(
                    expected="a view of online groups",
                    got=f"group {group.label} has online=False",
                    where=f"view {self.spec.title}",
                    hint="Define the group with features.group(..., online=True) and materialize it.",
                )
        return OnlineReader(self._stores, self.spec, groups)

    def groups(self) -> list[str]:
        """`name@version` of every group that the view reads."""
        return [group.label for group in self._groups().values()]

    def _groups(self, parts: Sequence[SelectionSpec] | None = None) -> dict[GroupKey, FeatureGroupSpec]:
        wanted = self.spec.everything if parts is None else parts
        with self._stores.records.read() as connection:
            return store.groups_of(connection, self._stores.project_id, wanted)

    def _where(self) -> str:
        return f"view {self.spec.title}, spine"

    def _spine(
        self,
        given: object,
        source: str | Path | None = None,
        *,
        inference: bool = False,
        pins: Mapping[str, int] | None = None,
    ) -> Spine:
        origin = Origin()
        commits: dict[int, str] = {}
        numbers: pl.Series | None = None
        if isinstance(given, Read):
            check_rows(given, self._where())
            given = given.pinned(pins or {})
            frame = given.to_polars(system=True)
            numbers = frame.get_column(NUMBER)
            commits = {item.number or 0: item.asset_id or "" for item in given.commits_of(numbers.to_list())}
            frame = frame.select([item.name for item in given.group.columns or ()])
        else:
            with unshown(self._treated(inference).values()):
                frame, origin = read(given, source, self._where())
        self._check_spine(frame, inference)
        frame = self._anonymised(frame, inference)
        times = schema.instants(frame.get_column(self.spec.spine_time), self._where())
        if times.null_count():
            raise InputError(
                expected=f"a time in every row of {self.spec.spine_time!r}",
                got=f"{times.null_count()} nulls, the first in row {times.is_null().arg_max()}",
                where=self._where(),
                hint="A row without a moment cannot be joined point-in-time: drop or repair it.",
            )
        whole = frame.with_columns(times)
        spine = Spine(
            frame=whole,
            times_us=times.dt.timestamp("us"),
            numbers=numbers,
            commits=commits,
            read=given if isinstance(given, Read) else None,
            origin=origin,
            whole=whole,
        )
        if self.spec.condition is None:
            return spine
        return spine.only(self.spec.condition.of(whole, self._where()))

    def _anonymised(self, frame: pl.DataFrame, inference: bool) -> pl.DataFrame:
        """Keys of groups that hash or coarsen them are so from here on, in what is joined and stored too."""
        columns = self._treated(inference).values()
        return open_door(columns, self._stores.find_secret, self._where()).frame(frame, self._where())

    def _treated(self, inference: bool) -> dict[str, TreatedColumn]:
        parts = self.spec.joined(inference=inference)
        return of_spine(parts, self._groups(parts), self._where())

    def _check_spine(self, frame: pl.DataFrame, inference: bool) -> None:
        produced = {name for item in self.spec.everything for name in item.outputs}
        produced |= {function.name for function in self.spec.on_demand}
        for name in frame.columns:
            if name in produced:
                raise InputError(
                    expected="a spine without the view's own columns",
                    got=f"a column {name!r}",
                    where=self._where(),
                    hint="Drop it from the spine, or give the selection a prefix with .on(..., prefix='...').",
                )
        needed = self._needed(inference)
        for name in needed:
            if name not in frame.columns:
                raise InputError(
                    expected=f"the columns {', '.join(needed)}",
                    got=f"no column {name!r} among {', '.join(frame.columns)}",
                    where=self._where(),
                    hint="Add the column to the spine, or map a key to another one with .on({key: column}).",
                )

    def _needed(self, inference: bool) -> list[str]:
        groups = self._groups()
        columns = [self.spec.spine_time]
        for item in self.spec.joined(inference=inference):
            columns += [item.on.get(key, key) for key in groups[item.table].keys]
        return list(dict.fromkeys([*columns, *self.spec.needed(inference=inference)]))

    def _join(
        self,
        spine: Spine,
        as_of: datetime | None,
        pins: Mapping[str, int] | None,
        *,
        memory_bytes: int | None = None,
        inference: bool = False,
    ) -> JoinResult:
        memory_bytes = self._memory_bytes(memory_bytes)
        parts = self.spec.joined(inference=inference)
        groups = self._groups(parts)
        commits = self._commits(groups, pins, spine.read)
        labels = () if inference else self.spec.label_names
        if labels and as_of is None:
            as_of = self._stores.graph.clock.now()
        at_us = None if as_of is None else to_us(as_of)
        latest = (stamp for stamp in (spine.times_us.max(), at_us) if isinstance(stamp, int))
        search = Search(
            self._stores,
            self.spec.title,
            parts,
            groups,
            commits,
            until=from_us(max(latest, default=0)),
            memory_bytes=memory_bytes,
            side=lambda item, group, rows, read: self._side(item, group, rows, read, at_us),
        )
        sources = search.sources(self._lookup(spine, parts, groups))
        by_side = {item.side: item.table for item in parts}
        functions = [on_demand.bind(item, self._stores.functions) for item in self.spec.on_demand]

        def finish(rows: pl.DataFrame) -> pl.DataFrame:
            rows = on_demand.compute(rows, functions)
            return rows.select([name for name in rows.columns if name not in labels] + list(labels))

        return JoinResult(
            self._requested(spine.frame),
            sources,
            finish,
            pins={
                **({} if spine.read is None else {spine.read.group.pin: spine.read.number}),
                **{group.pin: _last(commits[key]) for key, group in groups.items()},
            },
            assets={
                side: _deciding(item.found.numbers, commits[by_side[side]]) for side, item in sources.items()
            },
            as_of=as_of if labels else None,
            memory_bytes=memory_bytes,
            spill_root=self._stores.spill_root,
            progress=self._stores.progress,
        )

    def _memory_bytes(self, given: int | None) -> int:
        if given is None:
            return self._stores.join_memory_bytes
        if type(given) is not int or given < JOIN_MEMORY_MIN_BYTES:
            raise InputError(
                expected=f"a number of bytes from {JOIN_MEMORY_MIN_BYTES:_} on, or None for what is configured",
                got=repr(given),
                where=f"view {self.spec.title}, memory_bytes",
                hint="With less it would be searched in too many parts to end soon: memory_bytes=2_000_000_000.",
            )
        return given

    def _commits(
        self, groups: Mapping[GroupKey, FeatureGroupSpec], pins: Mapping[str, int] | None, read: Read | None
    ) -> dict[GroupKey, list[CommitSpec]]:
        wanted = dict(pins or {})
        out = {}
        of_spine = () if read is None else (read.group.pin, read.group.label)
        with self._stores.records.read() as connection:
            for key, group in groups.items():
                number = wanted.pop(group.pin, wanted.pop(group.label, None))
                # 0 is a pin too: nothing was there yet.
                if number:
                    store.get_commit(connection, group, number)
                out[key] = store.published(connection, group.group_id, up_to=number)
        others = [pin for pin in wanted if pin not in of_spine]
        if others:
            known = dict.fromkeys([*(group.pin for group in groups.values()), *of_spine[:1]])
            raise InputError(
                expected=f"pins of {', '.join(known)}",
                got=", ".join(others),
                where=f"view {self.spec.title}",
                hint="Pins are written as name@version, of groups of the view and of the one that the spine is a read "
                "of.",
            )
        return out

    def _lookup(
        self, spine: Spine, parts: Sequence[SelectionSpec], groups: Mapping[GroupKey, FeatureGroupSpec]
    ) -> Lookup:
        """The spine's keys in the groups' types; what two sides look up by the same column is there once."""
        columns: dict[str, pl.Series] = {}
        for item in parts:
            group = groups[item.table]
            for name, column in _lookups(item, group):
                if column not in columns:
                    given = spine.frame.get_column(item.on.get(name, name))
                    columns[column] = schema.cast(given, group.type_of(name), self._where()).alias(column)
        return Lookup(pl.DataFrame(list(columns.values())), spine.times_us)

    def _side(
        self,
        item: SelectionSpec,
        group: FeatureGroupSpec,
        rows: pl.DataFrame,
        commits: list[CommitSpec],
        at_us: int | None,
    ) -> Side:
        late = is_late(self.spec, item)
        return Side(
            name=item.side,
            frame=rows,
            keys=_lookups(item, group),
            columns=tuple(zip(item.columns, item.outputs, strict=True)),
            delay_us=delay_us(group),
            ttl_us=ttl_us(group),
            cutoff=group.known_time is not None,
            strict=is_strict(self.spec, item),
            at_us=at_us if late else None,
            published_us={
                commit.number: to_us(commit.published_at)
                for commit in commits
                if commit.number is not None and commit.published_at is not None
            },
        )

    def _requested(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Request columns in the types that the view declares."""
        for part in self.spec.parts:
            if isinstance(part, SelectionSpec):
                continue
            for name, kind in part.columns.items():
                if kind is not None and name in frame.columns:
                    frame = frame.with_columns(schema.cast(frame.get_column(name), kind, self._where()))
        return frame

    def _row_key(self, spine: pl.DataFrame) -> tuple[str, ...]:
        """Spine columns that say which row it is."""
        label = self.spec.label
        if label is None:
            return tuple(spine.columns)
        keys = self._groups()[label.group, label.version].keys
        return (*(label.on.get(key, key) for key in keys), self.spec.spine_time)

    def _spine_assets(self, spine: Spine, taken: pl.Series) -> list[str]:
        """Where the rows that are kept came from: commits of a group, or a source."""
        if spine.numbers is not None:
            used = set(spine.numbers.filter(taken).unique().to_list())
            return [asset_id for number, asset_id in spine.commits.items() if number in used]
        name, content = f"{self.spec.name} spine", frame_digest(spine.whole)
        return [source_asset(self._stores, name, spine.origin, content, spine.whole.height).id]


def _lookups(item: SelectionSpec, group: FeatureGroupSpec) -> tuple[tuple[str, str], ...]:
    """Key of the group → the spine's column in the key's type."""
    return tuple((name, f"{item.on.get(name, name)}:{group.type_of(name)}") for name in group.keys)


def _last(commits: list[CommitSpec]) -> int:
    return (commits[-1].number or 0) if commits else 0


def _deciding(numbers: Collection[int], commits: list[CommitSpec]) -> dict[int, str]:
    """The commits of these numbers: number → asset id."""
    return {item.number or 0: item.asset_id or "" for item in commits if item.number in numbers}
