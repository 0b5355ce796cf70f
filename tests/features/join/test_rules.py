"""A view's join through the public door: against the brute-force oracle, and the bugs that others had.

Where a public issue's subject applies here, a test is named by what it shows:

| issue | test |
|---|---|
| feast 6787, 5590 | test_equal_questions_are_answered_each, test_views_of_several_groups_keep_every_row |
| feast 1693, 1736 | test_a_question_asked_a_hundred_times_has_a_hundred_answers |
| feast 409 | test_full_ties_do_not_multiply_rows |
| feast 3360 | test_the_last_learnt_of_many_copies_answers |
| feast 1744 | test_a_backfill_in_another_order_hides_nothing |
| feast 6615, 6617; hopsworks-api 885 | test_a_correction_is_not_used_before_it_was_known |
| feast 2980 | test_a_late_correction_does_not_change_what_is_pinned |
| feast 2960; polars 27165, 18014, 20882 | test_a_view_answers_as_the_oracle_does |
| polars 5718 | test_a_row_of_the_future_never_answers |
| feast 3412 | test_the_times_of_what_answered_can_be_had |
| feast 4886 | test_keys_are_mapped_to_columns_of_other_names |
| feast 5228 | test_the_last_row_answers_at_its_very_moment |
| feast 1475, 1466, 3255; hopsworks-api 1051 | test_times_of_any_zone_are_instants |
| feast 1255 | test_known_when_it_is_true_needs_no_second_time |
| feast 6709, 3435 | test_a_time_to_live_is_part_of_the_version |
| feast 4162 | test_a_delete_ends_a_row |
| feast 6099 | test_hidden_inputs_of_functions_are_no_features |
| feast 4479 | test_functions_give_the_same_columns_offline_and_online |
| feast 1574 | test_whole_numbers_of_any_width_are_equal_keys |
| feast 4110, 3565 | test_whole_numbers_stay_whole_beside_missing_rows |
| feast 2343, 1904, 3884 | test_zero_empty_and_false_are_keys_and_values |
| hopsworks-api 1167 | test_a_date_and_a_time_are_compared_as_instants, test_a_column_of_the_spine_shadows_no_feature, \
test_keys_that_are_all_null_match_nothing, test_a_missing_row_leaves_typed_nulls |
| hopsworks-api 959 | test_a_time_to_live_is_part_of_the_version |
| hopsworks-api 723 | test_equal_rows_of_one_insert_do_not_multiply |
| hopsworks-api 527, 538, 512 | test_a_split_by_time_needs_no_time_among_the_features |
| hopsworks-api 863, 739, 681 | test_every_type_survives_the_way_through_the_table |
| hopsworks-api 1027; feature-store-api 22 | test_a_seed_gives_one_split_in_any_order_of_rows |
| feature-store-api 1090 | test_full_ties_do_not_multiply_rows |
| chronon 270 | test_the_moment_itself_counts_and_a_delay_moves_it |

Not of this join: feast 6110 (there is no join without a spine; `read(as_of=…)` is its own call), 5880 and 5716
(functions are never materialised), 5163, 6656, 3275, 4222 and 2905 (the online store: `online/test_api.py`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.features.conftest import at
from tests.features.join import oracle

from mainspring.errors import ConflictError, InputError
from mainspring.features.api import Features, request
from mainspring.features.datasets import split
from mainspring.features.group import FeatureGroup
from mainspring.features.on_demand import on_demand
from mainspring.lineage import Graph
from mainspring.ports.clock import ReplayClock

# Asked of rows and files; every statement on the records that runs here is run on both databases by others.
pytestmark = pytest.mark.once

NEW_YORK = ZoneInfo("America/New_York")
#: Half hours around the end of New York's summer time, when its clocks show the hour from 1 to 2 twice.
FALL = datetime(2013, 11, 3, 4, tzinfo=UTC)
ZONES = [UTC, NEW_YORK, ZoneInfo("Asia/Kathmandu"), None]

#: Where a test says whose issues it shows.
CITED = re.compile(r"\((?:feast|hopsworks-api|feature-store-api|polars|chronon)\s\d[^)]*\)")

Row = dict[str, Any]


def shown(half_hours: int, zone: Any) -> datetime:
    """A moment as somebody in that zone writes it; None = naive, which is UTC."""
    moment = FALL + timedelta(minutes=30 * half_hours)
    return moment.replace(tzinfo=None) if zone is None else moment.astimezone(zone)


MOMENTS = st.builds(shown, st.integers(0, 9), st.sampled_from(ZONES))
# Few keys, and those that a careless comparison would take for one another.
KEYS: dict[str, st.SearchStrategy[Any]] = {
    "string": st.sampled_from(["", "1", "12", "23", "3"]),
    "int64": st.sampled_from([0, 1, -1, 2**62]),
    "bool": st.booleans(),
    "date": st.sampled_from([date(1970, 1, 1), date(2013, 11, 3)]),
}
VALUES = {
    "x": st.sampled_from([None, 0.0, -0.0, 1.5, float("nan"), float("inf")]),
    "n": st.sampled_from([None, 0, 2**53 + 1]),
    "s": st.sampled_from([None, "", "é"]),
    "flag": st.sampled_from([None, False, True]),
    "vector": st.sampled_from([None, [], [0.0], [1.0, 2.0]]),
}
TYPES = {"x": "float64", "n": "int64", "s": "string", "flag": "bool", "vector": "list[float64]"}
COLUMNS = tuple(VALUES)


@st.composite
def histories(draw: st.DrawFn, keys: Mapping[str, str], event: bool, known: str | None) -> list[Any]:
    """Commits of a group: (rows, whether they are deletes)."""
    out = []
    for _ in range(draw(st.integers(0, 4))):
        deletes = bool(out) and draw(st.integers(0, 3)) == 0
        fields: dict[str, Any] = {name: KEYS[kind] for name, kind in keys.items()}
        fields |= {"e": MOMENTS} if event else {}
        fields |= {"c": st.one_of(MOMENTS, st.none())} if known == "c" else {}
        fields |= {} if deletes else VALUES
        out.append((draw(st.lists(st.fixed_dictionaries(fields), min_size=1, max_size=5)), deletes))
    return out


@st.composite
def worlds(draw: st.DrawFn) -> dict[str, Any]:
    """Three groups with their histories, and a spine."""
    kinds = draw(st.lists(st.sampled_from(sorted(KEYS)), min_size=0, max_size=2))
    keys = {f"k{place}": kind for place, kind in enumerate(kinds)}
    known = draw(st.sampled_from([None, "c", "commit"]))
    asked = {name: st.one_of(KEYS[kind], st.none()) for name, kind in keys.items()}
    rows = st.fixed_dictionaries(
        {"row": st.integers(0, 3), "t": MOMENTS, "other": st.sampled_from([None, 0, 1]), **asked}
    )
    return {
        "keys": keys,
        "known": known,
        "main": draw(histories(keys, True, known)),
        "static": draw(histories({"z": "int64"}, False, None)),
        "label": draw(histories({"row": "int64"}, True, "c")),
        "delay": timedelta(minutes=draw(st.sampled_from([0, 0, 30, 45]))),
        "ttl": draw(st.sampled_from([None, timedelta(minutes=30), timedelta(hours=1)])),
        "published": sorted(draw(st.lists(st.integers(0, 9), min_size=12, max_size=12))),
        "as_of": draw(MOMENTS),
        "spine": draw(st.lists(rows, max_size=6)),
    }


class Door:
    """Groups written twice: to the store, and down for the oracle."""

    def __init__(self, features: Features, graph: Graph, folder: Path) -> None:
        self.features = features
        self.graph = graph
        self._folder = folder
        self._names = count()

    def fresh(self) -> str:
        """A name that is in no use, and a clock that can go back: a new one."""
        name = f"g{next(self._names)}"
        self.graph.clock = clock = ReplayClock(self._folder / name)
        clock.set(FALL)
        return name

    def write(
        self,
        group: FeatureGroup,
        history: list[Any],
        published: list[int],
        schema: Mapping[str, Any],
        **rules: Any,
    ) -> oracle.Group:
        """Insert and delete as the history says."""
        batches = []
        for rows, deletes in history:
            moment = FALL + timedelta(minutes=30 * published[len(batches)])
            assert isinstance(self.graph.clock, ReplayClock)
            self.graph.clock.set(moment)
            frame = frame_of(rows, schema)
            (group.delete if deletes else group.insert)(frame)
            batches.append(oracle.Batch(rows, moment, deletes))
        return oracle.Group(group.name, group.spec.keys, batches, **rules)


DTYPES: dict[str, Any] = {
    "float64": pl.Float64,
    "int64": pl.Int64,
    "string": pl.String,
    "bool": pl.Boolean,
    "date": pl.Date,
    "list[float64]": pl.List(pl.Float64),
}


def frame_of(rows: Sequence[Row], types: Mapping[str, str]) -> pl.DataFrame:
    """Rows as polars holds them: the times of a column in the zone of the first of them."""
    columns = []
    for name in list(rows[0]) if rows else list(types):
        given = [row[name] for row in rows]
        if types[name] != "datetime":
            columns.append(pl.Series(name, given, dtype=DTYPES[types[name]]))
            continue
        instants = [None if value is None else oracle.instant(value) for value in given]
        zone = next((value.tzinfo for value in given if value is not None), UTC)
        times = pl.Series(name, instants, dtype=pl.Int64).cast(pl.Datetime("us"))
        if zone is not None:
            times = times.dt.replace_time_zone("UTC").dt.convert_time_zone(str(zone))
        columns.append(times)
    return pl.DataFrame(columns)


@pytest.fixture
def door(features: Features, graph: Graph, tmp_path: Path) -> Door:
    """Writes to a store that all examples of a test share, each under names of its own."""
    return Door(features, graph, tmp_path)


def told(rows: Sequence[Row]) -> list[list[tuple[str, str]]]:
    """Rows as they compare: null is null, NaN is NaN, 0 is not False, -0.0 is not 0.0."""
    return [[(name, repr(value)) for name, value in sorted(row.items())] for row in rows]


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(world=worlds())
def test_a_view_answers_as_the_oracle_does(door: Door, world: dict[str, Any]) -> None:
    """Rows, values, statuses, deciding rows and reports: three groups, their commits and deletes, one spine.

    (feast 2960; polars 27165, 18014, 20882)
    """
    name, keys, known, features = door.fresh(), world["keys"], world["known"], door.features
    times = {"e": "datetime", "c": "datetime", "t": "datetime"}
    types = {**keys, **TYPES, **times, "z": "int64", "row": "int64", "other": "int64"}
    learnt = {"c": "datetime"} if known == "c" else {}
    main = features.group(
        f"{name}_main",
        keys=list(keys),
        event_time="e",
        known_time=known,
        ttl_s=None if world["ttl"] is None else world["ttl"].total_seconds(),
        source_delay_s=world["delay"].total_seconds(),
        schema={**keys, "e": "datetime", **learnt, **TYPES},
    )
    static = features.group(f"{name}_static", keys=["z"], schema={"z": "int64", **TYPES})
    label = features.group(
        f"{name}_label",
        keys=["row"],
        event_time="e",
        known_time="c",
        ttl_s=None if world["ttl"] is None else world["ttl"].total_seconds(),
        schema={"row": "int64", "e": "datetime", "c": "datetime", **TYPES},
    )
    rules: list[dict[str, Any]] = [
        {"event_time": "e", "known_time": known, "delay": world["delay"], "ttl": world["ttl"]},
        {},
        {"event_time": "e", "known_time": "c", "ttl": world["ttl"]},
    ]
    moments = world["published"]
    written = []
    for group, part, rule in zip([main, static, label], ["main", "static", "label"], rules, strict=True):
        written.append(door.write(group, world[part], moments[: len(world[part])], types, **rule))
        moments = moments[len(world[part]) :]
    their_main, their_static, their_label = written
    made = features.view(
        f"{name}_view",
        features=[
            main[COLUMNS],
            static["x", "n"].on({"z": "other"}, prefix="other_").static(),
            static["x"].on({"z": "row"}, prefix="row_").static(),
            label["n"].on(prefix="before_"),
        ],
        label=label["flag"].on(prefix="is_"),
        spine_time="t",
    )
    expected = oracle.View(
        [
            oracle.Taken(their_main, COLUMNS),
            oracle.Taken(their_static, ("x", "n"), {"z": "other"}, "other_"),
            oracle.Taken(their_static, ("x",), {"z": "row"}, "row_"),
            oracle.Taken(their_label, ("n",), {}, "before_"),
        ],
        oracle.Taken(their_label, ("flag",), {}, "is_"),
        "t",
    ).join(world["spine"], as_of=world["as_of"])
    spine = frame_of(world["spine"], {name: types[name] for name in ("row", "t", "other", *keys)})
    found = made.join(spine, as_of=world["as_of"])
    frame = found.frame.with_columns(pl.col("t").dt.timestamp("us"))
    assert told(frame.to_dicts()) == told(expected.rows)
    for side, answers in expected.answers.items():
        decided = found.provenance[side]
        assert decided["status"].to_list() == [answer.status for answer in answers]
        assert decided.select("number", "ordinal").rows() == [
            (None, None) if answer.fact is None else (answer.fact.commit, answer.fact.ordinal)
            for answer in answers
        ]
        report = vars(found.report[side])
        assert {name: report[name] for name in expected.counts[side]} == expected.counts[side]


# --- the bug list

DTYPES_OF = {"k": "int64", "e": "object", "x": "float64"}


def group_of(features: Features, rows: Sequence[Row], name: str = "g", **rules: Any) -> FeatureGroup:
    """A group of key k and event time e, with one commit of these rows."""
    rules = {"keys": ["k"], "event_time": "e", **rules}
    group = features.group(name, **rules)
    group.insert(pl.DataFrame(rows))
    return group


def asked(*rows: tuple[Any, datetime], **columns: Any) -> pl.DataFrame:
    """A spine of keys and moments."""
    return pl.DataFrame(
        {"k": [key for key, _ in rows], "event_time": [moment for _, moment in rows], **columns}
    )


def values(features: Features, group: FeatureGroup, spine: Any, column: str = "x") -> list[Any]:
    """What a view of one column answers."""
    view = features.view(f"v_{group.name}_{column}", features=[group[column]])
    found: list[Any] = view.join(spine).frame[column].to_list()
    return found


def test_equal_questions_are_answered_each(features: Features) -> None:
    """Rows of one key and moment differ in their other columns, and all of them stay (feast 6787)."""
    group = group_of(features, [{"k": 1, "e": at(0), "x": 1.0}])
    view = features.view("v", features=[group["x"]])
    spine = asked((1, at(1)), (1, at(1)), (2, at(1)), order=["a", "b", "c"], event=[True, False, True])
    found = view.join(spine).frame
    assert found["order"].to_list() == ["a", "b", "c"]
    assert found["x"].to_list() == [1.0, 1.0, None]


def test_views_of_several_groups_keep_every_row(features: Features) -> None:
    """Two groups of different keys: equal keys of one do not merge rows that the other tells apart (feast 5590)."""
    users = group_of(features, [{"k": 1, "e": at(0), "x": 1.0}], "users")
    items = group_of(features, [{"i": n, "e": at(0), "y": n} for n in (1, 2)], "items", keys=["i"])
    spine = asked((1, at(1)), (1, at(1)), i=[1, 2])
    forth = features.view("forth", features=[users["x"], items["y"]]).join(spine).frame
    back = features.view("back", features=[items["y"], users["x"]]).join(spine).frame
    assert forth["y"].to_list() == [1, 2]
    assert forth.equals(back.select(forth.columns))


def test_a_question_asked_a_hundred_times_has_a_hundred_answers(features: Features) -> None:
    """Repeated questions multiply nothing (feast 1693, 1736)."""
    group = group_of(features, [{"k": 1, "e": at(h), "x": float(h)} for h in range(3)])
    assert values(features, group, asked(*[(1, at(5))] * 100)) == [2.0] * 100


def test_full_ties_do_not_multiply_rows(features: Features) -> None:
    """Equal key, event and known time: one answer, the one written last (feast 409, feature-store-api 1090)."""
    rows = [{"k": 1, "e": at(0), "c": at(0), "x": float(n)} for n in range(4)]
    group = group_of(features, rows, known_time="c")
    group.insert(pl.DataFrame(rows[:2]))
    assert values(features, group, asked((1, at(1)))) == [1.0]


def test_the_last_learnt_of_many_copies_answers(features: Features) -> None:
    """Four versions of one row, written in no order of their known times (feast 3360)."""
    rows = [{"k": 1, "e": at(0), "c": at(c), "x": float(c)} for c in (2, 4, 1, 3)]
    group = group_of(features, rows, known_time="c")
    spine = asked(*((1, at(h)) for h in range(6)))
    assert values(features, group, spine) == [None, 1.0, 2.0, 3.0, 4.0, 4.0]


def test_a_backfill_in_another_order_hides_nothing(features: Features) -> None:
    """What is learnt later about earlier times does not hide what is newer (feast 1744)."""
    group = group_of(features, [{"k": 1, "e": at(5), "c": at(6), "x": 5.0}], known_time="c")
    group.insert(pl.DataFrame([{"k": 1, "e": at(h), "c": at(9), "x": float(h)} for h in (3, 1)]))
    spine = asked(*((1, at(h)) for h in (4, 6, 9)))
    assert values(features, group, spine) == [None, 5.0, 5.0]


def test_a_correction_is_not_used_before_it_was_known(features: Features) -> None:
    """The value that was in force then answers, from the correction's very moment on the other.

    (feast 6615, 6617; hopsworks-api 885)
    """
    rows = [{"k": 1, "e": at(0), "c": at(0), "x": 1.0}, {"k": 1, "e": at(0), "c": at(8), "x": 2.0}]
    group = group_of(features, rows, known_time="c")
    assert values(features, group, asked((1, at(7)), (1, at(8)))) == [1.0, 2.0]


def test_a_late_correction_does_not_change_what_is_pinned(features: Features) -> None:
    """Asked again with its pins a join is the same, whatever was restated (feast 2980)."""
    group = group_of(features, [{"k": 1, "e": at(0), "x": 1.0}])
    view = features.view("v", features=[group["x"]])
    before = view.join(asked((1, at(1))))
    group.insert(pl.DataFrame([{"k": 1, "e": at(0), "x": 2.0}]))
    group.delete(pl.DataFrame([{"k": 1, "e": at(1)}]))
    assert view.join(asked((1, at(1)))).frame["x"].to_list() == [None]
    assert view.join(asked((1, at(1))), pins=before.pins).frame.equals(before.frame)


def test_a_row_of_the_future_never_answers(features: Features) -> None:
    """Later rows of the same key, and of others, are no answers (polars 5718)."""
    group = group_of(features, [{"k": 1, "e": at(3), "x": 3.0}, {"k": 2, "e": at(0), "x": 0.0}])
    spine = asked((1, at(1)), (1, at(2)), (1, at(3)), (1, at(5)), (1, at(12)))
    assert values(features, group, spine) == [None, None, 3.0, 3.0, 3.0]


def test_the_times_of_what_answered_can_be_had(features: Features) -> None:
    """Event and known time of each answer stand beside it (feast 3412)."""
    group = group_of(features, [{"k": 1, "e": at(0), "c": at(2), "x": 1.0}], known_time="c")
    rows = features.view("v", features=[group["x"]]).join(asked((1, at(2)), (1, at(1)))).provenance["g"]
    assert rows.select("event_time", "known_time").rows() == [(at(0), at(2)), (None, None)]


def test_keys_are_mapped_to_columns_of_other_names(features: Features) -> None:
    """One group twice, by two columns of the spine, and neither of them is called as the key (feast 4886)."""
    group = group_of(features, [{"k": "JFK", "e": at(0), "x": 1.0}, {"k": "LAX", "e": at(0), "x": 2.0}])
    view = features.view(
        "v",
        features=[group["x"].on({"k": "from"}, prefix="from_"), group["x"].on({"k": "to"}, prefix="to_")],
    )
    spine = pl.DataFrame(
        {"from": ["JFK", "LAX"], "to": ["LAX", None], "event_time": [at(1)] * 2, "k": ["?", "?"]}
    )
    assert view.join(spine).frame.select("from_x", "to_x").rows() == [(1.0, 2.0), (2.0, None)]


def test_the_last_row_answers_at_its_very_moment(features: Features) -> None:
    """The newest row of a table is not left out at the boundary (feast 5228)."""
    group = group_of(features, [{"k": 1, "e": at(h), "x": float(h)} for h in range(3)])
    assert values(features, group, asked((1, at(2)))) == [2.0]


def test_times_of_any_zone_are_instants(features: Features) -> None:
    """The hour that clocks show twice is two hours; naive is UTC, never the machine's zone; one column may mix them
    (feast 1475, 1466, 3255; hopsworks-api 1051).
    """
    rows = [{"k": n, "e": shown(n, zone), "x": float(n)} for n, zone in enumerate(ZONES * 2)]
    group = features.group("g", keys=["k"], event_time="e")
    group.insert(
        pd.DataFrame(
            {name: pd.Series([row[name] for row in rows], dtype=kind) for name, kind in DTYPES_OF.items()}
        )
    )
    moments = [(n, shown(n + late, zone)) for n in range(8) for late in (-1, 0) for zone in ZONES]
    spine = pd.DataFrame(
        {"k": [n for n, _ in moments], "event_time": pd.Series([t for _, t in moments], dtype=object)}
    )
    assert values(features, group, spine) == [x for n in range(8) for x in [None] * 4 + [float(n)] * 4]


def test_known_when_it_is_true_needs_no_second_time(features: Features) -> None:
    """One column as both times is refused and says what to do; without known_time it is what was meant (feast 1255)."""
    with pytest.raises(InputError, match="needs no known_time"):
        features.group("g", keys=["k"], event_time="e", known_time="e")
    group = group_of(features, [{"k": 1, "e": at(1), "x": 1.0}])
    assert values(features, group, asked((1, at(0)), (1, at(1)))) == [None, 1.0]


def test_a_time_to_live_is_part_of_the_version(features: Features) -> None:
    """It bounds each row by its own moment, and is neither changed nor dropped in silence.

    (feast 6709, 3435; hopsworks-api 959)
    """
    group = group_of(features, [{"k": 1, "e": at(0), "x": 1.0}], ttl_s=3600)
    later = asked((1, at(1)), (1, at(1) + timedelta(microseconds=1)))
    assert values(features, group, later) == [1.0, None]
    with pytest.raises(ConflictError, match="define version 2"):
        features.group("g", keys=["k"], event_time="e", ttl_s=None)
    with pytest.raises(InputError, match="above 0 s"):
        features.group("h", keys=["k"], event_time="e", ttl_s=0)


def test_a_delete_ends_a_row(features: Features) -> None:
    """What is deleted has no value from then on, and the row before does not come back (feast 4162)."""
    group = group_of(features, [{"k": 1, "e": at(0), "x": 1.0}])
    group.delete(pl.DataFrame([{"k": 1, "e": at(2)}]))
    group.insert(pl.DataFrame([{"k": 1, "e": at(4), "x": 4.0}]))
    assert values(features, group, asked(*((1, at(h)) for h in (1, 2, 3, 4)))) == [1.0, None, None, 4.0]


@on_demand
def doubled(x, times):  # type: ignore[no-untyped-def]
    """A feature of a stored value and of the request."""
    return x * times


def test_hidden_inputs_of_functions_are_no_features(features: Features) -> None:
    """What only a function reads is not among the features (feast 6099)."""
    group = group_of(features, [{"k": 1, "e": at(0), "x": 1.5, "y": 1.0}])
    view = features.view("v", features=[group["x"].hidden()], on_demand=[doubled])
    assert view.features == ("doubled",)
    assert view.training_dataset(asked((1, at(1)), times=[2.0]))["train"]["doubled"].to_list() == [3.0]


def test_functions_give_the_same_columns_offline_and_online(features: Features) -> None:
    """Names, order and values of a view are one on both sides (feast 4479)."""
    group = group_of(features, [{"k": 1, "e": at(0), "x": 1.5}], online=True)
    group.materialize(at(1))
    view = features.view("v", features=[group["x"], request("k")], on_demand=[doubled])
    offline = view.join(asked((1, at(1)), times=[2.0])).frame.select(view.features)
    online = view.online().read({"k": 1}, {"times": 2.0}, at(1))
    assert online.values == offline.row(0, named=True)
    assert tuple(online.values) == view.features


@pytest.mark.parametrize("dtype", [pl.Int8, pl.Int32, pl.UInt16, pl.Int64])
def test_whole_numbers_of_any_width_are_equal_keys(features: Features, dtype: Any) -> None:
    """Int32 and int64 keys are equal; text is not a number (feast 1574)."""
    group = group_of(features, [{"k": 7, "e": at(0), "x": 1.0}])
    assert values(features, group, asked((7, at(1))).with_columns(pl.col("k").cast(dtype))) == [1.0]
    with pytest.raises(InputError, match="type int64"):
        features.get_view("v_g_x").join(asked(("7", at(1))))


def test_whole_numbers_stay_whole_beside_missing_rows(features: Features) -> None:
    """A missing row is a null of the column's own type, and no digit is lost (feast 4110, 3565)."""
    group = group_of(features, [{"k": 1, "e": at(0), "x": 2**53 + 1}])
    view = features.view("v", features=[group["x"]])
    found = view.join(asked((1, at(1)), (2, at(1)))).frame["x"]
    assert (found.dtype, found.to_list()) == (pl.Int64(), [2**53 + 1, None])


