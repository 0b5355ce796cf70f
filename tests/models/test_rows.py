"""One row predicted alone equals the same row in a frame, whatever its values."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler
from tests.models.flights import CATEGORICAL, FEATURES, fitted, make_flights

from mainspring.errors import InputError, UnknownNameError
from mainspring.models.encoding import encode, row_encoder
from mainspring.models.fast import row_path
from mainspring.models.model import Model
from mainspring.models.package import LoadedModel

numbers = st.one_of(st.none(), st.floats(allow_infinity=False, width=64), st.floats(-50, 50))
rows = st.fixed_dictionaries(
    {
        "wind": numbers,
        "hour": st.one_of(st.none(), st.integers(-(2**53), 2**53), st.integers(0, 23)),
        "cold": st.one_of(st.none(), st.booleans()),
        "carrier": st.sampled_from(["AA", "B6", "UA", "ZZ", "", None]),
        "stand": st.one_of(st.none(), st.integers(0, 8)),
    }
)
SCHEMA = {"wind": pl.Float64, "hour": pl.Int64, "cold": pl.Boolean, "carrier": pl.String, "stand": pl.Int64}


def loaded(estimator: object, frame: pl.DataFrame) -> LoadedModel:
    model = fitted(estimator, frame)
    return LoadedModel("0" * 64, model.fitted_signature(), model.estimator)


def own_pipeline() -> Pipeline:
    return Pipeline(
        [
            (
                "prepare",
                ColumnTransformer(
                    [
                        ("fill", Pipeline([("mean", SimpleImputer()), ("scale", StandardScaler())]), [0, 1]),
                        ("flag", SimpleImputer(strategy="most_frequent"), [2]),
                        ("one", OneHotEncoder(handle_unknown="ignore"), [3, 4]),
                    ]
                ),
            ),
            ("predict", LogisticRegression(max_iter=300)),
        ]
    )


ESTIMATORS = {
    "linear": lambda: LogisticRegression(max_iter=300),
    "own pipeline": own_pipeline,
    "boosted": lambda: HistGradientBoostingClassifier(max_iter=25, random_state=0),
    "one tree": lambda: HistGradientBoostingClassifier(max_iter=1, random_state=0),
    "boosted numbers": lambda: HistGradientBoostingRegressor(max_iter=10, random_state=0),
    "linear numbers": LinearRegression,
}
PATHS = {"linear": "linear", "own pipeline": "linear", "linear numbers": "linear"}


@pytest.fixture(scope="module", params=list(ESTIMATORS))
def model(request, flights):
    made = loaded(ESTIMATORS[request.param](), flights)
    assert made.row_path == PATHS.get(request.param, "forest")
    return made


@given(st.lists(rows, min_size=1, max_size=20))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_row_alone_equals_the_row_in_a_frame(model, given_rows):
    """Nulls, NaN, unseen categories, huge and tiny numbers: the same number, bit for bit for trees."""
    batch = model.predict(pl.DataFrame(given_rows, schema=SCHEMA))
    alone = np.array([model.predict_row(row) for row in given_rows])
    if model.row_path == "forest":
        np.testing.assert_array_equal(alone, batch)
    else:
        np.testing.assert_allclose(alone, batch, rtol=1e-9, atol=1e-12)


@given(st.lists(rows, min_size=1, max_size=20))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_row_is_encoded_as_in_a_frame(linear, given_rows):
    """The encoder of a row gives exactly the frame's numbers."""
    signature = linear.fitted_signature()
    encode_row = row_encoder(signature)
    frame = encode(pl.DataFrame(given_rows, schema=SCHEMA), signature)
    np.testing.assert_array_equal(np.array([encode_row(row) for row in given_rows]), frame)


def test_many_categories_and_many_trees_stay_exact():
    """More categories than a machine word has bits, and hundreds of trees."""
    frame = make_flights(4000, seed=4).with_columns(stand=pl.int_range(pl.len()) % 200)
    made = loaded(HistGradientBoostingClassifier(max_iter=150, max_leaf_nodes=15, random_state=0), frame)
    sample = frame.select(FEATURES).sample(200, seed=1)
    alone = [made.predict_row(row) for row in sample.to_dicts()]
    np.testing.assert_array_equal(alone, made.predict(sample))


def test_rarer_categories_than_the_limit_count_as_unseen(flights):
    """Only the most frequent categories are kept; a dropped one is predicted like an unknown one."""
    model = Model(LogisticRegression(), FEATURES, categorical=CATEGORICAL, label="late", max_categories=2)
    made = model.fit(flights)
    (carrier,) = [column for column in made.fitted_signature().columns if column.name == "carrier"]
    kept = flights.get_column("carrier").drop_nulls().value_counts(sort=True).head(2).get_column("carrier")
    assert set(carrier.categories) == set(kept)


def test_an_estimator_of_another_make_is_called_as_it_is(flights):
    """A random forest behind a min-max scaler is not compiled and still answers alike."""
    pipeline = Pipeline(
        [
            ("fill", SimpleImputer()),
            ("scale", MinMaxScaler()),
            ("trees", RandomForestClassifier(5, random_state=0)),
        ]
    )
    made = loaded(pipeline, flights)
    assert made.row_path == "estimator"
    sample = flights.head(20)
    np.testing.assert_array_equal([made.predict_row(row) for row in sample.to_dicts()], made.predict(sample))


