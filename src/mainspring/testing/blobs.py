"""What every blobs backend must do."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mainspring.errors import InputError, IntegrityError, UnknownNameError
from mainspring.ports.blobs import Blob, Blobs
from mainspring.testing._processes import in_processes


class BlobsContract:
    """Subclass it and define `open_store`."""

    @staticmethod
    def open_store(address: str, /) -> Blobs:
        """Open the store at an address; importable by name, because processes call it."""
        raise NotImplementedError

    @pytest.fixture
    def address(self, tmp_path: Path) -> str:
        """Where a fresh, empty store is."""
        return str(tmp_path / "blobs")

    @pytest.fixture
    def blobs(self, address: str) -> Blobs:
        return type(self).open_store(address)

    @pytest.mark.parametrize("data", [b"", b"x", b"\x00\xff" * 700_000])
    def test_put_and_get(self, blobs: Blobs, data: bytes) -> None:
        """What was put is what is got, under its SHA-256."""
        blob = blobs.put(data)
        assert blob == Blob(hashlib.sha256(data).hexdigest(), len(data))
        assert blobs.get(blob.sha256) == data

    def test_put_twice(self, blobs: Blobs) -> None:
        """Storing equal bytes again changes nothing and answers the same."""
        assert blobs.put(b"same") == blobs.put(b"same")

    def test_put_file(self, blobs: Blobs, tmp_path: Path) -> None:
        """A file is stored as its bytes are, and stays where it is."""
        source = tmp_path / "source"
        source.write_bytes(b"abc" * 1_000_000)
        blob = blobs.put_file(source)
        assert blob == blobs.put(source.read_bytes())
        assert blobs.get(blob.sha256) == source.read_bytes()

    def test_put_file_missing(self, blobs: Blobs, tmp_path: Path) -> None:
        """A file that is not there is the caller's mistake."""
        with pytest.raises(InputError, match="nothing-here"):
            blobs.put_file(tmp_path / "nothing-here")

    def test_stage(self, blobs: Blobs) -> None:
        """Bytes that come in pieces are one blob, new or known; of what was given up nothing is there."""
        for _ in range(2):
            with blobs.stage() as staged:
                for piece in (b"in ", b"", b"pieces"):
                    staged.write(piece)
                blob = staged.publish()
            assert blob == blobs.put(b"in pieces")
        with blobs.stage() as staged:
            staged.write(b"given up")
        assert [found.sha256 for found in blobs.walk()] == [blob.sha256]
        assert blobs.drafts() == []

    def test_two_stages(self, blobs: Blobs) -> None:
        """Stages do not know of each other; of equal bytes both make the one blob."""
        with blobs.stage() as one, blobs.stage() as other:
            one.write(b"same")
            other.write(b"same")
            assert one.publish() == other.publish()
        assert [blobs.get(found.sha256) for found in blobs.walk()] == [b"same"]

    @pytest.mark.parametrize("size", [0, 1, 1 << 20, (1 << 20) + 1, 5 << 19])
    def test_stream(self, blobs: Blobs, size: int) -> None:
        """Bytes are read in pieces that are at most a mebibyte."""
        data = bytes(range(251)) * (size // 251 + 1)
        pieces = list(blobs.stream(blobs.put(data[:size]).sha256))
        assert b"".join(pieces) == data[:size]
        assert all(0 < len(piece) <= 1 << 20 for piece in pieces)

    def test_stream_damage(self, blobs: Blobs) -> None:
        """Nobody gets the whole of what is not what was put."""
        blob = blobs.put(bytes(range(256)) * 8192)
        self.damage(blobs, blob.sha256)
        got = 0
        with pytest.raises(IntegrityError, match=blob.sha256):
            for piece in blobs.stream(blob.sha256):
                got += len(piece)
        assert got < blob.size_bytes

    def test_find(self, blobs: Blobs) -> None:
        """Find knows name and size, and answers None for what is not there."""
        blob = blobs.put(b"12345")
        assert blobs.find(blob.sha256) == Blob(blob.sha256, 5)
        assert blobs.find("0" * 64) is None

    def test_path(self, blobs: Blobs) -> None:
        """A blob can be read as a local file."""
        assert blobs.path(blobs.put(b"bytes in a file").sha256).read_bytes() == b"bytes in a file"

    def test_unknown(self, blobs: Blobs) -> None:
        """Getting what was never put is refused by name."""
        for read in (blobs.get, blobs.path, blobs.stream):
            with pytest.raises(UnknownNameError, match="0" * 64):
                read("0" * 64)

    @pytest.mark.parametrize("name", ["", "abc", "../../etc/passwd", "G" * 64, "A" * 64])
    def test_not_a_digest(self, blobs: Blobs, name: str) -> None:
        """Only a digest names a blob."""
        calls: list[Callable[[str], object]] = [blobs.get, blobs.find, blobs.path, blobs.stream, blobs.delete]
        for call in calls:
            with pytest.raises(InputError, match="SHA-256"):
                call(name)

    def test_delete(self, blobs: Blobs) -> None:
        """A deleted blob is gone, deleting again changes nothing, and it can be put again."""
        blob = blobs.put(b"short life")
        blobs.delete(blob.sha256)
        blobs.delete(blob.sha256)
        assert blobs.find(blob.sha256) is None
        assert blobs.put(b"short life") == blob
        assert blobs.get(blob.sha256) == b"short life"

    def test_damage(self, blobs: Blobs) -> None:
        """Bytes that are not what was put are never handed out."""
        blob = blobs.put(b"the right bytes")
        self.damage(blobs, blob.sha256)
        with pytest.raises(IntegrityError, match=blob.sha256):
            blobs.get(blob.sha256)

    def damage(self, blobs: Blobs, sha256: str) -> None:
        """Change a stored blob behind the store's back, keeping its size."""
        place = blobs.path(sha256)
        place.chmod(0o644)
        place.write_bytes(place.read_bytes()[::-1])

    def test_threads(self, blobs: Blobs) -> None:
        """Threads that put equal and different bytes at once all succeed."""
        failures: list[BaseException] = []

        def put(number: int) -> None:
            try:
                for turn in range(20):
                    data = f"shared {turn}".encode() if turn % 2 else f"own {number} {turn}".encode()
                    assert blobs.get(blobs.put(data).sha256) == data
            except BaseException as error:  # noqa: BLE001 - handed to the test's own thread
                failures.append(error)

        threads = [threading.Thread(target=put, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures

    def test_processes(self, address: str) -> None:
        """Processes that put the same bytes at once end with one blob."""
        found = in_processes(_put_many, [(type(self).open_store, address)] * 2)
        assert found[0] == found[1]
        blobs = type(self).open_store(address)
        assert [blobs.get(sha256) for sha256 in found[0]] == [b"%d" % number * 1000 for number in range(30)]

    def test_walk(self, blobs: Blobs) -> None:
        """Every blob is listed once with its size, and when it was put last."""
        began = datetime.now(UTC) - timedelta(seconds=1)
        put = sorted((blobs.put(data) for data in (b"", b"one", b"two" * 9)), key=lambda blob: blob.sha256)
        found = list(blobs.walk())
        assert [Blob(item.sha256, item.size_bytes) for item in found] == put
        assert all(began <= item.put_at <= datetime.now(UTC) + timedelta(seconds=1) for item in found)

    def test_walk_before_put(self, blobs: Blobs) -> None:
        """A store that was never written has nothing to list, collect or clean."""
        assert list(blobs.walk()) == []
        assert blobs.drafts() == []
        assert not blobs.collect("0" * 64, datetime.now(UTC))
        blobs.delete_draft("nothing")

    def test_collect(self, blobs: Blobs) -> None:
        """What was put before the moment goes; what was put, or put again, since then stays."""
        blob = blobs.put(b"old")
        put_at = next(blobs.walk()).put_at
        assert not blobs.collect(blob.sha256, put_at - timedelta(seconds=1))
        assert blobs.get(blob.sha256) == b"old"
        assert blobs.collect(blob.sha256, put_at + timedelta(seconds=1))
        assert blobs.find(blob.sha256) is None
        assert not blobs.collect(blob.sha256, put_at + timedelta(seconds=1))
        assert blobs.put(b"old") == blob

    def test_put_again_is_young(self, blobs: Blobs) -> None:
        """Storing equal bytes again counts as putting them: whoever does is about to refer to them."""
        blobs.put(b"same")
        first = next(blobs.walk()).put_at
        while next(blobs.walk()).put_at <= first:
            blobs.put(b"same")
        assert len(list(blobs.walk())) == 1


def _put_many(open_store: Callable[[str], Blobs], address: str) -> list[str]:
    blobs = open_store(address)
    return [blobs.put(b"%d" % number * 1000).sha256 for number in range(30)]
