"""Unit tests of feature functions, on a handful of rows. Put your own function in the place of this one."""

from __future__ import annotations

import polars as pl

from mainspring.testing import assert_frames_equal, check_feature_function, sample_frame


def spending(orders: pl.DataFrame) -> pl.DataFrame:
    """What each customer spent, and on how many orders. Yours is in `features/`, and is imported here."""
    return orders.group_by("customer_id").agg(
        pl.col("amount").sum().alias("spent"), pl.len().cast(pl.Int64).alias("n_orders")
    )


def test_spending_is_added_up() -> None:
    """On rows that one can add up by hand."""
    orders = pl.DataFrame({"customer_id": [1, 1, 2], "amount": [5.0, 7.0, None]})
    expected = pl.DataFrame({"customer_id": [1, 2], "spent": [12.0, 0.0], "n_orders": [2, 1]})
    assert_frames_equal(spending(orders), expected, keys=["customer_id"])


def test_spending_takes_what_comes() -> None:
    """Rows in any order, no rows at all, nulls."""
    orders = sample_frame({"customer_id": int, "amount": float}, n=30, null_share=0)
    check_feature_function(spending, orders, keys=["customer_id"])
