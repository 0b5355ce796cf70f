"""The prediction log: what it holds, how it is published, and what outcomes do to it."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from tests.serving.airport import KEYS, REQUEST, START, Airport

from mainspring.errors import InputError
from mainspring.features.api import request
from mainspring.features.column import column
from mainspring.features.treatment import hash_with
from mainspring.features.view import FeatureView
from mainspring.lineage import AssetKind
from mainspring.models.spec import Signature, Task
from mainspring.serving.api import Deployment
from mainspring.serving.outcomes import check
from mainspring.serving.spec import OutcomeCounts
from mainspring.serving.wal import MAGIC, find_segments, frame, read_segment
from mainspring.serving.weights import CHECK_EVERY_S


def segments(airport: Airport) -> list[Path]:
    """The log's segments of the deployment `flights`."""
    return find_segments(airport.project.home / "serving" / "flights" / "log")


def outcome(prediction_id: str, value: float, known_at: datetime) -> pl.DataFrame:
    """One label as a frame."""
    return pl.DataFrame({"prediction_id": [prediction_id], "value": [value], "known_at": [known_at]})


@pytest.mark.once
def test_a_row_holds_features_commits_and_times_of_its_values(
    airport: Airport, deployment: Deployment
) -> None:
    """Untransformed features, and for each group the commit and event time of its value."""
    airport.at(6.5)
    answer = deployment.predict(KEYS, REQUEST)
    (row,) = deployment.log().to_dicts()
    vector = airport.view.online().read(KEYS, REQUEST, airport.project.clock.now())
    assert {name: row[name] for name in airport.view.features} == vector.values
    assert (row["prediction_id"], row["prediction"]) == (answer.prediction_id, answer.prediction)
    assert (row["commit_weather"], row["commit_id_weather"]) == (1, airport.commits[0].asset_id)  # type: ignore[attr-defined]
    assert row["event_at_weather"] == START + timedelta(hours=6)
    assert (row["commit_fleet"], row["event_at_fleet"]) == (1, None)
    assert (row["lookup_weather"], row["key_carrier"]) == ('{"origin":"JFK"}', "AA")
    assert (row["status_weather"], row["request_distance"]) == ("present", 1400.0)
    assert row["now"] == answer.now


def piloted(airport: Airport, secret: str) -> FeatureView:
    """A view by pilots, whose names are hashed with that secret."""
    stores = replace(airport.features._stores, find_secret=lambda name: f"{name}: sixteen bytes".encode())
    airport.features._stores = stores
    name = column(str, personal="direct", anonymise=hash_with(secret))
    pilots = airport.features.group(
        f"pilots_{secret}", keys=["pilot"], online=True, schema={"pilot": name, "age": float}
    )
    pilots.insert(pl.DataFrame({"pilot": ["Zebedee"], "age": [50.0]}))
    pilots.materialize(airport.project.clock.now())
    parts = [
        airport.features.get_group("weather")["wind", "temp"],
        pilots["age"].static(),
        request("distance"),
    ]
    return airport.features.view(f"piloted_{secret}", features=parts, spine_time="now")


@pytest.mark.once
def test_a_key_that_is_hashed_is_logged_as_its_hash(airport: Airport) -> None:
    """And is found by that again: a prediction names nobody."""
    view = piloted(airport, "people")
    pilots = airport.features.get_group("pilots_people")
    deployment = airport.deployments.create("flights", airport.versions[0], view)
    deployment.predict({"origin": "JFK", "pilot": "Zebedee"}, REQUEST)
    (row,) = deployment.log().to_dicts()
    assert (row["age"], row["key_pilot"]) == (50.0, pilots.read().to_polars()["pilot"][0])
    assert "Zebedee" not in str(row)
    assert all(b"Zebedee" not in path.read_bytes() for path in segments(airport))


@pytest.mark.once
def test_a_shadow_with_another_secret_is_asked_what_the_caller_asked(airport: Airport) -> None:
    """It would find nobody by the champion's hash."""
    deployment = airport.deployments.create("flights", airport.versions[0], piloted(airport, "people"))
    deployment.shadow(airport.versions[1], piloted(airport, "others"))
    deployment.predict({"origin": "JFK", "pilot": "Zebedee"}, REQUEST)
    champion, shadow = deployment.log().sort("arm").to_dicts()
    assert (champion["age"], shadow["age"], shadow["error"]) == (50.0, 50.0, None)
    assert all(b"Zebedee" not in path.read_bytes() for path in segments(airport))