@pytest.mark.parametrize(
    ("key", "other"), [(0, 1), ("", " "), (False, True), (b"", b"\x00"), (date(1970, 1, 1), date.min)]
)
def test_zero_empty_and_false_are_keys_and_values(features: Features, key: Any, other: Any) -> None:
    """Nothing is missing because it is falsy (feast 2343, 1904, 3884)."""
    group = group_of(
        features,
        [{"k": key, "e": at(0), "x": key, "y": []}],
        schema={"k": type(key), "e": datetime, "x": type(key), "y": "list[int64]"},
    )
    spine = asked((key, at(1)), (other, at(1)))
    assert values(features, group, spine) == [key, None]
    assert values(features, group, spine, "y") == [[], None]


def test_a_date_and_a_time_are_compared_as_instants(features: Features) -> None:
    """A date is its midnight in UTC, on either side; a number is no time (hopsworks-api 1167)."""
    rows = pl.DataFrame({"k": [1], "e": [date(2013, 1, 2)], "x": [1.0]})
    group = features.group("g", keys=["k"], event_time="e")
    group.insert(rows)
    assert values(features, group, asked((1, at(23)), (1, at(24)))) == [None, 1.0]
    days = pl.DataFrame({"k": [1, 1], "event_time": [date(2013, 1, 1), date(2013, 1, 2)]})
    assert values(features, group, days) == [None, 1.0]
    with pytest.raises(InputError, match="a time"):
        features.get_view("v_g_x").join(pl.DataFrame({"k": [1], "event_time": [1_357_000_000]}))


