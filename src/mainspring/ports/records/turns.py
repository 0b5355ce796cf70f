"""Taking turns at one SQLite file: whoever asked first writes first, whichever process it is in.

SQLite itself has no queue. Whoever finds the file locked sleeps, up to 100 ms at a time, and looks again; a process
that writes one transaction after another takes the lock anew while the others sleep, and where sixteen write, some
wait for seconds. Locks of the operating system on files of their own are a queue: the kernel wakes who waits longest.

There are two of them. The queue's is held by the one whose turn is next, who looks for the end of the present turn
every half millisecond; everybody else sleeps in the kernel. So the next one is awake before its turn comes.

A turn is a courtesy, and SQLite's own lock is what keeps writers apart: nothing is lost where there is none.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

LOOK_EVERY_S: Final = 0.0005


@contextmanager
def turn(database: Path, wait_s: float) -> Iterator[bool]:
    """Wait for one's turn at a database, and keep it until the block ends. Threads count as processes do.

    The kernel ends the turn of a process that dies.

    Args:
        wait_s: at most so long.

    Yields:
        False when the wait was over before the turn came; True also where no queue can be made, as in a read-only
        folder, where SQLite says what is wrong.
    """
    ends_s = time.monotonic() + wait_s
    mine = queue = None
    try:
        try:
            mine = _Lock(f"{database}-turn")
            queue = _Lock(f"{database}-queue")
            came = queue.wait(ends_s) and mine.look(ends_s)
        except OSError:
            came = True
        finally:
            if queue is not None:
                queue.end()
        yield came
    finally:
        if mine is not None:
            mine.end()


class _Lock:
    """One who asks for the lock of a file, or has it. Made by one thread, for itself."""

    def __init__(self, file: str) -> None:
        # Opened anew each time: processes that fork share the locks of what was open, and a turn is one thread's.
        self._descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
        self._guard = threading.Lock()
        self._is_waited_for = False
        self._is_over = False

    def take(self) -> bool:
        """Whether it was free."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def look(self, ends_s: float) -> bool:
        """Whether it was ours before that moment; for the only one who looks."""
        while not self.take():
            if time.monotonic() > ends_s:
                return False
            time.sleep(LOOK_EVERY_S)
        return True

    def wait(self, ends_s: float) -> bool:
        """Whether it was ours before that moment, after all who waited before."""
        if self.take():
            return True
        # flock() knows no time limit: a thread waits in the kernel's queue, and this one for the thread.
        self._is_waited_for = True
        came = threading.Event()
        threading.Thread(target=self._queue, args=(came,), name="turn", daemon=True).start()
        return came.wait(ends_s - time.monotonic())

    def _queue(self, came: threading.Event) -> None:
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        with self._guard:
            self._is_waited_for = False
            if self._is_over:
                self._close()
        came.set()

    def end(self) -> None:
        """Give it to the next one. Where a thread still waits for it, that does so when it comes."""
        with self._guard:
            self._is_over = True
            if not self._is_waited_for:
                self._close()

    def _close(self) -> None:
        # Said outright: a process that was forked meanwhile holds the same file open, and would keep the lock.
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        os.close(self._descriptor)