@pytest.mark.once
def test_a_key_that_came_as_text_is_logged_as_the_groups_value(
    airport: Airport, deployment: Deployment
) -> None:
    """However a caller writes a time: what lineage names is what was looked up."""
    slots = airport.features.group("slots", keys=["slot"], online=True)
    slots.insert(pl.DataFrame({"slot": [START], "planned": [30.0]}))
    slots.materialize(airport.project.clock.now())
    hourly = airport.features.get_group("weather")
    view = airport.features.view(
        "slotted",
        features=[
            hourly["wind", "temp"],
            airport.features.get_group("fleet")["age"].static(),
            request("distance"),
            slots["planned"].static(),
        ],
        spine_time="now",
    )
    deployment.promote(airport.versions[0], view)
    keys = {**KEYS, "slot": "2013-01-01T01:00:00+01:00"}
    answer = deployment.predict(keys, REQUEST)
    found = airport.deployments.lineage.get(answer.prediction_id)
    (row,) = (row for row in found.rows if row.group == "slots")
    assert (row.status, row.key) == ("present", {"slot": "2013-01-01T00:00:00Z"})


@pytest.mark.once
def test_a_missing_value_is_logged_as_missing(deployment: Deployment) -> None:
    """A carrier that no row is about has no commit and says so."""
    answer = deployment.predict({"origin": "JFK", "carrier": "ZZ"}, REQUEST)
    (row,) = deployment.log().to_dicts()
    assert (row["age"], row["commit_fleet"], row["status_fleet"]) == (None, None, "missing")
    assert answer.statuses["fleet"] == "missing"


def test_the_log_reads_the_same_before_and_after_publication(
    airport: Airport, deployment: Deployment
) -> None:
    """Publishing moves rows and changes none; the segments are gone afterwards."""
    for hour in range(7, 12):
        airport.at(hour)
        deployment.predict(KEYS, REQUEST)
    before = deployment.log()
    done = deployment.publish_log()
    after = deployment.log()
    assert (done.n_rows, done.n_gaps, before.height) == (5, 0, 5)
    assert after.select(before.columns).equals(before)
    assert segments(airport) == []
    counts = deployment.log_counts()
    assert (counts.n_logged, counts.n_waiting, counts.n_gaps) == (5, 0, 0)


def test_publishing_a_segment_twice_appends_once(airport: Airport, deployment: Deployment) -> None:
    """A crash between the append and the deletion of the segment repeats nothing."""
    deployment.predict(KEYS, REQUEST)
    (path,) = segments(airport)
    airport.deployments.close()
    data = path.read_bytes()
    deployment.publish_log()
    path.write_bytes(data)
    assert deployment.log().height == 1
    deployment.publish_log()
    table = airport.project.tables.scan(deployment.log_table).collect()
    assert (deployment.log().height, table.height) == (1, 1)


@pytest.mark.once
def test_a_segment_that_is_written_to_is_read_but_not_published(
    airport: Airport, deployment: Deployment
) -> None:
    """Another process' open segment stays; its rows are in the log all the same."""
    other = airport.rooms()
    other.get("flights").predict(KEYS, REQUEST)
    assert deployment.publish_log().n_segments == 0
    assert deployment.log().height == 1
    other.close()
    assert deployment.publish_log().n_rows == 1


@pytest.mark.once
def test_a_torn_tail_loses_only_what_was_never_acknowledged(airport: Airport, deployment: Deployment) -> None:
    """A frame that was cut off mid-write is dropped and counts as no gap."""
    for _ in range(3):
        deployment.predict(KEYS, REQUEST)
    (path,) = segments(airport)
    airport.deployments.close()
    path.write_bytes(path.read_bytes()[:-5])
    done = deployment.publish_log()
    assert (done.n_rows, done.n_gaps) == (2, 0)
    assert segments(airport) == []


@pytest.mark.once
def test_damaged_bytes_become_a_counted_gap(airport: Airport, deployment: Deployment) -> None:
    """A damaged record is counted as lost, and the file is kept aside: served = logged + gaps."""
    for _ in range(5):
        deployment.predict(KEYS, REQUEST)
    (path,) = segments(airport)
    airport.deployments.close()
    data = bytearray(path.read_bytes())
    data[-700] ^= 0xFF
    path.write_bytes(bytes(data))
    deployment.publish_log()
    counts = deployment.log_counts()
    assert (counts.n_logged, counts.n_gaps) == (4, 1)
    assert path.with_suffix(".damaged").exists()


