"""Tests of expectations: what must pass passes, what must not is told. Import your own from `features/`."""

from __future__ import annotations

import polars as pl

import mainspring as ms

ORDERS = ms.suite(
    "orders",
    [
        ms.expect.not_null("customer_id"),
        ms.expect.between("amount", 0, 10_000),
        ms.expect.not_null("returned", environment="training"),
    ],
)


def test_good_orders_pass() -> None:
    """An order of today, as it is learnt from."""
    rows = pl.DataFrame({"customer_id": [1], "amount": [12.5], "returned": [False]})
    assert ORDERS.check(rows).verdict == "pass"


def test_a_negative_amount_is_told() -> None:
    """By the name of the expectation that it breaks."""
    rows = pl.DataFrame({"customer_id": [1, 2], "amount": [12.5, -3.0], "returned": [False, True]})
    (broken,) = ORDERS.check(rows).failed
    assert (broken.expectation.kind, broken.n_failed) == ("between", 1)


def test_a_request_has_no_outcome_yet() -> None:
    """What is only true in training is not asked of it."""
    request = pl.DataFrame({"customer_id": [1], "amount": [12.5]})
    assert ORDERS.in_environment("serving").check(request).verdict == "pass"
