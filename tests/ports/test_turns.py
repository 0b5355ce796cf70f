"""Turns at a SQLite file: in the order of asking, ended by the kernel, and never what a write fails of."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from mainspring.errors import UnavailableError
from mainspring.ports.records import _sqlite, open_records
from mainspring.ports.records.turns import turn

WAIT_S = 30.0
ASKED_S = 0.03
"""Long enough for a thread to be in the queue before the next one asks."""


def test_turns_come_in_the_order_of_asking(tmp_path: Path) -> None:
    came: list[int] = []

    def ask(number: int) -> None:
        with turn(tmp_path / "db", WAIT_S) as mine:
            assert mine
            came.append(number)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    with turn(tmp_path / "db", WAIT_S) as mine:
        assert mine
        for thread in threads:
            thread.start()
            time.sleep(ASKED_S)
        assert came == []
    for thread in threads:
        thread.join()
    assert came == list(range(6))


def test_a_wait_that_is_over_holds_nobody_up(tmp_path: Path) -> None:
    """Neither the one who looks for the end of the turn nor one behind in the queue keeps its place."""
    with turn(tmp_path / "db", WAIT_S):
        said: list[bool] = []

        def ask() -> None:
            with turn(tmp_path / "db", 0.1) as mine:
                said.append(mine)

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert said == [False] * 3
    with turn(tmp_path / "db", WAIT_S) as mine:
        assert mine


def test_the_turn_of_a_process_that_is_killed_ends_with_it(tmp_path: Path) -> None:
    listen, say = os.pipe()
    child = os.fork()
    if child == 0:
        with turn(tmp_path / "db", WAIT_S):
            os.write(say, b"mine")
            signal.pause()
    assert os.read(listen, 4) == b"mine"
    with turn(tmp_path / "db", 0.0) as mine:
        assert not mine
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with turn(tmp_path / "db", WAIT_S) as mine:
        assert mine
    os.close(listen)
    os.close(say)


def test_a_process_forked_in_a_turn_does_not_keep_it(tmp_path: Path) -> None:
    with turn(tmp_path / "db", WAIT_S):
        child = os.fork()
        if child == 0:
            signal.pause()
    with turn(tmp_path / "db", 1.0) as mine:
        assert mine
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def test_where_no_queue_can_be_made_the_turn_is_at_once(read_only: Path) -> None:
    with turn(read_only / "db", WAIT_S) as one, turn(read_only / "db", WAIT_S) as other:
        assert one
        assert other


def test_a_writer_whose_turn_does_not_come_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another writer's transaction that does not end is an error that says so, and what was waited for goes on."""
    monkeypatch.setattr(_sqlite, "BUSY_WAIT_S", 0.1)
    records, others = (open_records(f"sqlite:///{tmp_path / 'records.db'}") for _ in range(2))
    records.migrate()
    with records.write(), pytest.raises(UnavailableError, match="write lock within"):
        others.write().__enter__()
    with others.write() as connection:
        connection.exec_driver_sql("SELECT 1")
    records.close()
    others.close()
