"""What a group is said to be: defined, described, deprecated. Each change is one transaction."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from mainspring.checks.spec import Expectation
from mainspring.checks.suite import Suite
from mainspring.checks.validate import checked
from mainspring.errors import InputError, UnknownNameError
from mainspring.features import plan, store
from mainspring.features.column import Column
from mainspring.features.personal import sealed
from mainspring.features.spec import Deprecation, FeatureGroupSpec
from mainspring.features.store import Stores
from mainspring.lineage import names
from mainspring.lineage.spec import Noun


def lock_group(stores: Stores, connection: Connection, group_id: str) -> None:
    """Until the transaction ends nobody else draws a ticket, publishes a commit or changes the group's definition."""
    stores.records.lock(connection, store.lock_name(group_id))


def stored(stores: Stores, group: FeatureGroupSpec) -> FeatureGroupSpec:
    """The group as it stands: what somebody holds of it may be older than its last change."""
    with stores.records.read() as connection:
        return store.get_group_by_id(connection, group.group_id)


def settle(
    stores: Stores,
    wanted: FeatureGroupSpec,
    given: Mapping[str, bool],
    check: Callable[[FeatureGroupSpec], None],
    where: str,
) -> FeatureGroupSpec:
    """Make the group, or bring it to what is wanted, as far as that may change.

    Args:
        given: field → whether the caller named it; what was not named stays.
        check: refuses what a group cannot be; asked before anything is written.

    Raises:
        ConflictError: it exists with another definition.
        FencedError: inside a run or step that was called lost.
        StateError: the configuration lacks a secret that a new column is to be hashed with.
    """
    with stores.records.read() as connection:
        found = store.find_group(connection, stores.project_id, wanted.name, wanted.version)
    if found is not None and plan.evolved(found, wanted, given, where) == found:
        return found
    with stores.records.write() as connection:
        stores.graph.check_stands(connection, where)
        names.hold(stores.records, connection, Noun.FEATURE_GROUP, stores.project_id)
        found = store.find_group(connection, stores.project_id, wanted.name, wanted.version)
        if found is None:
            check(wanted)
            stored, called = names.resolve(connection, Noun.FEATURE_GROUP, stores.project_id, wanted.name)
            treated = sealed(wanted.treated, stores.find_secret, where)
            wanted = wanted.model_copy(update={"name": stored, "called": called, "treated": treated})
            store.add_group(connection, wanted, stores.project_id)
            return wanted
        lock_group(stores, connection, found.group_id)
        found = store.get_group_by_id(connection, found.group_id)
        drawn = max(store.tickets(connection, found.group_id), default=0)
        changed = plan.evolved(found, wanted, given, where, drawn=drawn)
        treated = sealed(changed.treated, stores.find_secret, where)
        changed = changed.model_copy(update={"treated": treated})
        check(changed)
        store.replace_group(connection, changed, stores.project_id)
        return changed


def describe(
    stores: Stores,
    group: FeatureGroupSpec,
    changes: Mapping[str, Any],
    columns: Mapping[str, Column],
) -> FeatureGroupSpec:
    """Change what is said of a group and its columns.

    Args:
        changes: description, owner, tags, jurisdiction; what is not named stays.
        columns: name → description and mark; None in them stays.

    Raises:
        UnknownNameError: the group has no such column.
        InputError: a type or default, which belong to the definition.
    """
    where = f"feature group {group.label}, describe"
    _check_notes(group, columns, where)
    told = {**changes, "columns": {name: _told(column) for name, column in columns.items()}}
    return _change(
        stores,
        group,
        "described",
        {name: value for name, value in told.items() if value},
        lambda found: found.model_copy(update={**changes, "columns": plan.noted(found.columns, columns)}),
    )


def deprecate(stores: Stores, group: FeatureGroupSpec, deprecation: Deprecation | None) -> FeatureGroupSpec:
    """Say that a group is not to be used any more; None takes it back.

    Raises:
        UnknownNameError: there is no such successor.
        InputError: it is the group itself, or no `name@version`.
    """
    if deprecation is not None and deprecation.successor is not None:
        _check_successor(stores, group, deprecation.successor)
    return _change(
        stores,
        group,
        "deprecated" if deprecation else "undeprecated",
        deprecation.model_dump() if deprecation else {},
        lambda found: found.model_copy(update={"deprecation": deprecation}),
    )


