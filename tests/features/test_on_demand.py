"""On-demand features: one function, many rows or one."""

from __future__ import annotations

import dataclasses
import math
import re
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import numpy as np
import polars as pl
import pytest
from tests.pipelines.conftest import Code

from mainspring.errors import ConflictError, InputError, IntegrityError, UnknownNameError
from mainspring.features.api import Features
from mainspring.features.code.functions import helpers_digest
from mainspring.features.on_demand import (
    Bound,
    Known,
    OnDemand,
    array_of,
    array_of_many,
    array_of_one,
    bind,
    compute,
    describe,
    load,
    on_demand,
)
from mainspring.features.schema import STORAGE
from mainspring.features.spec import OnDemandSpec

# Asked of rows and files; every statement on the records that runs here is run on both databases by others.
pytestmark = pytest.mark.once


@on_demand
def total(a, b):  # type: ignore[no-untyped-def]
    """A sum."""
    return a + b


@on_demand
def fee(airport: str):  # type: ignore[no-untyped-def]
    """Whole where all that is asked is whole: numpy takes the type from the values."""
    return np.array([{"EWR": 2}.get(value, 0.5) for value in airport])


@on_demand
def level(airport: str):  # type: ignore[no-untyped-def]
    """A fraction for one airport that no sample has."""
    return np.array([{"EWR": 2.5}.get(value, 3) for value in airport])


@on_demand
def is_long(text: str):  # type: ignore[no-untyped-def]
    """Whether a text is long; null is not."""
    return np.array([value is not None and len(value) > 3 for value in text])


@on_demand
def centred(a):  # type: ignore[no-untyped-def]
    """Depends on the other rows."""
    return a - np.nanmean(a)


@on_demand
def branching(a):  # type: ignore[no-untyped-def]
    """Works for one value only."""
    return a if a > 0 else -a


@on_demand
def scalar(a):  # type: ignore[no-untyped-def]
    """Forgets the array."""
    return float(a[0])


def bound(*functions: OnDemand) -> list[Bound]:
    """Functions as a view uses them."""
    return [bind(describe(function, {}), Known(function)) for function in functions]


def test_null_is_nan_inside_and_null_outside() -> None:
    """Null comes in as NaN, and a NaN result is null."""
    frame = pl.DataFrame({"a": [1, None], "b": [0.5, 0.5]})
    assert compute(frame, bound(total))["total"].to_list() == [1.5, None]


def test_later_functions_read_earlier_ones() -> None:
    """A function may take what another made."""
    again = on_demand(name="again")(lambda total, b: total + b)
    assert compute(pl.DataFrame({"a": [1], "b": [2]}), bound(total, again))["again"].to_list() == [5.0]


def test_spec_names_inputs_output_reference_and_digest() -> None:
    """What a view stores is enough to find and check the function."""
    spec = describe(is_long, {})
    assert (spec.inputs, spec.output) == (("text",), "bool")
    assert spec.reference == f"{__name__}:is_long"
    assert load(spec, Known()) is is_long


def test_function_that_looks_at_other_rows_is_refused() -> None:
    """N rows at once and each row alone must agree."""
    with pytest.raises(InputError, match="same result for n rows at once"):
        describe(centred, {})


@pytest.mark.parametrize("function", [branching, scalar])
def test_functions_of_one_value_are_refused(function) -> None:  # type: ignore[no-untyped-def]
    """A function must take arrays and return one of the same length."""
    with pytest.raises(InputError, match="on-demand feature"):
        describe(function, {})


def test_changed_function_is_refused() -> None:
    """A stored view does not run with other code than it was defined with."""
    spec = describe(total, {}).model_copy(update={"digest": "0" * 64})
    with pytest.raises(IntegrityError, match="Restore the function"):
        load(spec, Known())


def test_function_that_cannot_be_imported_is_named() -> None:
    """A worker that cannot import the function says so."""
    spec = describe(total, {}).model_copy(update={"digest": "0" * 64, "reference": "nowhere.at_all:f"})
    with pytest.raises(UnknownNameError, match="nowhere"):
        load(spec, Known())


def test_variable_arguments_are_refused() -> None:
    """Columns are found by argument names."""
    with pytest.raises(InputError, match="named arguments"):
        on_demand(lambda *columns: columns[0])


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("float64", [1.5, None, 3.0]),
        ("int64", [1, None, -3]),
        ("bool", [True, None, False]),
        ("string", ["a", None, ""]),
        ("binary", [b"a", None, b""]),
        ("datetime", [datetime(2013, 1, 1, tzinfo=UTC), None]),
        ("date", [date(2013, 1, 1), None]),
        ("list[float64]", [[1.0], None, []]),
    ],
)
def test_one_value_arrays_are_those_of_columns(kind: str, values: list[object]) -> None:
    """A value alone is handed to a function as it is in a column, nulls too."""
    column = array_of(pl.Series(values, dtype=STORAGE[kind]), kind, "f")
    for i, value in enumerate(values):
        alone = array_of_one(value, kind, "f")
        assert alone.dtype == column.dtype
        np.testing.assert_array_equal(alone, column[i : i + 1])


