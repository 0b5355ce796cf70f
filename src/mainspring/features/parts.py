"""What a view is made of, as callers give it: selections of groups and request columns, refused where it is else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mainspring.errors import InputError
from mainspring.features.group import FeatureGroup, Selection
from mainspring.features.on_demand import OnDemand
from mainspring.features.spec import RequestSpec

Part = Selection | RequestSpec


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
    if label is not None and not isinstance(label, Selection):
        raise InputError.of_kind(
            "one column of a group as label", label, where, f"Write label={_hint(label, several=False)}."
        )
    shown = any(isinstance(item, RequestSpec) or not item.spec.hidden for item in given)
    if not shown and not on_demand:
        raise InputError(
            expected="at least one feature",
            got="hidden columns only" if given else "none",
            where=where,
            hint="Write features=[group['column']]; columns are hidden for functions in on_demand= to read.",
        )


def _hint(given: object, *, several: bool = True) -> str:
    """How the caller would write what they seem to mean."""
    if isinstance(given, FeatureGroup):
        columns = given.features[: 3 if several else 1] or ("column",)
        return f"{given.name}[{', '.join(map(repr, columns))}]"
    group, _, column = given.partition(".") if isinstance(given, str) else ("group", "", "column")
    return f"project.features.get_group({group!r})[{column or 'column'!r}]"
