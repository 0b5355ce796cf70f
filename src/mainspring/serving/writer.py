"""Writes the prediction log of one deployment from one process."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from mainspring.serving.claims import Claims
from mainspring.serving.frames import FORMAT, Context, Gap, Opening, Scored, encoder
from mainspring.serving.wal import SegmentWriter
from mainspring.serving.weights import WeightTable

_Found = TypeVar("_Found")

SEGMENT_MAX_BYTES: Final = 4 * 1024 * 1024
SEGMENT_MAX_AGE_S: Final = 60.0


class LogWriter:
    """Appends predictions to segments, and begins a new segment when one is big or old.

    Threads may share it. A row is with the operating system when `append` returns. The first row of a process
    makes the first segment, so that a process that predicts nothing writes nothing.

    Args:
        folder: where the deployment's segments lie.
        deployment: its name.
        writer: who writes, for people who look into a segment.
    """

    def __init__(self, folder: Path, deployment: str, writer: str = "") -> None:
        self._folder = folder
        self._deployment = deployment
        self._writer = writer or f"pid {os.getpid()}"
        self._segment: SegmentWriter | None = None
        self._explained: set[str] = set()
        self._owed: Gap | None = None
        self._claims = Claims(folder / "given.ids")
        self._lock = threading.Lock()
        self._ending: list[threading.Thread] = []
        self._synced_bytes = 0
        self.n_appended = 0
        self.n_lost = 0
        self.n_shadow_lost = 0

    def is_given(self, prediction_id: str, content: str) -> bool:
        """Whether any process was about to log this id of a caller's for this content.

        Raises:
            ConflictError, AccessError, UnavailableError: as for `append_given`.
        """
        with self._lock:
            return self._claims.is_claimed(prediction_id, content)

    def append_given(
        self, scored: Scored, table: WeightTable, find: Callable[[], _Found | None]
    ) -> _Found | None:
        """As `append`, for an id that the caller chose: logged once, whatever other processes do meanwhile.

        Args:
            find: what of the log already has that id; asked only where some process claimed it before.

        Returns:
            What `find` found, and then nothing was logged; None if the prediction was.

        Raises:
            ConflictError: this or another process used the id for other content. Nothing was logged.
            AccessError, UnavailableError: as for `append`.
        """
        payload = encoder.encode(scored)
        with self._lock, self._claims.claimed(scored.prediction_id, scored.content) as known:
            # Who claims it logs it before letting go of the claims, or has failed to.
            found = find() if known else None
            if found is None:
                self._append(payload, table)
            return found

    def append(self, scored: Scored, table: WeightTable) -> None:
        """Log one prediction, with its context if this segment does not have it yet.

        Raises:
            AccessError: the log's folder may not be written. Nothing was logged.
            UnavailableError: the disk does not take it. Nothing was logged.
        """
        payload = encoder.encode(scored)
        with self._lock:
            self._append(payload, table)

    def _append(self, payload: bytes, table: WeightTable) -> None:
        segment = self._current()
        if self._owed is not None:
            segment.append(encoder.encode(self._owed))
            self._owed = None
        if table.context_id not in self._explained:
            segment.append(encoder.encode(Context(table)))
            self._explained.add(table.context_id)
        segment.append(payload)
        self.n_appended += 1

    def lose(self, context_id: str, now_us: int) -> None:
        """Count one prediction that was answered and could not be logged; written as soon as the disk allows."""
        with self._lock:
            self.n_lost += 1
            owed = self._owed
            before = 0 if owed is None else owed.n_lost
            since = now_us if owed is None else owed.from_us
            self._owed = Gap(context_id, before + 1, since, now_us, "disk")

    def _current(self) -> SegmentWriter:
        segment = self._segment
        if segment is not None and self._is_full(segment):
            self._let_go(segment)
            segment = None
        if segment is None:
            opening = Opening(FORMAT, self._deployment, self._writer, time.time_ns() // 1000)
            segment = self._segment = SegmentWriter(self._folder, encoder.encode(opening))
            self._explained = set()
            self._synced_bytes = 0
        return segment

    def _is_full(self, segment: SegmentWriter) -> bool:
        age_s = time.monotonic() - segment.opened_monotonic_s
        return segment.n_bytes >= SEGMENT_MAX_BYTES or age_s >= SEGMENT_MAX_AGE_S

    def _let_go(self, segment: SegmentWriter) -> None:
        # Syncing megabytes takes tens of milliseconds, which no request should wait for.
        self._segment = None
        self._ending = [thread for thread in self._ending if thread.is_alive()]
        thread = threading.Thread(target=segment.close, name="log-segment-close")
        self._ending.append(thread)
        thread.start()

    def sync(self) -> None:
        """Make what was logged survive power loss."""
        with self._lock:
            if self._segment is None or self._synced_bytes == self._segment.n_bytes:
                return
            segment, n_bytes = self._segment, self._segment.n_bytes
            descriptor = segment.duplicate()
        # Syncing takes milliseconds, for which no request should wait: not under the lock.
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        with self._lock:
            if self._segment is segment:
                self._synced_bytes = n_bytes

    def rotate(self) -> None:
        """End the present segment, so that it can be published; the next row begins another."""
        with self._lock:
            self._end()

    def rotate_if_full(self) -> None:
        """As `rotate`, if the segment is big or old: for a timer, where no requests come."""
        with self._lock:
            if self._segment is not None and self._is_full(self._segment):
                self._end()

    def _end(self) -> None:
        if self._owed is not None:
            self._try_owed()
        if self._segment is not None:
            self._segment.close()
            self._segment = None

    def _try_owed(self) -> None:
        owed, self._owed = self._owed, None
        try:
            self._current().append(encoder.encode(owed))
        except OSError:
            self._owed = owed

    def close(self) -> None:
        """Sync and end every segment. Writing again begins another."""
        self.rotate()
        for thread in list(self._ending):
            thread.join()
        with self._lock:
            self._claims.close()
