"""Weight tables: files that say what is served, changed in one step."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec
import pytest

from mainspring.errors import (
    AccessError,
    ConflictError,
    IntegrityError,
    MainspringError,
    StateError,
    UnavailableError,
    UnknownNameError,
)
from mainspring.serving import weights
from mainspring.serving.weights import Arm, WeightTable, WeightWatch
from mainspring.types import new_id


def arm(version: int, name: str = "champion") -> Arm:
    """An arm of that version."""
    return Arm(
        name=name,
        weight=1.0,
        model="m",
        version=version,
        version_id=f"v{version}",
        package_id=f"p{version}",
        view="w",
        view_version=1,
        view_id="w1",
        features=("a",),
        groups=("g",),
    )


def following(present: WeightTable | None, **fields: object) -> WeightTable:
    """The next table after `present`, by promotion of version `epoch`."""
    epoch = 1 if present is None else present.epoch + 1
    plain = {
        "deployment": "d",
        "epoch": epoch,
        "context_id": new_id(),
        "revision_id": new_id(),
        "revision": 1 if present is None else present.revision + 1,
        "arms": (arm(epoch),),
        "cause": "create" if present is None else "promote",
        "actor": "user:test",
        "changed_us": 1,
    }
    return WeightTable(**{**plain, **fields})  # type: ignore[arg-type]


def test_the_last_change_is_in_force_and_all_are_kept(tmp_path: Path) -> None:
    """Each epoch is a file of its own; the current one is the newest."""
    for _ in range(3):
        weights.change(tmp_path, following)
    assert weights.read_table(tmp_path).epoch == 3
    assert [table.epoch for table in weights.history(tmp_path)] == [1, 2, 3]


def test_nothing_deployed_is_no_table(tmp_path: Path) -> None:
    """Find returns None, read raises, history is empty."""
    assert weights.find_table(tmp_path) is None
    assert weights.history(tmp_path / "missing") == []
    with pytest.raises(UnknownNameError):
        weights.read_table(tmp_path)


def test_a_change_that_was_never_put_in_force_is_not_history(tmp_path: Path) -> None:
    """A crash before the name was moved leaves a file that the next change writes over."""
    weights.change(tmp_path, following)
    (tmp_path / "00000002.json").write_text("half")
    assert [table.epoch for table in weights.history(tmp_path)] == [1]
    weights.change(tmp_path, following)
    assert [table.champion.version for table in weights.history(tmp_path)] == [1, 2]


def test_a_file_of_another_name_is_not_history(tmp_path: Path) -> None:
    """Somebody's copy of an epoch stops neither reading nor rolling back."""
    first = weights.change(tmp_path, following)
    weights.change(tmp_path, following)
    shutil.copy(tmp_path / "00000001.json", tmp_path / "00000001 (copy).json")
    (tmp_path / "1.json").write_text("")
    assert [table.epoch for table in weights.history(tmp_path)] == [1, 2]
    back = weights.roll_back(tmp_path, actor="user:test", reason="", changed_us=1)
    assert back.champion == first.champion


@pytest.mark.parametrize(
    ("number", "refusal"),
    [(errno.ENOSPC, UnavailableError), (errno.EROFS, AccessError), (errno.EACCES, AccessError)],
)
def test_a_rollback_that_the_disk_refuses_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, refusal: type[MainspringError]
) -> None:
    """Full, read-only or forbidden: an error in four parts, and what was served still is."""
    weights.change(tmp_path, following)
    second = weights.change(tmp_path, following)

    def refuse(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(refusal, match=os.strerror(number).lower()):
        weights.roll_back(tmp_path, actor="user:test", reason="", changed_us=1)
    assert weights.read_table(tmp_path) == second


def test_a_leftover_draft_does_not_stop_a_change(tmp_path: Path) -> None:
    """A crash between link and move leaves a draft."""
    weights.change(tmp_path, following)
    (tmp_path / ".00000002.draft").write_text("left")
    assert weights.change(tmp_path, following).epoch == 2


KILLED = """
import os, signal, sys
from pathlib import Path
from mainspring.serving import weights
folder, due, n_seen = Path(sys.argv[1]), int(sys.argv[2]), 0

def kill_at(event, arguments):
    global n_seen
    # Reading the history opens files as well; only what comes from the drafts on is counted.
    begun = n_seen or ".draft" in str(arguments[:1])
    if begun and event in ("open", "os.remove", "os.rename", "os.link"):
        n_seen += 1
        if n_seen == due:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(kill_at)
weights.roll_back(folder, actor="user:killed", reason="", changed_us=1)
"""


@pytest.mark.parametrize("due", range(1, 8))
def test_a_change_killed_at_any_step_stops_no_later_change(tmp_path: Path, due: int) -> None:
    """Kill -9 before each system call that replaces the table: promote and rollback work afterwards."""
    weights.change(tmp_path, following)
    weights.change(tmp_path, following)
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), str(due)], check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    n_in_force = weights.read_table(tmp_path).epoch
    # The seventh is the sync of the folder: by then the table is in force.
    assert n_in_force == (2 if due < 7 else 3)
    promoted = weights.change(tmp_path, following)
    assert weights.read_table(tmp_path) == promoted
    back = weights.roll_back(tmp_path, actor="user:test", reason="", changed_us=2)
    assert weights.read_table(tmp_path) == back
    assert [table.epoch for table in weights.history(tmp_path)] == list(range(1, n_in_force + 3))


