"""Keys on LMDB: the contract, and what only a mapped file can do."""

from __future__ import annotations

import multiprocessing
import os
import struct
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.errors import AccessError, InputError, IntegrityError
from mainspring.ports.keys import Columns, Entry, open_keys
from mainspring.ports.keys._codec import decode, encode, is_newer, prefix
from mainspring.ports.keys._lmdb import LmdbKeys
from mainspring.testing import KeysContract

INT64 = st.integers(-(2**63), 2**63 - 1)
ENTRIES = st.builds(
    Entry,
    st.binary(min_size=1, max_size=440),
    INT64,
    INT64,
    INT64,
    st.binary(max_size=200),
    st.integers(0, 2**32 - 1),
)
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
SPACES = st.text(min_size=1, max_size=16).filter(lambda space: space.isprintable())


class TestLmdbKeys(KeysContract):
    """The contract on LMDB in a local folder."""

    open_store = staticmethod(open_keys)


@given(SPACES, ENTRIES)
def test_codec_round_trip(space: str, entry: Entry) -> None:
    """What was encoded is what is decoded."""
    assert decode(space, entry.key, encode(space, entry)) == entry


@given(ENTRIES, ENTRIES)
def test_codec_order(one: Entry, other: Entry) -> None:
    """Encoded entries compare by age alone, whatever their values."""
    assert is_newer(encode("s", one), encode("s", other)) == (one.age > other.age)


@given(ENTRIES, ENTRIES)
def test_codec_of_before(one: Entry, other: Entry) -> None:
    """What an older version wrote, without ordinals, is read, and compares by age as if it had 0."""
    one = Entry(one.key, one.event_us, one.known_us, one.commit, one.value)
    before = struct.pack(">Bqqq", 1, one.event_us, one.known_us, one.commit) + one.value
    assert decode("s", one.key, before) == one
    assert is_newer(encode("s", other), before) == (other.age > one.age)


@given(SPACES, SPACES, st.binary(max_size=20), st.binary(max_size=20))
def test_codec_spaces(one: str, other: str, key: bytes, other_key: bytes) -> None:
    """No stored key of a space begins like another space."""
    if one != other:
        assert not (prefix(one) + key).startswith(prefix(other))
        assert prefix(one) + key != prefix(other) + other_key


@given(st.lists(ENTRIES, min_size=1, max_size=5), INT64, INT64)
def test_columns_in_bounds(entries: list[Entry], event_us: int, known_us: int) -> None:
    """What is said to be within bounds is; and so it is said of what lies between 1970 and them."""
    columns = Columns.of("s", [], [encode("s", entry) for entry in entries])
    until = all(entry.event_us <= event_us for entry in entries)
    known = all(entry.known_us <= known_us for entry in entries)
    since = all(entry.event_us >= event_us for entry in entries)
    are_later = all(entry.event_us >= 0 and entry.known_us >= 0 for entry in entries)
    for said, so in (
        (columns.are_until(event_us), until),
        (columns.are_until(event_us, known_us), until and known),
        (columns.are_since(event_us), since),
    ):
        assert so if said else not (so and are_later)


def test_columns_of_before_and_of_damage() -> None:
    """What an older version wrote is read beside the rest; what cannot be read is refused."""
    old, new = Entry(b"a", 1, 2, 3, b"old"), Entry(b"b", 4, 5, 6, b"new", 7)
    before = struct.pack(">Bqqq", 1, 1, 2, 3) + b"old"
    found = Columns.of("s", [b"x", b"a", b"b"], [None, before, encode("s", new)])
    assert list(found.places) == [1, 2]
    assert (found.values(), found.commits) == ([old.value, new.value], [3, 6])
    with pytest.raises(IntegrityError, match="key b'a'.*materialise it again"):
        Columns.of("s", [b"b", b"a"], [encode("s", new), b"\x03" + bytes(40)])


@pytest.mark.parametrize("stored", [b"", b"\x03" + b"\x00" * 40, b"\x02" + b"\x00" * 27, b"\x01short"])
def test_codec_damage(stored: bytes) -> None:
    """A value of another format is refused, with the way out."""
    with pytest.raises(IntegrityError, match="materialise it again"):
        decode("s", b"k", stored)


def test_map_grows(tmp_path: Path) -> None:
    """A put that does not fit doubles the map until it does, while the old entries stay."""
    keys = LmdbKeys(tmp_path, first_map_bytes=1 << 16)
    for number in range(20):
        keys.put("s", [Entry(b"%d" % number, 0, 0, 0, bytes(100_000))])
        assert keys.get("s", [b"0"]) != [None]
    assert all(keys.get("s", [b"%d" % number for number in range(20)]))
    keys.close()


