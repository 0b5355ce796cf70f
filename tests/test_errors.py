"""Errors: four parts, stable codes, built-in parents, pickling."""

from __future__ import annotations

import pickle

import pytest

from mainspring import errors
from mainspring.errors import InputError, MainspringError, UnknownNameError

LEAVES = [
    leaf
    for leaf in vars(errors).values()
    if isinstance(leaf, type) and issubclass(leaf, MainspringError) and leaf is not MainspringError
]


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.__name__)
def test_an_error_survives_pickling(leaf: type[MainspringError]) -> None:
    """Errors cross processes whole."""
    error = leaf(expected="a", got="b", where="c", hint="d")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is leaf
    assert again.to_dict() == error.to_dict()


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.__name__)
def test_an_error_is_also_a_builtin(leaf: type[MainspringError]) -> None:
    """Whoever does not know mainspring can catch what they would expect."""
    assert any(parent.__module__ == "builtins" and parent is not Exception for parent in leaf.__mro__[1:-3])


def test_codes_are_unique() -> None:
    """A code says which error it is."""
    codes = [leaf.code for leaf in LEAVES if "code" in vars(leaf)]
    assert len(set(codes)) == len(codes)


def test_a_near_name_is_offered() -> None:
    """A typo is answered with the name that was meant."""
    error = UnknownNameError.of("column", "trps", ["trips", "rating"], "view 'driver_stats'")
    assert "Did you mean 'trips'?" in str(error)
    assert "rating, trips" in str(error)


def test_the_four_parts_are_in_the_message() -> None:
    """Where, expected, got, what to do."""
    text = str(InputError(expected="whole numbers", got="'x'", where="column 'n'", hint="Cast it."))
    assert text == "column 'n': expected whole numbers, got 'x'. Cast it."


def test_numbers_are_listed_as_numbers() -> None:
    """In their order with the last, and none is offered as the nearest."""
    error = UnknownNameError.of("commit", 0, range(1, 21), "feature group 'prices'")
    assert (
        error.expected == "a known commit (there is: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, … 20 (20 in all))"
    )
    assert error.hint == "Name one that exists."
