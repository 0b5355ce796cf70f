"""Views: definition, joins, training datasets."""

from __future__ import annotations

import json
import random
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import date, datetime
from typing import Any

import numpy as np
import polars as pl
import pytest
from tests.features.conftest import at
from tests.schema_samples import FOLDER

from mainspring.errors import ConflictError, InputError, UnknownNameError
from mainspring.features.api import Features, definition_digest, request
from mainspring.features.condition import spine as spine_column
from mainspring.features.datasets import split
from mainspring.features.datasets.api import TrainingDataset
from mainspring.features.group import FeatureGroup
from mainspring.features.on_demand import on_demand
from mainspring.features.spec import FeatureViewSpec
from mainspring.features.view import FeatureView
from mainspring.lineage import AssetKind, Graph
from mainspring.ports.clock import ReplayClock

# Asked of rows and files; every statement on the records that runs here is run on both databases by others.
pytestmark = pytest.mark.once


@on_demand
def feels_like(temp, factor):  # type: ignore[no-untyped-def]
    """A feature from a stored value and a request."""
    return temp * factor


@on_demand
def with_label(temp, late):  # type: ignore[no-untyped-def]
    """Reads what nobody knows yet."""
    return temp + late


@on_demand
def running(temp):  # type: ignore[no-untyped-def]
    """Depends on the rows before."""
    return np.cumsum(temp)


@pytest.fixture
def weather(features: Features) -> FeatureGroup:
    """Temperatures at JFK, hours 0 to 5."""
    group = features.group("weather", keys=["origin"], event_time="observed_at", online=True)
    group.insert(
        pl.DataFrame(
            {
                "origin": ["JFK"] * 6,
                "observed_at": [at(i) for i in range(6)],
                "temp": [float(i) for i in range(6)],
            }
        )
    )
    return group


@pytest.fixture
def airports(features: Features) -> FeatureGroup:
    """Two airports, without event time."""
    group = features.group("airports", keys=["faa"])
    group.insert(pl.DataFrame({"faa": ["JFK", "LAX"], "lat": [40.0, 33.0]}))
    return group


@pytest.fixture
def arrivals(features: Features) -> FeatureGroup:
    """Flights 1 to 4, known to be late or not at hours 3 to 6; flight 5 never arrived."""
    group = features.group("arrivals", keys=["flight"], event_time="scheduled", known_time="arrived")
    group.insert(
        pl.DataFrame(
            {
                "flight": [1, 2, 3, 4],
                "scheduled": [at(i) for i in range(1, 5)],
                "arrived": [at(i) for i in range(3, 7)],
                "late": [True, False, True, False],
            }
        )
    )
    return group


def spine(*flights: int, **columns: Any) -> pl.DataFrame:
    """Flights of their scheduled hour, from JFK."""
    return pl.DataFrame(
        {
            "flight": list(flights),
            "origin": ["JFK"] * len(flights),
            "event_time": [at(i) for i in flights],
            **columns,
        },
        schema_overrides={"event_time": pl.Datetime("us", "UTC"), "flight": pl.Int32},
    )


@pytest.fixture
def delay(features: Features, weather: FeatureGroup, arrivals: FeatureGroup) -> FeatureView:
    """The temperature at departure, and whether the flight was late."""
    return features.view("delay", features=[weather["temp"]], label=arrivals["late"])


# --- definition


def test_defining_twice_is_once(features: Features, weather: FeatureGroup, graph: Graph) -> None:
    """The same definition finds the view, and one asset; another one needs a new version."""
    first = features.view("v", features=[weather["temp"]])
    assert features.view("v", features=[weather["temp"]]).asset_id == first.asset_id
    assert features.get_view("v").spec == first.spec
    assert len(graph.find_assets(kind=AssetKind.FEATURE_VIEW)) == 1
    with pytest.raises(ConflictError, match="another spine_time.*define version 2"):
        features.view("v", features=[weather["temp"]], spine_time="t")
    with pytest.raises(UnknownNameError, match="feature view 'v': expected a known version"):
        features.get_view("v", 2)


def test_view_is_found_by_a_worker(
    features: Features, weather: FeatureGroup, reopen: Callable[[], Features]
) -> None:
    """Another process loads the view's functions by their reference."""
    features.view("v", features=[weather["temp"]], on_demand=[feels_like])
    found = reopen().get_view("v")
    assert found.join(spine(3, factor=[2.0])).frame["feels_like"].to_list() == [6.0]


def test_group_without_event_time_must_be_static(features: Features, airports: FeatureGroup) -> None:
    """No silent plain join (R18)."""
    with pytest.raises(InputError, match=r"say so with .static\(\)"):
        features.view("v", features=[airports["lat"]])
    features.view("v", features=[airports["lat"].static()])


def test_group_with_event_time_is_not_static(features: Features, weather: FeatureGroup) -> None:
    """Static would show every moment the newest value."""
    with pytest.raises(InputError, match="static"):
        features.view("v", features=[weather["temp"].static()])