def test_a_column_of_the_spine_shadows_no_feature(features: Features) -> None:
    """A column that is passed through under a feature's name is refused (hopsworks-api 1167)."""
    group = group_of(features, [{"k": 1, "e": at(0), "x": 1.0}])
    with pytest.raises(InputError, match="a column 'x'"):
        values(features, group, asked((1, at(1)), x=[9.0]))


def test_keys_that_are_all_null_match_nothing(features: Features) -> None:
    """A column of nulls without a type is a column of keys like any other (hopsworks-api 1167)."""
    group = group_of(features, [{"k": "a", "e": at(0), "x": 1.0}])
    view = features.view("v", features=[group["x"]])
    found = view.join(asked((None, at(1)), (None, at(2))))
    assert found.frame["x"].to_list() == [None, None]
    assert found.report["g"].n_null_keys == 2


def test_a_missing_row_leaves_typed_nulls(features: Features) -> None:
    """No answer at all, and the columns have their types (hopsworks-api 1167)."""
    group = group_of(features, [{"k": 1, "e": at(0), "x": [1.0], "y": "a", "z": date(2013, 1, 1)}])
    found = features.view("v", features=[group["x", "y", "z"]]).join(asked((9, at(1)))).frame
    assert found.select("x", "y", "z").dtypes == [pl.List(pl.Float64), pl.String(), pl.Date()]
    assert found.select("x", "y", "z").row(0) == (None, None, None)


