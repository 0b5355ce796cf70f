"""Clocks: the contract on both, and replay across processes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mainspring.errors import AccessError, InputError, StateError
from mainspring.ports.clock import Clock, ReplayClock, SystemClock, open_clock
from mainspring.testing import ClockContract
from mainspring.testing._processes import in_processes

START = datetime(2013, 1, 1, tzinfo=UTC)


class TestSystemClock(ClockContract):
    """The contract on the operating system's clock."""

    @pytest.fixture
    def clock(self) -> Clock:
        return SystemClock()


class TestReplayClock(ClockContract):
    """The contract on a clock that somebody sets."""

    @pytest.fixture
    def clock(self, tmp_path: Path) -> Clock:
        clock = ReplayClock(tmp_path / "clock")
        clock.set(START)
        return clock


def test_replay_is_shared(tmp_path: Path) -> None:
    """Another clock on the same file, also in another process, tells the time that was set."""
    clock, other = ReplayClock(tmp_path / "clock"), ReplayClock(tmp_path / "clock")
    clock.set(START + timedelta(microseconds=1))
    assert other.now() == START + timedelta(microseconds=1)
    assert in_processes(_tell, [(str(tmp_path / "clock"),)]) == [START + timedelta(microseconds=1)]


def _tell(path: str) -> datetime:
    return ReplayClock(path).now()


def test_replay_only_moves_forward(tmp_path: Path) -> None:
    """Setting the present back is refused and changes nothing; setting it again is not."""
    clock = ReplayClock(tmp_path / "clock")
    clock.set(START)
    clock.set(START)
    with pytest.raises(InputError, match="only moves forward"):
        clock.set(START - timedelta(microseconds=1))
    assert clock.now() == START


def test_replay_never_set(tmp_path: Path) -> None:
    """A replay clock that was never set does not invent a time."""
    clock = ReplayClock(tmp_path / "clock")
    assert clock.find() is None
    with pytest.raises(StateError, match="never set"):
        clock.now()


def test_read_only_folder(unwritable: Path) -> None:
    """A clock file that cannot be made is a clear error."""
    with pytest.raises(AccessError, match="clock"):
        ReplayClock(unwritable / "clock")


def test_unknown_kind(tmp_path: Path) -> None:
    """Only the two kinds that there are."""
    assert isinstance(open_clock("system", tmp_path), SystemClock)
    with pytest.raises(InputError, match="'sundial'"):
        open_clock("sundial", tmp_path / "clock")