def test_label_is_no_feature(features: Features, arrivals: FeatureGroup, weather: FeatureGroup) -> None:
    """Neither as it is, nor under a prefix, nor by way of a function (R18)."""
    for leak in (arrivals["late"], arrivals["late"].on(prefix="x_")):
        with pytest.raises(InputError, match="the label 'late'"):
            features.view("v", features=[weather["temp"], leak], label=arrivals["late"])
    with pytest.raises(InputError, match="with_label reads 'late'"):
        features.view("v", features=[weather["temp"]], label=arrivals["late"], on_demand=[with_label])
    with pytest.raises(InputError, match="at least one, each once"):
        features.view("v", features=[weather["temp"]], label=arrivals["late", "late"])
    for helpers in ({"training_only": [arrivals["late"]]}, {"inference_only": [arrivals["late"]]}):
        with pytest.raises(InputError, match="the label 'late'"):
            features.view("v", features=[weather["temp"]], label=arrivals["late"], **helpers)
    assert not features.views()


@pytest.mark.parametrize(
    "parts",
    [
        lambda airports, _: [airports["lat"].static(), airports["lat"].static().on({"faa": "dest"})],
        lambda airports, weather: [weather["temp"], airports["lat"].static(), request("lat")],
        lambda _, weather: [weather["temp"].on(prefix="event_"), request("event_temp")],
        lambda _, weather: [weather["temp"], request("carrier", "carrier", "temp")],
    ],
)
def test_clashing_names_are_refused(
    features: Features, airports: FeatureGroup, weather: FeatureGroup, parts: Callable[..., Any]
) -> None:
    """Every column has one origin, decided before anything is read (R14)."""
    with pytest.raises(InputError, match=r"prefix|once"):
        features.view("v", features=parts(airports, weather))


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        (["weather.temp"], "project.features.get_group('weather')['temp']"),
        ("weather.temp", "project.features.get_group('weather')['temp']"),
        ([None], "project.features.get_group('group')['column']"),
        ([], "group['column']"),
    ],
)
def test_what_is_no_feature_is_refused(features: Features, given: Any, hint: str) -> None:
    """Text, nothing, or something else in place of a selection is answered with how one is written."""
    with pytest.raises(InputError, match=re.escape(hint)):
        features.view("bad", features=given, label=None)


def test_a_group_is_no_feature(features: Features, weather: FeatureGroup, arrivals: FeatureGroup) -> None:
    """A whole group is answered with its columns, as a feature, as the features and as the label."""
    for given in ([weather], weather):
        with pytest.raises(InputError, match=re.escape("weather['temp']")):
            features.view("bad", features=given)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=re.escape("label=arrivals['late']")):
        features.view("bad", features=[weather["temp"]], label=arrivals)  # type: ignore[arg-type]


def test_a_view_has_a_feature(features: Features, weather: FeatureGroup, arrivals: FeatureGroup) -> None:
    """A label alone is no view, and neither are hidden columns that nothing reads."""
    for given in ([], [weather["temp"].hidden()]):
        with pytest.raises(InputError, match="at least one feature"):
            features.view("bad", features=given, label=arrivals["late"])


def test_function_over_rows_is_refused(features: Features, weather: FeatureGroup) -> None:
    """A function must give for n rows what it gives for each."""
    with pytest.raises(InputError, match="same result"):
        features.view("v", features=[weather["temp"]], on_demand=[running])


def test_unknown_key_in_on_is_named(weather: FeatureGroup) -> None:
    """`on` maps keys of the group only."""
    with pytest.raises(UnknownNameError, match="Did you mean 'origin'"):
        weather["temp"].on({"origins": "dest"})


