"""The latest value by key, for serving."""

from pathlib import Path
from typing import Final

from mainspring.ports._address import Backends, path_of, scheme_of
from mainspring.ports.keys._base import Keys
from mainspring.ports.keys._columns import Columns
from mainspring.ports.keys._entry import Entry
from mainspring.ports.keys._guards import Guards, OvertakenError

__all__ = ["BACKENDS", "Columns", "Entry", "Guards", "Keys", "OvertakenError", "open_keys"]

BACKENDS: Final[Backends[Keys]] = Backends(
    "keys",
    Keys,
    "the address and, by keyword, namespace, connect_timeout_s and read_timeout_s,",
    ["file", "lmdb", "redis", "rediss"],
)


def open_keys(
    address: str | Path,
    *,
    namespace: str = "main",
    connect_timeout_s: float = 2.0,
    read_timeout_s: float = 2.0,
    read_only: bool = False,
    stores_id: str = "",
) -> Keys:
    """The keys under a path, `file:` or `lmdb:` URL, in the server of a `redis:` or `rediss:` URL, or at an address
    that a plug-in opens.

    A folder is made at the first `put`; a server is connected to at the first call.

    Args:
        namespace: keeps projects apart that share one server; a folder is one project's alone.
        connect_timeout_s: how long a call waits for a server to take a connection.
        read_timeout_s: how long it waits for each reply.
        read_only: open a folder without a right to write it; writes fail.
        stores_id: whose a server's entries have to be: it keeps the first that it is told, and another is refused;
            empty = whoever's they are.

    Raises:
        InputError: no backend for the address's scheme, or an address that it cannot read.
        MissingExtraError: the backend's library is not installed.
        PluginError: the plug-in for the scheme cannot be used.
    """
    scheme = scheme_of(address)
    plugin = BACKENDS.find(scheme)
    if plugin is not None:
        return BACKENDS.open(
            plugin,
            str(address),
            namespace=namespace,
            connect_timeout_s=connect_timeout_s,
            read_timeout_s=read_timeout_s,
        )
    if scheme in {"file", "lmdb"}:
        from mainspring.ports.keys._lmdb import LmdbKeys

        if scheme == "lmdb":
            address = "file" + str(address)[len("lmdb") :]
        return LmdbKeys(path_of(address), read_only=read_only)
    from mainspring.ports.keys._redis import RedisKeys

    return RedisKeys(
        str(address),
        namespace,
        connect_timeout_s=connect_timeout_s,
        read_timeout_s=read_timeout_s,
        stores_id=stores_id,
        read_only=read_only,
    )
