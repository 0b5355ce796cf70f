"""What the frames of the prediction log hold, packed as MessagePack arrays.

A segment explains itself: its first frame says who writes it, and each serving context comes before the first
prediction that names it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from mainspring.errors import IntegrityError, SchemaVersionError
from mainspring.serving.weights import WeightTable

FORMAT: Final = 1


class Opening(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """The first frame.

    Attributes:
        format: of the frames that follow.
        deployment: its name.
        writer: the process that writes: a worker's name and process id.
        opened_us: machine clock, microseconds UTC.
    """

    format: int
    deployment: str
    writer: str
    opened_us: int


class Context(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """A serving context: the weight table, which names the features and groups of each arm."""

    table: WeightTable


class Scored(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """One prediction of one arm.

    Attributes:
        prediction_id: 32 hex digits, or what the caller gave.
        context_id: the serving context.
        arm: `champion` or `shadow`.
        now_us: the moment that features were looked up for, on the project's clock.
        keys, request: as the caller gave them.
        features: untransformed values, in the order of the arm's features.
        statuses: what the look-up of each group came to, in the order of the arm's groups.
        commits: the number of the commit of each group's value; None where there was no value.
        commit_ids: the asset ids of those commits.
        event_us: event time of each group's value; None for no value or none of its own.
        group_keys: the key that each group was looked up with.
        prediction: the model's answer; None if it failed, which only a shadow may.
        latency_us: features and model together, without the HTTP around them.
        error: why a shadow failed; None otherwise.
        content: digest of keys and request where the caller chose the id, so that the same id with other
            content is known; empty where the id was drawn here.
    """

    prediction_id: str
    context_id: str
    arm: str
    now_us: int
    keys: dict[str, Any]
    request: dict[str, Any]
    features: tuple[Any, ...]
    statuses: tuple[str, ...]
    commits: tuple[int | None, ...]
    commit_ids: tuple[str | None, ...]
    event_us: tuple[int | None, ...]
    group_keys: tuple[dict[str, Any], ...]
    prediction: float | None
    latency_us: int
    error: str | None
    content: str


class Gap(msgspec.Struct, frozen=True, array_like=True, tag=4):
    """Predictions that were answered and are not in the log.

    Attributes:
        context_id: under which; empty where damage took that too.
        n_lost: how many.
        from_us, until_us: between which moments.
        cause: `disk` or `damage`.
    """

    context_id: str
    n_lost: int
    from_us: int
    until_us: int
    cause: str


Frame = Opening | Context | Scored | Gap


def _plain(value: Any) -> Any:
    """NumPy scalars, which features may hold, as Python values."""
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"cannot log a value of type {type(value).__name__}: {value!r}")


encoder = msgspec.msgpack.Encoder(enc_hook=_plain)
decoder: msgspec.msgpack.Decoder[Frame] = msgspec.msgpack.Decoder(Frame)

_opening_decoder: msgspec.msgpack.Decoder[Opening] = msgspec.msgpack.Decoder(Opening)


def unpack(payloads: Sequence[bytes], where: str) -> list[Frame]:
    """The frames of a segment, from its first on.

    Args:
        where: names the segment in errors.

    Raises:
        SchemaVersionError: its first frame says that those behind it are of a newer format.
        IntegrityError: a frame has a right checksum and no meaning.
    """
    check_format(payloads, where)
    try:
        return [decoder.decode(payload) for payload in payloads]
    except msgspec.DecodeError as error:
        raise IntegrityError(
            expected="log records that this version knows",
            got=str(error),
            where=where,
            hint="Publish the segment with the version of mainspring that wrote it.",
        ) from error


def check_format(payloads: Sequence[bytes], where: str) -> None:
    """The segment's first frame, where it is not lost to damage, says a format that this version knows.

    Raises:
        SchemaVersionError: it says a newer one.
    """
    try:
        opening = _opening_decoder.decode(payloads[0]) if payloads else None
    except msgspec.DecodeError:
        return
    if opening is not None and opening.format > FORMAT:
        raise SchemaVersionError(
            expected=f"a log segment of format {FORMAT} or older",
            got=f"format {opening.format}",
            where=where,
            hint="A newer mainspring wrote it: use that one. The segment stays where it is.",
        )
