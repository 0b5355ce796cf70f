"""SQLite and LMDB lie on disks of this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy.engine import make_url

from mainspring.config import Config
from mainspring.errors import AccessError
from mainspring.ports._address import path_of, scheme_of
from mainspring.ports.file_systems import find_network_mount


def keys_folder(config: Config) -> Path | None:
    """The folder that online values lie in; None for a server, or what a plug-in opens."""
    address = config.url("keys")
    scheme = scheme_of(address)
    if scheme not in {"file", "lmdb"}:
        return None
    return path_of("file" + address.removeprefix("lmdb") if scheme == "lmdb" else address)


def find_remote(config: Config) -> Iterator[tuple[str, str]]:
    """What needs a disk of this machine and has none: the kind of file system, and the key with the place."""
    records = config.url("records")
    places = {
        "records.url": Path(make_url(records).database or "") if records.startswith("sqlite") else None,
        "keys.url": keys_folder(config),
    }
    for key, place in places.items():
        if place is not None and (found := find_network_mount(place.resolve())) is not None:
            kind, point = found
            yield kind, f"{key}: {place}, mounted at {point}"


def check_disks(config: Config) -> None:
    """Nothing that needs a disk of this machine lies on another's, unless the configuration insists.

    Raises:
        AccessError: something does.
    """
    if config.home.network_disk:
        return
    for kind, where in find_remote(config):
        raise AccessError(
            expected="a disk of this machine: SQLite and LMDB need its locks and shared memory",
            got=f"a network file system ({kind})",
            where=where,
            hint="Put it on a local disk (`home.path`), or use PostgreSQL for records and Redis for keys. "
            "`--read-only` reads it; `home.network_disk = true` insists.",
        )
