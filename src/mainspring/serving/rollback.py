"""The big red button: what a rollback does in whatever process it is asked for."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from mainspring.ports.clock import Clock
from mainspring.serving import weights
from mainspring.serving.spec import RolledBack
from mainspring.types import to_us


def roll_back(
    folder: Path, clock: Clock, *, actor: str, reason: str, record: Callable[[], bool]
) -> RolledBack:
    """Serve again what was served before the present revision, and only then tell the records.

    Args:
        folder: the deployment's `weights` folder.
        record: tells the records; whether they have it. It must not raise: the rollback is in force by then.

    Raises:
        StateError: there is no earlier revision.
        AccessError, UnavailableError: the folder cannot be written.
    """
    began_s = time.perf_counter()
    table = weights.roll_back(folder, actor=actor, reason=reason, changed_us=to_us(clock.now()))
    seconds = time.perf_counter() - began_s
    ended = weights.find_shadow(folder, table.epoch - 1)
    return RolledBack(
        revision=table.revision,
        model=table.champion.model,
        version=table.champion.version,
        ended_shadow=None if ended is None else f"{ended.model}/{ended.version}",
        seconds=seconds,
        recorded=record(),
    )
