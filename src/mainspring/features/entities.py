"""Which entities somebody means: the keys of a group, as they are given or as they are read."""

from __future__ import annotations

import polars as pl

from mainspring.errors import InputError
from mainspring.features import schema
from mainspring.features.insert.frames import frame_of
from mainspring.features.personal import open_door, unshown
from mainspring.features.spec import FeatureGroupSpec
from mainspring.features.store import Stores


def keys_of(stores: Stores, group: FeatureGroupSpec, keys: object, where: str) -> pl.DataFrame:
    """The keys in the group's types, each once; what is hashed or coarsened at the door is so here.

    Args:
        keys: a dictionary of key column → value, a list of them, or a frame; a part of a composite key is enough.

    Raises:
        InputError: none, of other columns, of other types, or null.
    """
    rows = [keys] if isinstance(keys, dict) else keys
    if isinstance(rows, list) and rows and all(isinstance(row, dict) for row in rows):
        rows = pl.DataFrame(rows)
    with unshown(group.treated):
        given = frame_of(rows, where, group.given_types)
    frame = open_door(group.treated, stores.find_secret, where).frame(given, where)
    unknown = [column for column in frame.columns if column not in group.keys]
    if unknown or not frame.width or not frame.height or group.columns is None:
        raise InputError(
            expected=f"values of keys among {', '.join(group.keys) or 'none: the group has no entities'}",
            got=", ".join(frame.columns) if frame.height else "none",
            where=where,
            hint="For example {'customer_id': 'C1'}; of a composite key a part is enough.",
        )
    out = frame.select(schema.cast(frame[column], group.type_of(column), where) for column in frame.columns)
    if out.null_count().sum_horizontal().item():
        raise InputError(expected="keys", got="null", where=where, hint="A null names no entity.")
    return out.unique(maintain_order=True)