def test_map_grown_by_another_process(tmp_path: Path) -> None:
    """A reader and a writer go on when another process has made the map larger."""
    keys = LmdbKeys(tmp_path, first_map_bytes=1 << 16)
    keys.put("s", [Entry(b"a", 0, 0, 0, b"")])
    child = multiprocessing.get_context("spawn").Process(target=_grow, args=(str(tmp_path),))
    child.start()
    child.join()
    assert child.exitcode == 0
    (found,) = keys.get("s", [b"large"])
    assert found is not None
    assert len(found.value) == 1 << 20
    assert keys.put("s", [Entry(b"b", 0, 0, 0, b"")]) == 1
    keys.close()


def _grow(address: str) -> None:
    LmdbKeys(Path(address), first_map_bytes=1 << 22).put("s", [Entry(b"large", 0, 0, 0, bytes(1 << 20))])


def test_read_only_folder(unwritable: Path) -> None:
    """A folder that cannot be written is a clear error; reading there finds nothing."""
    keys = open_keys(unwritable / "keys")
    assert keys.get("s", [b"a"]) == [None]
    with pytest.raises(AccessError, match="write permission"):
        keys.put("s", [Entry(b"a", 0, 0, 0, b"")])


def test_not_a_store(tmp_path: Path) -> None:
    """A file that is no LMDB store is refused, with the way out."""
    (tmp_path / "data.mdb").write_bytes(b"something else entirely" * 1000)
    with pytest.raises(IntegrityError, match="materialise it again"):
        open_keys(tmp_path).get("s", [b"a"])


_CUT = """
import sys
from mainspring.errors import IntegrityError
from mainspring.ports.keys import open_keys
try:
    keys = open_keys(sys.argv[1], read_only=sys.argv[2] == "reads")
    keys.get("s", [b"0"]), sum(1 for _ in keys.entries("s"))
except IntegrityError as error:
    print(error.code, error.got)
"""


@pytest.mark.parametrize("who", ["reads", "writes"])
@pytest.mark.parametrize("value_bytes", [50, 9_000], ids=["short", "long"])
def test_a_file_that_was_cut(tmp_path: Path, who: str, value_bytes: int) -> None:
    """It is refused before a page that is not there is read, which would kill the process without a word."""
    entries = [Entry(b"%d" % n, 0, 0, 0, b"x" * value_bytes) for n in range(300)]
    with closing(open_keys(tmp_path)) as keys:
        keys.put("s", entries)
    file = tmp_path / "data.mdb"
    os.truncate(file, file.stat().st_size // 2)
    ended = subprocess.run(
        [sys.executable, "-c", _CUT, str(tmp_path), who], check=False, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended
    assert ended.stdout.startswith("integrity.damaged")


def test_a_file_without_pages_that_were_given_up_is_whole(tmp_path: Path) -> None:
    """LMDB need not write pages that are free: a file is refused only where it lacks one that is in use."""
    entries = [Entry(b"%d" % n, 0, 0, 0, b"x" * 50) for n in range(3_000)]
    with closing(open_keys(tmp_path)) as keys:
        keys.put("s", entries)
        keys.delete("s", [entry.key for entry in entries[5:]])
        for age in range(1, 4):
            # Each transaction takes free pages, which lie before the end.
            keys.put("s", [Entry(b"0", age, 0, 0, b"")])
    file = tmp_path / "data.mdb"
    n_cut = 0
    with pytest.raises(IntegrityError, match="was cut"):
        while True:
            os.truncate(file, file.stat().st_size - PAGE_BYTES)
            with closing(open_keys(tmp_path)) as keys:
                assert len(list(keys.entries("s"))) == 5
            n_cut += 1
    assert n_cut > 10


@pytest.mark.parametrize("address", ["etcd://host", "x:y/z".replace("x", "memcached")])
def test_unknown_scheme(address: str) -> None:
    """An address that no backend answers to names those that do."""
    with pytest.raises(InputError, match="a path, file:, lmdb:, redis:"):
        open_keys(address)


def test_lmdb_url(tmp_path: Path) -> None:
    """An `lmdb:` URL and a path name the same store."""
    with_url, with_path = open_keys(f"lmdb://{tmp_path}/keys"), open_keys(tmp_path / "keys")
    with_url.put("s", [Entry(b"a", 1, 0, 0, b"")])
    assert with_path.get("s", [b"a"]) == [Entry(b"a", 1, 0, 0, b"")]
    with_url.close()
    with_path.close()
