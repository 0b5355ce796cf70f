"""What a group or a view may be, and what a new definition of one means: pure decisions, no I/O."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from mainspring.errors import ConflictError, InputError
from mainspring.features import on_demand
from mainspring.features.arguments import check_keys
from mainspring.features.column import Column
from mainspring.features.condition import Condition
from mainspring.features.insert.rejects import OnFailure
from mainspring.features.on_demand import OnDemand
from mainspring.features.spec import (
    FeatureGroupSpec,
    FeatureSpec,
    OnDemandSpec,
    RequestSpec,
    SelectionSpec,
)
from mainspring.features.treatment import TreatedColumn
from mainspring.features.versions.next_call import FIXED, next_call

GroupKey = tuple[str, int]
Part = SelectionSpec | RequestSpec

_CALLED: Final = {
    "feature": "features",
    "label": "labels",
    "training_only": "columns for training only",
    "inference_only": "columns for inference only",
}

LONGEST_S: Final = 1_000 * 365.25 * 86_400
"""Of a ttl and of a delay: with it every moment of the calendar stays within 64 bits of microseconds."""


def check_name(name: object, version: object, where: str) -> None:
    """Refuses what cannot be a name or a version."""
    if not isinstance(name, str) or not name.isidentifier() or name.startswith("_") or len(name) > 100:
        raise InputError(
            expected="a name of letters, digits and underscores",
            got=repr(name),
            where=where,
            hint="For example 'weather'.",
        )
    if type(version) is not int or version < 1:
        raise InputError(
            expected="a version from 1", got=repr(version), where=where, hint="Start with version=1."
        )


def check_dataset_name(name: object, where: str) -> None:
    """Refuses what could not be typed on a command line, or be told from an id, as a dataset's name."""
    if not isinstance(name, str) or _DATASET_NAME.fullmatch(name) is None:
        raise InputError(
            expected="a name of letters, digits, '_', '-' and '.', at most 100, that begins with a letter",
            got=repr(name),
            where=f"{where}, name",
            hint="For example name='flights-2024.06'; None takes the view's name.",
        )


_DATASET_NAME: Final = re.compile(r"[^\W\d_][\w.-]{0,99}")


def check_group(
    name: str,
    version: int,
    keys: Sequence[str],
    event_time: str | None,
    known_time: str | None,
    ttl_s: float | None,
    source_delay_s: float,
    on_failure: str,
    online: object,
    where: str,
) -> None:
    """Refuses a group that cannot be: every rule with its own message."""
    check_name(name, version, where)
    check_keys(keys, where)
    named = [*keys, *(item for item in (event_time, known_time) if item is not None)]
    rules: list[tuple[Callable[[], bool], str, str, str]] = [
        (
            lambda: isinstance(online, bool),
            "online as True or False",
            repr(online),
            "With online=True `materialize` writes the group to the keys store.",
        ),
        (lambda: len(set(keys)) == len(keys), "every key once", repr(list(keys)), "Drop the repetition."),
        (
            lambda: event_time not in keys and known_time not in keys,
            "times that are not keys",
            repr(named),
            "A key names the entity; the time says when.",
        ),
        (
            lambda: known_time is None or known_time != event_time,
            "a known time of its own",
            repr(known_time),
            "A row that is known when it is true needs no known_time.",
        ),
        (
            lambda: ttl_s is None or 0 < ttl_s <= LONGEST_S,
            f"a ttl above 0 s and of at most {LONGEST_S:.0f} s (1,000 years), or None",
            repr(ttl_s),
            "None means unbounded.",
        ),
        (
            lambda: ttl_s is None or event_time is not None,
            "an event time beside a ttl",
            "none",
            "Name event_time.",
        ),
        (
            lambda: 0 <= source_delay_s <= LONGEST_S,
            f"a delay of 0 s to {LONGEST_S:.0f} s (1,000 years)",
            repr(source_delay_s),
            "Use 0 for none.",
        ),
        (
            lambda: on_failure in tuple(OnFailure),
            "'alert', 'block' or 'quarantine'",
            repr(on_failure),
            "'warn' and 'refuse' of 0.1.0 are 'alert' and 'block'.",
        ),
    ]
    for holds, expected, got, hint in rules:
        if not holds():
            raise InputError(expected=expected, got=got, where=where, hint=hint)


