"""From the log's frames to columns, and back to one shape: pure functions.

The table's columns: `prediction_id`, `deployment`, `revision`, `context_id`, `arm` (champion or shadow),
`model`, `model_version`, `now`, `prediction`, `latency_us`, `error`, `content`, `segment`, `ordinal`; then
`key_<key>` and `request_<name>` as the caller gave them; every feature, untransformed, under its own name; and
for every group that the view looks up `status_<group>`, `commit_<group>` (the commit's number),
`commit_id_<group>` (its asset), `event_at_<group>` and `lookup_<group>` (the key it was looked up with, JSON).

Numbers of requests and features are stored as float64, which is what JSON and models know; whole numbers in
keys as int64. A value that does not fit its column's type is null there and kept as JSON in `mismatched`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

import msgspec
import polars as pl

from mainspring.serving.frames import Context, Frame, Gap, Opening, Scored, unpack
from mainspring.serving.wal import Segment
from mainspring.serving.weights import WeightTable

TIME: Final = pl.Datetime("us", "UTC")

FIXED: Final[Mapping[str, pl.DataType]] = {
    "prediction_id": pl.String(),
    "deployment": pl.String(),
    "revision": pl.Int64(),
    "context_id": pl.String(),
    "arm": pl.String(),
    "model": pl.String(),
    "model_version": pl.Int64(),
    "now": TIME,
    "prediction": pl.Float64(),
    "latency_us": pl.Int64(),
    "error": pl.String(),
    "content": pl.String(),
    "segment": pl.String(),
    "ordinal": pl.Int64(),
    "mismatched": pl.String(),
}
"""Columns that every prediction table has. No feature may have one of these names."""

GAPS: Final[Mapping[str, pl.DataType]] = {
    "segment": pl.String(),
    "context_id": pl.String(),
    "n_lost": pl.Int64(),
    "from": TIME,
    "until": TIME,
    "cause": pl.String(),
}


def decoded(segment: Segment) -> list[Frame]:
    """The segment's frames as values.

    Raises:
        SchemaVersionError: a newer version wrote it.
        IntegrityError: a frame has a right checksum and no meaning.
    """
    frames = unpack(segment.payloads, f"log segment {segment.id}")
    return frames if segment.damage is None else _explained(frames)


def _explained(frames: Sequence[Frame]) -> list[Frame]:
    """The frames with predictions whose context was lost to damage as gaps: nothing says what they mean."""
    tables = {frame.table.context_id for frame in frames if isinstance(frame, Context)}
    kept: list[Frame] = []
    lost: dict[str, Gap] = {}
    for frame in frames:
        if isinstance(frame, Scored) and frame.context_id not in tables:
            gap = lost.get(frame.context_id, Gap(frame.context_id, 0, frame.now_us, frame.now_us, "damage"))
            from_us, until_us = min(gap.from_us, frame.now_us), max(gap.until_us, frame.now_us)
            lost[frame.context_id] = Gap(frame.context_id, gap.n_lost + 1, from_us, until_us, "damage")
        else:
            kept.append(frame)
    return [*kept, *lost.values()]


def predictions(segment: Segment, frames: Sequence[Frame]) -> pl.DataFrame:
    """The predictions of a segment, in the columns described above, without those that have no value."""
    tables: dict[str, WeightTable] = {}
    rows: dict[tuple[str, str], list[Scored]] = {}
    ordinals: dict[tuple[str, str], list[int]] = {}
    for ordinal, frame in enumerate(frames):
        if isinstance(frame, Context):
            tables[frame.table.context_id] = frame.table
        elif isinstance(frame, Scored):
            rows.setdefault((frame.context_id, frame.arm), []).append(frame)
            ordinals.setdefault((frame.context_id, frame.arm), []).append(ordinal)
    parts = [_part(segment.id, tables[key[0]], key[1], scored, ordinals[key]) for key, scored in rows.items()]
    if not parts:
        return pl.DataFrame(schema=dict(FIXED))
    return pl.concat(parts, how="diagonal_relaxed")


def gaps(segment: Segment, frames: Sequence[Frame]) -> pl.DataFrame:
    """What was answered and lost, one row a gap record, with what damage to the segment itself took."""
    found = [frame for frame in frames if isinstance(frame, Gap)]
    if segment.damage is not None and segment.damage.n_frames_lost:
        opened_us = next((frame.opened_us for frame in frames if isinstance(frame, Opening)), 0)
        found.append(Gap("", segment.damage.n_frames_lost, opened_us, opened_us, "damage"))
    return pl.DataFrame(
        {
            "segment": [segment.id] * len(found),
            "context_id": [gap.context_id for gap in found],
            "n_lost": [gap.n_lost for gap in found],
            "from": [gap.from_us for gap in found],
            "until": [gap.until_us for gap in found],
            "cause": [gap.cause for gap in found],
        },
        schema={
            **dict.fromkeys(GAPS, pl.String()),
            "n_lost": pl.Int64(),
            "from": pl.Int64(),
            "until": pl.Int64(),
        },
    ).with_columns(pl.col("from", "until").cast(TIME))


def _part(
    segment_id: str, table: WeightTable, arm_name: str, rows: list[Scored], ordinals: list[int]
) -> pl.DataFrame:
    arm = table.find_arm(arm_name) or table.champion
    n_rows = len(rows)
    fixed: dict[str, Any] = {
        "prediction_id": [row.prediction_id for row in rows],
        "deployment": [table.deployment] * n_rows,
        "revision": [table.revision] * n_rows,
        "context_id": [table.context_id] * n_rows,
        "arm": [arm_name] * n_rows,
        "model": [arm.model] * n_rows,
        "model_version": [arm.version] * n_rows,
        "now": pl.Series([row.now_us for row in rows], dtype=pl.Int64).cast(TIME),
        "prediction": [row.prediction for row in rows],
        "latency_us": [row.latency_us for row in rows],
        "error": [row.error for row in rows],
        "content": [row.content for row in rows],
        "segment": [segment_id] * n_rows,
        "ordinal": ordinals,
        "mismatched": [None] * n_rows,
    }
    series = [pl.Series(name, values, dtype=FIXED[name]) for name, values in fixed.items()]
    series += _named("key_", [row.keys for row in rows], pl.Int64())
    series += _named("request_", [row.request for row in rows], pl.Float64())
    for index, name in enumerate(arm.features):
        series.append(_series(name, [_at(row.features, index) for row in rows], pl.Float64()))
    for index, group in enumerate(arm.groups):
        series += _group(group, index, rows)
    return pl.DataFrame([column for column in series if column.dtype != pl.Null])


def group_columns(group: str) -> dict[str, pl.DataType]:
    """The columns that tell where a group's value came from."""
    return {
        f"status_{group}": pl.String(),
        f"commit_{group}": pl.Int64(),
        f"commit_id_{group}": pl.String(),
        f"event_at_{group}": TIME,
        f"lookup_{group}": pl.String(),
    }


