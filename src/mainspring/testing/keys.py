"""What every keys backend must do."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable, Iterator
from itertools import permutations
from pathlib import Path

import pytest

from mainspring.errors import InputError
from mainspring.ports.keys import Entry, Keys, OvertakenError
from mainspring.testing._processes import in_processes


def entry(
    key: str, event_us: int = 0, known_us: int = 0, commit: int = 0, ordinal: int = 0, *, value: bytes = b""
) -> Entry:
    """An entry whose value says which it is, unless told otherwise."""
    said = value or f"{event_us} {known_us} {commit} {ordinal}".encode()
    return Entry(key.encode(), event_us, known_us, commit, said, ordinal)


class KeysContract:
    """Subclass it and define `open_store`."""

    @staticmethod
    def open_store(address: str, /) -> Keys:
        """Open the store at an address; importable by name, because processes call it."""
        raise NotImplementedError

    @pytest.fixture
    def address(self, tmp_path: Path) -> str:
        """Where a fresh, empty store is."""
        return str(tmp_path / "keys")

    @pytest.fixture
    def keys(self, address: str) -> Iterator[Keys]:
        keys = type(self).open_store(address)
        yield keys
        keys.close()

    def test_put_and_get(self, keys: Keys) -> None:
        """Entries come back in the order asked, None where there is none, twice where asked twice."""
        a, b = entry("a", 1, 2, 3), entry("b", -5, value=b"\x00\xff")
        assert keys.put("s", [a, b]) == 2
        assert keys.get("s", [b"b", b"x", b"a", b"b"]) == [b, None, a, b]
        assert keys.get("s", []) == []
        assert keys.put("s", []) == 0

    def test_get_columns(self, keys: Keys) -> None:
        """Column by column the same entries, without those that are not there; a part is of a part of the keys."""
        a, b = entry("a", 5, -2, 3, 7, value=b"first"), entry("b", -(2**60), 2**60, 2**40, value=b"-")
        keys.put("s", [a, b])
        asked = [b"x", b"b", b"a", b"y", b"b"]
        found = keys.get_columns("s", asked)
        assert list(found.places) == [1, 2, 4]
        assert found.event_us == [each.event_us for each in (b, a, b)]
        assert found.known_us == [each.known_us for each in (b, a, b)]
        assert found.commits == [each.commit for each in (b, a, b)]
        assert (found.values(), found.values(1, 3)) == ([b"-", b"first", b"-"], [b"", b"ir", b""])
        part = found.part(2, 5)
        assert (list(part.places), part.values()) == ([0, 2], [b"first", b"-"])
        assert found.part(0, 1).values() == []
        assert list(part.moved([5, 6, 7]).places) == [5, 7]
        assert list(found.those([True, False, True]).places) == [1, 4]
        assert len(keys.get_columns("s", [])) == len(keys.get_columns("none", [b"a"])) == 0
        with pytest.raises(InputError, match="1 to 440 bytes"):
            keys.get_columns("s", [b"a", b""])

    def test_get_before_put(self, keys: Keys) -> None:
        """A store that was never written is empty, not an error."""
        assert keys.get("s", [b"a"]) == [None]
        assert keys.delete("s", [b"a"]) == 0
        keys.clear("s")

    @pytest.mark.parametrize("order", list(permutations(range(5)))[::5])
    def test_newest_wins(self, keys: Keys, order: tuple[int, ...]) -> None:
        """Event time decides, then known time, then commit, then ordinal, in whatever order entries come."""
        ages = [(1, 9, 9, 9), (2, 1, 9, 9), (2, 2, 1, 9), (2, 2, 2, 1), (2, 2, 2, 2**32 - 1)]
        for index in order:
            keys.put("s", [entry("a", *ages[index])])
        assert keys.get("s", [b"a"]) == [entry("a", 2, 2, 2, 2**32 - 1)]

    def test_older_is_not_written(self, keys: Keys) -> None:
        """What is older, or as old, is not written and not counted."""
        keys.put("s", [entry("a", 5)])
        assert keys.put("s", [entry("a", 5, value=b"again"), entry("a", 4), entry("b")]) == 1
        assert keys.get("s", [b"a"]) == [entry("a", 5)]

    def test_twice_in_a_put(self, keys: Keys) -> None:
        """Of two entries of one key in one put the newer one stays."""
        keys.put("s", [entry("a", 2), entry("a", 3), entry("a", 1)])
        assert keys.get("s", [b"a"]) == [entry("a", 3)]

    def test_negative_times(self, keys: Keys) -> None:
        """Times before 1970 are older than times after it."""
        keys.put("s", [entry("a", -10)])
        assert keys.put("s", [entry("a", -20)]) == 0
        assert keys.put("s", [entry("a", 10)]) == 1

    def test_spaces_are_apart(self, keys: Keys) -> None:
        """Equal keys in spaces whose names begin alike do not meet."""
        spaces = ["a", "ab", "a\x00b", "ä", "A" * 64]
        for number, space in enumerate(spaces):
            keys.put(space, [entry("b", number), entry("bb", number)])
        keys.clear("a")
        assert keys.get("a", [b"b", b"bb"]) == [None, None]
        for number, space in enumerate(spaces[1:], start=1):
            assert keys.get(space, [b"b"]) == [entry("b", number)]

    def test_many_spaces(self, keys: Keys) -> None:
        """There may be any number of spaces."""
        for number in range(300):
            keys.put(f"space {number}", [entry("a", number)])
        assert keys.get("space 299", [b"a"]) == [entry("a", 299)]

    def test_delete(self, keys: Keys) -> None:
        """Deleted keys are gone and counted once; an older entry may come back."""
        keys.put("s", [entry("a", 9), entry("b"), entry("c")])
        assert keys.delete("s", [b"a", b"b", b"x", b"a"]) == 2
        assert keys.get("s", [b"a", b"b", b"c"]) == [None, None, entry("c")]
        assert keys.put("s", [entry("a", 1)]) == 1

    def test_remove(self, keys: Keys) -> None:
        """A key goes that holds the very entry; one that holds another by now stays."""
        old = [entry(name, 1) for name in "abc"]
        keys.put("s", [*old, entry("b", 2)])
        keys.delete("s", [b"c"])
        assert keys.remove("s", [*old, entry("x"), old[0]]) == 1
        assert keys.get("s", [b"a", b"b", b"c"]) == [None, entry("b", 2), None]
        assert keys.remove("s", []) == 0

    def test_guards(self, keys: Keys) -> None:
        """A put with guards writes where all are as given, and nothing else: also one that is to hold nothing."""
        guard = entry("guard", 1)
        assert keys.put("s", [entry("a", 1)], guards={b"guard": None}) == 1
        keys.put("s", [guard])
        assert keys.put("s", [entry("a", 2)], guards={b"guard": guard, b"x": None}) == 1
        for wrong in ({b"guard": None}, {b"guard": entry("guard", 1, value=b"other")}, {b"a": entry("a", 1)}):
            with pytest.raises(OvertakenError, match="another one by now"):
                keys.put("s", [entry("a", 3), entry("b")], guards=wrong)
        keys.delete("s", [b"guard"])
        with pytest.raises(OvertakenError):
            keys.put("s", [entry("a", 3)], guards={b"guard": guard})
        assert keys.get("s", [b"a", b"b"]) == [entry("a", 2), None]

    def test_a_long_put_compares_guards(self, keys: Keys) -> None:
        """Each of its parts: nothing of it comes after the guard was changed."""
        entries = [entry(str(number), 1) for number in range(2_500)]
        assert keys.put("s", entries, guards={b"guard": None}) == 2_500
        keys.put("s", [entry("guard")])
        with pytest.raises(OvertakenError):
            keys.put("s", [entry(str(number), 2) for number in range(2_500)], guards={b"guard": None})
        assert {each.event_us for each in keys.entries("s")} == {0, 1}

    def test_limits(self, keys: Keys) -> None:
        """Keys, spaces and numbers outside the limits are refused, and nothing of that put is written."""
        longest = entry("k" * 440)
        keys.put("s" * 64, [longest])
        assert keys.get("s" * 64, [longest.key]) == [longest]
        below, above = entry("a", commit=-(2**63) - 1), entry("a", 2**63)
        for bad in (entry(""), entry("k" * 441), above, below, entry("a", ordinal=2**32)):
            with pytest.raises(InputError, match="keys space 's'"):
                keys.put("s", [entry("good"), bad])
        for space in ("", "s" * 65, "ä" * 33):
            with pytest.raises(InputError, match="space of 1 to 64 bytes"):
                keys.put(space, [entry("a")])
        with pytest.raises(InputError, match="key of 1 to 440 bytes"):
            keys.get("s", [b""])
        assert keys.get("s", [b"good"]) == [None]

    def test_large_values(self, keys: Keys) -> None:
        """Values may be large, and the store grows."""
        value = bytes(range(256)) * 4096
        keys.put("s", [entry(str(number), value=value) for number in range(8)])
        assert all(found and found.value == value for found in keys.get("s", [b"%d" % n for n in range(8)]))

    def test_many_entries(self, keys: Keys) -> None:
        """A put or delete may be long: nothing of it is left out or counted twice."""
        entries = [entry(str(number), number) for number in range(2_500)]
        names = [each.key for each in entries]
        assert keys.put("s", [*entries, entry("0", 1)]) == 2_501
        assert keys.get("s", names)[1:] == entries[1:]
        assert keys.delete("s", names[:2_400]) == 2_400
        assert keys.get("s", names[2_399:]) == [None, *entries[2_400:]]

    def test_close_and_again(self, address: str) -> None:
        """What was put is there after closing; a closed store opens by itself."""
        keys = type(self).open_store(address)
        keys.put("s", [entry("a", 1)])
        keys.close()
        keys.close()
        assert keys.get("s", [b"a"]) == [entry("a", 1)]
        keys.close()

    def test_two_instances(self, address: str, keys: Keys) -> None:
        """Two instances of one store in one process see each other, also after one was closed."""
        other = type(self).open_store(address)
        keys.put("s", [entry("a", 1)])
        assert other.get("s", [b"a"]) == [entry("a", 1)]
        other.close()
        assert keys.get("s", [b"a"]) == [entry("a", 1)]

    def test_threads(self, keys: Keys) -> None:
        """Threads may read while others write; readers see whole puts only."""
        failures: list[object] = []
        done = threading.Event()

        def write() -> None:
            for turn in range(1, 200):
                keys.put("s", [entry("a", turn), entry("b", turn)])
            done.set()

        def read() -> None:
            while not done.is_set():
                a, b = keys.get("s", [b"a", b"b"])
                if (a and a.event_us) != (b and b.event_us):
                    failures.append((a, b))

        threads = [threading.Thread(target=target) for target in (write, read, read)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures

    def test_processes(self, address: str, keys: Keys) -> None:
        """Processes that write the same keys at once end with the newest entries."""
        keys.put("s", [entry("before")])
        written = in_processes(_put_many, [(type(self).open_store, address, parity) for parity in (0, 1)])
        assert sum(written) >= 100
        assert keys.get("s", [b"%d" % n for n in range(10)]) == [entry(str(n), 99, 0, 1) for n in range(10)]

    @pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs fork")
    @pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
    def test_fork(self, keys: Keys) -> None:
        """A forked child reads and writes, and its end does not harm the parent."""
        keys.put("s", [entry("a", 1)])
        assert keys.get("s", [b"a"]) == [entry("a", 1)]
        child = multiprocessing.get_context("fork").Process(target=_in_child, args=(keys,))
        child.start()
        child.join()
        assert child.exitcode == 0
        assert keys.get("s", [b"a", b"child"]) == [entry("a", 2), entry("child")]
        assert keys.put("s", [entry("a", 3)]) == 1

    def test_entries(self, keys: Keys) -> None:
        """Every entry of a space is listed once, and none of another space."""
        assert list(keys.entries("s")) == []
        mine = [entry("a", 1, 2, 3), entry("b", -5), entry("ab", 7)]
        keys.put("s", mine)
        keys.put("sx", [entry("a", 9)])
        assert sorted(keys.entries("s"), key=lambda item: item.key) == sorted(mine, key=lambda item: item.key)
        assert [item.event_us for item in keys.entries("sx")] == [9]

    def test_entries_of_a_large_space(self, keys: Keys) -> None:
        """More entries than one transaction lists come whole."""
        keys.put("s", [entry(f"{number:06d}", number) for number in range(25_000)])
        found = list(keys.entries("s"))
        assert len(found) == 25_000
        assert {item.event_us for item in found} == set(range(25_000))


def _put_many(open_store: Callable[[str], Keys], address: str, parity: int) -> int:
    keys = open_store(address)
    n_written = 0
    for turn in range(100):
        n_written += keys.put("s", [entry(str(number), turn, 0, parity) for number in range(10)])
    keys.close()
    return n_written


def _in_child(keys: Keys) -> None:
    assert keys.get("s", [b"a"]) == [entry("a", 1)]
    assert keys.put("s", [entry("a", 2), entry("child")]) == 2