def test_older_definitions_keep_their_digest() -> None:
    """A view that a released version stored has the digest that its definition has now."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript((FOLDER / "0001.sql").read_text(encoding="utf-8"))
        connection.row_factory = sqlite3.Row
        stored = dict(connection.execute("SELECT * FROM feature_views").fetchone())
    fields = {name: json.loads(stored[name]) for name in ("parts", "on_demand")}
    plain = {
        name: stored[name] for name in ("view_id", "name", "version", "label", "spine_time", "description")
    }
    view = FeatureViewSpec(**plain, **fields, digest=stored["digest"], created_at=at())
    definition = [view.name, view.version, view.parts, view.label, view.on_demand, view.spine_time]
    assert definition_digest(definition, condition=view.condition) == stored["digest"]
    assert view.model_dump(mode="json")["parts"] == fields["parts"]
    more = view.parts[0].model_copy(update={"renames": {"wind": "gusts"}})
    assert definition_digest([*definition[:2], (more,), *definition[3:]]) != stored["digest"]
    assert definition_digest(definition, condition=spine_column("distance") > 1) != stored["digest"]


# --- joins


def test_columns_are_renamed(features: Features, weather: FeatureGroup, airports: FeatureGroup) -> None:
    """A column has its new name everywhere, behind the prefix if there is one; others keep theirs."""
    view = features.view(
        "v",
        features=[
            weather["temp"].rename({"temp": "celsius"}),
            airports["lat"].rename({"lat": "north"}).on({"faa": "dest"}, prefix="dest_").static(),
        ],
    )
    assert view.features == ("celsius", "dest_north")
    assert view.join(spine(2, dest=["LAX"])).frame.select(view.features).rows() == [(2.0, 33.0)]
    assert features.get_view("v").spec == view.spec
    with pytest.raises(UnknownNameError, match="Did you mean 'temp'"):
        weather["temp"].rename({"tmp": "celsius"})
    with pytest.raises(InputError, match="a name of its own"):
        weather["temp"].rename({"temp": ""})


def test_a_view_is_about_some_rows(delay: FeatureView, features: Features, weather: FeatureGroup) -> None:
    """Rows outside of the condition are in no join and no dataset; it is stored with the view."""
    view = features.view(
        "v", features=[weather["temp"]], where=(spine_column("flight") > 1) & ~spine_column("note").is_null()
    )
    given = spine(1, 2, 3, note=["a", "b", None])
    assert view.join(given).frame["flight"].to_list() == [2]
    data = view.training_dataset(given)
    assert (data.frame["flight"].to_list(), data.spec.n_filtered) == ([2], 2)
    assert features.get_view("v").spec.condition == view.spec.condition
    with pytest.raises(ConflictError, match="another condition"):
        features.view("v", features=[weather["temp"]], where=spine_column("flight") > 2)
    with pytest.raises(InputError, match="no column 'note'"):
        view.join(spine(1))


def test_rows_are_not_chosen_by_what_is_looked_up(
    features: Features, weather: FeatureGroup, arrivals: FeatureGroup
) -> None:
    """A condition on a feature or the label is refused, and so is what is no condition."""
    for name in ("temp", "late", "weight"):
        with pytest.raises(InputError, match="columns of the spine"):
            features.view(
                "v",
                features=[weather["temp"]],
                label=arrivals["late"],
                training_only=[request("weight")],
                where=spine_column(name) == 1,
            )
    with pytest.raises(InputError, match="ms.spine"):
        features.view("v", features=[weather["temp"]], where="temp > 1")  # type: ignore[arg-type]


def test_several_labels(features: Features, weather: FeatureGroup, arrivals: FeatureGroup) -> None:
    """Labels of one group and of others; a row of a dataset has all of them, and none is a feature."""
    paid = features.group("paid", keys=["flight"], event_time="scheduled")
    paid.insert(
        pl.DataFrame({"flight": [1, 2], "scheduled": [at(1), at(2)], "euro": [5.0, 7.0], "tax": [1, 2]})
    )
    view = features.view("v", features=[weather["temp"]], label=[arrivals["late"], paid["euro", "tax"]])
    data = view.training_dataset(spine(1, 2, 3), as_of=at(9))
    assert (data.label, data.labels, data.features) == ("late", ["late", "euro", "tax"], ["temp"])
    assert data["train"].select(data.labels).rows() == [(True, 5.0, 1), (False, 7.0, 2)]
    assert data.n_unlabelled == 1
    with pytest.raises(InputError, match="the label 'tax'"):
        features.view("w", features=[paid["tax"].on(prefix="x_")], label=[arrivals["late"], paid["tax"]])


def test_columns_for_training_only(
    features: Features, weather: FeatureGroup, arrivals: FeatureGroup, reopen: Callable[[], Features]
) -> None:
    """They are in the dataset and no features; those beside the label are read as it is."""
    arrivals = features.group("delays", keys=["flight"], event_time="scheduled", known_time="arrived")
    arrivals.insert(
        pl.DataFrame(
            {"flight": [1], "scheduled": [at(1)], "arrived": [at(5)], "late": [True], "minutes": [50.0]},
        )
    )
    view = features.view(
        "v",
        features=[weather["temp"]],
        label=arrivals["late"],
        training_only=[arrivals["minutes"], weather["temp"].rename({"temp": "weight"}), request("note")],
    )
    data = view.training_dataset(spine(1, note=["n"]), as_of=at(9))
    assert (data.features, data.training_only) == (["temp"], ["minutes", "weight", "note"])
    assert data.frame.select("temp", "minutes", "weight", "note", "late").rows() == [
        (1.0, 50.0, 1.0, "n", True)
    ]
    assert data.frame.columns[-2:] == ["late", "_split"]
    weather.materialize(at(9))
    reader = reopen().get_view("v").online()
    assert reader.read({"origin": "JFK"}, {}, at(9)).values == {"temp": 5.0}
    with pytest.raises(InputError, match="unknown column 'note'"):
        reader.read({"origin": "JFK"}, {"note": "n"}, at(9))


@pytest.mark.parametrize("role", ["training_only", "inference_only"])
def test_functions_read_no_helper_columns(features: Features, weather: FeatureGroup, role: str) -> None:
    """A feature made of what one side alone has would differ between them."""
    helpers: Any = {role: [request("factor")]}
    with pytest.raises(InputError, match=f"reads 'factor' of {role}="):
        features.view("v", features=[weather["temp"]], on_demand=[feels_like], **helpers)
    with pytest.raises(InputError, match=f"a list of columns in {role}="):
        features.view("v", features=[weather["temp"]], **{role: "factor"})  # type: ignore[arg-type]


def test_join_of_group_twice(features: Features, airports: FeatureGroup) -> None:
    """One group under two keys, told apart by prefixes (R14)."""
    view = features.view(
        "v",
        features=[
            airports["lat"].on({"faa": "origin"}, prefix="origin_").static(),
            airports["lat"].on({"faa": "dest"}, prefix="dest_").static(),
        ],
    )
    result = view.join(spine(1, 2, dest=["LAX", None]))
    assert result.frame.select(view.features).rows() == [(40.0, 33.0), (40.0, None)]
    assert set(result.provenance) == {"origin_airports", "dest_airports"}


def test_join_keeps_the_spine(delay: FeatureView) -> None:
    """Rows, order and other columns are the spine's; the time is aware UTC (R1, R11)."""
    given = spine(3, 1, 3, note=["a", "b", "c"])
    found = delay.join(given)
    assert found.frame.select(given.columns).equals(given)
    assert found.frame["temp"].to_list() == [3.0, 1.0, 3.0]


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([datetime(2013, 1, 1, 2, 30)], 2.0),
        (pl.Series([datetime(2012, 12, 31, 22, 30)]).dt.replace_time_zone("America/New_York"), 3.0),
        ([date(2013, 1, 1)], 0.0),
        (pl.Series([datetime(2013, 1, 1, 2, 30)]).dt.cast_time_unit("ns"), 2.0),
    ],
)
def test_spine_times_are_read_as_utc(
    features: Features, weather: FeatureGroup, times: Any, expected: float
) -> None:
    """Naive is UTC, aware is converted, a date is its midnight, whole microseconds pass (R11, R12)."""
    view = features.view("v", features=[weather["temp"]])
    frame = pl.DataFrame({"origin": ["JFK"], "event_time": times})
    joined = view.join(frame).frame
    assert joined["temp"].to_list() == [expected]
    assert joined.schema["event_time"] == pl.Datetime("us", "UTC")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.drop("event_time"), "no column 'event_time'"),
        (lambda frame: frame.drop("origin"), "no column 'origin'"),
        (lambda frame: frame.with_columns(temp=pl.lit(1.0)), "a column 'temp'"),
        (lambda frame: frame.with_columns(late=pl.lit(True)), "a column 'late'"),
        (lambda frame: frame.with_columns(origin=pl.lit(1)), "type string"),
        (lambda frame: frame.with_columns(flight=pl.lit("1")), "type int64"),
        (lambda frame: frame.with_columns(event_time=pl.lit(None, pl.Datetime("us"))), "1 nulls"),
        (lambda frame: frame.with_columns(event_time=pl.lit("2013-01-01")), "a time"),
        (lambda frame: frame.with_columns(event_time=pl.lit(1)), "a time"),
    ],
)
def test_bad_spines_are_refused(
    delay: FeatureView, change: Callable[[pl.DataFrame], Any], message: str
) -> None:
    """A missing, clashing or wrongly typed column, and a null time, are errors (R10, R16, R17)."""
    with pytest.raises(InputError, match=message):
        delay.join(change(spine(1)))