def _group(group: str, index: int, rows: list[Scored]) -> list[pl.Series]:
    lookups = [_at(row.group_keys, index) for row in rows]
    times = pl.Series([_at(row.event_us, index) for row in rows], dtype=pl.Int64).cast(TIME)
    values: tuple[Any, ...] = (
        [_at(row.statuses, index) for row in rows],
        [_at(row.commits, index) for row in rows],
        [_at(row.commit_ids, index) for row in rows],
        times,
        [None if key is None else json_text(key) for key in lookups],
    )
    columns = group_columns(group).items()
    return [pl.Series(name, given, dtype=dtype) for (name, dtype), given in zip(columns, values, strict=True)]


def _at(values: Sequence[Any], index: int) -> Any:
    # A shadow that failed before its features were there has none.
    return values[index] if index < len(values) else None


def _named(prefix: str, mappings: list[dict[str, Any]], number: pl.DataType) -> list[pl.Series]:
    names = dict.fromkeys(name for mapping in mappings for name in mapping)
    return [_series(prefix + name, [mapping.get(name) for mapping in mappings], number) for name in names]


def _series(name: str, values: list[Any], number: pl.DataType) -> pl.Series:
    kinds = {type(value) for value in values} - {type(None)}
    if not kinds:
        return pl.Series(name, values, dtype=pl.Null)
    if kinds == {bool}:
        return pl.Series(name, values, dtype=pl.Boolean)
    if kinds <= {int, float, bool}:
        whole = number == pl.Int64() and float not in kinds
        return pl.Series(name, values, dtype=pl.Int64() if whole else pl.Float64(), strict=False)
    if kinds == {str}:
        return pl.Series(name, values, dtype=pl.String)
    if kinds == {datetime}:
        return pl.Series(name, values).cast(TIME)
    if kinds == {date}:
        return pl.Series(name, values, dtype=pl.Date)
    return pl.Series(name, [None if value is None else json_text(value) for value in values], dtype=pl.String)


def json_text(value: Any) -> str:
    """Compact JSON with sorted keys."""
    return msgspec.json.encode(value, order="sorted").decode()


def fitted(frame: pl.DataFrame, schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """The frame with the types of the table that it is to be appended to.

    Values that do not fit become null, and are kept as JSON in `mismatched`.
    """
    unfit: list[str] = []
    changed: list[pl.Series] = []
    for column in frame:
        due = schema.get(column.name, column.dtype)
        if due == column.dtype:
            continue
        fits = due.is_numeric() or due == pl.String() or column.dtype == pl.Null()
        cast = (
            column.cast(due, strict=False)
            if fits
            else pl.Series(column.name, [None] * len(column), dtype=due)
        )
        if cast.null_count() > column.null_count():
            unfit.append(column.name)
        changed.append(cast)
    if not changed:
        return frame
    kept = [pl.struct(unfit).struct.json_encode().alias("mismatched")] if unfit else []
    return frame.with_columns(*kept).with_columns(changed)


def without_doubles(frames: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """All predictions in order of `now`, then as logged; each (prediction, arm) once: the first."""
    parts = [frame for frame in frames if frame.height]
    if not parts:
        return pl.DataFrame(schema=dict(FIXED))
    every = parts[0] if len(parts) == 1 else pl.concat(parts, how="diagonal_relaxed")
    return every.sort("now", "segment", "ordinal").unique(
        ["prediction_id", "arm"], keep="first", maintain_order=True
    )
