"""Transformations that depend on the model: fitted on train alone, frozen, the same for many rows and for one."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from tests.features.conftest import at

from mainspring.errors import ConflictError, InputError, IntegrityError, UnknownNameError
from mainspring.features import transform
from mainspring.features.api import Features, request
from mainspring.features.datasets import split
from mainspring.features.datasets.api import TrainingDataset
from mainspring.features.spec import FunctionSpec, Transformations
from mainspring.features.transform.known import load, remember
from mainspring.features.view import FeatureView
from mainspring.lineage import Graph
from mainspring.models.api import Models
from mainspring.models.model import Model

# Asked of rows and files; every statement on the records that runs here is run on both databases by others.
pytestmark = pytest.mark.once

_SCHEMA = {"x": pl.Float64, "n": pl.Int64, "b": pl.Boolean, "c": pl.String}
_ROWS = st.fixed_dictionaries(
    {
        "x": st.none() | st.floats(allow_infinity=False, width=32),
        "n": st.none() | st.integers(-1000, 1000),
        "b": st.none() | st.booleans(),
        "c": st.none() | st.sampled_from(["", "a", "b", "é"]),
    }
)
_FULL = {"x": 1.5, "n": 3, "b": True, "c": "a"}


def furthest(values):  # type: ignore[no-untyped-def]
    """The largest distance from zero."""
    return {"most": float(np.nanmax(np.abs(values)))}


def relative(learnt, values):  # type: ignore[no-untyped-def]
    """How far each value is, of the largest."""
    return values / max(learnt["most"], 1.0)


def ranked(learnt, values):  # type: ignore[no-untyped-def]
    """Looks at the rows beside it."""
    return values.argsort().astype(float)


def unplain(values):  # type: ignore[no-untyped-def]
    """What JSON does not hold."""
    return values


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.lists(_ROWS, max_size=8), st.lists(_ROWS, min_size=1, max_size=8))
def test_one_row_is_what_many_are(train: list[dict[str, Any]], later: list[dict[str, Any]]) -> None:
    """Whatever was fitted, nulls, NaN and categories that nobody saw among later rows: both forms agree, exactly."""
    made = transform.fit(
        [
            transform.impute("n", how="median"),
            transform.impute("b", value=False),
            transform.clip("x", lower=0.1, upper=0.9),
            transform.custom("share", ["x"], fit=furthest, apply=relative),
            transform.standardise("x", "n", "b"),
            transform.ordinal("c"),
        ],
        pl.DataFrame([_FULL, *train], schema=_SCHEMA),
        list(_SCHEMA),
    )
    again = Transformations.model_validate_json(made.model_dump_json())
    assert again == made
    alone = transform.row_function(again)
    whole = transform.apply(made, pl.DataFrame(later, schema=_SCHEMA))
    assert [alone(row) for row in later] == whole.to_dicts()
    one_hot = transform.fit(
        [transform.one_hot("c", "n")], pl.DataFrame([_FULL, *train], schema=_SCHEMA), ["c", "n"]
    )
    spread = transform.apply(one_hot, pl.DataFrame(later, schema=_SCHEMA).select("c", "n"))
    assert [transform.row_function(one_hot)(row) for row in later] == spread.to_dicts()


def test_known_numbers() -> None:
    """Each does what it says, after those before it."""
    train = pl.DataFrame(
        {"x": [1.0, None, 3.0, float("nan")], "c": ["b", "a", None, "b"], "y": [0.0, 1.0, 2.0, 100.0]}
    )
    steps = [
        transform.impute("x", how="mean"),
        transform.standardise("x"),
        transform.one_hot("c"),
        transform.clip("y", lower=0.0, upper=2 / 3),
    ]
    made = transform.fit(steps, train, ["x", "c", "y"])
    assert made.steps[1].fitted == {"moments": {"x": [2.0, math.sqrt(0.5)]}}
    found = transform.apply(
        made, pl.DataFrame({"x": [2.0, None], "c": ["a", "z"], "y": [-1.0, 50.0], "kept": [1, 2]})
    )
    assert found.columns == ["kept", "x", "y", "c=a", "c=b"]
    assert found.rows() == [(1, 0.0, 0.0, 1, 0), (2, 0.0, 2.0, 0, 0)]


def test_a_constant_column_is_only_shifted() -> None:
    """No division by a spread that is nothing, or nothing but rounding."""
    made = transform.fit([transform.standardise("x")], pl.DataFrame({"x": [0.1] * 7}), ["x"])
    assert transform.apply(made, pl.DataFrame({"x": [1.1]}))["x"].to_list() == [pytest.approx(1.0)]


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (lambda: transform.standardise("c"), "numbers or booleans"),
        (lambda: transform.clip("void"), "at least one finite value"),
        (lambda: transform.impute("void", how="mean"), "at least one value"),
        (lambda: transform.one_hot("x"), "text, whole numbers or booleans"),
        (lambda: transform.custom("r", ["x"], fit=furthest, apply=ranked), "r: 1.0 at once and 0.0 alone"),
        (lambda: transform.custom("r", ["x"], fit=unplain, apply=relative), "plain JSON"),
    ],
)
def test_what_cannot_be_fitted_is_refused(step: Callable[[], Any], message: str) -> None:
    """Types, nothing to fit on, parameters that are no JSON, and functions over rows, with the difference."""
    train = pl.DataFrame(
        {"x": [2.0, 1.0], "c": ["a", "b"], "void": [None, None]}, schema_overrides={"void": pl.Float64}
    )
    with pytest.raises(InputError, match=message):
        transform.fit([step()], train, train.columns)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: transform.impute("x"), "how= or value="),
        (lambda: transform.impute("x", how="mode"), "'mean', 'median'"),  # type: ignore[arg-type]
        (lambda: transform.clip("x", lower=0.9, upper=0.1), "lower < upper"),
        (transform.standardise, "at least one column"),
        (lambda: transform.custom("r", "x", fit=furthest, apply=relative), r"Write \['x'\]"),
        (
            lambda: transform.custom("r", ["x", "y"], fit=furthest, apply=relative),
            "a function of 2 arguments",
        ),
        (lambda: transform.custom("r", ["x"], fit=furthest, apply=furthest), "a function of 2 arguments"),
    ],
)
def test_bad_declarations_are_refused(make: Callable[[], Any], message: str) -> None:
    """Before there is a view."""
    with pytest.raises(InputError, match=message):
        make()


def test_another_function_is_refused() -> None:
    """What was fitted runs with the function that it was fitted for."""
    spec = FunctionSpec(reference=f"{__name__}:relative", digest="0" * 64)
    with pytest.raises(IntegrityError, match="Restore the function"):
        load(spec, "here")
    with pytest.raises(UnknownNameError, match="nowhere"):
        load(spec.model_copy(update={"reference": "nowhere.at_all:f"}), "here")


def test_functions_of_one_maker_are_as_many_as_what_it_is_given() -> None:
    """A declaration is fitted with its own function, whatever its maker makes later."""

    def fitting(factor: float) -> Callable[..., Any]:
        return lambda _temp: {"factor": factor}

    def apply(fitted: Any, temp: Any) -> Any:
        return temp * fitted["factor"]

    doubled, tripled = (
        transform.custom("t", ["temp"], fit=fitting(factor), apply=apply) for factor in (2.0, 3.0)
    )
    assert doubled != tripled
    assert [load(step.fit, "here")(None) for step in (doubled, tripled) if step.fit is not None] == [
        {"factor": 2.0},
        {"factor": 3.0},
    ]


@pytest.fixture
def view(features: Features) -> FeatureView:
    """The temperature, filled and standardised, and a carrier as columns."""
    group = features.group("weather", keys=["origin"], event_time="t")
    temps = [1.0, None, 3.0, 400.0, 500.0]
    group.insert(pl.DataFrame({"origin": ["JFK"] * 5, "t": [at(i) for i in range(5)], "temp": temps}))
    return features.view(
        "v",
        features=[group["temp"], request("carrier")],
        transforms=[
            transform.impute("temp", how="mean"),
            transform.standardise("temp"),
            transform.one_hot("carrier"),
        ],
    )


def made(view: FeatureView, hours: list[int], carriers: list[str]) -> TrainingDataset:
    """A dataset whose rows from hour 3 on are the test."""
    rows = {"origin": ["JFK"] * len(hours), "event_time": [at(i) for i in hours], "carrier": carriers}
    return view.training_dataset(pl.DataFrame(rows), split=split.by_time(test_from=at(3)))


def test_fitted_on_the_training_rows_alone(view: FeatureView) -> None:
    """Other test rows change nothing of what was fitted, nor of the transformed training rows."""
    first = made(view, [0, 1, 2, 3], ["AA", "UA", "AA", "AA"])
    other = made(view, [0, 1, 2, 4, 4], ["AA", "UA", "AA", "DL", "ZZ"])
    assert first.digest != other.digest
    assert first.transformations == other.transformations
    assert first.transformed("train").equals(other.transformed("train"))
    assert other.transformed("test")["carrier=AA"].to_list() == [0, 0]
    changed = made(view, [0, 1, 3], ["AA", "DL", "AA"])
    assert changed.transformations != first.transformations


def test_kept_with_the_dataset(view: FeatureView, reopen: Callable[[], Features]) -> None:
    """Another process reads the same parameters; the stored rows are untransformed."""
    data = made(view, [0, 1, 2, 3], ["AA", "UA", "AA", "AA"])
    assert data.transformed_features == ["temp", "carrier=AA", "carrier=UA"]
    assert data["train"]["temp"].to_list() == [1.0, None, 3.0]
    found = reopen().get_training_dataset(data.asset_id)
    assert found.transformations == data.transformations
    shift = math.sqrt(1.5)
    assert found.transformed("train")["temp"].to_list() == pytest.approx([-shift, 0.0, shift])
    assert found.transformed("train").columns == ["origin", "event_time", *found.transformed_features]


def test_part_of_the_definition(features: Features, view: FeatureView) -> None:
    """A view with others is another view, and only features are transformed."""
    parts: dict[str, Any] = {"features": [features.get_group("weather")["temp"], request("carrier")]}
    assert features.get_view("v").spec == view.spec
    with pytest.raises(ConflictError, match="another transforms"):
        features.view("v", **parts)
    with pytest.raises(UnknownNameError, match="'origin'"):
        features.view("w", **parts, transforms=[transform.standardise("origin")])
    with pytest.raises(UnknownNameError, match="'carrier'"):
        features.view("w", **parts, transforms=[transform.one_hot("carrier"), transform.ordinal("carrier")])
    with pytest.raises(InputError, match="ms.transform"):
        features.view("w", **parts, transforms=["standardise"])  # type: ignore[list-item]


def test_inputs_of_another_type_are_refused_and_narrow_ones_widened() -> None:
    """Text is never read as a number; a whole number may stand where fractions were fitted."""
    made = transform.fit([transform.clip("x")], pl.DataFrame({"x": [1.0, 2.0, 3.0]}), ["x"])
    for wrong in (["5"], [True], [at(0)]):
        with pytest.raises(InputError, match="float64"):
            transform.apply(made, pl.DataFrame({"x": wrong}))
    narrow = pl.DataFrame({"x": pl.Series([2], dtype=pl.Int8)})
    assert transform.apply(made, narrow)["x"].to_list() == [2.0]


def test_whole_numbers_may_be_stored_as_doubles() -> None:
    """As in a prediction log, where a model is examined on what it was asked; fractions and NaN stay refused."""
    made = transform.fit([transform.ordinal("n")], pl.DataFrame({"n": [3, 5, 7]}), ["n"])
    assert transform.apply(made, pl.DataFrame({"n": [5.0, None, 9.0]}))["n"].to_list() == [1, None, None]
    for wrong in (5.5, math.nan, math.inf, 1e300):
        with pytest.raises(InputError, match="int64"):
            transform.apply(made, pl.DataFrame({"n": [5.0, wrong]}))


@pytest.mark.parametrize("factor", [2.0**-600, 1e-13, 1.0, 2.0**600])
def test_columns_of_any_size_are_standardised(factor: float) -> None:
    """What varies gets a standard deviation of one, however small or large; equal values are only shifted."""
    frame = pl.DataFrame(
        {"x": [factor * value for value in (3.0, 4.0, 5.0, 9.0)], "same": [0.1 * factor] * 4}
    )
    made = transform.fit([transform.standardise("x", "same")], frame, ["x", "same"])
    found = transform.apply(made, frame)
    assert found["x"].std(ddof=0) == pytest.approx(1.0)
    assert made.steps[0].fitted["moments"]["same"][1] == 1.0


def test_an_output_takes_no_other_columns_place() -> None:
    """Neither an input's, when it is fitted, nor that of a column which merely goes along."""
    with pytest.raises(InputError, match="c=1"):
        transform.fit([transform.one_hot("c")], pl.DataFrame({"c": [1, 2], "c=1": [5, 6]}), ["c", "c=1"])
    made = transform.fit([transform.one_hot("c")], pl.DataFrame({"c": ["a"]}), ["c"])
    with pytest.raises(InputError, match="c=a"):
        transform.apply(made, pl.DataFrame({"c": ["a"], "c=a": ["mine"]}))


