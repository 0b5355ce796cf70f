"""Refusals in the protocol's words: an error code, its HTTP status, and a message."""

from __future__ import annotations

from typing import Final

from mainspring.errors import (
    ConflictError,
    FencedError,
    InputError,
    MainspringError,
    StateError,
    UnavailableError,
    UnknownNameError,
)

INVALID: Final = "INVALID_PARAMETER_VALUE"
EXISTS: Final = "RESOURCE_ALREADY_EXISTS"
MISSING: Final = "RESOURCE_DOES_NOT_EXIST"
BAD_REQUEST: Final = "BAD_REQUEST"
NO_ENDPOINT: Final = "ENDPOINT_NOT_FOUND"
UNAVAILABLE: Final = "TEMPORARILY_UNAVAILABLE"
NOT_IMPLEMENTED: Final = "NOT_IMPLEMENTED"
INTERNAL: Final = "INTERNAL_ERROR"

STATUS: Final = {
    INVALID: 400,
    EXISTS: 400,
    BAD_REQUEST: 400,
    MISSING: 404,
    NO_ENDPOINT: 404,
    INTERNAL: 500,
    NOT_IMPLEMENTED: 501,
    UNAVAILABLE: 503,
}
"""Clients try 408, 429 and 5xx again, for minutes: what will not get better by itself is 4xx."""

_CODES: Final[list[tuple[type[MainspringError], str]]] = [
    (UnknownNameError, MISSING),
    (ConflictError, EXISTS),
    (FencedError, INVALID),
    (StateError, INVALID),
    (InputError, INVALID),
    (UnavailableError, UNAVAILABLE),
]


class Refusal(Exception):
    """A request that is refused.

    Attributes:
        code: one of those of `STATUS`.
        status: another HTTP status than the code's; None = the code's.
    """

    def __init__(self, code: str, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = STATUS[code] if status is None else status


def refusal_of(error: MainspringError) -> Refusal:
    """What an error of ours is to a client of the protocol."""
    code = next((code for kind, code in _CODES if isinstance(error, kind)), INTERNAL)
    return Refusal(code, str(error))


def missing(parameter: str) -> Refusal:
    """A required parameter was not given."""
    return Refusal(INVALID, f"Missing value for required parameter '{parameter}'.")


def invalid(parameter: str, shown: str, why: str) -> Refusal:
    """A parameter has a value that it cannot have; `shown` is the value as JSON."""
    more = "" if len(shown) <= 200 else "…"
    return Refusal(INVALID, f"Invalid value {shown[:200]}{more} for parameter '{parameter}' supplied: {why}.")