@pytest.mark.once
def test_a_length_that_was_changed_loses_no_row(airport: Airport, deployment: Deployment) -> None:
    """A length beyond the file's end is damage and no torn end: all rows are read, and the file is kept aside."""
    for _ in range(5):
        deployment.predict(KEYS, REQUEST)
    (path,) = segments(airport)
    airport.deployments.close()
    data = bytearray(path.read_bytes())
    data[len(MAGIC) + 2] ^= 0x01
    path.write_bytes(bytes(data))
    deployment.publish_log()
    counts = deployment.log_counts()
    assert (counts.n_logged, counts.n_gaps) == (5, 0)
    assert path.with_suffix(".damaged").exists()


@pytest.mark.once
def test_rows_whose_context_was_damaged_are_counted_gaps(airport: Airport, deployment: Deployment) -> None:
    """Without its context nobody can say what a row means: it is lost, and the count says so before and after."""
    for _ in range(5):
        deployment.predict(KEYS, REQUEST)
    (path,) = segments(airport)
    airport.deployments.close()
    data = bytearray(path.read_bytes())
    opening, context = (len(frame(payload)) for payload in read_segment(path).payloads[:2])
    data[len(MAGIC) + opening + context // 2] ^= 0xFF
    path.write_bytes(bytes(data))
    before = deployment.log_counts()
    deployment.publish_log()
    after = deployment.log_counts()
    # Five rows, and the context's own frame, which cannot be told from a row.
    assert (before.n_logged, before.n_gaps) == (after.n_logged, after.n_gaps) == (0, 6)


@pytest.mark.once
def test_log_by_time_takes_the_start_and_leaves_the_end(airport: Airport, deployment: Deployment) -> None:
    """Start <= now < end, over published and waiting rows alike."""
    for hour in (7, 8, 9, 10):
        airport.at(hour)
        deployment.predict(KEYS, REQUEST)
        if hour == 8:
            deployment.publish_log()
    found = deployment.log(start=START + timedelta(hours=8), end=START + timedelta(hours=10))
    assert [now.hour for now in found["now"]] == [8, 9]


@pytest.mark.once
def test_log_of_a_new_deployment_is_empty_with_its_columns(airport: Airport, deployment: Deployment) -> None:
    """Nothing predicted is an empty frame that can be computed with."""
    found = deployment.log()
    assert found.height == 0
    assert {*airport.view.features, "outcome", "commit_weather", "prediction"} <= set(found.columns)


@pytest.mark.once
def test_promotion_to_a_view_with_other_features_keeps_one_log(
    airport: Airport, deployment: Deployment
) -> None:
    """Rows of another view have nulls where they have no feature."""
    deployment.predict(KEYS, REQUEST)
    deployment.publish_log()
    hourly, fleet = airport.features.get_group("weather"), airport.features.get_group("fleet")
    wider = airport.features.view(
        "lateness",
        2,
        features=[hourly["wind", "temp"], fleet["age"].static(), request("distance", "alliance")],
        spine_time="scheduled_at",
    )
    deployment.promote(airport.versions[1], wider)
    time.sleep(CHECK_EVERY_S)
    deployment.predict(KEYS, {**REQUEST, "alliance": "one"})
    deployment.publish_log()
    assert deployment.log()["alliance"].to_list() == [None, "one"]


@pytest.mark.once
def test_outcomes_join_and_say_what_became_of_each_row(airport: Airport, deployment: Deployment) -> None:
    """Stored, duplicate, corrected, contradictory, orphan and late are told apart and counted."""
    one = deployment.predict(KEYS, REQUEST).prediction_id
    noon = START + timedelta(hours=12)
    airport.at(13)
    assert deployment.outcomes(outcome(one, 1, noon)).n_stored == 1
    assert deployment.outcomes(outcome(one, 1, noon)).n_duplicates == 1
    refused = deployment.outcomes(outcome(one, 0, noon))
    assert (refused.n_contradictory, refused.contradictory) == (1, (one,))
    orphan = deployment.outcomes(outcome("nobody", 1, noon))
    assert (orphan.n_orphans, orphan.n_stored) == (1, 0)
    airport.at(47)
    corrected = deployment.outcomes(outcome(one, 0, noon + timedelta(hours=1)))
    assert (corrected.n_corrected, corrected.n_late) == (1, 1)
    (row,) = deployment.log().to_dicts()
    assert (row["outcome"], row["outcome_known_at"]) == (0.0, noon + timedelta(hours=1))


@pytest.mark.once
def test_outcomes_as_of_answers_what_was_known_then(airport: Airport, deployment: Deployment) -> None:
    """A correction that came later is not seen by an earlier question."""
    one = deployment.predict(KEYS, REQUEST).prediction_id
    noon = START + timedelta(hours=12)
    airport.at(20)
    deployment.outcomes(outcome(one, 1, noon))
    deployment.outcomes(outcome(one, 0, noon + timedelta(hours=2)))
    then = [
        deployment.log(outcomes_as_of=noon + timedelta(hours=hours))["outcome"].item()
        for hours in (-1, 0, 1, 2)
    ]
    assert then == [None, 1.0, 1.0, 0.0]


def test_posting_the_same_frame_twice_changes_nothing(airport: Airport, deployment: Deployment) -> None:
    """Posting is idempotent, also within one frame."""
    ids = [deployment.predict(KEYS, REQUEST).prediction_id for _ in range(4)]
    known = datetime(2013, 1, 1, 12, tzinfo=UTC)
    frame = pl.DataFrame({"prediction_id": ids * 2, "value": [True, False] * 4, "known_at": [known] * 8})
    airport.at(13)
    first, second = deployment.outcomes(frame), deployment.outcomes(frame)
    assert (first.n_stored, first.n_duplicates) == (4, 4)
    assert (second.n_stored, second.n_duplicates) == (0, 8)
    assert deployment.log()["outcome"].to_list() == [1.0, 0.0, 1.0, 0.0]


def test_labels_posted_at_the_same_time_are_as_if_one_came_first(
    airport: Airport, deployment: Deployment
) -> None:
    """Of different values with one known time exactly one is stored, and the others are told so."""
    ids = [deployment.predict(KEYS, REQUEST).prediction_id for _ in range(4)]
    noon = START + timedelta(hours=12)
    airport.at(13)
    together = threading.Barrier(4)

    def post(value: int, prediction_id: str) -> OutcomeCounts:
        together.wait()
        return deployment.post_outcomes([(prediction_id, float(value % 2), noon)])

    with ThreadPoolExecutor(4) as pool:
        done = [list(pool.map(post, range(4), [prediction_id] * 4)) for prediction_id in ids]
    assert [sum(counts.n_stored for counts in four) for four in done] == [1] * 4
    assert [sum(counts.n_duplicates for counts in four) for four in done] == [1] * 4
    assert [sum(counts.n_contradictory for counts in four) for four in done] == [2] * 4
    stored = [next(value % 2 for value, counts in enumerate(four) if counts.n_stored) for four in done]
    log = dict(deployment.log().select("prediction_id", "outcome").iter_rows())
    assert [log[prediction_id] for prediction_id in ids] == stored


@pytest.mark.once
@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pl.DataFrame(), "got nothing at all"),
        (pl.DataFrame({"prediction_id": ["a"], "value": [1.0]}), "no column 'known_at'"),
        (outcome("a", 1, START).with_columns(pl.lit("x").alias("value")), "String: 'x' in row 0"),
        (outcome("a", float("nan"), START), "nan in row 0"),
        (
            outcome("a", 1, START).with_columns(pl.lit(None, dtype=pl.Float64).alias("value")),
            "every row of `value`, got 1 null, the first in row 0",
        ),
        (outcome("a", 1, START).with_columns(pl.lit("2013").alias("known_at")), "String: '2013' in row 0"),
        (
            pl.concat([outcome("a", 1, START), outcome("b", 2, START)]),
            "row 1, prediction 'b': expected true, false, 1 or 0, .* got the value 2",
        ),
        (outcome("a", 1, START + timedelta(days=9)), "row 0, prediction 'a': expected a known_at up to"),
    ],
)
def test_outcomes_refuse_bad_frames(deployment: Deployment, frame: pl.DataFrame, message: str) -> None:
    """What is wrong is named with its row, and nothing of the frame is stored."""
    with pytest.raises(InputError, match=message):
        deployment.outcomes(frame)
    assert deployment.outcomes(outcome("a", 0, START)).n_duplicates == 0


