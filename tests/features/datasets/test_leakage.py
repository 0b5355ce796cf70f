"""What looks like a leak in a training dataset."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from tests.features.conftest import at

from mainspring.features.api import Features, request
from mainspring.features.datasets import split
from mainspring.features.datasets.leakage import (
    ALIKE,
    VERDICTS,
    LeakageReport,
    LeakFinding,
    Look,
    label_like,
    later_times,
    shared_keys,
    shared_rows,
)
from mainspring.features.spec import SplitSpec
from mainspring.lineage import Graph
from mainspring.lineage.spec import Verdict

# Asked of rows and files; every statement on the records that runs here is run on both databases by others.
pytestmark = pytest.mark.once

CHANCE = np.random.default_rng(3)
N = 400
LATE = CHANCE.random(N) < 0.3
MINUTES = np.where(LATE, 20 + 50 * CHANCE.random(N), -CHANCE.random(N))


def found(feature: object, label: object = LATE) -> tuple[Look, float | None]:
    """The look at one feature, and its association."""
    frame = pl.DataFrame({"x": pl.Series(feature), "y": pl.Series(label)})  # type: ignore[call-overload]
    finding = label_like(frame, ["x"], ["y"])
    return finding.look, finding.figures["association"].get("x")


@pytest.mark.parametrize(
    "feature",
    [
        MINUTES,
        np.where(np.arange(N) == 7, 1e12, -MINUTES),
        [minutes if minutes > 0 else None for minutes in MINUTES],
        np.where(LATE, CHANCE.choice([2, 5, 9], N), CHANCE.choice([1, 3, 7], N)),
        np.where(LATE, CHANCE.choice([2.5, 5.5, 9.5], N), CHANCE.choice([1.5, 3.5, 7.5], N)),
        np.where(LATE, CHANCE.choice(["b", "d"], N), CHANCE.choice(["a", "c"], N)),
        pl.Series([at(value) for value in MINUTES]),
    ],
    ids=["monotone", "outliers", "null where not", "codes", "few fractions", "categories", "times"],
)
def test_what_ranks_as_the_label_does_is_a_warning(feature: object) -> None:
    """In any of the ways in which a feature can be the label in other clothes."""
    look, association = found(feature)
    assert look is Look.WARNING
    assert association is not None and association >= ALIKE


@pytest.mark.parametrize(
    "feature",
    [
        CHANCE.random(N),
        MINUTES + 60 * CHANCE.normal(size=N),
        [f"id{row}" for row in range(N)],
        np.arange(N),
        [None] * (N - 3) + [1.0] * 3,
        [1.0] * N,
    ],
    ids=["noise", "informative", "text ids", "ids", "almost empty", "constant"],
)
def test_what_does_not_is_none(feature: object) -> None:
    """Useful features, ids and empty ones are no warning."""
    assert found(feature)[0] is not Look.WARNING


@pytest.mark.parametrize("dtype", [pl.String, pl.Categorical, pl.Enum(["yes", "no"])])
def test_a_label_of_two_words_is_judged(dtype: pl.DataType) -> None:
    """As zero and one: which of them is which plays no part."""
    label = pl.Series(np.where(LATE, "yes", "no")).cast(dtype)
    for feature in (LATE, MINUTES, -MINUTES, label.cast(pl.String)):
        assert found(feature, label)[0] is Look.WARNING
    assert found(CHANCE.random(N), label)[0] is Look.OK


def test_the_association_is_a_known_one() -> None:
    """2·AUC - 1 for two values, ties counted half; Spearman's for more."""
    label = [False, False, True, True] * 20
    assert found([1, 2, 2, 3] * 20, label)[1] == pytest.approx(2 * (3.5 / 4) - 1, abs=1e-6)
    numbers = np.arange(80.0)
    assert found(-(numbers**3), numbers) == (Look.WARNING, 1.0)


@pytest.mark.parametrize("label", [LATE[:40], [True] * 9 + [False] * 91, ["a", "b", "c"] * 40, [1.0] * 100])
def test_too_little_is_not_judged(label: list[object]) -> None:
    """Few rows, few of a class, labels without order or of one value: no verdict, and no pass."""
    assert found(list(range(len(label))), label)[0] is Look.INSUFFICIENT_DATA


