"""Which file systems lie on another machine: SQLite's log and LMDB need locks and shared memory that those lack."""

from __future__ import annotations

from pathlib import Path
from typing import Final

MOUNTS: Final = Path("/proc/self/mounts")
"""Linux's list of what is mounted where; other systems have none."""

_NETWORK: Final = frozenset(
    {
        *(
            "9p",
            "acfs",
            "afs",
            "beegfs",
            "ceph",
            "cifs",
            "coda",
            "davfs",
            "glusterfs",
            "gpfs",
            "lustre",
            "ncpfs",
        ),
        *("nfs", "nfs4", "smb3", "smbfs"),
    }
)
_NETWORK_BY_FUSE: Final = frozenset(
    f"fuse.{name}"
    for name in (
        *("blobfuse2", "ceph", "ceph-fuse", "cephfs", "davfs", "gcsfuse", "glusterfs", "goofys", "juicefs"),
        *("JuiceFS", "mount-s3", "mountpoint-s3", "rclone", "s3fs", "smbnetfs", "sshfs"),
    )
)


def find_network_mount(path: Path, mounts: str | None = None) -> tuple[str, str] | None:
    """The kind and the mount point of the network file system that a path lies on; None where it is a local one.

    Args:
        path: absolute, links resolved.
        mounts: as in /proc/self/mounts; None = the system's own, and nothing is found where it has no such list.
    """
    if mounts is None:
        mounts = MOUNTS.read_text(encoding="utf-8") if MOUNTS.exists() else ""
    best, kind = "", ""
    for line in mounts.splitlines():
        _, point, found, *_ = line.split(" ")
        # Blanks in a mount point are written as octal escapes.
        point = point.replace("\\040", " ")
        if path.is_relative_to(point) and len(point) >= len(best):
            best, kind = point, found
    return (kind, best) if kind in _NETWORK | _NETWORK_BY_FUSE else None
