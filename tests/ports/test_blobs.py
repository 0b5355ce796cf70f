"""Blobs on disk: the contract, and what only a disk can do wrong."""

from __future__ import annotations

import contextlib
import os
import threading
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mainspring.errors import AccessError, InputError
from mainspring.ports.blobs import open_blobs
from mainspring.testing import BlobsContract


class TestDiskBlobs(BlobsContract):
    """The contract on a local folder."""

    open_store = staticmethod(open_blobs)


def test_truncated_object_is_put_right(tmp_path: Path) -> None:
    """Putting the bytes of an object that lost its end writes them anew."""
    blobs = open_blobs(tmp_path)
    blob = blobs.put(b"all of it")
    place = blobs.path(blob.sha256)
    place.chmod(0o644)
    place.write_bytes(b"all")
    blobs.put(b"all of it")
    assert blobs.get(blob.sha256) == b"all of it"


def test_staging_is_left_empty(tmp_path: Path) -> None:
    """Nothing stays in staging, whether a put was new, known or failed."""
    blobs = open_blobs(tmp_path / "blobs")
    source = tmp_path / "source"
    source.write_bytes(b"1")
    for _ in range(2):
        blobs.put(b"1")
        blobs.put_file(source)
    with pytest.raises(InputError):
        blobs.put_file(tmp_path)
    assert list((tmp_path / "blobs" / "staging").iterdir()) == []


def test_put_file_memory(tmp_path: Path) -> None:
    """A file is stored in memory that does not grow with it."""
    source = tmp_path / "source"
    with source.open("wb") as file:
        file.truncate(64 << 20)
    tracemalloc.start()
    try:
        open_blobs(tmp_path / "blobs").put_file(source)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_stage_and_stream_memory(tmp_path: Path) -> None:
    """Bytes are taken in and given out in memory that does not grow with them."""
    blobs, piece = open_blobs(tmp_path), bytes(1 << 20)
    tracemalloc.start()
    try:
        with blobs.stage() as staged:
            for _ in range(64):
                staged.write(piece)
            blob = staged.publish()
        assert sum(len(found) for found in blobs.stream(blob.sha256)) == 64 << 20
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_an_open_stage_is_a_draft(tmp_path: Path) -> None:
    """What is staged shows to a collector; removing it makes its process fail."""
    blobs = open_blobs(tmp_path)
    with blobs.stage() as staged:
        staged.write(b"on its way")
        (draft,) = blobs.drafts()
        assert draft.size_bytes == 10
        blobs.delete_draft(draft.name)
        with pytest.raises(FileNotFoundError):
            staged.publish()
    assert list(blobs.walk()) == []


def test_objects_are_read_only(tmp_path: Path) -> None:
    """An object's file cannot be written by accident."""
    blobs = open_blobs(tmp_path)
    assert blobs.path(blobs.put(b"x").sha256).stat().st_mode & 0o222 == 0


def test_read_only_folder(unwritable: Path) -> None:
    """A folder that cannot be written is a clear error; reading there finds nothing."""
    blobs = open_blobs(unwritable / "blobs")
    with pytest.raises(AccessError, match="write permission"):
        blobs.put(b"x")
    assert blobs.find("0" * 64) is None


def test_file_in_the_way(tmp_path: Path) -> None:
    """A file where the folder should be is a clear error."""
    (tmp_path / "blobs").write_bytes(b"")
    with pytest.raises(AccessError, match="blobs"):
        open_blobs(tmp_path / "blobs").put(b"x")


@pytest.mark.parametrize("address", ["s3://bucket/blobs", "ftp:x"])
def test_unknown_scheme(address: str) -> None:
    """An address that no backend answers to names those that do."""
    with pytest.raises(InputError, match="a path, file:"):
        open_blobs(address)


def test_file_url(tmp_path: Path) -> None:
    """A `file:` URL and a path name the same store."""
    blob = open_blobs((tmp_path / "with space").as_uri()).put(b"x")
    assert open_blobs(tmp_path / "with space").get(blob.sha256) == b"x"


def test_a_put_wins_against_a_collector(tmp_path: Path) -> None:
    """Of an old blob that is put while it is collected, the put wins: what it returned for is there."""
    blobs, stop = open_blobs(tmp_path), threading.Event()
    blob = blobs.put(b"fought for")
    place = tmp_path / "objects" / blob.sha256[:2] / blob.sha256
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    n_collected = 0

    def collect() -> None:
        nonlocal n_collected
        while not stop.is_set():
            n_collected += blobs.collect(blob.sha256, hour_ago)

    collector = threading.Thread(target=collect)
    collector.start()
    try:
        while n_collected < 50:
            with contextlib.suppress(FileNotFoundError):
                os.utime(place, (0, 0))
            blobs.put(b"fought for")
            assert blobs.get(blob.sha256) == b"fought for"
    finally:
        stop.set()
        collector.join()


def test_drafts_are_what_is_staged(tmp_path: Path) -> None:
    """What a killed put left is listed with its size, and can be removed."""
    blobs = open_blobs(tmp_path)
    blobs.put(b"whole")
    assert blobs.drafts() == []
    (tmp_path / "staging" / "half").write_bytes(b"ha")
    (draft,) = blobs.drafts()
    assert (draft.name, draft.size_bytes) == ("half", 2)
    blobs.delete_draft("half")
    assert blobs.drafts() == []