def evolved(
    found: FeatureGroupSpec,
    wanted: FeatureGroupSpec,
    given: Mapping[str, bool],
    where: str,
    *,
    drawn: int = 0,
) -> FeatureGroupSpec:
    """What the group becomes; equal to `found` when nothing changes.

    Args:
        drawn: the highest ticket so far: rows up to it have no column that is added now.
    """
    for field in FIXED:
        before, after = getattr(found, field), getattr(wanted, field)
        if before != after:
            raise ConflictError(
                expected=f"{field}={before!r}, as the group was defined",
                got=f"{field}={after!r}",
                where=where,
                hint=next_call(found, wanted),
            )
    if given.get("online") and found.online and not wanted.online:
        raise ConflictError(
            expected="a group that is online, as it was defined, to stay so",
            got="online=False",
            where=where,
            hint="Views may be read online, and a pipeline writes what they read. Leave online out; a group that is "
            f"not to be there any more is defined as version {found.version + 1} without it.",
        )
    update: dict[str, Any] = {field: getattr(wanted, field) for field, is_given in given.items() if is_given}
    update["online"] = found.online or wanted.online
    if wanted.columns is not None:
        update["treated"] = _treated(found, wanted, where)
    if wanted.columns is not None and found.columns is None:
        update["columns"] = wanted.columns
    elif wanted.columns is not None and found.columns is not None and wanted.columns != found.columns:
        update["columns"] = _appended(found, found.columns, wanted, drawn, where)
        if len(update["columns"]) > len(found.columns):
            update["revision"] = found.revision + 1
    return found.model_copy(update=update)


def _treated(found: FeatureGroupSpec, wanted: FeatureGroupSpec, where: str) -> tuple[TreatedColumn, ...]:
    """The treatments that there are, and those of columns that are added."""
    before = {item.name: item for item in found.treated}
    after = {item.name: item for item in wanted.treated}
    for name in [*before, *(item.name for item in found.columns or ())]:
        old, new = before.get(name), after.get(name)
        if old is None and new is None:
            continue
        if old is None or new is None or (old.type, old.treatment) != (new.type, new.treatment):
            raise ConflictError(
                expected=f"{name!r} {_anonymised(old)}, as the group was defined",
                got=_anonymised(new),
                where=where,
                hint=next_call(found, wanted)
                if old is None
                else "Values that are gone cannot be treated anew: define version "
                f"{found.version + 1} by features.group({found.called or found.name!r}, "
                f"version={found.version + 1}, …), and insert from where the rows came.",
            )
    return (*found.treated, *(item for name, item in after.items() if name not in before))


def _anonymised(item: TreatedColumn | None) -> str:
    return "kept as it is" if item is None else f"of type {item.type} with anonymise={item.treatment}"


def _appended(
    group: FeatureGroupSpec,
    before: tuple[FeatureSpec, ...],
    wanted: FeatureGroupSpec,
    drawn: int,
    where: str,
) -> tuple[FeatureSpec, ...]:
    after = {item.name: item for item in wanted.columns or ()}
    for item in before:
        kept = after.get(item.name)
        if kept is None or kept.type != item.type:
            raise ConflictError(
                expected=f"the column {item.name!r} of type {item.type}",
                got=f"type {kept.type}" if kept else "no such column",
                where=where,
                hint="Columns may only be added within a version. " + next_call(group, wanted),
            )
        if kept.default not in (None, item.default):
            raise ConflictError(
                expected=f"the column {item.name!r} with default {item.default!r}",
                got=repr(kept.default),
                where=where,
                hint="Rows that were written before the column have read as that. "
                + next_call(group, wanted),
            )
    names = {item.name for item in before}
    added = (
        item.model_copy(update={"absent_until": drawn}) for item in after.values() if item.name not in names
    )
    kept_notes = (_with_notes(item, after[item.name]) for item in before)
    return (*kept_notes, *added)