def test_keys_in_two_parts() -> None:
    """A warning, unless time divides; one part alone is not judged. Null is a key as any."""
    frame = pl.DataFrame({"k": ["a", None, None, "b"], "_split": ["train", "train", "test", "test"]})
    finding = shared_keys(frame, "_split", ["k"], "random")
    assert (finding.look, finding.figures["n_shared_rows"]) == (Look.WARNING, 1)
    assert shared_keys(frame, "_split", ["k"], "time").look is Look.OK
    assert shared_keys(frame.filter(k="b"), "_split", ["k"], "random").look is Look.INSUFFICIENT_DATA


def test_keys_that_features_are_looked_up_by_are_keys() -> None:
    """Each is named; there, null is nobody."""
    rows = {"order": [1, 2, 3, 4], "mail": ["a", None, "a", None], "_split": ["train"] * 2 + ["test"] * 2}
    frame = pl.DataFrame(rows)
    assert shared_keys(frame, "_split", ["order"], "random").look is Look.OK
    finding = shared_keys(frame, "_split", ["order"], "random", [["mail"], ["order"]])
    assert finding.look is Look.WARNING
    assert "1 of 2 (mail)" in finding.summary
    assert finding.figures["n_shared_by_key"] == {"order": 0, "mail": 1}
    assert finding.figures["n_shared_rows"] == 0
    assert shared_keys(frame, "_split", [], "random", [["mail"]]).look is Look.WARNING