def test_equal_rows_of_one_insert_do_not_multiply(features: Features) -> None:
    """A batch may hold a row twice: reads and joins have it once (hopsworks-api 723)."""
    group = group_of(features, [{"k": 1, "e": at(0), "x": 1.0}] * 3)
    assert values(features, group, asked((1, at(1)))) == [1.0]
    assert group.read().to_polars().height == 1


def test_a_split_by_time_needs_no_time_among_the_features(features: Features) -> None:
    """The spine's time divides the rows, whatever was selected (hopsworks-api 527, 538, 512)."""
    group = group_of(features, [{"k": 1, "e": at(0), "x": 1.0}])
    view = features.view("v", features=[group["x"]])
    data = view.training_dataset(asked((1, at(1)), (1, at(5))), split=split.by_time(test_from=at(5)))
    assert data.counts == {"train": 1, "test": 1}


EVERY_TYPE: dict[str, Any] = {
    "string": ["é", "", None], "int64": [2**53 + 1, -(2**63), None], "float64": [0.1, float("inf"), None],
    "bool": [False, True, None], "date": [date(1582, 1, 1), date(9999, 12, 31), None],
    "datetime": [datetime(1900, 1, 1, tzinfo=UTC), datetime(2262, 4, 12, 1, 2, 3, 456789, tzinfo=UTC), None],
    "binary": [b"\x00", b"", None], "list[int64]": [[1, None], [], None], "list[float64]": [[0.5], [], None],
    "list[string]": [["", None], [], None],
}  # fmt: skip


