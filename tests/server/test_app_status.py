"""Refusals over HTTP: which status an error has."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from mainspring.errors import AccessError, ConflictError, InputError, MainspringError, UnavailableError
from mainspring.server import app


@pytest.mark.parametrize(
    ("kind", "status"), [(AccessError, 503), (UnavailableError, 503), (ConflictError, 409), (InputError, 400)]
)
def test_what_keeps_the_server_from_logging_is_503(kind: type[MainspringError], status: int) -> None:
    """A folder that may not be written is the operator's matter, not the caller's and no failure of the model."""
    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    asyncio.run(app._refuse(send, kind(expected="a", got="b", where="c", hint="d")))
    assert sent[0]["status"] == status