def test_empty_spine_gives_an_empty_frame(delay: FeatureView) -> None:
    """No rows in, no rows out, with every column."""
    assert delay.join(spine()).frame.columns == ["flight", "origin", "event_time", "temp", "late"]


def test_labels_are_used_once_they_are_known(delay: FeatureView, clock: ReplayClock) -> None:
    """A label counts from its known time on; as_of is the project's present unless it is given."""
    assert delay.join(spine(1, 2, 3)).frame["late"].to_list() == [None, None, None]
    assert delay.join(spine(1, 2, 3), as_of=at(4)).frame["late"].to_list() == [True, False, None]
    clock.set(at(5))
    assert delay.join(spine(1, 2, 3, 5)).frame["late"].to_list() == [True, False, True, None]


def test_features_of_the_label_group_come_from_strictly_before(
    features: Features, weather: FeatureGroup
) -> None:
    """A feature of the label's own group never comes from the row's own moment (R18)."""
    scores = features.group("scores", keys=["origin"], event_time="t")
    scores.insert(
        pl.DataFrame({"origin": ["JFK"] * 2, "t": [at(1), at(2)], "score": [1.0, 2.0], "good": [True, False]})
    )
    view = features.view(
        "v", features=[weather["temp"], scores["score"].on(prefix="last_")], label=scores["good"]
    )
    assert view.join(spine(2), as_of=at(9)).frame["last_score"].to_list() == [1.0]


def test_a_pin_of_zero_reads_nothing_for_ever(features: Features) -> None:
    """A join that found an empty group gives it, and is the same after the first insert (R19)."""
    group = features.group(
        "late", keys=["k"], event_time="t", schema={"k": "int64", "t": "datetime", "x": "float64"}
    )
    view = features.view("v", features=[group["x"]])
    asked = pl.DataFrame({"k": [1], "event_time": [at(2)]})
    before = view.join(asked)
    group.insert(pl.DataFrame({"k": [1], "t": [at(0)], "x": [7.0]}))
    again = view.join(asked, pins=before.pins)
    assert (before.pins, again.pins) == ({"late@1": 0}, {"late@1": 0})
    assert again.frame.equals(before.frame)
    assert view.join(asked).frame["x"].to_list() == [7.0]