def test_every_type_survives_the_way_through_the_table(features: Features) -> None:
    """Written, read from its files and joined, a value is what it was, null and empty included (hopsworks-api 863,
    739, 681).
    """
    rows = [
        {"k": n, "e": at(0), **{f"x{place}": held[n] for place, held in enumerate(EVERY_TYPE.values())}}
        for n in range(3)
    ]
    schema = {"k": "int64", "e": "datetime", **{f"x{place}": kind for place, kind in enumerate(EVERY_TYPE)}}
    group = features.group("g", keys=["k"], event_time="e", schema=schema)
    group.insert(pl.DataFrame(rows, schema_overrides={"x5": pl.Datetime("us", "UTC")}))
    found = (
        features.view("v", features=[group[group.features]])
        .join(asked(*((n, at(1)) for n in (2, 0, 1))))
        .frame
    )
    assert found.select(group.features).rows() == [
        tuple(held[n] for held in EVERY_TYPE.values()) for n in (2, 0, 1)
    ]


def test_a_seed_gives_one_split_in_any_order_of_rows(features: Features) -> None:
    """Which part a row is in depends on the seed and the row alone (hopsworks-api 1027, feature-store-api 22)."""
    group = group_of(features, [{"k": 1, "e": at(0), "x": 1.0}])
    view = features.view("v", features=[group["x"]])
    spine = asked(*((n, at(1)) for n in range(200)))
    parts = [
        view.training_dataset(rows, split=split.random(test=0.5), seed=seed)["test"]["k"].sort().to_list()
        for rows, seed in ((spine, 1), (spine.reverse(), 1), (spine, 2))
    ]
    assert parts[0] == parts[1]
    assert parts[0] != parts[2]


