"""Handles of feature groups: what users call on one group."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from mainspring import notebook
from mainspring.checks.spec import Expectation, Validation
from mainspring.checks.suite import Suite
from mainspring.checks.validate import failing_rows
from mainspring.errors import InputError, StateError, UnknownNameError
from mainspring.features import changes, define, profiles, store
from mainspring.features.arguments import check_keys, check_noted, check_schema, check_texts
from mainspring.features.changes import Changes
from mainspring.features.column import Column
from mainspring.features.commits import Commit, commits_of
from mainspring.features.define import check_tags, expectations_given, warn_of_use
from mainspring.features.durations import Seconds, find_seconds, seconds
from mainspring.features.erasure import api as erasure
from mainspring.features.erasure.spec import Erased
from mainspring.features.insert import api as ingest
from mainspring.features.insert import rejects
from mainspring.features.insert.frames import frame_of
from mainspring.features.iso8601 import Moment, find_instant
from mainspring.features.join.point_in_time import NUMBER
from mainspring.features.online import materialize
from mainspring.features.personal import treated_columns, unshown
from mainspring.features.profiles import GroupProfile
from mainspring.features.push import api as push
from mainspring.features.push.api import Pushed
from mainspring.features.push.consume import Decode, Refused, consume, of_json
from mainspring.features.read import Read
from mainspring.features.schema import declared
from mainspring.features.spec import Deprecation, FeatureGroupSpec, SelectionSpec
from mainspring.features.store import Stores
from mainspring.features.upkeep import files as upkeep
from mainspring.features.upkeep.files import OLDER_THAN, Compacted, Vacuumed
from mainspring.features.versions import api as versions
from mainspring.features.versions.backfill import Backfill
from mainspring.log.progress import Progress
from mainspring.ports.streams import Stream


@dataclass(frozen=True)
class Selection:
    """Columns of one group for a view.

    Attributes:
        spec: what the view stores.
        keys: the group's keys, which `on` may map.
    """

    spec: SelectionSpec
    keys: tuple[str, ...]

    def on(self, columns: Mapping[str, str] | None = None, *, prefix: str | None = None) -> Selection:
        """Join by other names; a prefix keeps the results of a group apart that is joined twice.

        Args:
            columns: key of the group → column of the spine; a key that is not named: the same name. None = as it was
                said before, the same names if it was not.
            prefix: goes before the names of the columns; "" = none. None = as it was said before.

        Raises:
            UnknownNameError: something on the left is not a key of the group.
            InputError: something is no name, or two keys have one column.
        """
        where = f"selection of group {self.spec.group!r}, on"
        on = (
            self.spec.on
            if columns is None
            else _names(columns, where, ".on({'origin': 'dest'}, prefix='dest_')")
        )
        for key in on:
            if key not in self.keys:
                raise UnknownNameError.of("key", key, self.keys, where)
        looked_up = [on.get(key, key) for key in self.keys]
        if len(set(looked_up)) < len(looked_up):
            raise InputError(
                expected="a column of the spine for every key",
                got=", ".join(f"{key!r} by {on.get(key, key)!r}" for key in self.keys),
                where=where,
                hint="Where two keys are to be equal, copy the column in the spine under another name.",
            )
        if prefix is not None and not isinstance(prefix, str):
            raise InputError.of_kind("a prefix as text", prefix, where, "Write .on(prefix='dest_').")
        update = {"on": dict(on), "prefix": self.spec.prefix if prefix is None else prefix}
        return replace(self, spec=self.spec.model_copy(update=update))

    def rename(self, names: Mapping[str, str]) -> Selection:
        """Call columns otherwise in the view: {column of the group: its name}; a prefix of `on` goes before it.

        Raises:
            UnknownNameError: something on the left is no column of the selection.
            InputError: a name is none, or two columns would have the same.
        """
        where = f"selection of group {self.spec.group!r}"
        for column in _names(names, where, ".rename({'temp': 'temperature'})"):
            if column not in self.spec.columns:
                raise UnknownNameError.of("column", column, self.spec.columns, where)
        renames = {**self.spec.renames, **names}
        kept = {column: name for column, name in renames.items() if name != column}
        made = self.spec.model_copy(update={"renames": kept})
        if not all(names.values()) or len(set(made.outputs)) < len(set(made.columns)):
            raise InputError(
                expected="a name of its own for every column",
                got=", ".join(map(repr, made.outputs)),
                where=where,
                hint="Write .rename({'temp': 'temperature'}).",
            )
        return replace(self, spec=made)

    def static(self) -> Selection:
        """Accept a group without event time: its present values are used for every moment."""
        return replace(self, spec=self.spec.model_copy(update={"static": True}))

    def hidden(self) -> Selection:
        """Join the columns only as input of on-demand features."""
        return replace(self, spec=self.spec.model_copy(update={"hidden": True}))


def _names(given: object, where: str, example: str) -> Mapping[str, str]:
    """A mapping of names to names, refused where it is none."""
    if isinstance(given, Mapping) and all(isinstance(name, str) for pair in given.items() for name in pair):
        return given
    got = repr(dict(given)) if isinstance(given, Mapping) else type(given).__name__
    raise InputError(expected="a mapping of names to names", got=got, where=where, hint=f"Write {example}.")


class FeatureGroup:
    """A versioned table of features with keys and times; every insert is a commit."""

    def __init__(self, stores: Stores, spec: FeatureGroupSpec) -> None:
        self._stores = stores
        self._spec = spec

    @property
    def spec(self) -> FeatureGroupSpec:
        """What the group is now, whoever changed it since; its columns are None before the first insert."""
        self._spec = define.stored(self._stores, self._spec)
        return self._spec

    @property
    def name(self) -> str:
        """What it is called now, without version."""
        return self._spec.called or self._spec.name

    @property
    def version(self) -> int:
        """From 1."""
        return self._spec.version

    @property
    def features(self) -> tuple[str, ...]:
        """Columns that are neither keys nor times."""
        return self.spec.features

    def __repr__(self) -> str:
        return f"<FeatureGroup {self._spec.label}>"

    def _repr_html_(self) -> str:
        spec = self.spec
        anonymised = {item.name: str(item.treatment) for item in spec.treated}
        told = (
            "description",
            "owner",
            "tags",
            "keys",
            "event_time",
            "known_time",
            "online",
            "ttl_s",
            "on_failure",
        )
        return notebook.panel(
            f"feature group {spec.label}",
            notebook.fields({name.replace("_", " "): getattr(spec, name) for name in told}),
            notebook.table(
                ("column", "type", "description", "personal", "anonymised"),
                [
                    (item.name, item.type, item.description, item.personal, anonymised.get(item.name))
                    for item in spec.columns or ()
                ],
            ),
        )

    def insert(
        self, data: object, *, idempotency_key: str | None = None, source: str | Path | None = None
    ) -> Commit:
        """Validate rows and publish them as one commit; nothing is written when they are refused.

        Args:
            data: a polars or pandas frame, Arrow data (a table, batches, a reader, or anything with the Arrow C
                stream), the path of a csv, parquet, json or jsonl file, a pattern such as `days/*.parquet`, a list
                of paths, a query made by `ms.sql`, or a read of a group. Naive times are read as UTC.
            idempotency_key: the same rows under the same key are one commit, also after a crash in the middle, and
                whatever the group expects by then; None = every call is a commit of its own.
            source: the file that the rows were made from, or a name for where they came from; None = the files, query
                or group that was given as data, or the rows themselves.

        Raises:
            InputError: an empty frame, an unknown or missing column, a wrong type, a null key or event time; a
                pattern without files, files of different schemas, a query that fails; an empty idempotency key.
            ExpectationError: a critical expectation is broken, and the group blocks; or it quarantines, and what is
                broken is not about single rows, or no row is left.
            ConflictError: the idempotency key came with other rows before.
        """
        return ingest.insert(self._stores, self.spec, data, idempotency_key=idempotency_key, source=source)

    def delete(self, data: object, *, idempotency_key: str | None = None) -> Commit:
        """Publish that keys have no row from an event time on, until a later row of the same key.

        Args:
            data: the keys, the event time and the known time, as far as the group declares them; as for `insert`.
            idempotency_key: as for `insert`.

        Raises:
            InputError: as for `insert`.
            ConflictError: the idempotency key came with other rows before.
        """
        return ingest.delete(self._stores, self.spec, data, idempotency_key=idempotency_key)

    def describe(
        self,
        *,
        description: str | None = None,
        owner: str | None = None,
        tags: Sequence[str] | None = None,
        jurisdiction: str | None = None,
        columns: Mapping[str, Column] | None = None,
    ) -> None:
        """Say what people are to know of the group and its columns.

        Args:
            description, owner, tags, jurisdiction: as for `features.group`; None = leave as it is, "" (of tags [])
                takes it back.
            columns: name → `ms.column(description=…, personal=…)`; None = leave them as they are.

        Raises:
            UnknownNameError: the group has no such column.
        """
        given = {"description": description, "owner": owner, "jurisdiction": jurisdiction}
        check_texts(f"feature group {self._spec.label}", **given)
        check_noted(columns, f"feature group {self._spec.label}")
        changes: dict[str, object] = {name: value for name, value in given.items() if value is not None}
        if tags is not None:
            changes["tags"] = check_tags(tags, f"feature group {self._spec.label}")
        self._spec = define.describe(self._stores, self.spec, changes, columns or {})

    def deprecate(self, reason: str, successor: str | None = None) -> None:
        """Say that the group is not to be used any more: whoever inserts or selects is warned. It goes on working.

        Args:
            reason: in your words; "" takes the deprecation back.
            successor: `name@version` of what is to be used instead; None = nothing takes its place.

        Raises:
            InputError: a successor without a reason, or one that is the group itself or no `name@version`.
            UnknownNameError: there is no such successor.
        """
        define.check_reason(reason, successor, f"feature group {self.spec.label}, deprecate")
        deprecation = Deprecation(reason=reason, successor=successor) if reason.strip() else None
        self._spec = define.deprecate(self._stores, self.spec, deprecation)

    def push(self, data: object, *, event_id: str) -> Pushed:
        """Take rows of a stream: online at once, offline in committed batches, exactly once by event id.

        When it returns, the rows are in the online store as far as they are available by now, and a process that is
        killed loses none of them. They are committed together: when a batch has 20,000 rows or its first one is a
        minute old, at the next push, `flush` or `features.materialize` of any process. Until then offline reads and
        joins do not see them. In a group with known_time="commit" they are known online when they are pushed, and
        offline when they are committed.

        Args:
            data: a frame, a list of mappings (times may be text of ISO 8601), or an iterator of mappings, of which
                1,000 rows are acknowledged together, or what came within a tenth of a second. What came in less than
                that before the iterator rests waits for its next row: push a list where that is too late.
            event_id: the column that names each event: text or whole numbers. It is no column of the group. An event
                whose id the group took before changes nothing, whenever and from whichever process it comes again; its
                known time may be another one then, and nothing else.

        Raises:
            ConflictError: an event came before, or comes twice at once, with other values. Nothing of these rows is
                taken, of an iterator only what was acknowledged before.
            InputError: a column is missing, unknown or of another type, or an id is null. Nothing of these rows is
                taken, of an iterator only what was acknowledged before.
            ExpectationError: the group refuses and a critical expectation is broken; likewise.
            StateError: the group has no schema yet.
            UnavailableError: the online store cannot be reached. Send the same rows again.
        """
        check_texts(f"feature group {self._spec.label}, push", event_id=event_id)
        return push.push(self._stores, self._spec, data, event_id=event_id)

    def consume(
        self,
        stream: Stream,
        *,
        decode: Decode = of_json,
        refused: Refused | None = None,
        n_at_once: int = 1_000,
        wait_s: Seconds = 1.0,
    ) -> Iterator[Pushed]:
        """Push what a stream delivers, and acknowledge it then: each event once, whatever is killed when.

        Goes on for as long as it is iterated over: each step is one poll, and says what became of it.

            for done in group.consume(open_stream("nats://127.0.0.1/EVENTS/features")):
                print(done.n_rows)

        Args:
            stream: a consumer of a stream. The ids of its messages are the ids of the events.
            decode: from a message to the row, without id; by default the message is a JSON object.
            refused: is given each message that cannot be read or that the group does not take, with the error; it is
                acknowledged then. None = the error is raised, and nothing of that poll is taken or acknowledged.
            n_at_once: messages of one poll at most.
            wait_s: how long a poll waits for the first message.

        Raises:
            InputError, ExpectationError, ConflictError: as for `push`, where `refused` is None.
            StateError, UnavailableError: as for `push`.
        """
        return consume(
            self._stores,
            self._spec,
            stream,
            decode=decode,
            refused=refused,
            n_at_once=n_at_once,
            wait_s=seconds(wait_s, "wait_s", f"feature group {self._spec.label}, consume"),
        )

    def flush(self) -> list[Commit]:
        """Commit what was pushed and no commit holds, oldest first; [] where there is nothing."""
        return push.flush(self._stores, self.spec)

    def read(self, as_of: Commit | int | Moment | None = None, *, history: bool = False) -> Read:
        """The group as it stood: the same rows for ever, whatever is written later.

        Args:
            as_of: a commit, its number, or a moment of the project clock: a datetime, a date or ISO text, without
                zone UTC; None = now.
            history: every version of every row, deletes included, instead of the current ones.

        Raises:
            UnknownNameError: there is no such commit.
            InputError: `as_of` is nothing of these, or a commit of another group.
        """
        number = as_of.number_in(self._spec) if isinstance(as_of, Commit) else as_of
        moment = None
        if not isinstance(number, int) or isinstance(number, bool):
            moment, number = find_instant(number, f"feature group {self._spec.label}, as_of"), None
        with self._stores.records.read() as connection:
            spec = store.get_group_by_id(connection, self._spec.group_id)
            if moment is not None:
                commits = store.published(connection, spec.group_id, until=moment)
            else:
                if number is not None:
                    store.get_commit(connection, spec, number)
                commits = store.published(connection, spec.group_id, up_to=number)
        if spec.columns is None:
            raise _without_schema(spec)
        return Read(self._stores, spec, tuple(commits), history=history)

    def changes(self, since: Commit | int | Moment, until: Commit | int | Moment | None = None) -> Changes:
        """The rows that were inserted, updated and deleted after one commit and up to another, by key and event time.

        Args:
            since, until: as for `read`'s `as_of` (until None = now); 0 = before the first commit.

        Raises:
            UnknownNameError: there is no such commit.
            InputError: `until` comes before `since`.
        """
        after = self.read(until)
        before = replace(after, commits=()) if since == 0 else self.read(since)
        if before.number > after.number:
            raise InputError(
                expected=f"a commit from {before.number} on",
                got=str(after.number),
                where=f"feature group {self._spec.label}, changes",
                hint="Give the earlier commit first.",
            )
        return Changes(replace(before, group=after.group), after)

    def history(self) -> pl.DataFrame:
        """A row for each commit and column: what was inserted when, and the column's statistics in that commit.

        Returns:
            `number`, `published_at`, `n_rows`, `n_deletes`, `n_failed`, `column`, `n_null`, `mean`, `minimum` and
            `maximum` (as text); the figures of a column are null where it has none, and of keys.
        """
        found = self.read()
        return changes.history(self._stores, found.group, found.commits)

    def next_version(
        self,
        *,
        keys: Sequence[str] | None = None,
        event_time: str | None = None,
        known_time: str | None = None,
        schema: Mapping[str, object] | None = None,
        ttl_s: Seconds | None = None,
        source_delay_s: Seconds | None = None,
        expectations: Suite | Iterable[Expectation] | None = None,
        backfill: Backfill | None = None,
        progress: Progress | None = None,
    ) -> FeatureGroup:
        """Define the next version of the group and fill it with this one's rows, commit by commit.

        Each commit becomes one commit that was made of the old one; the old version stays as it is. Called again with
        the same arguments it goes on where it was killed, and takes in what was inserted since. With another
        back-fill it is refused as soon as a commit was filled: its code, with all first-party code that it reaches, and
        its values count.

        Args:
            keys, event_time, known_time, schema, ttl_s, source_delay_s, expectations: as for `features.group`;
                None = as this version has it. Of a group with known_time="commit" the next version needs a column,
                which is given the times at which the old commits were published.
            backfill: new column → old column or polars expression, or a function from the rows of one commit, in the
                order of writing, to those of the next version. It is given deletes too, whose features are null.
                None = the columns of the same names, {} as well: a copy, where nothing else is given. Columns of
                `schema` that it does not give have their default.
            progress: told of each commit; None = as the project was opened, with a bar.

        Raises:
            ConflictError: the next version exists with another definition, or was filled by another back-fill.
            InputError: nothing is given; the definition, or the rows that the back-fill gives, are refused.
        """
        where = f"feature group {self._spec.label}, next_version"
        if keys is not None:
            check_keys(keys, where)
        check_schema(schema, where)
        given = {
            "keys": keys if keys is None else tuple(keys),
            "event_time": event_time,
            "known_time": known_time,
            "ttl_s": find_seconds(ttl_s, "ttl_s", where),
            "source_delay_s": find_seconds(source_delay_s, "source_delay_s", where),
            "columns": None
            if schema is None
            else declared(versions.said_before(self.spec, schema, backfill), where),
            "treated": None if schema is None else treated_columns(schema, where),
            "expectations": None
            if expectations is None
            else tuple(item.model_dump(mode="json") for item in expectations_given(expectations, where)),
        }
        stated = {name: value for name, value in given.items() if value is not None}
        if not stated and backfill is None:
            raise InputError(
                expected="what the next version has otherwise: keys, a time, a schema, ttl_s, expectations, a backfill",
                got="nothing",
                where=where,
                hint="For example next_version(backfill={'temp_c': 'temp'}). For a copy of the rows as they are pass "
                "backfill={}.",
            )
        told = progress or self._stores.progress
        return FeatureGroup(
            self._stores, versions.next_version(self._stores, self.spec, stated, backfill or None, told)
        )

    def profile(self, as_of: Commit | int | Moment | None = None) -> GroupProfile:
        """The profile of the group's rows as it stood, without values of its keys.

        Its `made_by` says how: "merge", from the profiles of the commits, where every row that was put is current, and
        otherwise "scan", from the rows themselves.

        Args:
            as_of: as for `read`.

        Raises:
            UnknownNameError: there is no such commit.
            StateError: the group has no schema yet.
        """
        found = self.read(as_of)
        return profiles.of_group(self._stores, found.group, found.commits)

    def commits(self) -> list[Commit]:
        """Every published commit, oldest first."""
        with self._stores.records.read() as connection:
            found = store.published(connection, self._spec.group_id)
        return commits_of(self._stores, self.spec, found)

    def get_commit(self, number: int) -> Commit:
        """The commit of that number."""
        with self._stores.records.read() as connection:
            found = store.get_commit(connection, self._spec, number)
        return commits_of(self._stores, self.spec, [found])[0]

    def failing_rows(self, data: Commit | int | object) -> pl.DataFrame:
        """Rows that break the group's expectations, with `_row` and `_broken` (the broken expectations' names).

        Args:
            data: a commit or its number, or rows that were refused.

        Raises:
            InputError: it is a commit of another group, or as for `insert`.
        """
        spec = self.spec
        expectations = ingest.expectations_of(spec)
        if not isinstance(data, Commit | int):
            where = f"feature group {spec.label}"
            with unshown(spec.treated):
                frame = frame_of(data, where, spec.given_types)
            return failing_rows(ingest.anonymised(self._stores, spec, frame, where), expectations)
        number = data if isinstance(data, int) else data.number_in(spec)
        frame = self.read(number, history=True).filter(pl.col(NUMBER) == number).to_polars()
        return failing_rows(frame, expectations)

    def check(
        self,
        expectations: Iterable[Expectation] | None = None,
        as_of: Commit | int | datetime | None = None,
        *,
        history: bool = False,
    ) -> Validation:
        """What expectations find in the group's rows as it stood; nothing is written.

        Args:
            expectations: None = the group's own.
            as_of, history: as for `read`. With `history` rules that the table's statistics answer read no file: see
                `Read.check`.

        Raises:
            UnknownNameError: an expectation reads a column that the group does not have; there is no such commit.
            InputError: an expectation's parameters do not fit the column's type.
            StateError: the group has no schema yet.
        """
        found = self.read(as_of, history=history)
        return found.check(ingest.expectations_of(found.group) if expectations is None else expectations)

    def rejects(self, commit: Commit | int | None = None) -> pl.DataFrame:
        """Rows that inserts did not publish, with reasons: of a commit or its number; None = of all commits.

        Returns:
            The group's columns, with `_number` (of the commit) and `_row` (its place in the batch, from 0) in front
            and `_broken` (the names of the critical expectations that the row broke) at the end, in that order.

        Raises:
            UnknownNameError: there is no such commit.
            InputError: it is a commit of another group.
        """
        number = commit.number_in(self._spec) if isinstance(commit, Commit) else commit
        return rejects.read(self._stores, self.spec, number)

    def __getitem__(self, columns: str | tuple[str, ...]) -> Selection:
        """Columns for a view: `weather["temp", "precip"]`.

        Raises:
            UnknownNameError: the group has no such column.
            InputError: no column, one twice, a key, or what is no name.
            StateError: the group has no schema yet.
        """
        names = (columns,) if isinstance(columns, str) else columns
        spec = self.spec
        if (
            not isinstance(names, tuple | list)
            or not names
            or not all(isinstance(name, str) for name in names)
            or len(set(names)) < len(names)
        ):
            raise InputError(
                expected="names of columns, at least one, each once",
                got=repr(columns),
                where=f"selection of group {spec.label}",
                hint="Write weather['temp', 'wind'].",
            )
        if spec.columns is None:
            raise _without_schema(spec)
        for name in names:
            if name in spec.keys:
                raise InputError(
                    expected=f"features: {', '.join(spec.features)}",
                    got=f"the key {name!r}",
                    where=f"selection of group {spec.label}",
                    hint="A key is a column of the spine; use ms.request(...) to make it a feature.",
                )
            if name not in spec.features:
                raise UnknownNameError.of("feature", name, spec.features, f"selection of group {spec.label}")
        warn_of_use(spec)
        return Selection(
            SelectionSpec(group=spec.name, version=spec.version, columns=tuple(names)), spec.keys
        )

    def compact(self) -> Compacted:
        """Write the rows of many small files into few. Every read answers the same before and after."""
        return upkeep.compact(self._stores, self.spec)

    def vacuum(self, *, older_than: timedelta = OLDER_THAN, dry_run: bool = False) -> Vacuumed:
        """Delete files that compactions left behind so long ago; commits and pins need none of them.

        Args:
            older_than: at least an hour: whoever reads meanwhile goes on with the files of the beginning.
            dry_run: only say what would go.

        Raises:
            InputError: `older_than` is shorter than an hour.
        """
        return upkeep.vacuum(self._stores, self.spec, older_than=older_than, dry_run=dry_run)

    def erase(self, keys: object, *, reason: str, dry_run: bool = False) -> Erased:
        """Erase entities: their rows leave every file of the group, the online store and kept profiles. For ever.

        Commits keep their numbers and lineage; a read as of any of them answers without the rows. So do training
        datasets that were made of the group: see `TrainingDataset.erasures`. What else holds the entities, and is not
        erased, is listed in the receipt.

        Args:
            keys: a dictionary of key column → value, a list of them, or a frame; a part of a composite key is enough.
                What is hashed at the door is given as it is, or as it is read.
            reason: in your words; kept for ever.
            dry_run: only say what would go.

        Raises:
            InputError: no reason, no key, columns that are no keys of the group.
        """
        return erasure.erase(self._stores, self.spec, keys, reason=reason, dry_run=dry_run)

    def materialize(self, until: Moment | None = None) -> int:
        """Write to the online store what has become available up to `until`; returns the entries written.

        Args:
            until: a datetime, a date or ISO text, without zone UTC; None = the project clock's present. After one in
                the future, rows are written up to that moment until the clock has come there.
        """
        moment = find_instant(until, f"feature group {self._spec.label}, materialize")
        return materialize.materialize(self._stores, self.spec, moment or self._stores.graph.clock.now())

    def watermark(self) -> tuple[datetime, int] | None:
        """Until when, and up to which commit number, the online store was filled at least."""
        return materialize.watermark(self._stores, self._spec)


def _without_schema(spec: FeatureGroupSpec) -> StateError:
    return StateError(
        expected="a group with a schema",
        got="no insert yet",
        where=f"feature group {spec.label}",
        hint="Insert rows first, or declare schema= when you define the group.",
    )