ODD = np.float64(2.5)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("float64", [1, 2.5, True, None, math.inf]),
        ("float64", [ODD, 1.0]),
        ("int64", [2**53, -(2**53), None]),
        ("bool", [None, None]),
        ("string", ["a", None, ""]),
        ("binary", [b"a", None]),
        (
            "datetime",
            [datetime(2013, 1, 1, 5, tzinfo=timezone(timedelta(hours=2))), datetime(2013, 1, 1), None],
        ),
        ("date", [date(2013, 1, 1), None]),
        ("list[float64]", [[1.0, 2.0], [3.0, 4.0]]),
        ("list[int64]", [[1], None]),
    ],
)
def test_many_values_are_what_each_is(kind: str, values: list[Any]) -> None:
    """Of every kind, with nulls: the same array as of one after another."""
    made = array_of_many(values, kind, "f")
    each = np.concatenate([array_of_one(value, kind, "f") for value in values])
    assert made.dtype == each.dtype
    assert made.shape == (len(values),)
    np.testing.assert_array_equal(made, each)


@pytest.mark.parametrize(("kind", "value"), [("float64", "1"), ("string", 1), ("date", datetime(2013, 1, 1))])
def test_one_of_many_that_is_of_another_kind_is_refused(kind: str, value: object) -> None:
    """It is named, and nothing is made a number of that is none."""
    with pytest.raises(InputError, match=re.escape(repr(value))):
        array_of_many([None, value], kind, "f")


@pytest.mark.parametrize(
    ("kind", "value"), [("float64", "1"), ("string", 1), ("datetime", "2013"), ("date", 1)]
)
def test_other_types_are_refused_in_both_forms(kind: str, value: object) -> None:
    """A text is no number, in a column as in a request."""
    with pytest.raises(InputError, match=f"type {kind}"):
        array_of_one(value, kind, "f")
    with pytest.raises(InputError, match=f"type {kind}"):
        array_of(pl.Series([value]), kind, "f")


def test_a_number_that_would_be_rounded_is_refused_in_both_forms() -> None:
    """Functions are given fractions: an id above 2**53 would be another one."""
    for value in (2**53 + 1, -(2**63), 2**70):
        with pytest.raises(InputError, match=r"at most 2\*\*53"):
            array_of_one(value, "int64", "f")
        with pytest.raises(InputError, match=r"at most 2\*\*53"):
            array_of_many([1, value, None], "int64", "f")
    with pytest.raises(InputError, match=r"column 'uid'.*9007199254740993 in row 1"):
        array_of(pl.Series("uid", [1, 2**53 + 1, None]), "int64", "f")
    assert array_of_one(2**53, "int64", "f")[0] == 2**53


HELPED = """
    import helped_constants
    import mainspring as ms

    def doubled(values):
        return values * helped_constants.FACTOR

    @ms.on_demand
    def feature(a):
        return doubled(a)
"""


def test_helpers_are_part_of_the_function(code: Code) -> None:
    """A first-party function or value that it reaches is part of what a view was defined with."""
    code.write(helped=HELPED, helped_constants="FACTOR = 2.0\nOTHER = 1\n")
    spec = describe(code.load("helped").feature, {})
    assert spec.helpers is not None
    assert OnDemandSpec.model_validate(spec.model_dump(mode="json")) == spec
    code.edit("helped_constants", "OTHER = 1", "OTHER = 2")
    assert load(spec, Known()).digest == spec.digest
    code.edit("helped_constants", "FACTOR = 2.0", "FACTOR = 3.0")
    with pytest.raises(IntegrityError, match="code and values that the function reaches"):
        load(spec, Known())
    code.edit("helped_constants", "FACTOR = 3.0", "FACTOR = 2.0")
    code.edit("helped", "return values * helped", "return 1 + values * helped")
    with pytest.raises(IntegrityError, match="code and values that the function reaches"):
        load(spec, Known())
    seen = code.load("helped").feature
    with pytest.raises(IntegrityError, match="code and values that the function reaches"):
        load(spec, Known(seen))


def times(factor: float) -> OnDemand:
    """One of many functions of the same source."""

    @on_demand(name="scaled")
    def scaled(temp):  # type: ignore[no-untyped-def]
        return temp * factor

    return scaled


