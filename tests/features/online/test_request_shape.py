"""What requests to a view carry: refused or taken alike, one by one and many at once."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import polars as pl
import pytest
from tests.features.conftest import at
from tests.features.online.test_api import weather_group, weather_rows

from mainspring.errors import InputError
from mainspring.features.api import Features, request

# Asked of rows and files; every statement on the records that runs here is run on both databases by others.
pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("keys", "asked", "message"),
    [
        ({}, {"carrier": "AA"}, "no 'origin'"),
        ({"origin": "JFK"}, {}, "no 'carrier'"),
        ({"origin": 1}, {"carrier": "AA"}, "a key of type string"),
        ({"origin": "JFK"}, {"carrier": 7}, "type string"),
        (
            {"origin": "JFK"},
            {"carrier": "AA", "carier": "AA"},
            "keys origin and request carrier, got unknown column 'carier'",
        ),
        ({"origin": "JFK"}, {"carrier": "AA", "temp": 7.0}, "got unknown column 'temp'. Leave it out"),
        ({}, {}, "got no 'origin', no 'carrier'"),
    ],
)
def test_bad_requests_are_refused(features: Features, keys: Any, asked: Any, message: str) -> None:
    """A missing, unknown or wrongly typed column is named."""
    group = weather_group(features)
    group.insert(weather_rows(("JFK", 1, 1, 10.0)))
    view = features.view("v", features=[group["temp"], request(carrier=str)], spine_time="t")
    with pytest.raises(InputError, match=message):
        view.online().read(keys, asked, at(2))
    with pytest.raises(InputError, match=message):
        view.online().many([{"origin": "JFK"}, keys], [{"carrier": "AA"}, asked], at(2))


def test_times_may_come_as_text(features: Features) -> None:
    """What JSON can only say as text is the same request: as a key, and as a column of its own."""
    group = features.group("days", keys=["day"], online=True)
    group.insert(pl.DataFrame({"day": [date(2013, 6, 24)], "holiday": [True]}))
    group.materialize(at(1))
    view = features.view("v", features=[group["holiday"].static(), request(booked=datetime)], spine_time="t")
    told = view.online().read({"day": "2013-06-24"}, {"booked": "2013-06-24T15:40:00+02:00"}, at(1))
    booked = datetime(2013, 6, 24, 13, 40, tzinfo=UTC)
    assert told == view.online().read({"day": date(2013, 6, 24)}, {"booked": booked}, at(1))
    assert told.values == {"holiday": True, "booked": booked}
    assert told.keys == {"days": {"day": date(2013, 6, 24)}}
    two = [{"day": date(2013, 6, 24)}, {"day": "2013-06-24"}]
    asked = [{"booked": booked}, {"booked": "2013-06-24T15:40:00+02:00"}]
    assert view.online().many(two, asked, at(1)).values == {"holiday": [True] * 2, "booked": [booked] * 2}
    with pytest.raises(InputError, match="ISO 8601"):
        view.online().read({"day": "2013-06-24"}, {"booked": "noon"}, at(1))


def test_numpy_scalars_are_what_they_are_in_python(features: Features) -> None:
    """As a row of a pandas frame has them: as keys and as request columns, alone and among many, typed or not."""
    group = features.group("planes", keys=["id", "tail"], online=True)
    group.insert(pl.DataFrame({"id": [5], "tail": ["N1"], "seats": [180]}))
    group.materialize(at(1))
    parts = [group["seats"].static(), request("any", count=int, share=float, late=bool)]
    reader = features.view("v", features=parts, spine_time="t").online()
    keys = {"id": np.int64(5), "tail": np.str_("N1")}
    asked = {"any": np.int32(7), "count": np.int8(1), "share": np.float32(0.5), "late": np.True_}
    same = reader.read({"id": 5, "tail": "N1"}, {"any": 7, "count": 1, "share": 0.5, "late": True}, at(1))
    one, many = reader.read(keys, asked, at(1)), reader.many([keys] * 2, asked, at(1))
    assert one == same
    assert {type(value) for value in one.inputs.values()} <= {int, float, bool}
    assert many.values == {name: [value] * 2 for name, value in same.values.items()}
    assert {type(value) for column in many.values.values() for value in column} <= {int, float, bool}
    with pytest.raises(InputError, match="a key of type int64, got float"):
        reader.read({**keys, "id": np.float64(5)}, asked, at(1))


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (int, [1, None, 2**70], [True, 1.0, "1"]),
        (float, [1, 1.5, None], [True, "1.5"]),
        (str, ["a", None], [b"a", 1]),
        (bool, [True, None], [1, "yes"]),
        (bytes, [b"a", None], ["a"]),
        (datetime, [at(1), None, "2013-01-01T00:00:00Z"], [date(2013, 1, 1), 1, "noon"]),
        (date, [date(2013, 1, 1), None, "2013-01-01"], [1, "noon"]),
    ],
)
def test_types_of_request_columns(features: Features, kind: type, good: list[Any], bad: list[Any]) -> None:
    """A value is taken among many exactly where it is taken alone."""
    group = weather_group(features)
    group.insert(weather_rows(("JFK", 1, 1, 10.0)))
    view = features.view("v", features=[group["temp"], request(x=kind)], spine_time="t")
    reader, keys = view.online(), {"origin": "JFK"}
    together = reader.many([keys] * len(good), [{"x": value} for value in good], at(2)).values["x"]
    assert together == [reader.read(keys, {"x": value}, at(2)).values["x"] for value in good]
    assert reader.many([{**keys, "x": good[0]}], {}, at(2)).values["x"] == [good[0]]
    for value in bad:
        for ask in (
            lambda value=value: reader.read(keys, {"x": value}, at(2)),
            lambda value=value: reader.many([keys] * 2, [{"x": good[0]}, {"x": value}], at(2)),
        ):
            with pytest.raises(InputError, match="request column 'x'"):
                ask()


@pytest.mark.parametrize("keys", [[{"origin": "JFK"}], "JFK", 7])
def test_what_is_no_mapping_is_refused(features: Features, keys: Any) -> None:
    """As keys of one request and of one among many, and as what comes beside them."""
    group = weather_group(features)
    group.insert(weather_rows(("JFK", 1, 1, 10.0)))
    view = features.view("v", features=[group["temp"], request(carrier=str)], spine_time="t")
    asked, expected = (
        {"carrier": "AA"},
        "expected a mapping of column → value .keys origin and request carrier",
    )
    with pytest.raises(InputError, match=f"keys: {expected}.*online.*many"):
        view.online(keys, asked)
    with pytest.raises(InputError, match=f"keys: {expected}"):
        view.online().many([{"origin": "JFK"}, keys], asked, at(2))
    with pytest.raises(InputError, match=f"request: {expected}"):
        view.online({"origin": "JFK"}, keys)
    with pytest.raises(InputError, match=f"request: {expected}"):
        view.online().many([{"origin": "JFK"}], [keys], at(2))
