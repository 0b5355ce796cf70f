"""What lies on another machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from mainspring.ports.file_systems import MOUNTS, find_network_mount

LIST = """disk / ext4 rw 0 0
server:/export /data nfs4 rw 0 0
user@host: /data/my\\040home fuse.sshfs rw 0 0
disk /data/local xfs rw 0 0
//host/share /share cifs rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/data/home", ("nfs4", "/data")),
        ("/data/my home/x", ("fuse.sshfs", "/data/my home")),
        ("/share", ("cifs", "/share")),
        ("/data/local/home", None),
        ("/database", None),
    ],
)
def test_the_longest_mount_point_counts(path: str, found: tuple[str, str] | None) -> None:
    """NFS, SSHFS and CIFS are found by the mount that holds the path; a local disk inside of one is local."""
    assert find_network_mount(Path(path), LIST) == found


@pytest.mark.skipif(not MOUNTS.exists(), reason="Linux lists its mounts")
def test_memory_is_local() -> None:
    """By the system's own list, tmpfs is no network."""
    memory = next(line.split(" ")[1] for line in MOUNTS.read_text().splitlines() if " tmpfs " in line)
    assert find_network_mount(Path(memory)) is None