def test_changes_of_many_threads_come_one_after_another(tmp_path: Path) -> None:
    """Every change gets an epoch of its own, and none is lost."""
    threads = [threading.Thread(target=weights.change, args=(tmp_path, following)) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [table.epoch for table in weights.history(tmp_path)] == list(range(1, 13))


def test_a_wrong_epoch_is_a_conflict(tmp_path: Path) -> None:
    """A change decided on an older table is refused and leaves nothing."""
    table = weights.change(tmp_path, following)
    with pytest.raises(ConflictError):
        weights.change(tmp_path, lambda _: table)
    assert [found.epoch for found in weights.history(tmp_path)] == [1]


def test_rollback_ends_a_shadow_and_holds_against_the_controller(tmp_path: Path) -> None:
    """After it only a person's change is taken."""
    weights.change(tmp_path, following)
    weights.change(tmp_path, lambda now: following(now, arms=(arm(2), arm(3, "shadow"))))
    back = weights.roll_back(tmp_path, actor="user:night", reason="worse", changed_us=5)
    assert (back.champion.version, len(back.arms), back.held, back.actor) == (1, 1, True, "user:night")
    with pytest.raises(StateError):
        weights.change(tmp_path, lambda now: following(now, origin="controller"))
    assert weights.change(tmp_path, following).held is False


def test_a_shadow_after_a_rollback_is_nothing_to_go_back_to(tmp_path: Path) -> None:
    """Only revisions are gone back over, not the shadows between them."""
    for _ in range(3):
        weights.change(tmp_path, following)
    weights.roll_back(tmp_path, actor="a", reason="", changed_us=1)
    weights.change(tmp_path, lambda now: msgspec.structs.replace(now, epoch=5, cause="shadow"))  # type: ignore[type-var]
    assert weights.roll_back(tmp_path, actor="a", reason="", changed_us=1).champion.version == 1


def ask(watch: WeightWatch) -> WeightTable | None:
    """What the watch says once the interval is over in which it does not look."""
    time.sleep(weights.CHECK_EVERY_S)
    return watch.find_change()


def test_a_watch_tells_of_a_change_until_it_is_settled(tmp_path: Path) -> None:
    """The table that is there, again and again; nothing once it was taken up; then the next one."""
    watch = WeightWatch(tmp_path)
    assert watch.find_change() is None
    first = weights.change(tmp_path, following)
    assert ask(watch) == ask(watch) == first
    watch.settle(first)
    assert ask(watch) is None
    second = weights.change(tmp_path, following)
    assert ask(watch) == second


def test_a_table_that_was_put_off_waits_and_a_newer_one_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a failure the watch is silent for a while; a change ends that, and the late end of the old is nothing."""
    for name in ("RETRY_FIRST_S", "RETRY_MOST_S"):
        monkeypatch.setattr(weights, name, 3600.0)
    watch = WeightWatch(tmp_path)
    first = weights.change(tmp_path, following)
    assert ask(watch) == first
    watch.put_off(first)
    assert ask(watch) is None
    second = weights.change(tmp_path, following)
    assert ask(watch) == second
    watch.settle(first)
    watch.put_off(first)
    assert ask(watch) == second
    monkeypatch.setattr(weights, "RETRY_FIRST_S", 0.0)
    watch.put_off(second)
    assert ask(watch) == second


def test_retries_come_later_each_time_up_to_a_bound() -> None:
    """Doubling from the first wait; any number of failures is fine."""
    waits = [weights.retry_after_s(n_failed) for n_failed in (0, 1, 2, 10_000)]
    assert waits == [weights.RETRY_FIRST_S * factor for factor in (1, 2, 4)] + [weights.RETRY_MOST_S]


def test_a_damaged_table_is_said_to_be_damaged(tmp_path: Path) -> None:
    """Not a decoding error from inside."""
    weights.change(tmp_path, following)
    (tmp_path / weights.CURRENT).write_text("{")
    with pytest.raises(IntegrityError, match="weight table"):
        weights.read_table(tmp_path)
