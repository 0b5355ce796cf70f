"""The order in which a scan asks for its aggregates."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mainspring.checks.scan import _dealt

NAMES = st.lists(st.text(max_size=3), unique=True, max_size=60)


@given(names=NAMES, data=st.data())
def test_each_is_asked_for_once(names: list[str], data: st.DataObject) -> None:
    slow = data.draw(st.sets(st.sampled_from(names))) if names else set()
    assert sorted(_dealt(names, slow)) == sorted(names)


def test_slow_ones_are_neither_neighbours_nor_last() -> None:
    quick = [f"quick {number}" for number in range(40)]
    found = list(_dealt([*quick, "slow 1", "slow 2"], {"slow 1", "slow 2"}))
    first, second = found.index("slow 1"), found.index("slow 2")
    assert first + 2 < second < len(found) - 2
