"""From a stream into a group: polled, pushed, then acknowledged, in this order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import msgspec

from mainspring.errors import ConflictError, ExpectationError, InputError, MainspringError
from mainspring.features.push import api as push
from mainspring.features.push.api import Pushed
from mainspring.features.spec import FeatureGroupSpec
from mainspring.features.store import Stores
from mainspring.ports.streams import Message, Stream

#: No feature may be called so: names of features do not begin with an underscore.
_EVENT_ID: Final = "_event_id"

Decode = Callable[[Message], Mapping[str, Any]]
Refused = Callable[[Message, InputError | ExpectationError | ConflictError], object]


def of_json(message: Message) -> Mapping[str, Any]:
    """The row of a message that is one JSON object.

    Raises:
        InputError: it is not.
    """
    try:
        found = msgspec.json.decode(message.data)
    except msgspec.DecodeError as error:
        raise _no_row(message, str(error)) from error
    if not isinstance(found, dict):
        raise _no_row(message, f"a JSON {type(found).__name__}")
    return found


def consume(
    stores: Stores,
    group: FeatureGroupSpec,
    stream: Stream,
    *,
    decode: Decode = of_json,
    refused: Refused | None = None,
    n_at_once: int = push.ROWS_AT_ONCE,
    wait_s: float = 1.0,
) -> Iterator[Pushed]:
    """See `FeatureGroup.consume`."""
    while True:
        messages = stream.poll(n_at_once, wait_s)
        done = _push(stores, group, messages, decode, refused) if messages else Pushed()
        # Not before: whatever happens until here, the messages come again.
        stream.acknowledge(messages)
        yield done
        if not messages:
            push.flush_due(stores)


def _push(
    stores: Stores, group: FeatureGroupSpec, messages: list[Message], decode: Decode, refused: Refused | None
) -> Pushed:
    try:
        rows = [_row(message, decode) for message in messages]
        return push.push(stores, group, rows, event_id=_EVENT_ID)
    except (InputError, ExpectationError, ConflictError):
        if refused is None:
            raise
    done = Pushed()
    for message in messages:
        try:
            done += push.push(stores, group, [_row(message, decode)], event_id=_EVENT_ID)
        except (InputError, ExpectationError, ConflictError) as error:
            refused(message, error)
            done += Pushed(n_refused=1)
    return done


def _row(message: Message, decode: Decode) -> dict[str, Any]:
    """The row of a message, with its id.

    Raises:
        InputError: `decode` fails, or gives none: a message that nobody can read must not stop the stream for good.
    """
    try:
        found: object = decode(message)
    except MainspringError:
        raise
    except Exception as error:
        # Whatever a function of the user's raises is told: raised, or counted and given to `refused`.
        raise InputError(
            expected="a message that decode= makes a row of",
            got=f"{type(error).__name__}: {error}",
            where=f"message {message.id!r}",
            hint="Correct decode=, or pass refused=, which is given the messages that cannot be read.",
        ) from error
    if not isinstance(found, Mapping):
        raise InputError.of_kind(
            "a mapping from decode=, with the group's columns",
            found,
            f"message {message.id!r}",
            "Correct decode=, or pass refused=, which is given the messages that cannot be read.",
        )
    return {**found, _EVENT_ID: message.id}


def _no_row(message: Message, got: str) -> InputError:
    return InputError(
        expected="a JSON object, with the group's columns",
        got=got,
        where=f"message {message.id!r}",
        hint="Pass decode=, a function from a message to its row, where messages are something else.",
    )