def test_the_moment_itself_counts_and_a_delay_moves_it(features: Features) -> None:
    """E = t answers; what is not instantly there is given a delay, and not pretended (chronon 270)."""
    instantly = group_of(features, [{"k": 1, "e": at(0), "x": 1.0}], "instantly")
    nightly = group_of(features, [{"k": 1, "e": at(0), "x": 1.0}], "nightly", source_delay_s=86_400)
    assert values(features, instantly, asked((1, at(0)))) == [1.0]
    assert values(features, nightly, asked((1, at(23.99)), (1, at(24)))) == [None, 1.0]


# --- what the report says of leaks (R18)


def test_answers_of_the_very_moment_are_warned_of(features: Features) -> None:
    """Many values of the moment asked about may tell what happened."""
    group = group_of(features, [{"k": 1, "e": at(h), "x": 1.0} for h in range(4)])
    view = features.view("v", features=[group["x"]])
    assert "very moment" in view.join(asked((1, at(1)), (1, at(1.5)))).warnings[0]
    assert not [text for text in view.join(asked((1, at(1.5)))).warnings if "very moment" in text]


def test_answers_of_the_very_moment_by_their_known_time(features: Features) -> None:
    """A group that has a known time is not told to have one: whether that is true is what there is to look at."""
    plain = group_of(features, [{"k": 1, "e": at(1), "x": 1.0}])
    timed = group_of(features, [{"k": 1, "e": at(1), "c": at(1), "y": 1.0}], "timed", known_time="c")
    found = features.view("v", features=[plain["x"], timed["y"]]).join(asked((1, at(1))))
    said = {text.partition(":")[0]: text for text in found.warnings if "very moment" in text}
    assert "Give the group a source_delay_s, or a known_time" in said["g"]
    assert "by their known_time they were known then" in said["timed"]
    assert "Give" not in said["timed"]
    assert (found.report["g"].cutoff, found.report["timed"].cutoff) == (False, True)


