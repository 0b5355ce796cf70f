"""What goes over HTTP, as the worker decodes and encodes it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec


class PredictBody(msgspec.Struct, forbid_unknown_fields=True):
    """POST /v1/deployments/{name}/predict.

    Attributes:
        keys: the entity's keys; none where the view looks nothing up.
        request: what only the caller knows.
        prediction_id: the caller's name for it; the same id with the same keys and request gets the first
            answer again, from any worker, as long as it is among the latest 100,000 of the deployment.
    """

    keys: dict[str, Any] = {}
    request: dict[str, Any] = {}
    prediction_id: str | None = None


class OutcomeItem(msgspec.Struct, forbid_unknown_fields=True):
    """One label.

    Attributes:
        value: true and false are 1 and 0.
        known_at: RFC 3339; without an offset it is UTC.
    """

    prediction_id: str
    value: bool | float
    known_at: datetime


class OutcomesBody(msgspec.Struct, forbid_unknown_fields=True):
    """POST /v1/deployments/{name}/outcomes."""

    outcomes: list[OutcomeItem]


class ErrorBody(msgspec.Struct):
    """What every refusal says, and of which request."""

    code: str
    expected: str
    got: str
    where: str
    hint: str
    request_id: str


predict_decoder = msgspec.json.Decoder(PredictBody)
outcomes_decoder = msgspec.json.Decoder(OutcomesBody)
encoder = msgspec.json.Encoder()
