"""Segments: what a crash or a damaged disk leaves can be read, save the damaged frames."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mainspring.errors import (
    AccessError,
    InputError,
    IntegrityError,
    MainspringError,
    SchemaVersionError,
    UnavailableError,
)
from mainspring.serving.wal import (
    MAGIC,
    MAX_PAYLOAD_BYTES,
    SegmentWriter,
    claimed,
    find_segments,
    frame,
    read_segment,
    sweep,
)
from mainspring.types import new_id

PAYLOADS = [b"first", b"second" * 40, b"\x00", b"last"]


def written(folder: Path, payloads: list[bytes]) -> Path:
    """A closed segment of these payloads."""
    writer = SegmentWriter(folder, payloads[0])
    for payload in payloads[1:]:
        writer.append(payload)
    writer.close()
    return writer.path


def test_what_was_appended_is_read_back(tmp_path: Path) -> None:
    """In order, byte for byte, without damage."""
    segment = read_segment(written(tmp_path, PAYLOADS))
    assert (segment.payloads, segment.damage) == (PAYLOADS, None)


def test_an_open_segment_can_be_read(tmp_path: Path) -> None:
    """Readers need no lock and see what was appended so far."""
    writer = SegmentWriter(tmp_path, b"first")
    writer.append(b"second")
    assert read_segment(writer.path).payloads == [b"first", b"second"]
    writer.close()


@settings(max_examples=60, deadline=None)
@given(
    payloads=st.lists(st.binary(min_size=1, max_size=60), min_size=1, max_size=8),
    cut=st.floats(0, 1, exclude_max=True),
)
def test_cut_anywhere_keeps_every_whole_frame(
    payloads: list[bytes], cut: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A file that ends at any byte gives the frames before it, and calls the rest torn."""
    path = written(tmp_path_factory.mktemp("cut"), payloads)
    data = path.read_bytes()
    size = len(MAGIC) + round((len(data) - len(MAGIC)) * cut)
    path.write_bytes(data[:size])
    ends = [len(MAGIC) + sum(len(frame(item)) for item in payloads[: n + 1]) for n in range(len(payloads))]
    n_whole = sum(end <= size for end in ends)
    segment = read_segment(path)
    assert segment.payloads == payloads[:n_whole]
    clean = size == (ends[n_whole - 1] if n_whole else len(MAGIC))
    assert (segment.damage is None) == clean
    assert clean or (segment.damage is not None and segment.damage.torn and segment.damage.n_frames_lost == 0)


