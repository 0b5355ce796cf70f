"""Typed columns, appended and read by version."""

from pathlib import Path

from mainspring.ports._address import path_of, scheme_of, unknown_scheme
from mainspring.ports.tables._base import TableDamage, TableFiles, Tables

__all__ = ["TableDamage", "TableFiles", "Tables", "open_tables"]


def open_tables(address: str | Path) -> Tables:
    """The tables under a path or `file:` URL, as Delta Lake. A folder is made at a table's first append.

    Raises:
        InputError: no backend for the address's scheme.
    """
    scheme = scheme_of(address)
    if scheme == "file":
        from mainspring.ports.tables._delta import DeltaTables

        return DeltaTables(path_of(address))
    raise unknown_scheme("tables", scheme, ["a path", "file:"])
