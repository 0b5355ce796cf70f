"""What every clock must do."""

from __future__ import annotations

import threading
from datetime import UTC, timedelta

import pytest

from mainspring.ports.clock import Clock


class ClockContract:
    """Subclass it and define the fixture `clock`."""

    @pytest.fixture
    def clock(self) -> Clock:
        """A clock that can tell the time."""
        raise NotImplementedError

    def test_aware_utc(self, clock: Clock) -> None:
        """The present is an aware datetime in UTC."""
        assert clock.now().tzinfo is UTC
        assert clock.now().utcoffset() == timedelta(0)

    def test_threads(self, clock: Clock) -> None:
        """Threads may ask at once."""
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(clock.now())) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(answers) == 8