def _with_notes(before: FeatureSpec, after: FeatureSpec) -> FeatureSpec:
    return before.model_copy(
        update={
            "description": after.description or before.description,
            "personal": after.personal or before.personal,
        }
    )


def noted(
    columns: tuple[FeatureSpec, ...] | None, notes: Mapping[str, Column]
) -> tuple[FeatureSpec, ...] | None:
    """The columns with what is said of some of them; None in a note stays, "" takes it back."""
    if columns is None:
        return None
    out = []
    for item in columns:
        note = notes.get(item.name, Column())
        update: dict[str, Any] = {}
        if note.description is not None:
            update["description"] = note.description
        if note.personal is not None:
            update["personal"] = note.personal or None
        out.append(item.model_copy(update=update))
    return tuple(out)


def check_view(
    parts: Sequence[Part],
    labels: Sequence[SelectionSpec],
    groups: Mapping[GroupKey, FeatureGroupSpec],
    where: str,
) -> None:
    """Refuses leaks: a group without event time, a label among the features."""
    for part in parts:
        if not isinstance(part, SelectionSpec) or part.role == "label":
            continue
        group = groups[part.group, part.version]
        if group.event_time is None and not part.static:
            raise InputError(
                expected="groups with an event time in a point-in-time view",
                got=f"group {group.label} without one",
                where=where,
                hint="Its present values would be used for every moment. If they never change, say so with .static().",
            )
        if group.event_time is not None and part.static:
            raise InputError(
                expected="static() only for groups without event time",
                got=f"group {group.label} with event time {group.event_time!r}",
                where=where,
                hint="Drop .static(): the join takes the value of the moment.",
            )
        for label in labels:
            leaked = set(part.columns) & set(label.columns) if part.table == label.table else set()
            if leaked:
                raise InputError(
                    expected=f"{_CALLED[part.role]} that are not the label",
                    got=f"the label {leaked.pop()!r}",
                    where=where,
                    hint=f"The label is what the model predicts: take it out of the {_CALLED[part.role]}.",
                )
    for label in labels:
        if len(set(label.columns)) < len(label.columns) or label.hidden:
            raise InputError(
                expected="each label once, and none hidden",
                got=", ".join(map(repr, label.columns)),
                where=where,
                hint="Write label=group['column'], or label=group['column', 'other'] for several.",
            )


def described(
    functions: Sequence[OnDemand],
    parts: Sequence[Part],
    labels: Sequence[SelectionSpec],
    groups: Mapping[GroupKey, FeatureGroupSpec],
    where: str,
) -> tuple[OnDemandSpec, ...]:
    """The functions' specs, each compared in its two forms; a function may read what an earlier one made."""
    types: dict[str, str | None] = {}
    apart = {name: "the label" for label in labels for name in label.outputs}
    for part in parts:
        names = part.outputs if isinstance(part, SelectionSpec) else tuple(part.columns)
        if part.role != "feature":
            apart |= dict.fromkeys(names, f"{part.role}=")
        elif isinstance(part, SelectionSpec):
            group = groups[part.group, part.version]
            types |= {
                out: group.type_of(column) for column, out in zip(part.columns, part.outputs, strict=True)
            }
        else:
            types |= part.columns
    out = []
    for function in functions:
        if not isinstance(function, OnDemand):
            raise InputError(
                expected="functions made by @ms.on_demand",
                got=getattr(function, "__name__", repr(function)),
                where=where,
                hint="Decorate the function with @ms.on_demand.",
            )
        for name in function.inputs:
            if name in apart:
                raise InputError(
                    expected="on-demand features that read what both training and serving have",
                    got=f"{function.name} reads {name!r} of {apart[name]}",
                    where=where,
                    hint="The label is not known when a prediction is asked for; take helper columns that a feature "
                    "needs as .hidden() features.",
                )
        out.append(on_demand.describe(function, types))
        types[function.name] = out[-1].output
    return tuple(out)


