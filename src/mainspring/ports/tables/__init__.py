"""Typed columns, appended and read by version."""

from pathlib import Path
from typing import Final

from mainspring.ports._address import Backends, path_of, scheme_of
from mainspring.ports.tables._base import (
    Compaction,
    Erasure,
    FileStatistics,
    LeftBehind,
    TableDamage,
    TableFiles,
    Tables,
)

__all__ = [
    "BACKENDS",
    "Compaction",
    "Erasure",
    "FileStatistics",
    "LeftBehind",
    "TableDamage",
    "TableFiles",
    "Tables",
    "open_tables",
]

BACKENDS: Final[Backends[Tables]] = Backends("tables", Tables, "the address", ["file"])


def open_tables(address: str | Path, *, verify: bool = True) -> Tables:
    """The tables under a path or `file:` URL, as Delta Lake, or at an address that a plug-in opens.

    A folder is made at a table's first append.

    Args:
        verify: compare each file of ours with its digest when a process first reads of it.

    Raises:
        InputError: no backend for the address's scheme.
        PluginError: the plug-in for it cannot be used.
    """
    plugin = BACKENDS.find(scheme_of(address))
    if plugin is not None:
        return BACKENDS.open(plugin, str(address))
    from mainspring.ports.tables._delta import DeltaTables

    return DeltaTables(path_of(address), verify=verify)