def test_pins_give_the_same_bytes_after_later_inserts(delay: FeatureView, weather: FeatureGroup) -> None:
    """A join tells which commits it read; with these pins it is the same for ever (R19)."""
    before = delay.join(spine(1, 2), as_of=at(9))
    assert before.pins == {"weather@1": 1, "arrivals@1": 1}
    weather.insert(pl.DataFrame({"origin": ["JFK"], "observed_at": [at(1)], "temp": [99.0]}))
    assert delay.join(spine(1, 2), as_of=at(9)).frame["temp"].to_list() == [99.0, 2.0]
    assert delay.join(spine(1, 2), as_of=at(9), pins=before.pins).frame.equals(before.frame)
    with pytest.raises(InputError, match="pins of weather@1"):
        delay.join(spine(1), pins={"wether@1": 1})
    with pytest.raises(UnknownNameError, match="commit"):
        delay.join(spine(1), pins={"weather@1": 7})


def test_provenance_names_the_deciding_rows(delay: FeatureView, weather: FeatureGroup) -> None:
    """Row by row the commit and times, and the assets of the commits that decided something."""
    late = weather.insert(pl.DataFrame({"origin": ["JFK"], "observed_at": [at(2)], "temp": [99.0]}))
    result = delay.join(spine(2, 3), as_of=at(9))
    assert result.provenance["weather"]["number"].to_list() == [2, 1]
    assert result.provenance["weather"]["event_time"].to_list() == [at(2), at(3)]
    assert result.assets["weather"][2] == late.asset_id
    assert delay.join(spine(3), as_of=at(9)).assets["weather"].keys() == {1}


def test_commit_time_as_known_time(features: Features, clock: ReplayClock) -> None:
    """With known_time="commit" a row counts from its publication on, on the project clock."""
    group = features.group("g", keys=["k"], event_time="t", known_time="commit")
    clock.set(at(5))
    group.insert(pl.DataFrame({"k": [1], "t": [at(1)], "x": [1.0]}))
    view = features.view("v", features=[group["x"]])
    asked = pl.DataFrame({"k": [1, 1], "event_time": [at(4), at(5)]})
    assert view.join(asked).frame["x"].to_list() == [None, 1.0]


def test_request_columns_are_features_in_their_place(features: Features, weather: FeatureGroup) -> None:
    """Request columns keep their place among the features; a declared type is enforced; functions may read more."""
    view = features.view(
        "v", features=[request(seats=int), weather["temp"], request("carrier")], on_demand=[feels_like]
    )
    assert view.features == ("seats", "temp", "carrier", "feels_like")
    given = spine(2, seats=[100], carrier=["AA"], factor=[1.5])
    assert view.join(given).frame.select(view.features).rows() == [(100, 2.0, "AA", 3.0)]
    with pytest.raises(InputError, match="type int64"):
        view.join(given.with_columns(seats=pl.lit("many")))


# --- training datasets


def test_training_dataset_leaves_out_what_has_no_label(delay: FeatureView) -> None:
    """Rows without label are counted and left out; parts keep the spine's order."""
    data = delay.training_dataset(spine(5, 4, 1, 2, 3), split=split.by_time(test_from=at(3)), as_of=at(5))
    assert data.n_unlabelled == 2
    assert data.counts == {"train": 2, "test": 1}
    assert data["train"]["flight"].to_list() == [1, 2]
    assert data["test"].select([*data.features, "late"]).rows() == [(3.0, True)]
    assert (data.features, data.label) == (["temp"], "late")
    assert data.pins == {"weather@1": 1, "arrivals@1": 1}
    with pytest.raises(UnknownNameError, match="Did you mean 'train'"):
        data["trian"]


def test_a_notebook_shows_groups_views_and_datasets(delay: FeatureView, weather: FeatureGroup) -> None:
    """Columns with types, features with where they come from, splits with their rows."""
    assert "<td>temp</td><td>float64</td>" in weather._repr_html_()
    shown = delay._repr_html_()
    for name, origin in delay.spec.origins.items():
        assert f"<td>{name}</td><td>{origin}</td>" in shown
    assert list(delay.spec.origins) == list(delay.features)
    made = delay.training_dataset(spine(1, 2, 3, 4), split=split.random(test=0.5), seed=4, as_of=at(9))
    for part, count in made.counts.items():
        assert f'<td>{part}</td><td style="text-align:right">{count}</td>' in made._repr_html_()


def test_made_again_it_is_found_again(delay: FeatureView, weather: FeatureGroup, graph: Graph) -> None:
    """The same inputs give the same digest and asset, also with old pins after later inserts."""
    options: dict[str, Any] = {"split": split.by_time(test_from=at(3)), "as_of": at(9)}
    first = delay.training_dataset(spine(1, 2, 3), **options)
    assert delay.training_dataset(spine(1, 2, 3), **options).asset_id == first.asset_id
    weather.insert(pl.DataFrame({"origin": ["JFK"], "observed_at": [at(1)], "temp": [99.0]}))
    assert delay.training_dataset(spine(1, 2, 3), **options, pins=first.pins).asset_id == first.asset_id
    other = delay.training_dataset(spine(1, 2, 3), **options)
    assert other.digest != first.digest
    assert delay.training_dataset(spine(1, 2, 3), as_of=at(9)).digest not in {first.digest, other.digest}
    assert len(graph.find_assets(kind=AssetKind.TRAINING_DATASET)) == 3