def test_few_keys_of_many_rows_cannot_be_divided() -> None:
    """Airports are in every part: that is told, with how many there are; many keys beside them are a warning still."""
    n = 600
    rows = {"origin": ["EWR", "JFK", "LGA"] * (n // 3), "tail": [i % 30 for i in range(n)]}
    frame = pl.DataFrame({**rows, "_split": ["train"] * (n // 2) + ["test"] * (n // 2)})
    finding = shared_keys(frame, "_split", [], "random", [["origin"]])
    assert finding.look is Look.INFO
    assert "too few to be divided among parts: 3 of origin for 600 rows" in finding.summary
    assert finding.figures["n_keys_by_key"] == {"origin": 3}
    both = shared_keys(frame, "_split", [], "random", [["origin"], ["tail"]])
    assert both.look is Look.WARNING
    assert "(tail)" in both.summary
    assert "(origin)" not in both.summary
    report = LeakageReport("d", (finding,))
    assert (report.look, VERDICTS[report.look]) == (Look.INFO, Verdict.PASS)


def test_customers_in_two_parts_are_a_warning_and_carriers_none(features: Features) -> None:
    """Where orders are divided by chance; a split by customer keeps them together."""
    numbers = list(range(60))
    orders = features.group("orders", keys=["order"], event_time="t", known_time="known")
    told = {"t": [at(1)] * 60, "known": [at(9)] * 60, "late": [number % 2 == 0 for number in numbers]}
    orders.insert(pl.DataFrame({"order": numbers, **told}))
    people = features.group("people", keys=["mail"], event_time="t")
    mails = [f"{number % 20}@shop" for number in numbers]
    people.insert(pl.DataFrame({"mail": mails[:20], "t": [at(0)] * 20, "age": list(range(20))}))
    carriers = features.group("carriers", keys=["code"])
    carriers.insert(pl.DataFrame({"code": ["A"], "speed": [1.0]}))
    spine = pl.DataFrame({"order": numbers, "who": mails, "code": ["A"] * 60, "event_time": [at(1)] * 60})
    taken = [people["age"].on({"mail": "who"}), carriers["speed"].static()]
    view = features.view("v", features=taken, label=orders["late"])

    def look(how: SplitSpec) -> LeakFinding:
        return view.training_dataset(spine, split=how, as_of=at(99)).leakage()["shared_keys"]

    by_chance = look(split.random(test=0.3))
    assert (by_chance.look, list(by_chance.figures["n_shared_by_key"])) == (Look.WARNING, ["order", "who"])
    assert "(who)" in by_chance.summary
    assert look(split.by_entity("who", test=0.3)).look is Look.OK


def test_rows_in_two_parts() -> None:
    """Only rows that are equal in every column count."""
    frame = pl.DataFrame({"k": [1, 1, 2], "x": [0.5, 0.5, 0.5], "_split": ["train", "test", "test"]})
    assert shared_rows(frame, "_split").figures == {"n_shared_rows": 1, "n_rows": 2}
    assert shared_rows(frame.with_columns(t=pl.int_range(3)), "_split").look is Look.OK


def test_times_after_the_row() -> None:
    """A row that got a value which became true or known later is counted once, and warned of."""
    frame = pl.DataFrame({"t": [at(1), at(2)]})
    provenance = pl.DataFrame({"g.event_time": [at(1), at(3)], "g.known_time": [at(1), at(3)]})
    finding = later_times(frame, "t", provenance, {}, ["g"])
    assert (finding.look, finding.figures["n_later"]) == (Look.WARNING, {"g": 1})
    earlier = pl.DataFrame({"g.event_time": [at(1), None], "g.known_time": [at(1), at(2)]})
    assert later_times(frame, "t", earlier, {}, ["g"]).look is Look.OK


def test_times_after_the_label() -> None:
    """What became true when the label was known already may tell it; until then, however late, it cannot."""
    frame = pl.DataFrame({"t": [at(9), at(9)]})
    provenance = pl.DataFrame(
        {
            "g.event_time": [at(5), at(5)],
            "g.known_time": [at(5), at(5)],
            "y.event_time": [at(1), at(1)],
            "y.known_time": [at(4), at(6)],
        }
    )
    finding = later_times(frame, "t", provenance, {}, ["g"], ["y"])
    assert (finding.look, finding.figures["n_after_label"]) == (Look.WARNING, {"g": 1})
    assert (
        later_times(frame, "t", provenance.with_columns(**{"y.known_time": at(6)}), {}, ["g"], ["y"]).look
        is Look.OK
    )


def test_a_history_that_was_loaded_later_is_no_warning() -> None:
    """When rows were published says nothing of when they were learnt; answers of the very moment are looked at."""
    frame = pl.DataFrame({"t": [at(2)]})
    provenance = pl.DataFrame({"g.event_time": [at(1)], "g.known_time": [at(1)]})
    told = {"n_matched": 1, "n_published_later": 1, "n_simultaneous": 0}
    finding = later_times(frame, "t", provenance, {"g": told}, ["g"])
    assert (finding.look, finding.figures["n_published_later"]) == (Look.INFO, {"g": 1})
    assert "1 of 1 answers came in a commit published after the moment" in finding.summary
    very = later_times(frame, "t", provenance, {"g": {**told, "n_simultaneous": 1}}, ["g"])
    assert very.look is Look.WARNING
    assert "1 of 1 answers are of the very moment" in very.summary
    assert "Give the group" in very.summary
    timed = later_times(frame, "t", provenance, {"g": {**told, "n_simultaneous": 1, "cutoff": True}}, ["g"])
    assert "by their known_time they were known then" in timed.summary


def test_the_report_is_evidence(features: Features, graph: Graph) -> None:
    """Printed, shown, and kept once about the dataset."""
    hours = list(range(N))
    outcome = features.group("outcome", keys=["flight"], event_time="t", known_time="known")
    rows = {"flight": hours, "t": [at(i) for i in hours], "known": [at(i + 9) for i in hours], "late": LATE}
    outcome.insert(pl.DataFrame(rows))
    weather = features.group("weather", keys=[], event_time="t")
    weather.insert(pl.DataFrame({"t": [at(i - 0.5) for i in hours], "wind": CHANCE.random(N)}))
    view = features.view("v", features=[weather["wind"], request("minutes")], label=outcome["late"])
    spine = pl.DataFrame({"flight": hours, "event_time": [at(i) for i in hours], "minutes": MINUTES})
    data = view.training_dataset(spine, split=split.by_time(test_from=at(300)), as_of=at(999))
    report = data.leakage()
    looks = [finding.look for finding in report.findings]
    assert looks == [Look.WARNING, Look.OK, Look.OK, Look.OK]
    assert report.look is Look.WARNING
    assert "almost the label itself: minutes (1.000)" in str(report)
    assert "<td>label_like</td>" in report._repr_html_()
    (kept,) = graph.evidence_for(data.asset_id, kind="leakage")
    assert (kept.id, kept.verdict, kept.figures) == (report.evidence_id, Verdict.FAIL, report.to_dict())
    assert data.leakage() == report
    assert len(graph.evidence_for(data.asset_id, kind="leakage")) == 1


def test_a_label_may_be_called_count() -> None:
    """Names of columns are the user's."""
    frame = pl.DataFrame({"x": MINUTES, "count": LATE})
    assert label_like(frame, ["x"], ["count"]).look is Look.WARNING
