"""What a route is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from mainspring.server.mlflow.wire import Message
from mainspring.tracking.remote import Remote

PREFIXES: Final = ("/api/2.0/mlflow/", "/ajax-api/2.0/mlflow/")
"""Every route is there under both: the second is for pages."""


@dataclass(frozen=True)
class Route:
    """One call of the protocol.

    Attributes:
        path: behind one of the prefixes.
        takes: the message of its query (GET), or of its body.
        answers: makes the reply; runs in a thread.
    """

    method: str
    path: str
    takes: type[Message]
    answers: Callable[[Remote, Any], dict[str, Any]]