def test_later_inserts_change_no_dataset_that_is_made_again(
    features: Features, weather: FeatureGroup
) -> None:
    """Whatever is inserted later, late rows and corrections too: with its pins a dataset has the same digest and bytes,
    and among more rows each stays in its part.
    """
    view = features.view("v", features=[weather["temp"]])
    chance = random.Random(7)
    made: list[tuple[dict[str, Any], TrainingDataset]] = []
    for _ in range(4):
        options = {
            "spine": spine(*chance.sample(range(1, 40), 9)),
            "split": split.by_entity("origin", "flight", test=0.4),
            "seed": 5,
        }
        made.append((options, view.training_dataset(**options)))
        hours = [at(chance.randrange(0, 40)) for _ in range(5)]
        temps = [float(chance.randrange(100)) for _ in hours]
        weather.insert(pl.DataFrame({"origin": ["JFK"] * 5, "observed_at": hours, "temp": temps}))
    parts: dict[int, str] = {}
    for options, first in made:
        again = view.training_dataset(**options, pins=first.pins)
        assert (again.digest, again.spec.blob) == (first.digest, first.spec.blob)
        for flight, part in first.frame.select("flight", "_split").rows():
            assert parts.setdefault(flight, part) == part
    assert set(parts.values()) == {"train", "test"}


def test_equal_rows_of_other_commits_are_another_dataset(
    delay: FeatureView, weather: FeatureGroup, graph: Graph
) -> None:
    """One digest and one blob, but pins and lineage of its own; the latest question finds the latest answer."""
    options: dict[str, Any] = {"split": split.by_time(test_from=at(3)), "as_of": at(9)}
    first = delay.training_dataset(spine(1, 2, 3), **options)
    same = weather.insert(
        pl.DataFrame(
            {
                "origin": ["JFK"] * 6,
                "observed_at": [at(i) for i in range(6)],
                "temp": [float(i) for i in range(6)],
            }
        )
    )
    other = delay.training_dataset(spine(1, 2, 3), **options)
    assert other.asset_id != first.asset_id
    assert (other.digest, other.spec.blob) == (first.digest, first.spec.blob)
    assert (first.pins["weather@1"], other.pins["weather@1"]) == (1, 2)
    assert same.asset_id in graph.upstream(other.asset_id).assets
    assert same.asset_id not in graph.upstream(first.asset_id).assets
    assert delay.training_dataset(spine(1, 2, 3), **options).asset_id == other.asset_id


def test_the_recipe_is_what_was_asked_for(
    delay: FeatureView, weather: FeatureGroup, clock: ReplayClock
) -> None:
    """Another name, `as_of` or pin is another dataset; what is left open is the present, which changed no row."""
    clock.set(at(9))
    first = delay.training_dataset(spine(1, 2))
    assert delay.training_dataset(spine(1, 2), name="march").asset_id != first.asset_id
    assert delay.training_dataset(spine(1, 2), as_of=at(8)).asset_id != first.asset_id
    clock.set(at(10))
    weather.insert(pl.DataFrame({"origin": ["LGA"], "observed_at": [at(1)], "temp": [99.0]}))
    assert delay.training_dataset(spine(1, 2)).asset_id == first.asset_id
    assert delay.training_dataset(spine(1, 2), pins={"weather@1": 1}).asset_id == first.asset_id
    newest = delay.training_dataset(spine(1, 2), pins={"weather@1": 2})
    assert newest.asset_id != first.asset_id
    assert newest.pins["weather@1"] == 2


def test_is_read_back_by_id(delay: FeatureView, reopen: Callable[[], Features]) -> None:
    """A stored dataset is the same for another process; its id is no other asset's."""
    data = delay.training_dataset(spine(1, 2, 3), split=split.by_time(test_from=at(3)), as_of=at(9))
    found = reopen().get_training_dataset(data.asset_id)
    assert found.spec == data.spec
    assert found["train"].equals(data["train"])
    assert found.provenance["weather.number"].to_list() == [1, 1, 1]
    with pytest.raises(UnknownNameError, match="a feature_view"):
        reopen().get_training_dataset(delay.asset_id)


def test_is_found_by_name_and_digest(delay: FeatureView, features: Features) -> None:
    """A name means the newest of it; the beginning of a digest does, where it is one's alone."""
    first = delay.training_dataset(spine(1, 2, 3), as_of=at(9))
    second = delay.training_dataset(spine(1, 2), as_of=at(9))
    assert features.get_training_dataset("delay").asset_id == second.asset_id
    assert features.get_training_dataset(first.digest[:8]).asset_id == first.asset_id
    with pytest.raises(UnknownNameError, match=f"at least 8 digits.*{first.digest[:12]!r}"):
        features.get_training_dataset(first.digest[:7])
    with pytest.raises(UnknownNameError, match="known training dataset"):
        features.get_training_dataset("nothing like it")


def test_links_name_only_commits_that_contributed(
    delay: FeatureView, features: Features, weather: FeatureGroup, graph: Graph
) -> None:
    """A commit whose rows nobody got is no input of the dataset; the view and the spine's commits are."""
    unused = weather.insert(pl.DataFrame({"origin": ["LGA"], "observed_at": [at(1)], "temp": [9.0]}))
    flights = features.group("flights", keys=["flight"], event_time="event_time")
    scheduled = flights.insert(spine(1, 2))
    later = flights.insert(spine(5))
    data = delay.training_dataset(flights.read(), as_of=at(9))
    reached = graph.upstream(data.asset_id)
    assert {delay.asset_id, scheduled.asset_id} <= reached.assets.keys()
    assert unused.asset_id not in reached.assets
    assert data.n_unlabelled == 1
    assert later.asset_id not in reached.assets


