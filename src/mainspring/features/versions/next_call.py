"""The call that makes the next version of a group and its back-fill, for whoever wanted another definition."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from mainspring.features.schema import STORAGE
from mainspring.features.spec import COMMIT_TIME, FeatureGroupSpec, FeatureSpec
from mainspring.features.treatment import TreatedColumn

#: What can never change within a version: it says which rows are comparable and when they are known.
FIXED: Final = ("keys", "event_time", "known_time", "ttl_s", "source_delay_s")
#: A name of a polars type, beside text such as 'UTC'.
_TYPE: Final = re.compile(r"(?<!')\b([A-Z]\w*)")


def next_call(found: FeatureGroupSpec, wanted: FeatureGroupSpec) -> str:
    """How `found` becomes `wanted` as another version: the call, with the back-fill of what has no counterpart.

    What only its author knows stands as `...` in it: it has to be replaced before it runs.
    """
    name = found.called or found.name
    begin = f"This changes what its rows mean: define version {found.version + 1}. "
    changed = {field: getattr(wanted, field) for field in FIXED if _differs(found, wanted, field)}
    old = f"features.get_group({name!r}, {found.version})"
    if taken := [field for field, value in changed.items() if value is None]:
        return (
            f"{begin}features.group({name!r}, version={found.version + 1}, …) without {taken[0]} makes it, and "
            f".insert({old}.read()) back-fills it."
        )
    if changed.get("known_time") == COMMIT_TIME:
        # Rows that are back-filled would be known from now on only; the old commits' times are a column.
        changed["known_time"] = "known_at"
    words = [f"{field}={list(value) if field == 'keys' else value!r}" for field, value in changed.items()]
    if wanted.columns is not None and (wanted.columns, wanted.treated) != (found.columns, found.treated):
        words.append(f"schema={_schema(found.columns or (), wanted)}")
    filled = _backfill(found, wanted)
    if filled:
        words.append(f"backfill={{{', '.join(f'{column!r}: {text}' for column, text in filled.items())}}}")
    return f"{begin}{old}.next_version({', '.join(words)}) makes it, and back-fills it."


def _differs(found: FeatureGroupSpec, wanted: FeatureGroupSpec, field: str) -> bool:
    return bool(getattr(found, field) != getattr(wanted, field))


def _schema(before: Sequence[FeatureSpec], wanted: FeatureGroupSpec) -> str:
    known = {item.name: item for item in before}
    treated = {item.name: item for item in wanted.treated}
    columns = [
        f"{item.name!r}: {_column(item, known.get(item.name), treated.pop(item.name, None))}"
        for item in wanted.columns or ()
    ]
    # What is dropped at the door is no column of the table.
    columns += [f"{name!r}: {_column(None, known.get(name), item)}" for name, item in treated.items()]
    return "{" + ", ".join(columns) + "}"


def _column(after: FeatureSpec | None, before: FeatureSpec | None, treated: TreatedColumn | None) -> str:
    """The type, or `ms.column` with what is said of the column beside it."""
    kind = repr(treated.type if treated is not None else after.type if after is not None else None)
    said = {
        word: getattr(after, word, None) or getattr(before, word, None)
        for word in ("default", "description", "personal")
    }
    words = [f"{word}={value!r}" for word, value in said.items() if value not in (None, "")]
    if treated is not None:
        words += [] if said["personal"] else ["personal=..."]
        words.append(f"anonymise=ms.wrangle.{treated.treatment}")
    return f"ms.column({', '.join([kind, *words])})" if words else kind


def _backfill(found: FeatureGroupSpec, wanted: FeatureGroupSpec) -> dict[str, str]:
    """New column → the old one, or an expression, of each that the old rows do not have as it is."""
    before = {item.name: item for item in found.columns or ()}
    after = before if wanted.columns is None else {item.name: item for item in wanted.columns}
    renamed = _renamed(found, wanted)
    out = {}
    for name in dict.fromkeys([*after, *renamed]):
        old, new = before.get(name), after.get(name)
        if old is None and renamed.get(name) in before:
            out[name] = repr(renamed[name])
        elif old is None and (new is None or new.default is None):
            out[name] = "..."
        elif old is not None and new is not None and old.type != new.type:
            out[name] = f"pl.col({name!r}).cast({_polars(new.type)})"
    return out


def _renamed(found: FeatureGroupSpec, wanted: FeatureGroupSpec) -> dict[str, str | None]:
    """Keys and event time that have another name → the one they had; None where there was none."""
    gone = [key for key in found.keys if key not in wanted.keys]
    come = [key for key in wanted.keys if key not in found.keys]
    out: dict[str, str | None] = {
        key: gone[place] if len(gone) == len(come) else None for place, key in enumerate(come)
    }
    if wanted.event_time is not None and wanted.event_time != found.event_time:
        out[wanted.event_time] = found.event_time
    return out


def _polars(kind: str) -> str:
    return _TYPE.sub(r"pl.\1", str(STORAGE[kind]))
