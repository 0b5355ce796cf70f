"""Every plug-in that is installed, whichever room it is for."""

from __future__ import annotations

from typing import Any, Final

from mainspring.checks.rules import EXPECTATIONS
from mainspring.evaluation.metrics import PLUGINS as METRICS
from mainspring.models.formats import PLUGINS as MODEL_FORMATS
from mainspring.monitoring.channel import CHANNELS
from mainspring.pipelines.materialize import MATERIALIZERS
from mainspring.plugins import Group, Listed
from mainspring.ports import blobs, engine, keys, records, streams, tables

GROUPS: Final[tuple[Group[Any], ...]] = (
    EXPECTATIONS,
    METRICS,
    MATERIALIZERS,
    MODEL_FORMATS,
    CHANNELS,
    *(port.BACKENDS.group for port in (records, blobs, tables, keys, engine, streams)),
)
"""Every group of entry points that mainspring reads."""


def list_plugins() -> list[Listed]:
    """Every entry point of our groups, by group and name. Each is imported to tell whether it can be used."""
    return [each for group in GROUPS for each in group.listed()]
