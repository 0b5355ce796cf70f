"""Where tests write: in memory, where there is room for it.

The suite asks for tens of thousands of syncs, and a disk makes it wait for each, and for whatever else is being written
then. What a sync saves no test can see without cutting the power: those that ask kill processes, whose files are in
the system's hands either way, or watch the calls (`ports/power_loss.py`), or mount disks of their own.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

IN_MEMORY: Final = Path("/dev/shm")
ROOM_BYTES: Final = 6 << 30
"""Room for several runs at once, and for their processes."""

CHOSEN: Final = "PYTEST_DEBUG_TEMPROOT"
"""Where pytest makes its folders: an environment variable of its own."""


def write_to_memory() -> None:
    """Have pytest make its folders in memory, unless somebody chose a place or there is too little room."""
    if CHOSEN not in os.environ and has_room(IN_MEMORY):
        os.environ[CHOSEN] = str(IN_MEMORY)


def has_room(folder: Path) -> bool:
    """Whether files may be written there and programs be run, and the machine has memory for them."""
    if not os.access(folder, os.W_OK):
        return False
    system = os.statvfs(folder)
    if system.f_flag & os.ST_NOEXEC or system.f_bavail * system.f_frsize < ROOM_BYTES:
        return False
    found = re.search(r"^MemAvailable: +(\d+) kB$", Path("/proc/meminfo").read_text(), re.MULTILINE)
    return found is not None and int(found[1]) << 10 >= ROOM_BYTES