@settings(max_examples=60, deadline=None)
@given(place=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_a_changed_byte_is_never_read_as_data(
    place: float, flip: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever byte changes, at most the frame that it is in is lost, and damage is said."""
    path = written(tmp_path_factory.mktemp("flip"), PAYLOADS)
    data = bytearray(path.read_bytes())
    at = len(MAGIC) + int((len(data) - len(MAGIC)) * place)
    data[at] ^= flip
    path.write_bytes(bytes(data))
    segment = read_segment(path)
    assert segment.damage is not None
    missing = [payload for payload in PAYLOADS if payload not in segment.payloads]
    assert segment.payloads == [payload for payload in PAYLOADS if payload not in missing]
    assert len(missing) <= 1


def test_zeros_at_the_end_are_damage_and_not_empty_records(tmp_path: Path) -> None:
    """A file system may extend a file before its data arrives: zeros have a valid checksum of nothing."""
    path = written(tmp_path, PAYLOADS)
    path.write_bytes(path.read_bytes() + bytes(64))
    segment = read_segment(path)
    assert segment.payloads == PAYLOADS
    assert segment.damage is not None


def changed(path: Path, places: dict[int, int]) -> None:
    """Flip bits of a file: by place in bytes, the bits."""
    data = bytearray(path.read_bytes())
    for place, bits in places.items():
        data[place] ^= bits
    path.write_bytes(bytes(data))


def begins(number: int, payloads: list[bytes]) -> int:
    """Where the frame of one of these payloads begins, in bytes."""
    return len(MAGIC) + sum(len(frame(payload)) for payload in payloads[:number])


ROWS = [b"row%03d" % number for number in range(100)]


def test_what_follows_a_damaged_frame_is_read(tmp_path: Path) -> None:
    """A changed payload is one lost frame; those behind it have their own checksums."""
    path = written(tmp_path, ROWS)
    changed(path, {begins(7, ROWS) + 9: 1})
    segment = read_segment(path)
    assert segment.payloads == ROWS[:7] + ROWS[8:]
    assert segment.damage is not None
    assert (segment.damage.torn, segment.damage.n_frames_lost) == (False, 1)


@pytest.mark.parametrize("byte", [0, 1, 2, 3])
@pytest.mark.parametrize("number", [1, 50, 99])
def test_a_changed_length_loses_nothing_and_is_not_taken_for_a_torn_end(
    tmp_path: Path, number: int, byte: int
) -> None:
    """Also where it points beyond the file's end, and in the last frame: the checksum finds the true length."""
    path = written(tmp_path, ROWS)
    changed(path, {begins(number, ROWS) + byte: 0x08})
    segment = read_segment(path)
    assert segment.payloads == ROWS
    assert segment.damage is not None
    assert (segment.damage.torn, segment.damage.n_frames_lost) == (False, 0)


def test_a_head_that_is_wholly_wrong_is_one_lost_frame(tmp_path: Path) -> None:
    """The next frame with a right checksum is looked for byte by byte."""
    path = written(tmp_path, ROWS)
    changed(path, dict.fromkeys(range(begins(50, ROWS), begins(50, ROWS) + 8), 0xA5))
    segment = read_segment(path)
    assert segment.payloads == ROWS[:50] + ROWS[51:]
    assert segment.damage is not None
    assert (segment.damage.torn, segment.damage.n_frames_lost) == (False, 1)


def test_damage_before_a_torn_end_is_damage(tmp_path: Path) -> None:
    """Losses add up; the frame that was never acknowledged is none."""
    path = written(tmp_path, ROWS)
    changed(path, {begins(3, ROWS) + 9: 1, begins(60, ROWS) + 9: 1})
    path.write_bytes(path.read_bytes()[:-2])
    segment = read_segment(path)
    assert segment.payloads == ROWS[:3] + ROWS[4:60] + ROWS[61:99]
    assert segment.damage is not None
    assert (segment.damage.torn, segment.damage.n_frames_lost) == (False, 2)


@pytest.mark.parametrize("payload", [b"", b"x" * (MAX_PAYLOAD_BYTES + 1)])
def test_payloads_of_impossible_size_are_refused(payload: bytes) -> None:
    """Nothing empty, nothing beyond the limit: reading relies on it."""
    with pytest.raises(InputError):
        frame(payload)


def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    """A file without the magic is no segment."""
    path = tmp_path / "x.wal"
    path.write_bytes(b"something else")
    with pytest.raises(IntegrityError, match="segment"):
        read_segment(path)


def test_a_segment_is_claimed_only_when_its_writer_is_gone(tmp_path: Path) -> None:
    """The lock tells; it is there from the first moment that the file can be seen."""
    writer = SegmentWriter(tmp_path, b"first")
    with claimed(writer.path) as ours:
        assert not ours
    writer.close()
    with claimed(writer.path) as ours, claimed(writer.path) as twice:
        assert (ours, twice) == (True, False)


def test_a_claim_of_a_segment_that_was_published_meanwhile_fails(tmp_path: Path) -> None:
    """No file, no claim."""
    with claimed(tmp_path / "gone.wal") as ours:
        assert not ours


KILLED = """
import os, sys
from pathlib import Path
from mainspring.serving.wal import SegmentWriter
writer = SegmentWriter(Path(sys.argv[1]), b"0")
for number in range(1, 10_000):
    writer.append(str(number).encode())
    os.write(1, f"{number}\\n".encode())
"""


def test_kill_9_loses_no_acknowledged_append(tmp_path: Path) -> None:
    """A writer killed in the middle: every append that returned is in the segment, which can then be claimed."""
    writer = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    acknowledged = [int(writer.stdout.readline()) for _ in range(200)]
    writer.kill()
    acknowledged += [int(line) for line in writer.stdout.read().split()]
    writer.stdout.close()
    writer.wait()
    (path,) = find_segments(tmp_path)
    found = [int(payload) for payload in read_segment(path).payloads]
    assert found[: len(acknowledged) + 1] == [0, *acknowledged]
    with claimed(path) as ours:
        assert ours


FULL = """
import resource, sys
from pathlib import Path
from mainspring.errors import UnavailableError
from mainspring.serving.wal import SegmentWriter
writer = SegmentWriter(Path(sys.argv[1]), b"first")
resource.setrlimit(resource.RLIMIT_FSIZE, (writer.n_bytes + 20, resource.RLIM_INFINITY))
try:
    writer.append(b"x" * 100)
except UnavailableError as error:
    print(error.hint)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
writer.append(b"third")
"""


def test_a_full_disk_leaves_the_segment_as_it_was(tmp_path: Path) -> None:
    """A write of which only a part fits is undone and refused, and the next one succeeds."""
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert "Free disk space" in done.stdout
    (path,) = find_segments(tmp_path)
    segment = read_segment(path)
    assert (segment.payloads, segment.damage) == ([b"first", b"third"], None)


NO_ROOM = """
import os, resource, sys
from pathlib import Path
from mainspring.errors import UnavailableError
from mainspring.serving.wal import SegmentWriter
folder = Path(sys.argv[1])
before = len(os.listdir("/dev/fd"))
resource.setrlimit(resource.RLIMIT_FSIZE, (4, resource.RLIM_INFINITY))
for _ in range(20):
    try:
        SegmentWriter(folder, b"first")
    except UnavailableError:
        print("refused")
print(len(os.listdir("/dev/fd")) - before, os.listdir(folder))
"""


def test_a_segment_that_cannot_be_begun_leaves_nothing(tmp_path: Path) -> None:
    """However often a full disk refuses: no descriptor stays open, and no file stays behind."""
    done = subprocess.run(
        [sys.executable, "-c", NO_ROOM, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["refused"] * 20 + ["0 []"]


@pytest.mark.parametrize(
    ("number", "error"),
    [
        (errno.ENOSPC, UnavailableError),
        (errno.EDQUOT, UnavailableError),
        (errno.EMFILE, UnavailableError),
        (errno.EACCES, AccessError),
        (errno.EROFS, AccessError),
    ],
)
def test_what_the_system_refuses_at_opening_keeps_its_meaning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, error: type[MainspringError]
) -> None:
    """A full disk is no matter of permissions: who may answer without a log must be able to tell them apart."""

    def refuse(path: object, *_: object) -> int:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(error, match=os.strerror(number).lower()):
        SegmentWriter(tmp_path, b"first")


def test_segments_that_were_never_begun_are_swept(tmp_path: Path) -> None:
    """Old and unlocked ones only: a young one may be about to be locked, and a locked one has a writer."""
    old, young, locked = (tmp_path / ("." + new_id()) for _ in range(3))
    for path in (old, young, locked):
        path.write_bytes(MAGIC)
    for path in (old, locked):
        os.utime(path, (0, 0))
    with claimed(locked) as ours:
        assert ours
        assert sweep(tmp_path) == 1
    assert {path.name for path in tmp_path.iterdir()} == {young.name, locked.name}


def test_a_read_only_folder_is_a_clear_error(read_only: Path) -> None:
    """The refusal names the folder, and nothing is left in it."""
    with pytest.raises(AccessError, match=str(read_only)):
        SegmentWriter(read_only, b"first")
    assert list(read_only.iterdir()) == []


def test_a_segment_of_a_newer_format_is_refused_and_stays(tmp_path: Path) -> None:
    """Its first bytes say another format: it is named, and not read as a damaged one of ours."""
    path = tmp_path / "newer.wal"
    path.write_bytes(MAGIC.replace(b"\x01", b"\x02"))
    with pytest.raises(SchemaVersionError, match="format 2"):
        read_segment(path)
    assert path.exists()
