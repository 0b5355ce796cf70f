"""Which of the things that may be deleted a search shows."""

from __future__ import annotations

import json
from typing import Final

from mainspring.server.mlflow.errors import invalid
from mainspring.tracking.remote.spec import Shown

_SHOWN: Final = {
    "ACTIVE_ONLY": Shown.ACTIVE,
    "DELETED_ONLY": Shown.ARCHIVED,
    "ALL": Shown.ALL,
    "1": Shown.ACTIVE,
    "2": Shown.ARCHIVED,
    "3": Shown.ALL,
}


def read_shown(view_type: str | int | None, parameter: str = "view_type") -> Shown:
    """By its name or its number; what is in use where nothing is said."""
    if view_type is None:
        return Shown.ACTIVE
    found = _SHOWN.get(str(view_type))
    if found is None:
        raise invalid(parameter, json.dumps(view_type), "it is one of ACTIVE_ONLY, DELETED_ONLY, ALL")
    return found
