"""The feature store as users call it: `project.features`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError as DuplicateRow

from mainspring.checks.spec import Expectation
from mainspring.checks.suite import Suite
from mainspring.errors import ConflictError, InputError, UnknownNameError
from mainspring.features import plan, schema, store
from mainspring.features.arguments import check_listed, check_schema, check_texts
from mainspring.features.condition import Condition
from mainspring.features.datasets import api as dataset
from mainspring.features.datasets.api import TrainingDataset
from mainspring.features.define import check_tags, expectations_given, settle
from mainspring.features.durations import Seconds, find_seconds, seconds
from mainspring.features.group import FeatureGroup, Selection
from mainspring.features.insert import api as ingest
from mainspring.features.iso8601 import Moment, find_instant, instant
from mainspring.features.on_demand import OnDemand
from mainspring.features.online import materialize
from mainspring.features.parts import (
    check_helpers,
    check_parts,
    check_where,
    given_as,
    labels_of,
    tell_requests,
)
from mainspring.features.personal import FindSecret, check_treated, check_unread, of_spine, treated_columns
from mainspring.features.push import api as push
from mainspring.features.reference import check_reference
from mainspring.features.schema import declared
from mainspring.features.search import Asked, Found, search
from mainspring.features.spec import (
    DriftReference,
    FeatureGroupSpec,
    FeatureViewSpec,
    RequestSpec,
    SelectionSpec,
    TransformSpec,
)
from mainspring.features.store import Stores
from mainspring.features.transform.check import checked_transforms
from mainspring.features.view import FeatureView
from mainspring.lineage import names
from mainspring.lineage.api import Graph
from mainspring.lineage.spec import AssetKind, Noun
from mainspring.ports.keys import Keys
from mainspring.ports.tables import Tables
from mainspring.types import digest, new_id

#: Spine columns that are features: `ms.request("carrier", "dest", distance="float64")`.
Request = RequestSpec


def request(*columns: str, **typed: object) -> RequestSpec:
    """Spine columns that are features as they are: from the spine in training, from the request in serving.

    Args:
        columns: names whose type is whatever the spine holds.
        typed: name → logical type name, Python type or polars type; checked in both places.
    """
    if not columns and not typed:
        raise InputError(
            expected="at least one column",
            got="none",
            where="request",
            hint="Write ms.request('carrier', 'dest').",
        )
    check_texts("request", **{f"column {column!r}": column for column in columns})
    kinds = {name: schema.type_name(kind, f"request column {name!r}") for name, kind in typed.items()}
    return RequestSpec(columns={**dict.fromkeys(columns), **kinds})


class Features:
    """Feature groups, views, training datasets and online reads of one project. Threads may share it.

    Args:
        keys: opens the online store, or gives the one that is open; called when it is first needed.
        find_secret: from its name to the secret that personal data is hashed with; None where there is none.
    """

    def __init__(
        self,
        graph: Graph,
        tables: Tables,
        keys: Callable[[], Keys],
        find_secret: FindSecret = lambda _name: None,
        **more: Any,
    ) -> None:
        """Over a project's stores.

        Args:
            more: other fields of `Stores`.
        """
        self._stores = Stores(graph=graph, tables=tables, open_keys=keys, find_secret=find_secret, **more)

    # --- groups

    def group(
        self,
        name: str,
        version: int = 1,
        *,
        keys: Sequence[str] | None = None,
        event_time: str | None = None,
        known_time: str | None = None,
        online: bool | None = None,
        expectations: Suite | Iterable[Expectation] | None = None,
        schema: Mapping[str, object] | None = None,
        description: str | None = None,
        owner: str | None = None,
        tags: Sequence[str] | None = None,
        jurisdiction: str | None = None,
        ttl_s: Seconds | None = None,
        source_delay_s: Seconds = 0.0,
        on_failure: str | None = None,
        drift: DriftReference | None = None,
    ) -> FeatureGroup:
        """The group of that name and version; created when there is none.

        Calling it again with the same definition changes nothing. What is said of it and of its columns, expectations,
        on_failure, drift, `online=True` and appended columns may change within a version; keys, times, ttl, delay and
        the types of columns may not: `next_version` of the group makes the next one and back-fills it.

        Args:
            version: raise it for a breaking change.
            keys: columns that name the entity; [] for a single series. Always to be given.
            event_time: column that says when a row became true; None = a row is true until replaced.
            known_time: column that says when a row was learnt, or "commit" for its publication. With it, a
                point-in-time join does not use a row before it was known. None = no such cut-off.
            online: whether `materialize` may write it to the keys store; None = leave as it is, at first not. What is
                online stays so: views read it.
            expectations: a suite, or a list of what `ms.expect` makes; validated at every insert. None = leave as it
                is.
            schema: column → type (name, Python or polars type) or `ms.column(type, default=…, description=…,
                personal=…, anonymise=…)`; None = the first insert's. A default is what rows have that were written
                before the column was added.
            description, owner, tags, jurisdiction: what people and `search` know of it; None = leave as it is.
            ttl_s: a value older than this (seconds, or a timedelta), at the moment asked about, is no value; None =
                never. Not 0.
            source_delay_s: rows can be used this long after their event time at the earliest.
            on_failure: what an insert does with rows that break critical expectations. "alert" publishes and counts
                them and tells the event `expectations.broken`; "block" writes nothing; "quarantine" publishes the
                good rows and keeps the others as rejects with their reasons. A `push` of rows that break them is
                refused by both of these.
            drift: which batches a batch is compared with, made by `ms.drift`; None = leave as it is, at first the last
                eight.

        Raises:
            ConflictError: it exists with another definition.
            InputError: an argument is not what it should be, or an expectation does not fit its column's type.
            UnknownNameError: an expectation reads a column that the group does not have.
            FencedError: it would be made or changed inside a run or step that was called lost.
            StateError: the configuration lacks a secret that a new column is to be hashed with.
        """
        where = f"feature group {name}@{version}"
        if keys is None:
            raise InputError(
                expected="keys: the columns that name the entity",
                got="none",
                where=where,
                hint=f"Write keys=['origin'], or keys=[] for a single series; a group that there is already is "
                f"features.get_group({name!r}, {version}).",
            )
        texts = {"description": description, "owner": owner, "jurisdiction": jurisdiction}
        check_texts(where, event_time=event_time, known_time=known_time, **texts)
        check_schema(schema, where)
        ttl_s = find_seconds(ttl_s, "ttl_s", where)
        source_delay_s = seconds(source_delay_s, "source_delay_s", where)
        listed = expectations_given(expectations, where)
        plan.check_group(
            name,
            version,
            keys,
            event_time,
            known_time,
            ttl_s,
            source_delay_s,
            on_failure or "alert",
            bool(online) if online is None else online,
            where,
        )
        check_reference(drift, event_time, where)
        columns = None if schema is None else declared(schema, where)
        wanted = FeatureGroupSpec(
            group_id=new_id(),
            name=name,
            version=version,
            revision=1,
            keys=tuple(keys),
            event_time=event_time,
            known_time=known_time,
            online=bool(online),
            ttl_s=ttl_s,
            source_delay_s=source_delay_s,
            on_failure=on_failure or "alert",
            columns=columns,
            expectations=tuple(item.model_dump(mode="json") for item in listed),
            description=description or "",
            owner=owner,
            tags=check_tags(tags or (), where),
            jurisdiction=jurisdiction,
            treated=treated_columns(schema or {}, where),
            drift=drift,
            created_at=self._stores.graph.clock.now(),
        )
        check_treated(wanted, where)
        if columns is not None:
            ingest.check_columns(wanted, columns, where)
        given = {
            "expectations": expectations is not None,
            "description": description is not None,
            "owner": owner is not None,
            "tags": tags is not None,
            "jurisdiction": jurisdiction is not None,
            "on_failure": on_failure is not None,
            "drift": drift is not None,
            "online": online is not None,
        }
        settled = settle(self._stores, wanted, given, ingest.check_expectations, where)
        return FeatureGroup(self._stores, settled)

    def get_group(self, name: str, version: int = 1) -> FeatureGroup:
        """The group of that name and version.

        Raises:
            UnknownNameError: there is none.
        """
        stores = self._stores
        with stores.records.read() as connection:
            found = store.find_group(connection, stores.project_id, name, version)
            if found is None:
                everything = store.list_groups(connection, stores.project_id)
                known = [(item.called or item.name, item.version) for item in everything]
                _, called = names.resolve(connection, Noun.FEATURE_GROUP, stores.project_id, name)
                raise _unknown("feature group", called, version, known)
        return FeatureGroup(stores, found)

    def groups(self, *, archived: bool = False) -> list[FeatureGroup]:
        """Every group, by name and version; archived ones only if asked for."""
        with self._stores.records.read() as connection:
            found = store.list_groups(connection, self._stores.project_id, archived=archived)
        return [FeatureGroup(self._stores, item) for item in found]

    def search(
        self,
        text: str = "",
        *,
        tag: str | None = None,
        owner: str | None = None,
        personal: str | bool | None = None,
        jurisdiction: str | None = None,
        deprecated: bool | None = None,
        archived: bool = False,
    ) -> list[Found]:
        """Groups, their columns and views that all of this is true of, groups first.

        Args:
            text: words that must all occur in the names, descriptions, owners, jurisdictions, tags and reasons of
                deprecations; case does not matter.
            tag, owner, jurisdiction: of a group, and so of its columns; a view has none. None = any or none.
            personal: a mark of a column, or True for any; of a view, that one of its features has it. None = any or
                none.
            deprecated: True for groups that are not to be used any more and their columns, False for all else. None =
                either.
            archived: also what is archived.
        """
        with self._stores.records.read() as connection:
            groups = store.list_groups(connection, self._stores.project_id, archived=archived)
        views = [view.spec for view in self.views(archived=archived)]
        asked = Asked(text, tag, owner, personal, jurisdiction, deprecated)
        return search(groups, views, asked)

    def materialize(self, until: Moment | None = None) -> int:
        """Bring every online group's rows that are available at `until` to the keys store; returns entries written.

        What was pushed a minute ago or more is committed first.

        Args:
            until: a datetime, a date or ISO text, without zone UTC; None = the project clock's present. After one in
                the future, rows are written up to that moment until the clock has come there.
        """
        until = find_instant(until, "features.materialize")
        try:
            push.flush_due(self._stores)
        finally:
            # A batch that cannot be committed stands in the way of no other group.
            n_written = materialize.materialize_all(self._stores, until or self._stores.graph.clock.now())
        return n_written

    def forget_event_ids(self, before: Moment, *, delete: bool = False) -> dict[str, int]:
        """Forget ids of events whose rows were committed before a moment; one that is pushed again counts again.

        Args:
            before: a datetime, a date or ISO text, without zone UTC.
            delete: False = only look.

        Returns:
            Group, as `name@version`, → how many.
        """
        before = instant(before, "features.forget_event_ids")
        found = push.forget_event_ids(self._stores, before, delete=delete)
        with self._stores.records.read() as connection:
            groups = [store.get_group_by_id(connection, group_id) for group_id in found]
        return dict(sorted((group.label, found[group.group_id]) for group in groups))

    def commit_numbers(self, asset_ids: Iterable[str]) -> dict[str, int]:
        """Numbers of published commits by asset id; what is no commit is left out."""
        with self._stores.records.read() as connection:
            return store.commit_numbers(connection, asset_ids)

    # --- views

    def view(
        self,
        name: str,
        version: int = 1,
        *,
        features: Sequence[Selection | RequestSpec],
        label: Selection | Sequence[Selection] | None = None,
        on_demand: Sequence[OnDemand] = (),
        spine_time: str = "event_time",
        description: str = "",
        where: Condition | None = None,
        training_only: Sequence[Selection | RequestSpec] = (),
        inference_only: Sequence[Selection | RequestSpec] = (),
        transforms: Sequence[TransformSpec] = (),
    ) -> FeatureView:
        """The view of that name and version; created when there is none.

        Args:
            features: selections of groups and request columns, in the order of the features.
            label: columns of a group whose keys name a row of the spine; a list where they come from several groups.
                The first is the one that `data.label` names, and a row of a dataset has all of them.
            on_demand: functions made by `@ms.on_demand`; their columns follow, in this order.
            spine_time: the spine's column that says at which moment each row asks.
            description: for people, and for search.
            where: the rows of a spine that the view is about, such as `ms.spine("distance") > 100`; None = all.
                Joins, training datasets and batches leave the others out; an online request is answered as it is.
            training_only: columns of training datasets that are no features and are not there in serving, such as
                weights. Those of a label's own group are read as the label is, others as of each row's moment.
            inference_only: columns that come with predictions, for those who read them, and are no features.
            transforms: made by `ms.transform`; fitted on the part `train` of each dataset, and applied to features by
                the models that learn from it.

        Raises:
            ConflictError: it exists with another definition.
            InputError: no feature, what is no selection, a label among the features, a group without event time that
                is not `.static()`, a name twice, an on-demand function that gives other results for many rows than
                for one.
            StateError: one of the groups is archived.
        """
        place = f"view {name}@{version}"
        plan.check_name(name, version, place)
        check_texts(place, spine_time=spine_time, description=description)
        check_listed("functions", on_demand, f"{place}, on_demand", "on_demand=[speed]")
        check_parts(features, label, on_demand, place)
        check_helpers(training_only, "training_only", place)
        check_helpers(inference_only, "inference_only", place)
        check_where(where, place)
        labelled = labels_of(label)
        given = [
            *features,
            *(given_as(item, "label") for item in labelled[1:]),
            *(given_as(item, "training_only") for item in training_only),
            *(given_as(item, "inference_only") for item in inference_only),
        ]
        groups = self._groups_of([item for item in given if isinstance(item, Selection)], labelled, place)
        group_ids = [group.group_id for group in groups.values()]
        parts = tuple(item.spec if isinstance(item, Selection) else item for item in given)
        labels = [item.spec for item in labelled]
        plan.check_view(parts, labels, groups, place)
        functions = plan.described(on_demand, parts, labels, groups, place)
        plan.check_clashes(parts, labels, functions, groups, spine_time, place)
        kinds = plan.kinds_of_spine(parts, labels, groups, spine_time)
        plan.check_condition(where, parts, labels, functions, kinds, place)
        selections = [*labels, *(item for item in parts if isinstance(item, SelectionSpec))]
        read = [name for item in parts if isinstance(item, RequestSpec) for name in item.columns]
        read += [name for item in functions for name in item.inputs]
        read += [spine_time, *(where.columns if where is not None else ())]
        check_unread(of_spine(selections, groups, place), read, place)
        fitted_later = checked_transforms(transforms, parts, functions, groups, place)
        with self._stores.records.read() as connection:
            # A definition stays what it is, and so does its digest, whichever name of the view the code says.
            stored, called = names.resolve(connection, Noun.FEATURE_VIEW, self._stores.project_id, name)
        first = labels[0] if labels else None
        content = definition_digest(
            [stored, version, parts, first, functions, spine_time], condition=where, transforms=fitted_later
        )
        for function in on_demand:
            self._stores.functions.add(function)
        spec = FeatureViewSpec(
            view_id=new_id(),
            name=stored,
            version=version,
            parts=parts,
            label=first,
            on_demand=functions,
            spine_time=spine_time,
            description=description,
            digest=content,
            created_at=self._stores.graph.clock.now(),
            condition=where,
            transforms=fitted_later,
            called=called,
        )
        made = self._publish_view(spec, group_ids, place)
        if made is spec:
            tell_requests(spec, place)
        return FeatureView(self._stores, made)

    def _groups_of(
        self, selections: Sequence[Selection], labels: Sequence[Selection], where: str
    ) -> dict[tuple[str, int], FeatureGroupSpec]:
        everything = [*selections, *labels]
        if not everything:
            raise InputError(
                expected="at least one selection of a group",
                got="none",
                where=where,
                hint="Write group['column'].",
            )
        wanted = {(item.spec.group, item.spec.version) for item in everything}
        return {key: self.get_group(*key).spec for key in wanted}

    def _publish_view(self, spec: FeatureViewSpec, group_ids: Iterable[str], where: str) -> FeatureViewSpec:
        stores = self._stores
        found = self._find_view(spec.name, spec.version)
        if found is None:
            stores.graph.check_usable(*group_ids)
            try:
                with stores.graph.execution("define_view", spec.name) as work:
                    attributes = spec.model_dump(mode="json", exclude={"view_id", "digest", "created_at"})
                    asset = work.add(
                        AssetKind.FEATURE_VIEW,
                        spec.name,
                        digest=spec.digest,
                        attributes=attributes,
                        asset_id=spec.view_id,
                    )
                    work.event("feature_view.defined", asset.id, {"version": spec.version})
                    work.write(lambda connection: self._add_view(connection, spec))
                return spec
            except DuplicateRow:
                # Another process defined it between the look and the write.
                found = self._find_view(spec.name, spec.version)
        assert found is not None
        if found.digest not in (spec.digest, _digest_before_helpers(spec, found)):
            differs = [
                field
                for field in ("parts", "label", "on_demand", "spine_time", "condition", "transforms")
                if getattr(found, field) != getattr(spec, field)
            ]
            raise ConflictError(
                expected="the definition that the view has",
                got=f"another {' and '.join(differs)}",
                where=where,
                hint=f"A view does not change: define version {spec.version + 1}.",
            )
        return found

    def _add_view(self, connection: Connection, spec: FeatureViewSpec) -> None:
        project_id = self._stores.project_id
        names.hold(self._stores.records, connection, Noun.FEATURE_VIEW, project_id)
        names.check_unused(connection, Noun.FEATURE_VIEW, project_id, spec.name)
        store.add_view(connection, spec, project_id)

    def _find_view(self, name: str, version: int) -> FeatureViewSpec | None:
        with self._stores.records.read() as connection:
            return store.find_view(connection, self._stores.project_id, name, version)

    def get_view(self, name: str, version: int = 1) -> FeatureView:
        """The view of that name and version.

        Raises:
            UnknownNameError: there is none.
        """
        found = self._find_view(name, version)
        if found is None:
            with self._stores.records.read() as connection:
                everything = store.all_views(connection, self._stores.project_id)
                _, called = names.resolve(connection, Noun.FEATURE_VIEW, self._stores.project_id, name)
            known = [(item.called or item.name, item.version) for item in everything]
            raise _unknown("feature view", called, version, known)
        return FeatureView(self._stores, found)

    def views(self, *, archived: bool = False) -> list[FeatureView]:
        """Every view, by name and version; archived ones only if asked for."""
        with self._stores.records.read() as connection:
            found = store.all_views(connection, self._stores.project_id, archived=archived)
        return [FeatureView(self._stores, item) for item in found]

    # --- training datasets

    def get_training_dataset(self, reference: str) -> TrainingDataset:
        """The training dataset of that asset id, of that digest (eight digits may do), or the newest of that name.

        Args:
            reference: an asset id, a digest or its first eight digits or more, or a name.

        Raises:
            UnknownNameError: there is none.
            InputError: several begin with these digits of a digest.
        """
        return dataset.get(self._stores, reference)

    def training_datasets(self, name: str | None = None, *, archived: bool = False) -> list[TrainingDataset]:
        """Training datasets, oldest first; with `archived` also what is archived or deleted.

        Args:
            name: what people call them; None = of any name.
        """
        graph = self._stores.graph
        found = graph.find_assets(kind=AssetKind.TRAINING_DATASET, name=name)
        away = frozenset() if archived else graph.hidden()
        return [TrainingDataset(self._stores, asset) for asset in found if asset.id not in away]


def definition_digest(definition: Sequence[object], **more: object) -> str:
    """The digest of a view; what a view does without is no part of it, so that older views keep theirs."""
    used = {name: given for name, given in more.items() if given is not None}
    return digest([*definition, used] if used else list(definition))


def _digest_before_helpers(spec: FeatureViewSpec, found: FeatureViewSpec) -> str:
    """The digest of a definition as the version that stored the view took it, which did not look at helpers."""
    unlooked = {item.name for item in found.on_demand if item.helpers is None}
    functions = [
        item.model_copy(update={"helpers": None}) if item.name in unlooked else item
        for item in spec.on_demand
    ]
    return definition_digest(
        [spec.name, spec.version, spec.parts, spec.label, functions, spec.spine_time],
        condition=spec.condition,
        transforms=spec.transforms,
    )


def _unknown(kind: str, name: str, version: int, known: Sequence[tuple[str, int]]) -> UnknownNameError:
    """What of `name` and `version` there is not."""
    versions = [number for other, number in known if other == name]
    if versions:
        return UnknownNameError.of("version", version, versions, f"{kind} {name!r}")
    return UnknownNameError.of(kind, name, [other for other, _ in known], "features")