def test_a_step_that_is_not_known_leaves_the_model_uncompiled(flights):
    """An unknown preparation before a linear model is called, not guessed."""
    pipeline = Pipeline(
        [("fill", SimpleImputer()), ("scale", MinMaxScaler()), ("last", LogisticRegression())]
    )
    model = fitted(pipeline, flights)
    assert row_path(model.estimator, model.fitted_signature().task).name == "estimator"


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"wind": math.inf}, InputError),
        ({"wind": "strong"}, InputError),
        ({"carrier": 7}, InputError),
        ({"stand": "B2"}, InputError),
        ({"stand": 1.0}, InputError),
    ],
)
def test_wrong_values_are_refused_alone_and_in_a_frame(linear, flights, values, error):
    """An infinity, text for a number, a number for text: refused both ways, naming the feature."""
    row = flights.select(FEATURES).drop_nulls().row(0, named=True) | values
    made = LoadedModel("0" * 64, linear.fitted_signature(), linear.estimator)
    (name,) = values
    with pytest.raises(error, match=name):
        made.predict_row(row)
    with pytest.raises(error, match=name):
        made.predict(pl.DataFrame([row]))


def test_a_missing_feature_is_refused_and_a_spare_one_ignored(linear, flights):
    """A feature that is not there is no null."""
    made = LoadedModel("0" * 64, linear.fitted_signature(), linear.estimator)
    row = flights.select(FEATURES).row(0, named=True)
    assert made.predict_row(row | {"gate": "C3"}) == made.predict_row(row)
    row.pop("wind")
    with pytest.raises(UnknownNameError, match="wind"):
        made.predict_row(row)
    with pytest.raises(UnknownNameError, match="wind"):
        made.predict(pl.DataFrame([row]))


def test_numpy_values_are_taken_as_their_python_twins(linear, flights):
    """A row of NumPy scalars predicts like the row of plain values."""
    made = LoadedModel("0" * 64, linear.fitted_signature(), linear.estimator)
    row = flights.select(FEATURES).drop_nulls().row(0, named=True)
    twin = {name: np.array([value])[0] for name, value in row.items()}
    assert made.predict_row(twin) == made.predict_row(row)


def test_other_frames_are_taken_by_the_arrow_stream(linear, flights):
    """A frame of another library that speaks Arrow predicts alike; something else is refused."""

    class Foreign:
        def __arrow_c_stream__(self, requested_schema=None):
            return flights.__arrow_c_stream__(requested_schema)

    np.testing.assert_array_equal(linear.predict(Foreign()), linear.predict(flights))
    with pytest.raises(InputError, match="table"):
        linear.predict([1, 2])


def test_an_empty_frame_has_no_predictions(linear, flights):
    """No rows, no numbers, no error."""
    assert linear.predict(flights.head(0)).shape == (0,)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: Model(LogisticRegression(), []), "at least one"),
        (lambda: Model(LogisticRegression(), ["wind", "wind"]), "once"),
        (lambda: Model("forest", ["wind"]), "scikit-learn"),
        (lambda: Model(LogisticRegression(), ["wind"]).fit(make_flights(20)), "no label"),
        (
            lambda: Model(LogisticRegression(), ["wind", "late"], label="late").fit(make_flights(20)),
            "is a feature",
        ),
        (lambda: Model(LogisticRegression(), ["wind"], label="late").fit(make_flights(0)), "0 rows"),
        (lambda: Model(LogisticRegression(), ["carrier"], label="late").fit(make_flights(20)), "categorical"),
        (
            lambda: Model(LogisticRegression(), ["wind"], label="hour").fit(make_flights(20).drop_nulls()),
            "0 and 1",
        ),
    ],
)
def test_a_model_that_cannot_be_meant_is_refused(make, match):
    """No features, one twice, no estimator, no label, the label as a feature, no rows, text, other labels."""
    with pytest.raises(InputError, match=match):
        make()


def test_unknown_columns_name_the_nearest():
    """A typing error in a feature, a categorical one or the label is answered."""
    frame = make_flights(20)
    with pytest.raises(UnknownNameError, match="wind"):
        Model(LogisticRegression(), ["wnid"], label="late").fit(frame)
    with pytest.raises(UnknownNameError, match="carrier"):
        Model(LogisticRegression(), ["carrier"], categorical=["carier"])
    with pytest.raises(UnknownNameError, match="late"):
        Model(LogisticRegression(), ["wind"], label="lat").fit(frame)


def test_rows_without_a_label_are_refused_with_their_number():
    """Training does not drop rows in silence."""
    frame = make_flights(20).with_columns(
        late=pl.when(pl.int_range(pl.len()) < 3).then(None).otherwise("late")
    )
    with pytest.raises(InputError, match="3 without"):
        Model(LogisticRegression(), ["wind"], label="late").fit(frame)