def test_spine_frame_is_a_source(delay: FeatureView, graph: Graph) -> None:
    """A spine that is a frame hangs on the dataset as a source of its own digest."""
    data = delay.training_dataset(spine(1), as_of=at(9))
    names = [asset.name for asset in graph.upstream(data.asset_id).of_kind(AssetKind.SOURCE)]
    assert "delay spine rows" in names


def test_nothing_labelled_is_refused(delay: FeatureView, graph: Graph) -> None:
    """A dataset without a row is an error and no asset."""
    with pytest.raises(InputError, match="none of them labelled"):
        delay.training_dataset(spine(1, 2), as_of=at(1))
    assert not graph.find_assets(kind=AssetKind.TRAINING_DATASET)


# --- labels of other moments


@pytest.fixture
def usage(features: Features) -> FeatureGroup:
    """What customer A used, at hour 0."""
    group = features.group("usage", keys=["customer"], event_time="t")
    group.insert(pl.DataFrame({"customer": ["A"], "t": [at(0)], "used": [1.0]}))
    return group


def questions(*hours: int) -> pl.DataFrame:
    """Rows of customer A."""
    return pl.DataFrame({"customer": ["A"] * len(hours), "event_time": [at(hour) for hour in hours]})


def churned(features: Features, hours: list[int], **rules: Any) -> FeatureGroup:
    """Whether customer A had left: only at the last of these hours."""
    group = features.group("churn", keys=["customer"], event_time="t", **rules)
    left = [hour == hours[-1] for hour in hours]
    group.insert(
        pl.DataFrame({"customer": ["A"] * len(hours), "t": [at(hour) for hour in hours], "left": left})
    )
    return group


def test_labels_of_a_key_that_recurs_are_warned_of(
    features: Features, usage: FeatureGroup, clock: ReplayClock
) -> None:
    """Every row gets the newest label of its key, whatever its own moment: the join and the leakage report say so."""
    labels = churned(features, [5, 15, 25])
    clock.set(at(99))
    view = features.view("v", features=[usage["used"]], label=labels["left"])
    found = view.join(questions(1, 11, 90))
    assert found.frame["left"].to_list() == [True, True, True]
    assert (found.report["churn"].n_several, found.report["churn"].n_before) == (3, 1)
    several, before = (text for text in found.warnings if text.startswith("churn: "))
    assert "3 of 3 labels are of keys with labels of several event times" in several
    assert "1 of 3 labels were true before the row" in before
    finding = view.training_dataset(questions(1, 11, 90)).leakage()["later_times"]
    assert (finding.look, finding.figures["n_labels_several"]) == ("warning", {"churn": 3})
    one = view.join(questions(1), as_of=at(6))
    assert (one.report["churn"].n_several, one.frame["left"].to_list()) == (0, [False])


def test_a_label_from_long_before_its_row_is_none(
    features: Features, usage: FeatureGroup, clock: ReplayClock
) -> None:
    """The label's time to live counts from the row's own moment, and not from as_of."""
    labels = churned(features, [35], ttl_s=3_600)
    clock.set(at(999))
    view = features.view("v", features=[usage["used"]], label=labels["left"])
    found = view.join(questions(20, 36, 37, 90))
    assert found.frame["left"].to_list() == [True, True, None, None]
    assert found.report["churn"].n_expired == 2
    assert view.training_dataset(questions(20, 90)).n_unlabelled == 1


@pytest.mark.parametrize("event_time", ["t", None])
def test_labels_that_were_published_after_as_of_are_warned_of(
    features: Features, usage: FeatureGroup, clock: ReplayClock, event_time: str | None
) -> None:
    """Without a known time nothing says that they were not known: they are used, and it is said, of the label."""
    group = features.group("fates", keys=["customer"], event_time=event_time)
    clock.set(at(50))
    group.insert(pl.DataFrame({"customer": ["A"], **({"t": [at(2)]} if event_time else {}), "left": [True]}))
    view = features.view("v", features=[usage["used"]], label=group["left"])
    told = [text for text in view.join(questions(1), as_of=at(10)).warnings if text.startswith("fates: ")]
    assert len(told) == 1
    assert "1 of 1 labels came in a commit published after as_of" in told[0]
    assert not [text for text in view.join(questions(1), as_of=at(50)).warnings if "fates" in text]