def check_reason(reason: object, successor: object, where: str) -> None:
    """Refuses a reason that is no text, and none where a successor is named.

    Raises:
        InputError: there is such a one.
    """
    if not isinstance(reason, str):
        raise InputError.of_kind("a reason", reason, where, "Say why, in your words.")
    if not reason.strip() and successor is not None:
        raise InputError(
            expected="a reason, in your words",
            got=f"none, and the successor {successor!r}",
            where=where,
            hint='Say why the group is not to be used; to take a deprecation back write deprecate("") alone.',
        )


def _check_successor(stores: Stores, group: FeatureGroupSpec, successor: str) -> None:
    where = f"feature group {group.label}, deprecate"
    name, _, version = str(successor).rpartition("@")
    if not name or not version.isdecimal():
        raise InputError.of_kind(
            "a successor as name@version",
            successor,
            where,
            f"Write successor='{group.name}@{group.version + 1}'.",
        )
    with stores.records.read() as connection:
        found = store.find_group(connection, stores.project_id, name, int(version))
        known = [item.label for item in store.list_groups(connection, stores.project_id)]
    if found is None:
        raise UnknownNameError.of("feature group", successor, known, where)
    if found.group_id == group.group_id:
        raise InputError(
            expected="another group, or version, as successor",
            got=repr(successor),
            where=where,
            hint="Leave it out where there is none.",
        )


def _change(
    stores: Stores,
    group: FeatureGroupSpec,
    done: str,
    told: Mapping[str, Any],
    change: Callable[[FeatureGroupSpec], FeatureGroupSpec],
) -> FeatureGroupSpec:
    after = [group]

    def write(connection: Connection) -> None:
        lock_group(stores, connection, group.group_id)
        after[0] = change(store.get_group_by_id(connection, group.group_id))
        store.replace_group(connection, after[0], stores.project_id)

    with stores.graph.execution("describe", group.label, parameters=dict(told)) as work:
        work.write(write)
        work.event(f"feature_group.{done}", group.group_id, {"group": group.label, **told})
    return after[0]


def _check_notes(group: FeatureGroupSpec, columns: Mapping[str, Column], where: str) -> None:
    known = [item.name for item in group.columns or ()]
    for name, column in columns.items():
        if name not in known:
            raise UnknownNameError.of("column", name, known, where)
        if not isinstance(column, Column) or (column.type, column.default, column.anonymise) != (None,) * 3:
            raise InputError(
                expected="ms.column(description=…, personal=…)",
                got=repr(column),
                where=f"{where}, column {name!r}",
                hint="Type, default and what is anonymised belong to the definition: features.group(…, schema=…).",
            )


def _told(column: Column) -> dict[str, str]:
    said = {"description": column.description, "personal": column.personal}
    return {name: value for name, value in said.items() if value is not None}


def warn_of_use(group: FeatureGroupSpec) -> None:
    """Warn whoever uses a group that is deprecated, with the reason and what to use instead."""
    if group.deprecation is not None:
        successor = group.deprecation.successor
        instead = f" Use {successor} instead." if successor else ""
        warnings.warn(
            f"feature group {group.label} is deprecated: {group.deprecation.reason}.{instead}",
            FutureWarning,
            stacklevel=4,
        )


def expectations_given(given: object, where: str) -> Sequence[Expectation]:
    """The expectations of a suite or list; none where None is given.

    Raises:
        InputError: it is neither.
    """
    if given is None:
        return ()
    if isinstance(given, Suite):
        return given.expectations
    if isinstance(given, str | Path | Mapping | Expectation) or not isinstance(given, Iterable):
        raise InputError.of_kind(
            "a suite, or a list of expectations",
            str(given) if isinstance(given, Path) else given,
            f"{where}, expectations",
            "Write expectations=[ms.expect.not_null('x')], or ms.read_suite('suite.json').",
        )
    return checked(given)


def check_tags(tags: Sequence[str], where: str) -> tuple[str, ...]:
    """The tags, each once, in order.

    Raises:
        InputError: text instead of a list, or a tag that is none.
    """
    given = tags if isinstance(tags, list | tuple | AbstractSet) else [None]
    if not all(isinstance(tag, str) and tag.strip() for tag in given):
        raise InputError(
            expected="a list of words", got=repr(tags), where=f"{where}, tags", hint="Write tags=['weather']."
        )
    return tuple(sorted(set(tags)))