@pytest.mark.once
def test_a_date_is_known_at_its_midnight(deployment: Deployment) -> None:
    """Plain dates in `known_at` mean midnight UTC, as in inserts."""
    one = deployment.predict(KEYS, REQUEST).prediction_id
    deployment.outcomes(outcome(one, 1, START).with_columns(pl.col("known_at").cast(pl.Date)))
    assert deployment.log()["outcome_known_at"].to_list() == [START]


@pytest.mark.once
def test_any_number_is_an_outcome_of_a_numeric_label() -> None:
    """Only a model of two labels refuses other numbers."""
    signature = Signature(columns=(), label="delay_min", task=Task.REGRESSION)
    check([("a", 2.5, START)], signature, START, "outcomes")
    with pytest.raises(InputError, match="'late'"):
        check([("a", 2.5, START)], Signature(columns=(), label="late", task=Task.BINARY), START, "outcomes")


@pytest.mark.once
def test_lineage_of_a_prediction_names_the_rows_it_used(airport: Airport, deployment: Deployment) -> None:
    """One call answers with context, assets and row identifiers."""
    answer = deployment.predict(KEYS, REQUEST)
    trace = airport.deployments.lineage.get(answer.prediction_id)
    assert trace.context is not None
    assert trace.context.id == answer.context_id
    version = airport.versions[0]
    assert (trace.assets["package"], trace.assets["view"]) == (version.package_id, airport.view.asset_id)
    rows = {row.group: row for row in trace.rows}
    assert (rows["weather"].key, rows["weather"].event_at) == ({"origin": "JFK"}, START + timedelta(hours=6))
    assert rows["fleet"].key == {"carrier": "AA"}
    assert airport.deployments.lineage.find("nobody") is None


