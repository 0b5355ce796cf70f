"""Batches: the features of many rows for predictions."""

from __future__ import annotations

import polars as pl
import pytest
from tests.features.conftest import at

from mainspring.errors import InputError
from mainspring.features.api import Features, request
from mainspring.features.condition import spine
from mainspring.features.group import FeatureGroup


@pytest.fixture
def flights(features: Features) -> FeatureGroup:
    """Flights 1 to 5 at hours 1 to 5, with what is known when they are scheduled; online."""
    group = features.group("flights", keys=["flight"], event_time="scheduled", online=True)
    rows = {
        "flight": [1, 2, 3, 4, 5],
        "scheduled": [at(i) for i in range(1, 6)],
        "miles": [10, 20, 30, 40, 50],
    }
    group.insert(pl.DataFrame({**rows, "gate": list("ABCDE")}))
    return group


@pytest.fixture
def arrivals(features: Features) -> FeatureGroup:
    """Flight 1 was late, which is known at hour 9."""
    group = features.group("arrivals", keys=["flight"], event_time="scheduled", known_time="arrived")
    group.insert(pl.DataFrame({"flight": [1], "scheduled": [at(1)], "arrived": [at(9)], "late": [True]}))
    return group


def test_a_span_of_a_group_is_a_batch(
    features: Features, flights: FeatureGroup, arrivals: FeatureGroup
) -> None:
    """Rows that became true in [start, end), each at its own moment; request columns come from the group."""
    view = features.view(
        "v", features=[flights["gate"], request("miles")], label=arrivals["late"], spine_time="asked"
    )
    found = view.batch(at(2), at(4)).frame
    assert found.columns == ["miles", "flight", "asked", "gate"]
    assert found.rows() == [(20, 2, at(2), "B"), (30, 3, at(3), "C")]
    assert view.batch("2013-01-01T05:00:00").frame["flight"].to_list() == [5]
    assert view.batch().frame.height == 5


def test_a_spine_needs_no_labels(features: Features, flights: FeatureGroup, arrivals: FeatureGroup) -> None:
    """Rows of a frame within the span, without the label and without what it is looked up by."""
    view = features.view(
        "v",
        features=[flights["gate"].on({"flight": "number"})],
        label=arrivals["late"].on({"flight": "id"}),
        training_only=[request("weight")],
        where=spine("number") != 3,
    )
    asked = pl.DataFrame({"number": [1, 2, 3, 9], "event_time": [at(i) for i in (1, 2, 3, 4)]})
    assert view.batch(at(2), spine=asked).frame.rows() == [(2, at(2), "B"), (9, at(4), None)]
    with pytest.raises(InputError, match="no column 'id'"):
        view.join(asked)


def test_a_batch_is_what_comes_online(features: Features, flights: FeatureGroup) -> None:
    """Features and inference-only columns are those of an online read at the row's moment."""
    view = features.view(
        "v",
        features=[flights["miles"]],
        inference_only=[flights["gate"].rename({"gate": "door"}), request("note")],
    )
    flights.materialize(at(9))
    batch = view.batch(spine=pl.DataFrame({"flight": [4], "event_time": [at(4)], "note": ["n"]})).frame
    vector = view.online().read({"flight": 4}, {"note": "n"}, at(4))
    assert vector.values == batch.select(view.features).row(0, named=True) == {"miles": 40}
    assert vector.inputs == batch.select("note", "door").row(0, named=True) == {"note": "n", "door": "D"}


def test_what_names_no_rows_is_refused(features: Features, flights: FeatureGroup) -> None:
    """A group that lacks what the view needs is no spine, and a span ends after it starts."""
    view = features.view("v", features=[flights["gate"], request("carrier")])
    with pytest.raises(InputError, match=r"spine=\.\.\."):
        view.batch(at(1), at(2))
    with pytest.raises(InputError, match="a start before the end"):
        view.batch(at(2), at(2))
    with pytest.raises(InputError, match="such as '2013-04-01'"):
        view.batch("April")


def test_pins_say_which_rows_are_asked_about(features: Features, flights: FeatureGroup) -> None:
    """The rows of a group in a span are those of its pin, as the features are."""
    view = features.view("v", features=[flights["miles"]])
    first = view.batch(at(1), at(9))
    flights.insert(pl.DataFrame({"flight": [6], "scheduled": [at(6)], "miles": [60], "gate": ["F"]}))
    assert view.batch(at(1), at(9), pins=first.pins).frame.equals(first.frame)
    assert view.batch(at(1), at(9)).frame.height == 6
