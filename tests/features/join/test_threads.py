"""A few computations at once."""

from __future__ import annotations

import threading

import pytest

from mainspring.features.join.threads import each


def test_results_come_in_order_whoever_made_them() -> None:
    """In threads, and in the caller's own where that is asked for, or there is one item."""
    me = threading.get_ident()
    assert each(str, [3, 1, 2]) == ["3", "1", "2"]
    assert each(lambda _: threading.get_ident(), [1, 2], at_once=False) == [me, me]
    assert each(lambda _: threading.get_ident(), [1]) == [me]
    assert me not in each(lambda _: threading.get_ident(), [1, 2])


def test_what_one_raises_reaches_the_caller() -> None:
    """As it is."""
    with pytest.raises(ZeroDivisionError):
        each(lambda item: 1 / item, [1, 0])
