"""Bytes by content digest."""

from pathlib import Path

from mainspring.ports._address import path_of, scheme_of, unknown_scheme
from mainspring.ports.blobs._base import Blob, Blobs, Draft, StoredBlob

__all__ = ["Blob", "Blobs", "Draft", "StoredBlob", "open_blobs"]


def open_blobs(address: str | Path) -> Blobs:
    """The blobs under a path or `file:` URL. The folder is made at the first `put`.

    Raises:
        InputError: no backend for the address's scheme.
    """
    scheme = scheme_of(address)
    if scheme == "file":
        from mainspring.ports.blobs._disk import DiskBlobs

        return DiskBlobs(path_of(address))
    raise unknown_scheme("blobs", scheme, ["a path", "file:"])
