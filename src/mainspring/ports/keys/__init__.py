"""The latest value by key, for serving."""

from pathlib import Path

from mainspring.ports._address import path_of, scheme_of, unknown_scheme
from mainspring.ports.keys._base import Entry, Keys

__all__ = ["Entry", "Keys", "open_keys"]


def open_keys(address: str | Path) -> Keys:
    """The keys under a path, `file:` or `lmdb:` URL. The folder is made at the first `put`.

    Raises:
        InputError: no backend for the address's scheme.
    """
    scheme = scheme_of(address)
    if scheme in {"file", "lmdb"}:
        from mainspring.ports.keys._lmdb import LmdbKeys

        if scheme == "lmdb":
            address = "file" + str(address)[len("lmdb") :]
        return LmdbKeys(path_of(address))
    raise unknown_scheme("keys", scheme, ["a path", "file:", "lmdb:"])
