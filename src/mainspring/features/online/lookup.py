"""One side of a view, compiled: the key that it is looked up by, and what a stored row says at a moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import compress, repeat
from operator import not_
from typing import Any

import msgspec

from mainspring.features.online.keycode import columns_encoder, encoder
from mainspring.features.online.packing import ASSET_BYTES, Unpack, decode_row, decode_rows, unpack
from mainspring.features.online.vectors import EXPIRED, MISSING, NULL, PRESENT, Found, spread
from mainspring.features.rows import delay_us, ttl_us
from mainspring.features.spec import Default, FeatureGroupSpec, FeatureViewSpec, SelectionSpec, is_strict
from mainspring.ports.keys import Columns, Entry


@dataclass(frozen=True, slots=True)
class Lookup:
    """One side, compiled.

    Attributes:
        side: its name.
        group: `name@version` of what is looked up.
        keys: what the group calls its keys.
        columns: what requests call them.
        encode: a key to what the store calls it.
        encode_many: n keys, column by column, to which of them have no null, and what the store calls these.
        fields: of each feature its place in the stored row, its name in the view, what brings a stored value back,
            and what it is in rows that were written before the group had it.
        n_stored: how long a stored row has to be so that it has all of them.
        cutoff: whether a row may be used only from its known time on.
        timed: whether the group has an event time.
    """

    side: str
    group: str
    keys: tuple[str, ...]
    columns: tuple[str, ...]
    encode: Callable[[Sequence[object]], bytes]
    encode_many: Callable[[Sequence[Sequence[object]], int], tuple[Sequence[int], list[bytes]]]
    fields: tuple[tuple[int, str, Unpack | None, Default], ...]
    n_stored: int
    delay_us: int
    ttl_us: int | None
    cutoff: bool
    timed: bool

    @classmethod
    def of(cls, view: FeatureViewSpec, selection: SelectionSpec, group: FeatureGroupSpec) -> Lookup:
        """Of one selection of a view."""
        place = {name: i for i, name in enumerate(group.features)}
        defaults = {item.name: item.default for item in group.columns or ()}
        fields = tuple(
            (place[column], output, unpack(group.type_of(column)), defaults[column])
            for column, output in zip(selection.columns, selection.outputs, strict=True)
        )
        columns = tuple(selection.on.get(key, key) for key in group.keys)
        types, start = [group.type_of(name) for name in group.keys], bytes.fromhex(group.group_id)
        return cls(
            side=selection.side,
            group=group.label,
            keys=tuple(group.keys),
            columns=columns,
            encode=encoder(types, columns, start),
            encode_many=columns_encoder(types, columns, start),
            fields=fields,
            n_stored=1 + max((field[0] for field in fields), default=-1),
            # Features of the label's own group must be true strictly before the moment, as in the join.
            delay_us=delay_us(group) + int(is_strict(view, selection)),
            ttl_us=ttl_us(group),
            cutoff=group.known_time is not None,
            timed=group.event_time is not None,
        )

    def key_of(self, given: Mapping[str, Any]) -> bytes | None:
        """The key of one request; None where a part of it is null, which never matches."""
        values = [given[column] for column in self.columns]
        return None if None in values else self.encode(values)

    def keys_of(self, columns: Mapping[str, Sequence[Any]], n: int) -> tuple[Sequence[int], list[bytes]]:
        """Which of n requests can match, and their keys."""
        return self.encode_many([columns[name] for name in self.columns], n)

    def state(self, event_us: int, known_us: int, is_delete: bool, now_us: int) -> str | None:
        """Present, missing (a delete) or expired; None where nothing can be known of the row yet."""
        if event_us + self.delay_us > now_us or (self.cutoff and known_us > now_us):
            return None
        if is_delete:
            return MISSING
        if self.ttl_us is not None and self.timed and event_us < now_us - self.ttl_us:
            return EXPIRED
        return PRESENT

    def fill(self, values: dict[str, Any], entry: Entry | None, now_us: int) -> tuple[str, Entry | None]:
        """The features of one request into `values`: their status, and the row that decided it.

        Raises:
            IntegrityError: the stored value is no row.
        """
        state = row = None
        if entry is not None:
            row = decode_row(entry.value, self.group, entry.key)
            state = self.state(entry.event_us, entry.known_us, row is None, now_us)
        if entry is None or row is None or state is not PRESENT:
            for _, output, _, _ in self.fields:
                values[output] = None
            return state or MISSING, entry if state else None
        width, status = len(row), NULL
        for place, output, convert, default in self.fields:
            # A row written before the group gained the column has the column's default.
            value = row[place] if place < width else default
            if value is not None:
                status = PRESENT
                if convert is not None:
                    value = convert(value)
            values[output] = value
        return status, entry

    def fill_columns(
        self,
        columns: dict[str, list[Any]],
        found: Columns,
        asked: tuple[Sequence[int], list[bytes]],
        n: int,
        now_us: int,
    ) -> tuple[list[str], Found]:
        """The features of n requests into `columns`: the status of each, and the rows that decided.

        Args:
            found: its places are those of the keys that were asked.
            asked: what `keys_of` gave.

        Raises:
            IntegrityError: a stored value is no row.
        """
        packed = found.values(ASSET_BYTES)
        rows = self._decoded(found, packed, asked[1])
        found = found.moved(asked[0])
        if self._are_present(found, packed, now_us):
            known, status, places = found, [PRESENT] * len(found), found.places
        else:
            states = self._states(found, packed, now_us)
            known, status = found.those([state is not None for state in states]), list(filter(None, states))
            present = [state is PRESENT for state in states]
            places, rows = found.those(present).places, list(compress(rows, present))
        status = spread(n, MISSING, known.places, status)
        self._fill_fields(columns, spread(n, [None] * self.n_stored, places, self._widened(rows)), status)
        return status, Found(known, n, self.timed)

    def _decoded(self, found: Columns, packed: list[bytes], keys: list[bytes]) -> Sequence[Sequence[Any]]:
        """The rows; [] of a deleted key. One by one where one of them is deleted, or damaged: to say which it is."""
        if all(packed):
            with suppress(msgspec.DecodeError):
                return decode_rows(packed)
        values = zip(found.places, found.values(), strict=True)
        return [decode_row(value, self.group, keys[place]) or [] for place, value in values]

    def _are_present(self, found: Columns, packed: list[bytes], now_us: int) -> bool:
        """Whether all rows are, which is most often; told without a look at each."""
        return (
            bool(packed)
            and all(packed)
            and found.are_until(now_us - self.delay_us, now_us if self.cutoff else None)
            and (self.ttl_us is None or not self.timed or found.are_since(now_us - self.ttl_us))
        )

    def _states(self, found: Columns, packed: list[bytes], now_us: int) -> list[str | None]:
        """`state` of each row."""
        is_delete = map(not_, packed)
        return list(map(self.state, found.event_us, found.known_us, is_delete, repeat(now_us)))

    def _widened(self, rows: Sequence[Sequence[Any]]) -> Sequence[Sequence[Any]]:
        """Rows that were written before the group gained columns have the columns' defaults."""
        if not rows or min(map(len, rows)) >= self.n_stored:
            return rows
        defaults: list[Any] = [None] * self.n_stored
        for place, _, _, default in self.fields:
            defaults[place] = default
        return [[*row, *defaults[len(row) :]] for row in rows]

    def _fill_fields(
        self, columns: dict[str, list[Any]], rows: Sequence[Sequence[Any]], status: list[str]
    ) -> None:
        """The columns of n rows, each as long as `n_stored` or longer; a row of nothing but nulls is told of."""
        stored = list(zip(*rows, strict=False)) or [()] * self.n_stored
        empty: Sequence[int] = range(len(rows))
        for place, output, convert, _ in self.fields:
            column = list(stored[place])
            if convert is not None:
                column = [None if value is None else convert(value) for value in column]
            columns[output] = column
            if empty:
                empty = [row for row in empty if column[row] is None]
        for row in empty:
            if status[row] is PRESENT:
                status[row] = NULL
