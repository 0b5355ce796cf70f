"""Kill -9 at every step, and power loss at every sync: nothing acknowledged is lost, nothing is half there."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import polars as pl
import pytest
from tests.ports.crash_work import DATA, TOKENS, acknowledged, append_rows, put_blobs
from tests.ports.power_loss import Disk

from mainspring.ports.blobs import open_blobs
from mainspring.ports.keys import Entry, open_keys
from mainspring.ports.tables import open_tables
from mainspring.types import digest_bytes

CHECKOUT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked processes")


def _killed(kind: str, folder: Path, moments: str) -> list[Path]:
    command = [sys.executable, "-m", "tests.ports.crash_child", kind, str(folder), moments]
    subprocess.run(command, cwd=CHECKOUT, check=True, timeout=300)
    return sorted(folder.iterdir())


def test_blobs_killed_at_every_step(tmp_path: Path) -> None:
    """After each kill every acknowledged blob is whole, no object is half there, and the work can be redone."""
    folders = _killed("blobs", tmp_path, "steps")
    assert len(folders) > 20
    for folder in folders:
        blobs = open_blobs(folder / "blobs")
        for sha256 in acknowledged(folder):
            blobs.get(sha256)
        for place in (folder / "blobs").glob("objects/*/*"):
            assert digest_bytes(place.read_bytes()) == place.name
        assert [blobs.get(sha256) for sha256 in put_blobs(folder)] == [*DATA, b"from a file", b"in pieces"]


@pytest.mark.parametrize("moments", ["steps", "12"])
def test_tables_killed(tmp_path: Path, moments: str) -> None:
    """After each kill every acknowledged append is there once, and the retry with the same tokens adds the rest."""
    folders = _killed("tables", tmp_path, moments)
    assert len(folders) >= 12
    for folder in folders:
        tables = open_tables(folder / "tables")
        for token in acknowledged(folder):
            version = tables.find_append("t", token)
            assert version is not None
            found = tables.scan("t", version).collect()["number"].to_list()
            assert found.count(TOKENS.index(token)) == 1
        assert list(append_rows(folder)) == TOKENS
        assert sorted(tables.scan("t").collect()["number"]) == list(range(len(TOKENS)))


def test_keys_killed(tmp_path: Path) -> None:
    """After each kill both keys of the last acknowledged put, or of the next, are there, and puts go on."""
    for folder in _killed("keys", tmp_path, "8"):
        keys = open_keys(folder / "keys")
        turns = [int(turn) for turn in acknowledged(folder)]
        a, b = keys.get("s", [b"a", b"b"])
        if turns:
            assert a is not None and b is not None
            assert a.event_us == b.event_us
            assert a.event_us - turns[-1] in {0, 1}
        assert keys.put("s", [Entry(b"a", 10**9, 0, 0, b"")]) == 1
        keys.close()


def left_by_power_losses(
    work: Callable[[Path], Iterable[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    names_survive: bool,
) -> list[tuple[Path, list[str]]]:
    """What is on disk if power fails at any sync of `work` or after it, and what had been acknowledged by then."""
    home = tmp_path / "home"
    home.mkdir()
    disk, done = Disk(home, monkeypatch), list[str]()
    left: list[tuple[Path, list[str]]] = []

    def fail() -> None:
        target = tmp_path / f"left {len(left)}"
        left.append((disk.after_power_loss(target, names_survive=names_survive), list(done)))

    disk.at_sync = fail
    for known in work(home):
        done.append(known)
        fail()
    monkeypatch.undo()
    return left


@pytest.mark.parametrize("names_survive", [False, True])
def test_blobs_after_power_loss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names_survive: bool) -> None:
    """What was put is there if power fails at any sync after it was acknowledged."""
    left = left_by_power_losses(put_blobs, tmp_path, monkeypatch, names_survive=names_survive)
    assert len(left) > 12
    for folder, known in left:
        blobs = open_blobs(folder / "blobs")
        for sha256 in known:
            blobs.get(sha256)
        list(put_blobs(folder))


@pytest.mark.parametrize("names_survive", [False, True])
def test_tables_after_power_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names_survive: bool
) -> None:
    """What was appended is there if power fails at any sync after it was acknowledged, and appends go on."""
    left = left_by_power_losses(append_rows, tmp_path, monkeypatch, names_survive=names_survive)
    assert len(left) > 20
    for folder, known in left:
        tables = open_tables(folder / "tables")
        assert all(tables.find_append("t", token) is not None for token in known)
        assert list(append_rows(folder)) == TOKENS
        assert tables.scan("t").select(pl.col("number").sort()).collect()["number"].to_list() == [
            *range(len(TOKENS))
        ]