def test_answers_that_came_later_are_warned_of(features: Features, graph: Graph) -> None:
    """Without known times, what was published after the moment asked about may not have been known then."""
    assert isinstance(graph.clock, ReplayClock)
    graph.clock.set(at(3))
    group = group_of(features, [{"k": 1, "e": at(0), "x": 1.0}])
    view = features.view("v", features=[group["x"]])
    (warning,) = view.join(asked((1, at(1)), (1, at(3)))).warnings
    assert warning.startswith("g: 1 of 2 answers came in a commit published after")
    told = group_of(features, [{"k": 1, "e": at(0), "c": at(0), "x": 1.0}], "told", known_time="c")
    assert not features.view("w", features=[told["x"]]).join(asked((1, at(1)))).warnings


def test_the_report_says_what_was_used(features: Features) -> None:
    """Oldest and newest event time, and how many rows each commit answered (R18, e)."""
    group = group_of(features, [{"k": 1, "e": at(h), "x": 1.0} for h in range(4)])
    group.insert(pl.DataFrame([{"k": 2, "e": at(2), "x": 1.0}]))
    report = (
        features.view("v", features=[group["x"]])
        .join(asked((1, at(1.5)), (1, at(3)), (2, at(9))))
        .report["g"]
    )
    assert (report.min_event_us, report.max_event_us) == (oracle.instant(at(1)), oracle.instant(at(3)))
    assert report.commits == {1: 2, 2: 1}
    assert report.to_dict()["commits"] == {"1": 2, "2": 1}


# --- the table above


def test_every_issue_of_the_table_has_its_test() -> None:
    """Each row's tests are there and cite its issues; no test cites an issue that the table lacks."""
    rows = re.findall(
        r"^\| ((?:feast|hopsworks|feature-store|polars|chronon).*?) \| (.*) \|$", __doc__, re.MULTILINE
    )
    listed: set[str] = set()
    for issues, names in rows:
        told = [globals()[name].__doc__ for name in names.split(", ")]
        assert all(CITED.search(text) for text in told), names
        numbers = set(re.findall(r"\d+", issues))
        assert numbers <= {number for text in told for number in cited(text)}, names
        listed |= numbers
    tests = [test for name, test in globals().items() if name.startswith("test_")]
    assert listed == {number for test in tests for number in cited(test.__doc__ or "")}
    assert len(listed) > 40


def cited(text: str) -> list[str]:
    """The numbers of issues that a test says it shows."""
    found = CITED.search(text)
    return [] if found is None else re.findall(r"\d+", found[0])
