"""What a view is made of, as callers give it: selections of groups and request columns, refused where it is else."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from mainspring.errors import InputError
from mainspring.features.condition import Condition
from mainspring.features.group import FeatureGroup, Selection
from mainspring.features.on_demand import OnDemand
from mainspring.features.spec import FeatureViewSpec, RequestSpec, Role
from mainspring.log import get_logger

_log = get_logger(__name__)

Part = Selection | RequestSpec
Labels = Selection | Sequence[Selection] | None


def check_parts(features: object, label: object, on_demand: Sequence[OnDemand], where: str) -> None:
    """Refuses what a view cannot be made of.

    Raises:
        InputError: the features are no list, one of them or the label is no selection, or there is no feature at all.
    """
    if not isinstance(features, Iterable) or isinstance(
        features, str | Selection | FeatureGroup | RequestSpec
    ):
        raise InputError.of_kind(
            "a list of features", features, where, f"Write features=[{_hint(features)}]."
        )
    given = list(features)
    for item in given:
        if not isinstance(item, Part):
            expected = "features such as group['column'] or ms.request('column')"
            raise InputError.of_kind(expected, item, where, f"Write {_hint(item)}.")
    for item in label if isinstance(label, list | tuple) else [label]:
        if item is not None and not isinstance(item, Selection):
            raise InputError.of_kind(
                "columns of a group as label", item, where, f"Write label={_hint(item, several=False)}."
            )
    shown = any(isinstance(item, RequestSpec) or not item.spec.hidden for item in given)
    if not shown and not on_demand:
        raise InputError(
            expected="at least one feature",
            got="hidden columns only" if given else "none",
            where=where,
            hint="Write features=[group['column']]; columns are hidden for functions in on_demand= to read.",
        )


def tell_requests(view: FeatureViewSpec, where: str) -> None:
    """Say which arguments of functions a request has to send, and which of them look like a slip of the pen."""
    taken = view.on_demand_requests
    if not taken:
        return
    features = [name for selection in view.selections for name in selection.outputs]
    near = {name: difflib.get_close_matches(name, features, n=1, cutoff=_ALIKE) for name in taken}
    if any(near.values()):
        meant = "; ".join(f"did you mean {found[0]!r} by {name!r}?" for name, found in near.items() if found)
        _log.warning("view.requests", f"{where}: {_taken(taken)}; {meant}", columns=list(taken))
    else:
        _log.info("view.requests", f"{where}: {_taken(taken)}", columns=list(taken))


def _taken(columns: Sequence[str]) -> str:
    return f"what functions read and no feature is called, every spine and request must have: {', '.join(columns)}"


_ALIKE: Final = 0.85
"""Of two names, from which on one may be the other mistyped: one letter of seven."""


def check_helpers(given: object, role: Role, where: str) -> None:
    """Refuses helper columns that are neither selections nor request columns."""
    listed = isinstance(given, list | tuple)
    for item in given if isinstance(given, list | tuple) else [given]:
        if not listed or not isinstance(item, Part):
            expected = f"a list of columns in {role}=, such as group['column'] or ms.request('column')"
            raise InputError.of_kind(expected, item, where, f"Write {role}=[{_hint(item)}].")


def check_where(given: object, where: str) -> None:
    """Refuses what is no condition."""
    if given is not None and not isinstance(given, Condition):
        raise InputError.of_kind(
            "a condition on columns of the spine", given, where, "Write where=ms.spine('distance') > 100."
        )


def labels_of(label: Labels) -> list[Selection]:
    """The selections that labels come from, in order."""
    if label is None:
        return []
    return [label] if isinstance(label, Selection) else list(label)


def given_as(part: Part, role: Role) -> Part:
    """The part in another role than a feature's."""
    if isinstance(part, RequestSpec):
        return part.model_copy(update={"role": role})
    return replace(part, spec=part.spec.model_copy(update={"role": role}))


def _hint(given: object, *, several: bool = True) -> str:
    """How the caller would write what they seem to mean."""
    if isinstance(given, FeatureGroup):
        columns = given.features[: 3 if several else 1] or ("column",)
        return f"{given.name}[{', '.join(map(repr, columns))}]"
    group, _, column = given.partition(".") if isinstance(given, str) else ("group", "", "column")
    return f"project.features.get_group({group!r})[{column or 'column'!r}]"
