"""What a view's transformations may read: the features that are there by then, of types that they can take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from mainspring.errors import InputError, UnknownNameError
from mainspring.features.spec import (
    FeatureGroupSpec,
    OnDemandSpec,
    RequestSpec,
    SelectionSpec,
    TransformSpec,
)

GroupKey = tuple[str, int]
Part = SelectionSpec | RequestSpec


def checked_transforms(
    transforms: Sequence[TransformSpec],
    parts: Sequence[Part],
    functions: Sequence[OnDemandSpec],
    groups: Mapping[GroupKey, FeatureGroupSpec],
    where: str,
) -> tuple[TransformSpec, ...] | None:
    """The transformations of a view; None = none.

    Raises:
        InputError: one is something else, or reads a feature of a type that it cannot take.
        UnknownNameError: one reads what is no feature.
    """
    kinds = _kinds_of_features(parts, functions, groups)
    for spec in transforms if isinstance(transforms, list | tuple) else [transforms]:
        if not isinstance(spec, TransformSpec):
            raise InputError.of_kind(
                "transformations made by ms.transform",
                spec,
                where,
                "Write transforms=[ms.transform.impute('x', ...)].",
            )
        for column in spec.columns:
            if column not in kinds:
                raise UnknownNameError.of("feature", column, kinds, f"{where}, transform.{spec.kind}")
            _check_kind(spec, column, kinds[column], where)
        kinds = _after(spec, kinds)
    return tuple(transforms) or None


def _kinds_of_features(
    parts: Sequence[Part], functions: Sequence[OnDemandSpec], groups: Mapping[GroupKey, FeatureGroupSpec]
) -> dict[str, str | None]:
    """Feature → logical type; None where only rows will tell."""
    kinds: dict[str, str | None] = {}
    for part in parts:
        if part.role != "feature" or (isinstance(part, SelectionSpec) and part.hidden):
            continue
        if isinstance(part, RequestSpec):
            kinds |= part.columns
        else:
            pairs = zip(part.outputs, part.columns, strict=True)
            kinds |= {output: groups[part.table].type_of(column) for output, column in pairs}
    return {**kinds, **{function.name: function.output for function in functions}}


_NUMBERS: Final = ("int64", "float64")
_CATEGORIES: Final = ("string", "int64", "bool")
_TAKEN: Final[Mapping[str, tuple[str, ...]]] = {
    "clip": (*_NUMBERS, "bool"),
    "standardise": (*_NUMBERS, "bool"),
    "one_hot": _CATEGORIES,
    "ordinal": _CATEGORIES,
}
"""Types that a transformation takes; what else there is depends on its options."""


def _check_kind(spec: TransformSpec, column: str, kind: str | None, where: str) -> None:
    taken = _TAKEN.get(spec.kind)
    if spec.kind == "impute":
        fitted = _NUMBERS if spec.options.get("how") in ("mean", "median") else (*_NUMBERS, "string", "bool")
        taken = _FILLED.get(type(spec.options.get("value")), fitted)
    if kind is not None and taken is not None and kind not in taken:
        raise InputError(
            expected=f"a feature of type {', '.join(taken)}",
            got=f"{column!r} of type {kind}",
            where=f"{where}, transform.{spec.kind}",
            hint="Encode text with one_hot or ordinal; take times apart with an on-demand function.",
        )


_FILLED: Final[Mapping[type, tuple[str, ...]]] = {
    bool: ("bool",),
    int: _NUMBERS,
    float: _NUMBERS,
    str: ("string",),
}
"""Type of a constant → the types that it fills."""


def _after(spec: TransformSpec, kinds: Mapping[str, str | None]) -> dict[str, str | None]:
    """The types of the features when a transformation is done with them."""
    if spec.kind == "one_hot":
        return {name: kind for name, kind in kinds.items() if name not in spec.columns}
    if spec.kind == "custom":
        return {**kinds, str(spec.options["name"]): None}
    if spec.kind in ("clip", "standardise"):
        return {**kinds, **dict.fromkeys(spec.columns, "float64")}
    return {**kinds, **dict.fromkeys(spec.columns, "int64")} if spec.kind == "ordinal" else dict(kinds)