def check_clashes(
    parts: Sequence[Part],
    labels: Sequence[SelectionSpec],
    functions: Sequence[OnDemandSpec],
    groups: Mapping[GroupKey, FeatureGroupSpec],
    spine_time: str,
    where: str,
) -> None:
    """Every column of the result has one origin; decided before anything is read."""
    spine: dict[str, str] = {spine_time: "the spine's time"}
    produced: list[tuple[str, str]] = []
    sides: set[str] = set()
    selections = [part for part in parts if isinstance(part, SelectionSpec)]
    for item in [*(part for part in selections if part.role != "label"), *labels]:
        group = groups[item.group, item.version]
        side = item.side
        if side in sides:
            raise InputError(
                expected="a prefix for a group that is joined twice",
                got=f"{side!r} twice",
                where=where,
                hint="Write group['column'].on({key: column}, prefix='other_'), or take all columns in one selection.",
            )
        sides.add(side)
        spine |= {item.on.get(key, key): f"a key of {side}" for key in group.keys}
        produced += [(output, side) for output in item.outputs]
    requested = [name for part in parts if isinstance(part, RequestSpec) for name in part.columns]
    produced += [(function.name, "an on-demand function") for function in functions]
    taken = {**spine, **dict.fromkeys(requested, "the request")}
    if len(set(requested)) < len(requested):
        raise InputError(
            expected="every request column once",
            got=repr(requested),
            where=where,
            hint="Drop the repetition.",
        )
    for name, origin in produced:
        if name in taken:
            raise InputError(
                expected="a name of its own for every column",
                got=f"{name!r} from {taken[name]} and from {origin}",
                where=where,
                hint="Give a selection a prefix with .on(..., prefix='...').",
            )
        taken[name] = origin


def check_condition(
    condition: Condition | None,
    parts: Sequence[Part],
    labels: Sequence[SelectionSpec],
    functions: Sequence[OnDemandSpec],
    kinds: Mapping[str, str],
    where: str,
) -> None:
    """Refuses a condition on anything but columns of the spine that training and serving both have.

    Args:
        kinds: column of the spine → logical type, as far as it is known.
    """
    if condition is None:
        return
    made = {
        name: item.side
        for item in [*parts, *labels]
        if isinstance(item, SelectionSpec)
        for name in item.outputs
    }
    made |= {function.name: "an on-demand function" for function in functions}
    made |= {
        name: f"{part.role}="
        for part in parts
        if isinstance(part, RequestSpec) and part.role != "feature"
        for name in part.columns
    }
    for name in condition.columns:
        if name in made:
            raise InputError(
                expected="a condition on columns of the spine: keys, the time, request columns or others",
                got=f"{name!r} of {made[name]}",
                where=where,
                hint="Rows are chosen before anything is looked up for them, and never by what is predicted.",
            )
    for column, compared in condition.compared:
        known = kinds.get(column)
        if known is not None and _COMPARED.get(known, known) != compared:
            raise InputError(
                expected=f"a comparison with a value of type {known}",
                got=f"one with a {compared}",
                where=f"{where}, condition on {column!r}",
                hint="No row of a spine could be compared so: write the value in the column's type.",
            )


_COMPARED: Final = {"int64": "number", "float64": "number"}
"""Logical type → what conditions call it, where that is another word."""


def kinds_of_spine(
    parts: Sequence[Part],
    labels: Sequence[SelectionSpec],
    groups: Mapping[GroupKey, FeatureGroupSpec],
    spine_time: str,
) -> dict[str, str]:
    """Column of a view's spine → logical type, of those whose type is known: keys, typed request columns, the time."""
    selections = [*labels, *(part for part in parts if isinstance(part, SelectionSpec))]
    kinds = {
        item.on.get(key, key): groups[item.table].given_types[key]
        for item in selections
        for key in groups[item.table].keys
        if groups[item.table].columns is not None
    }
    for part in parts:
        if isinstance(part, RequestSpec):
            kinds |= {name: kind for name, kind in part.columns.items() if kind is not None}
    return {**kinds, spine_time: "datetime"}