def test_functions_of_one_maker_are_as_many_as_what_it_is_given(features: Features) -> None:
    """A view computes with the function that it was defined with, whatever its maker makes later."""
    group = features.group("g", keys=["k"], event_time="t")
    group.insert(pl.DataFrame({"k": [1], "t": [datetime(2013, 1, 1)], "temp": [10.0]}))
    spine = pl.DataFrame({"k": [1], "event_time": [datetime(2013, 1, 2)]})
    doubling = features.view("doubling", features=[group["temp"]], on_demand=[times(2.0)])
    tripling = features.view("tripling", features=[group["temp"]], on_demand=[times(3.0)])
    assert doubling.join(spine).frame["scaled"].to_list() == [20.0]
    assert tripling.join(spine).frame["scaled"].to_list() == [30.0]
    assert features.view("doubling", features=[group["temp"]], on_demand=[times(2.0)]).spec == doubling.spec
    with pytest.raises(ConflictError, match="another on_demand"):
        features.view("doubling", features=[group["temp"]], on_demand=[times(3.0)])


def test_what_a_function_was_made_with_is_part_of_it_where_its_source_does_not_tell() -> None:
    """Its closure and computed defaults are; literal defaults, and itself, are in the source."""
    made = {factor: times(factor).helpers for factor in (2.0, 3.0)}
    assert None not in made.values()
    assert made[2.0] != made[3.0]
    assert times(2.0).helpers == made[2.0]
    functions = [lambda temp, factor=factor: temp * factor for factor in (2.0, 3.0)]
    first, second = (helpers_digest(function) for function in functions)
    assert first != second
    assert helpers_digest(lambda temp, factor=-2.0: temp * factor) is None

    def halved(temp: float) -> float:
        return temp if temp < 1 else halved(temp / 2)

    assert helpers_digest(halved) is None


def test_a_function_without_helpers_is_stored_as_it_was() -> None:
    """Its spec has the form that released versions stored, and the same digest of its view."""
    assert set(describe(total, {}).model_dump()) == {
        "name",
        "inputs",
        "kinds",
        "reference",
        "digest",
        "output",
    }


def test_views_of_versions_that_did_not_look_are_found(features: Features, code: Code) -> None:
    """A definition of a released version, whose functions' helpers were not looked at, is no other definition."""
    code.write(helped=HELPED, helped_constants="FACTOR = 2.0\n")
    feature = code.load("helped").feature
    group = features.group("g", keys=["k"], event_time="t")
    group.insert(pl.DataFrame({"k": [1], "t": [datetime(2013, 1, 1)], "a": [1.0]}))
    before = dataclasses.replace(feature)
    before.__dict__["helpers"] = None
    old = features.view("v", features=[group["a"]], on_demand=[before])
    assert old.spec.on_demand[0].helpers is None
    again = features.view("v", features=[group["a"]], on_demand=[feature])
    assert again.spec == old.spec
    assert again.join(pl.DataFrame({"k": [1], "event_time": [datetime(2013, 1, 2)]})).frame[
        "feature"
    ].to_list() == [2]
    new = features.view("v", 2, features=[group["a"]], on_demand=[feature])
    assert new.spec.on_demand[0].helpers is not None
    with pytest.raises(ConflictError, match="another on_demand"):
        features.view("v", 2, features=[group["a"]], on_demand=[before])


def test_samples_of_the_user_are_compared_too() -> None:
    """What goes wrong only for values that we do not think of is found, and the difference is shown."""

    @on_demand(samples=[{"a": 7.0, "b": 1.0}, {"a": 7.5, "b": None}])
    def unnoticed(a, b):  # type: ignore[no-untyped-def]
        return np.where(((a >= 7) & (a < 8)).all(), a.max(), b)

    fine = dataclasses.replace(unnoticed, samples=({"a": 1.0, "b": 2.0},))
    assert describe(fine, {}).output == "float64"
    with pytest.raises(InputError, match=r"7.5 at once and 7.0 alone for {'a': 7.0, 'b': 1.0}"):
        describe(unnoticed, {})
    for wrong in ({"a": 1.0}, {"a": "x", "b": 1.0}):
        with pytest.raises(InputError, match="samples with a "):
            describe(dataclasses.replace(unnoticed, samples=(wrong,)), {})


@pytest.mark.parametrize("airports", [["EWR", "EWR"], ["JFK", "EWR"], ["JFK"]])
def test_a_column_has_one_type_whichever_rows_are_asked_for(airports: list[str]) -> None:
    """For many rows, for a few of many, and for one."""
    bound = bind(describe(fee, {}), Known(fee))
    frame = pl.DataFrame({"airport": airports})
    expected = [2.0 if airport == "EWR" else 0.5 for airport in airports]
    assert bound.column(frame).dtype == pl.Float64
    alone = [bound.value({"airport": airport}) for airport in airports]
    for found in (bound.column(frame).to_list(), bound.values({"airport": airports}, len(airports)), alone):
        assert found == expected and {type(value) for value in found} == {float}


def test_a_value_that_does_not_fit_the_column_is_refused() -> None:
    bound = bind(describe(level, {}), Known(level))
    assert bound.value({"airport": "JFK"}) == 3
    for ask in (
        lambda: bound.value({"airport": "EWR"}),
        lambda: bound.column(pl.DataFrame({"airport": ["EWR"]})),
    ):
        with pytest.raises(InputError, match="int64"):
            ask()
