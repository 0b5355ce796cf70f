"""Which process holds a piece of work, and whether it is still alive."""

from __future__ import annotations

import os
import socket
from pathlib import Path


def process_name(pid: int | None = None) -> str:
    """Host, process id and, where the system has `/proc`, start time of a process.

    With the start time one name never means two processes. Without it a number that was given again does, and the
    new process is taken for the old one, as still alive.
    """
    number = os.getpid() if pid is None else pid
    return f"{socket.gethostname()}:{number}:{_started(number)}"


def is_dead(name: str) -> bool:
    """Whether the named process has surely ended. One on another host never surely has."""
    host, number, _ = name.rsplit(":", 2)
    if host != socket.gethostname():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return process_name(int(number)) != name


def _started(pid: int) -> str:
    """The process's start in clock ticks since boot; empty where the system does not say."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    # The second field is the command in parentheses and may hold blanks.
    return text.rpartition(")")[2].split()[19]