# --- what is refused at the call


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda g: g["x"].on({"a": "k", "b": "k"}), "'a' by 'k', 'b' by 'k'"),
        (lambda g: g["x"].on({"a": "b"}), "'a' by 'b', 'b' by 'b'"),
        (lambda g: g["x"].on("a"), "a mapping of names to names, got str"),
        (lambda g: g["x"].on({"a": 5}), "names to names, got {'a': 5}"),
        (lambda g: g["x"].on(prefix=5), "a prefix as text, got 5"),
        (lambda g: g["x"].rename({"x": 5}), "names to names, got {'x': 5}"),
        (lambda g: g["x"].rename("x"), "names to names, got str"),
        (lambda g: g[5], "names of columns, at least one, each once, got 5"),
        (lambda g: g[()], "at least one, each once"),
        (lambda g: g["x", "x"], "at least one, each once"),
        (lambda g: g["x", 5], "names of columns"),
    ],
)
def test_a_selection_of_what_is_no_name_is_refused(
    features: Features, ask: Callable[[FeatureGroup], Any], message: str
) -> None:
    """Where it is written, and not where a view is joined."""
    group = features.group("g", keys=["a", "b"], event_time="t")
    group.insert(pl.DataFrame({"a": [1], "b": [1], "t": [at(0)], "x": [1.0]}))
    with pytest.raises(InputError, match=re.escape(message)):
        ask(group)


def test_what_a_selection_said_stays_said(features: Features, weather: FeatureGroup) -> None:
    """A prefix drops no mapping, and a mapping no prefix."""
    said = weather["temp"].on({"origin": "dest"}).on(prefix="there_")
    assert said == weather["temp"].on(prefix="there_").on({"origin": "dest"})
    assert (said.spec.on, said.spec.prefix) == ({"origin": "dest"}, "there_")
    assert said.on({}, prefix="") == weather["temp"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": "x"}, "a seed that is a whole number, got 'x'"),
        ({"seed": None}, "a seed that is a whole number, got None"),
        ({"seed": True}, "a seed that is a whole number, got True"),
        ({"name": 5}, "a name as text, or None, got 5"),
        ({"name": " "}, "a name as text, or None"),
        ({"pins": ["weather@1"]}, "a mapping of groups to numbers of commits, from 0, got list"),
        ({"pins": {"weather@1": "1"}}, "got {'weather@1': '1'}"),
        ({"pins": {"weather@1": -1}}, "got {'weather@1': -1}"),
    ],
)
def test_a_recipe_is_refused_before_anything_is_read(
    delay: FeatureView, options: dict[str, Any], message: str
) -> None:
    """The spine is not even looked at."""
    with pytest.raises(InputError, match=re.escape(message)):
        delay.training_dataset("no file.csv", **options)
    if "pins" in options:
        for ask in (delay.join, lambda spine, pins: delay.batch(spine=spine, pins=pins)):
            with pytest.raises(InputError, match=re.escape(message)):
                ask("no file.csv", pins=options["pins"])


def test_a_seed_of_numpy_is_a_seed(delay: FeatureView, features: Features) -> None:
    """It is the number that it says; and what names a dataset is text."""
    divided = split.random(test=0.5)
    made = delay.training_dataset(spine(1, 2, 3, 4), split=divided, seed=np.int64(3), as_of=at(9))
    again = delay.training_dataset(spine(1, 2, 3, 4), split=divided, seed=3, as_of=at(9))
    assert again.asset_id == made.asset_id
    with pytest.raises(InputError, match="what names a training dataset, as text, got 5"):
        features.get_training_dataset(5)  # type: ignore[arg-type]


def test_a_spine_does_not_say_the_part(delay: FeatureView) -> None:
    """Its own `_split` would be overwritten."""
    with pytest.raises(InputError, match="a spine without '_split'"):
        delay.training_dataset(spine(1, 2, _split=["test", "test"]), as_of=at(9))


def test_a_part_that_no_row_is_drawn_for_is_told(
    delay: FeatureView, caplog: pytest.LogCaptureFixture
) -> None:
    """The dataset is made, and a warning says which part it lacks."""
    made = delay.training_dataset(spine(1, 2, 3), split=split.random(test=0.001), as_of=at(9))
    assert made.splits == ["train"]
    assert "of 3 rows none is drawn for test" in caplog.text


def test_a_dataset_is_called_by_what_can_be_typed(delay: FeatureView) -> None:
    """Letters, digits, _, - and .; the view's own name by default."""
    for name in ("a b/c", "-x", "7"):
        with pytest.raises(InputError, match="a name of letters, digits"):
            delay.training_dataset(spine(1, 2), name=name, as_of=at(9))
    assert delay.training_dataset(spine(1, 2), name="flights-2013.01", as_of=at(9)).name == "flights-2013.01"


def test_what_functions_take_from_requests_is_told(
    features: Features, weather: FeatureGroup, caplog: pytest.LogCaptureFixture
) -> None:
    """Once, when the view is defined; an argument that is almost a feature's name is a warning that names it."""

    @on_demand
    def warmer(tem: float, wanted: float) -> object:
        return wanted - tem

    @on_demand
    def warm(temp: float, wanted: float) -> object:
        return wanted - temp

    caplog.set_level("INFO", logger="mainspring")
    for _ in range(2):
        features.view("slip", features=[weather["temp"]], on_demand=[warmer])
    made = features.view("meant", features=[weather["temp"]], on_demand=[warm])
    assert "<th>taken from requests</th><td>wanted</td>" in made._repr_html_()
    slip, meant = [record for record in caplog.records if "must have" in record.getMessage()]
    assert slip.levelname == "WARNING"
    assert "tem, wanted; did you mean 'temp' by 'tem'?" in slip.getMessage()
    assert meant.levelname == "INFO"
    assert "must have: wanted" in meant.getMessage()