@pytest.mark.parametrize(
    ("value", "is_taken"),
    [("7", False), (7.5, False), (True, False), (7, True), (7.0, True), (None, True), (np.int64(7), True)],
)
def test_a_row_has_the_types_of_training(value: object, is_taken: bool) -> None:
    """As a frame has: what is none of them is refused, and what says the same is taken."""
    fitted = transform.fit([transform.standardise("n")], pl.DataFrame({"n": [1, 2, 3]}), ["n"])
    one = transform.row_function(fitted)
    if is_taken:
        assert one({"n": value})["n"] == (None if value is None else one({"n": 7})["n"])
    else:
        with pytest.raises(InputError, match="type int64, as in training"):
            one({"n": value})


@pytest.mark.parametrize(
    "step",
    [
        transform.standardise("c"),
        transform.clip("c"),
        transform.impute("c", how="mean"),
        transform.impute("c", value=0.0),
        transform.impute("wind", value="none"),
        transform.one_hot("wind"),
        transform.ordinal("at"),
    ],
)
def test_a_view_refuses_what_could_never_be_fitted(features: Features, step: Any) -> None:
    """The types are known when the view is defined; a dataset would find out later."""
    schema = {"k": int, "t": "datetime", "wind": float, "at": "datetime"}
    group = features.group("g", keys=["k"], event_time="t", schema=schema)
    parts = [group["wind", "at"], request(c=str)]
    with pytest.raises(InputError, match="a feature of type"):
        features.view("v", features=parts, transforms=[step])
    assert features.view(
        "v", features=parts, transforms=[transform.one_hot("c"), transform.standardise("wind")]
    )


