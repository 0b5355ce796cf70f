"""Bytes by content digest."""

from pathlib import Path
from typing import Final

from mainspring.ports._address import Backends, path_of, scheme_of
from mainspring.ports.blobs._base import Blob, Blobs, Draft, Stage, StoredBlob, check_sha256, unknown_blob

__all__ = [
    "BACKENDS",
    "Blob",
    "Blobs",
    "Draft",
    "Stage",
    "StoredBlob",
    "check_sha256",
    "open_blobs",
    "unknown_blob",
]

BACKENDS: Final[Backends[Blobs]] = Backends("blobs", Blobs, "the address", ["file"])


def open_blobs(address: str | Path) -> Blobs:
    """The blobs under a path, `file:` URL, or an address that a plug-in opens.

    A folder is made at the first `put`.

    Raises:
        InputError: no backend for the address's scheme.
        PluginError: the plug-in for it cannot be used.
    """
    plugin = BACKENDS.find(scheme_of(address))
    if plugin is not None:
        return BACKENDS.open(plugin, str(address))
    from mainspring.ports.blobs._disk import DiskBlobs

    return DiskBlobs(path_of(address))
