"""Which process holds a piece of work, and whether it is still alive."""

from __future__ import annotations

import functools
import os
import socket
from pathlib import Path
from typing import Final

_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
_NAMESPACE: Final = Path("/proc/self/ns/pid")


def process_name(pid: int | None = None) -> str:
    """`HOST:PID:START@MACHINE` of a process: its start time, and the boot and process namespace that its id is of.

    With them one name never means two processes. START and MACHINE are empty where the system has no `/proc`: then a
    number that was given again does, and the new process is taken for the old one, as still alive.
    """
    return _own_name(os.getpid()) if pid is None else _name(pid)


@functools.cache
def _own_name(pid: int) -> str:
    # Kept, so that a machine that is renamed does not make its processes strangers to their own leases.
    return _name(pid)


def _name(pid: int) -> str:
    return f"{socket.gethostname()}:{pid}:{_started(pid)}@{_machine()}"


def is_dead(name: str) -> bool:
    """Whether the named process has surely ended. One that is out of this one's sight never surely has.

    Out of sight are another host, and another container of this one, even if both have one host name.
    """
    host, number, start = name.rsplit(":", 2)
    if host != socket.gethostname() or start.rpartition("@")[2] != _machine():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    # A zombie has ended; only its parent has not asked how.
    return _name(int(number)) != name or _stat(int(number))[:1] in {("Z",), ("X",)}


def _started(pid: int) -> str:
    """The process's start in clock ticks since boot; empty where the system does not say."""
    fields = _stat(pid)
    return fields[19] if fields else ""


def _stat(pid: int) -> tuple[str, ...]:
    """What Linux says of a process, from its state on; empty where it says nothing."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ()
    # The command stands before, in parentheses, and may hold blanks.
    return tuple(text.rpartition(")")[2].split())


@functools.cache
def _machine() -> str:
    """This boot, and the namespace that process ids are of; empty where the system does not say."""
    try:
        return f"{_BOOT.read_text().strip()}/{os.readlink(_NAMESPACE).strip('pid:[]')}"
    except OSError:
        return ""
