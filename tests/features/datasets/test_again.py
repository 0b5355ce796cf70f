"""Training datasets made again: of the same commits, as of the same moment."""

from __future__ import annotations

import polars as pl
import pytest
from tests.features.conftest import at

from mainspring.errors import InputError, UnknownNameError
from mainspring.features.api import Features
from mainspring.features.group import FeatureGroup
from mainspring.features.view import FeatureView
from mainspring.ports.clock import ReplayClock


@pytest.fixture
def orders(features: Features) -> FeatureGroup:
    """What asks: orders 1 and 2 of one customer."""
    group = features.group("orders", keys=["order"], event_time="event_time", online=True)
    group.insert(order(1, 2))
    return group


@pytest.fixture
def view(features: Features, clock: ReplayClock) -> FeatureView:
    """What a customer used before an order, and whether it was paid: that of order 1 is known later."""
    usage = features.group("usage", keys=["customer"], event_time="t")
    usage.insert(pl.DataFrame({"customer": ["A"], "t": [at(0)], "used": [1.0]}))
    paid = features.group("paid", keys=["order"], event_time="t", known_time="known")
    known = {"order": [1, 2, 3], "t": [at(1), at(2), at(3)], "known": [at(50), at(8), at(8)]}
    paid.insert(pl.DataFrame({**known, "paid": [True, False, True]}))
    clock.set(at(9))
    return features.view("payments", features=[usage["used"]], label=paid["paid"])


def order(*numbers: int, customer: str = "A") -> pl.DataFrame:
    """Orders, each of its own hour."""
    rows = {"order": list(numbers), "customer": [customer] * len(numbers)}
    return pl.DataFrame({**rows, "event_time": [at(number) for number in numbers]})


def test_pins_and_moment_decide_the_rows(
    view: FeatureView, orders: FeatureGroup, clock: ReplayClock, features: Features
) -> None:
    """What is inserted into the group that asks, and what is known later, is not in it when it is made again."""
    data = view.training_dataset(orders.read(), seed=3)
    assert (data.pins, data.as_of) == ({"orders@1": 1, "usage@1": 1, "paid@1": 1}, at(9))
    orders.insert(order(3))
    features.get_group("usage", 1).insert(pl.DataFrame({"customer": ["A"], "t": [at(1)], "used": [9.0]}))
    clock.set(at(99))
    assert view.again(data).asset_id == data.asset_id
    options = {"split": data.spec.split, "seed": 3, "name": "other"}
    other = view.training_dataset(orders.read(), pins=data.pins, as_of=data.as_of, **options)
    assert (other.digest, other.asset_id == data.asset_id) == (data.digest, False)
    assert view.training_dataset(orders.read()).counts == {"train": 3}


def test_a_read_of_a_span_is_read_again(view: FeatureView, orders: FeatureGroup) -> None:
    """Its bounds are stored; filters are not, and the read has to be given with them."""
    data = view.training_dataset(orders.read().within(at(2), None))
    orders.insert(order(2, customer="B"))
    assert view.again(data).asset_id == data.asset_id
    picked = view.training_dataset(orders.read(as_of=1).filter(pl.col("order") > 1), name="picked")
    with pytest.raises(InputError, match=r"a read of orders@1 with filters.*the read with its filters"):
        view.again(picked)
    assert view.again(picked, orders.read().filter(pl.col("order") > 1)).asset_id == picked.asset_id


def test_a_group_may_ask_of_itself(features: Features) -> None:
    """Where the view reads the group that asks, each is read as far as it was."""
    group = features.group("g", keys=["k"], event_time="event_time")
    rows = pl.DataFrame({"k": [1], "event_time": [at(1)], "x": [1.0]})
    group.insert(rows)
    group.insert(rows.with_columns(k=2))
    view = features.view("v", features=[group["x"].on(prefix="own_")])
    first = view.training_dataset(group.read(as_of=1).filter(pl.col("k") > 0), name="filtered")
    data = view.training_dataset(group.read(as_of=1))
    assert (data.pins, len(data)) == ({"g@1": 2}, 1)
    group.insert(rows.with_columns(k=3))
    assert view.again(data).asset_id == data.asset_id
    assert view.again(first, group.read().filter(pl.col("k") > 0)).asset_id == first.asset_id
    assert len(view.join(group.read(), pins=data.pins)) == 2


def test_a_frame_is_given_again(view: FeatureView, orders: FeatureGroup, features: Features) -> None:
    """Rows that came from elsewhere are not kept apart; another view's dataset is not this view's."""
    data = view.training_dataset(order(2))
    with pytest.raises(InputError, match="no read of a group"):
        view.again(data)
    assert view.again(data, order(2)).asset_id == data.asset_id
    other = features.view("other", features=[orders["customer"].on(prefix="its_")])
    with pytest.raises(InputError, match=r"dataset of view other@1.*get_view\('payments', 1\)"):
        other.again(data, order(2))


def test_pins_name_what_is_read(view: FeatureView, orders: FeatureGroup) -> None:
    """A join's pins have the group that asks; of a group that does not ask, or a commit that is not, none is taken."""
    found = view.join(orders.read())
    orders.insert(order(3))
    assert view.join(orders.read(), pins=found.pins).frame.equals(found.frame)
    assert len(view.join(orders.read(), pins={"orders@1": 0})) == 0
    with pytest.raises(InputError, match="got orders@1"):
        view.join(order(1), pins=found.pins)
    with pytest.raises(UnknownNameError, match="7"):
        view.join(orders.read(), pins={"orders@1": 7})