def here(learnt, values):  # type: ignore[no-untyped-def]
    """A function that is said to be of a script."""
    return values * learnt["most"]


def test_a_function_of_a_script_is_not_registered(graph: Graph) -> None:
    """What no server could import is refused with the model, not when it is deployed."""
    step = transform.custom("z", ["x"], fit=furthest, apply=here)
    rows = pl.DataFrame({"x": [1.0, 2.0, 3.0, 4.0], "late": [0, 1, 0, 1]})
    fitted = transform.fit([step], rows, ["x"])
    for place, is_taken in (
        (f"{__name__}:here", True),
        ("__main__:here", False),
        (f"{__name__}:f.<locals>.here", False),
    ):
        function = step.apply.model_copy(update={"reference": place})  # type: ignore[union-attr]
        remember(function, here)
        spec = fitted.steps[0].transform.model_copy(update={"apply": function})
        there = fitted.model_copy(update={"steps": (fitted.steps[0].model_copy(update={"transform": spec}),)})
        model = Model(LogisticRegression(), features=["x"], label="late", transformations=there).fit(rows)
        if is_taken:
            assert Models(graph).register("m", model).number == 1
        else:
            with pytest.raises(InputError, match=r"a serving process imports.*Move the function to a file"):
                Models(graph).register("m", model)