def test_lineage_forward_finds_exactly_the_predictions_that_used_a_commit(
    airport: Airport, deployment: Deployment
) -> None:
    """A correction of one hour touches what was predicted from it, and nothing else."""
    hourly = airport.features.get_group("weather")
    hour = START + timedelta(hours=8)
    deployment.predict(KEYS, REQUEST)
    fix = pl.DataFrame({"origin": ["JFK"], "observed_at": [hour], "wind": [50.0], "temp": [1.0]})
    commit = hourly.insert(fix)
    touched = []
    for moment in (8.5, 9.5):
        airport.at(moment)
        touched.append(deployment.predict(KEYS, REQUEST).prediction_id)
        deployment.predict({"origin": "LGA", "carrier": "AA"}, REQUEST)
    deployment.publish_log()
    found = airport.deployments.lineage.touched_by([commit.asset_id])
    log = deployment.log()
    brute = log.filter(pl.col("commit_id_weather") == commit.asset_id)["prediction_id"].to_list()
    assert found["prediction_id"].to_list() == brute == touched[:1]
    assert found["through"].to_list() == ["commit:weather"]


@pytest.mark.once
def test_a_walk_counts_its_hops_from_the_prediction(airport: Airport, deployment: Deployment) -> None:
    """One hop reaches what a prediction hangs on, in both directions; the second what that was made of."""
    prediction_id = deployment.predict(KEYS, REQUEST).prediction_id
    lineage, package_id = airport.project.lineage, airport.versions[0].package_id
    near = lineage.upstream(prediction_id, depth=1)
    assert near.leaf is not None
    own = {*near.leaf.parents.values(), *(row.commit_id for row in near.leaf.rows)}
    assert set(near.graph.assets) == own
    assert set(lineage.upstream(prediction_id, depth=2).graph.assets) > own
    sources = [asset.id for asset in airport.project.graph.find_assets(kind=AssetKind.SOURCE)]
    assert [list(lineage.downstream(sources[0], depth=hops).leaves["prediction"]) for hops in (1, 2)] == [
        [],
        [prediction_id],
    ]
    assert list(lineage.downstream(package_id, depth=1).leaves["prediction"]) == [prediction_id]
    with pytest.raises(InputError, match="1 hop or more"):
        lineage.upstream(prediction_id, depth=0)


@pytest.mark.once
def test_lineage_forward_of_a_package_is_every_prediction_of_it(
    airport: Airport, deployment: Deployment
) -> None:
    """Champion and shadow rows are told apart."""
    deployment.shadow(airport.versions[1], airport.view)
    deployment.predict(KEYS, REQUEST)
    shadowed = airport.deployments.lineage.touched_by([airport.versions[1].package_id])
    assert shadowed.select("arm", "through").rows() == [("shadow", "package")]


@pytest.mark.once
def test_a_prediction_is_found_with_its_shadow_when_only_the_champion_is_published(
    airport: Airport, deployment: Deployment
) -> None:
    """The shadow is scored after the answer, by when the champion's segment may have been moved."""
    deployment.shadow(airport.versions[1], airport.view)
    predictor = airport.deployments.predictor("flights")
    answer, rest = predictor.answer(KEYS, REQUEST)
    assert rest is not None
    predictor.log.rotate()
    deployment.publish_log()
    rest()
    found = airport.deployments._log("flights").find(answer.prediction_id)
    assert found["arm"].to_list() == ["champion", "shadow"]
    predictor.close()
