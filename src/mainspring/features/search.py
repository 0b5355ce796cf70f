"""Finding groups, columns and views by what is said of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from mainspring.errors import InputError, UnknownNameError
from mainspring.features.column import PERSONAL
from mainspring.features.spec import FeatureGroupSpec, FeatureSpec, FeatureViewSpec


@dataclass(frozen=True)
class Asked:
    """What must be true of what is found; None = anything. As for `Features.search`."""

    text: str = ""
    tag: str | None = None
    owner: str | None = None
    personal: str | bool | None = None
    jurisdiction: str | None = None
    deprecated: bool | None = None


@dataclass(frozen=True)
class Found:
    """A group, a column of one, or a view.

    Attributes:
        kind: feature_group, feature (keys and times too) or feature_view.
        name: `weather@1`, `weather@1.temp`.
        type: of a column; None of what is none.
        personal: marks of the column, or of the columns of a group or view that have one.
        deprecated: the reason; None where it may be used.
    """

    kind: str
    name: str
    type: str | None
    description: str
    owner: str | None
    tags: tuple[str, ...]
    jurisdiction: str | None
    personal: tuple[str, ...]
    deprecated: str | None


def search(groups: Sequence[FeatureGroupSpec], views: Sequence[FeatureViewSpec], asked: Asked) -> list[Found]:
    """What fits, groups first, then columns, then views; each in the order given.

    Raises:
        InputError: the text is none.
        UnknownNameError: there is no such mark.
    """
    if not isinstance(asked.text, str):
        raise InputError.of_kind(
            "text to look for", asked.text, "features.search", "Write search('weather')."
        )
    if isinstance(asked.personal, str) and asked.personal not in PERSONAL:
        raise UnknownNameError.of("mark of personal data", asked.personal, PERSONAL, "features.search")
    marks = {
        (group.name, group.version): {column.name: column.personal for column in group.columns or ()}
        for group in groups
    }
    candidates = [
        *(_group(group) for group in groups),
        *(_column(group, column) for group in groups for column in group.columns or ()),
        *(_view(view, marks) for view in views),
    ]
    return [found for found in candidates if _fits(found, asked)]


def _group(group: FeatureGroupSpec) -> Found:
    marks = _marks(column.personal for column in group.columns or ())
    return _found(group, "feature_group", group.label, None, group.description, marks)


def _column(group: FeatureGroupSpec, column: FeatureSpec) -> Found:
    name = f"{group.label}.{column.name}"
    return _found(group, "feature", name, column.type, column.description, _marks([column.personal]))


def _found(
    group: FeatureGroupSpec,
    kind: str,
    name: str,
    type_: str | None,
    description: str,
    personal: tuple[str, ...],
) -> Found:
    return Found(
        kind=kind,
        name=name,
        type=type_,
        description=description,
        owner=group.owner,
        tags=group.tags,
        jurisdiction=group.jurisdiction,
        personal=personal,
        deprecated=None if group.deprecation is None else group.deprecation.reason,
    )


def _view(view: FeatureViewSpec, marks: dict[tuple[str, int], dict[str, str | None]]) -> Found:
    parts = view.everything
    found = (marks.get((part.group, part.version), {}).get(name) for part in parts for name in part.columns)
    words = (view.description, *view.features, *(name for part in parts for name in part.outputs))
    return Found(
        kind="feature_view",
        name=view.title,
        type=None,
        description=" ".join(dict.fromkeys(words)).strip(),
        owner=None,
        tags=(),
        jurisdiction=None,
        personal=_marks(found),
        deprecated=None,
    )


def _marks(given: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(sorted({mark for mark in given if mark}))


def _fits(found: Found, asked: Asked) -> bool:
    text = " ".join(_text(found)).casefold()
    personal = asked.personal
    return (
        all(word in text for word in asked.text.casefold().split())
        and (asked.tag is None or asked.tag in found.tags)
        and (asked.owner is None or asked.owner == found.owner)
        and (asked.jurisdiction is None or asked.jurisdiction == found.jurisdiction)
        and asked.deprecated in (None, found.deprecated is not None)
        and (
            personal is None
            or (
                bool(found.personal) == personal if isinstance(personal, bool) else personal in found.personal
            )
        )
    )


def _text(found: Found) -> Iterator[str]:
    said = (found.owner, found.jurisdiction, found.deprecated)
    yield from (found.name, found.description, *(text or "" for text in said), *found.tags)
