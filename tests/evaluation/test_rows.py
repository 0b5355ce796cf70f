"""Whether evaluated rows were held out: by the name of a row, else by time, else it is not known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression

import mainspring as ms
from mainspring.errors import UnknownNameError
from mainspring.evaluation import check
from mainspring.evaluation.rows import judge_rows
from mainspring.evaluation.spec import RowsOrigin
from mainspring.features.datasets.learnt import Learnt, find_learnt
from mainspring.gates.spec import Policy, Requirement
from mainspring.lineage import Verdict
from mainspring.project import Project

# Asked of rows and files; every statement on the records that runs here is run on both databases by others.
pytestmark = pytest.mark.once

START = datetime(2013, 1, 1, tzinfo=UTC)


def at(day: int) -> datetime:
    return START + timedelta(days=day)


def frame(*days: int, **columns: Any) -> pl.DataFrame:
    """One row a day, named by the day."""
    return pl.DataFrame({"flight": list(days), "asked_at": [at(day) for day in days]} | columns)


LEARNT = Learnt("march", ("flight", "asked_at"), "asked_at", frame(0, 1, 2, 3))


@pytest.mark.parametrize(
    ("rows", "origin", "n_training"),
    [
        (frame(4, 5), RowsOrigin.HELD_OUT, 0),
        (frame(2, 3), RowsOrigin.TRAINING, 2),
        (frame(3, 4, 5), RowsOrigin.TRAINING, 1),
        # What else was computed for a row does not make it another one; neither does the type of its key.
        (frame(3, 4, temp=[1.0, 2.0]).cast({"flight": pl.Int32}), RowsOrigin.TRAINING, 1),
        # A time without zone is UTC.
        (frame(3).with_columns(pl.col("asked_at").dt.replace_time_zone(None)), RowsOrigin.TRAINING, 1),
        # A row between the training rows that is none of them was not learnt from.
        (pl.DataFrame({"flight": [9], "asked_at": [at(2)]}), RowsOrigin.HELD_OUT, 0),
    ],
)
def test_rows_with_their_names_are_looked_up(rows, origin, n_training):
    """One training row among them is enough to say so."""
    found = judge_rows(rows, LEARNT)
    assert (found.origin, found.n_training) == (origin, n_training)
    assert "'march', by flight, asked_at" in found.why


@pytest.mark.parametrize(
    ("rows", "time", "origin"),
    [
        (frame(4, 5).drop("flight"), None, RowsOrigin.HELD_OUT),
        (frame(4, 5).rename({"asked_at": "now"}).drop("flight"), "now", RowsOrigin.HELD_OUT),
        (frame(3, 4).drop("flight"), None, RowsOrigin.UNKNOWN),
        (frame(4, 5).rename({"asked_at": "now"}).drop("flight"), None, RowsOrigin.UNKNOWN),
        (frame(4, 5).with_columns(asked_at=None).drop("flight"), None, RowsOrigin.UNKNOWN),
        (pl.DataFrame({"asked_at": ["tomorrow"]}), None, RowsOrigin.UNKNOWN),
        (frame(4).with_columns(flight=pl.lit(None, pl.Int64)), None, RowsOrigin.UNKNOWN),
        (frame(4).with_columns(flight=pl.lit("four")), None, RowsOrigin.UNKNOWN),
        (frame(4).with_columns(flight=pl.lit(4.5)), None, RowsOrigin.UNKNOWN),
        (frame(), None, RowsOrigin.UNKNOWN),
    ],
)
def test_rows_without_names_are_held_out_only_after_the_last_training_row(rows, time, origin):
    """A time before it, no time, and names that cannot be looked up leave it open."""
    assert judge_rows(rows, LEARNT, time).origin is origin


ZIPS = frame(0, 1, flight=["00501", "01001"])


@pytest.mark.parametrize(
    ("names", "origin"),
    [
        (pl.Series(["00501", "99999"]), RowsOrigin.TRAINING),
        (pl.Series(["00501", "99999"], dtype=pl.Categorical), RowsOrigin.TRAINING),
        (pl.Series(["00501", "99999"], dtype=pl.Enum(["00501", "99999"])), RowsOrigin.TRAINING),
        (pl.Series([501, 99999]), RowsOrigin.UNKNOWN),
        (pl.Series([501.0, 99999.0]), RowsOrigin.UNKNOWN),
    ],
)
def test_text_that_comes_as_a_number_is_not_looked_up(names, origin):
    """A zip code that a reader of files took for a number has lost its zeros: its rows only look new."""
    learnt = Learnt("march", ("flight", "asked_at"), "asked_at", ZIPS)
    assert judge_rows(frame(0, 9, flight=names), learnt).origin is origin


def test_a_version_without_a_dataset_leaves_it_open():
    """Whoever does not say what he learnt from cannot show that rows are new to him."""
    assert judge_rows(frame(9), None).origin is RowsOrigin.UNKNOWN


def test_the_parts_of_a_dataset_are_told_apart(project: Project) -> None:
    """A gate takes the test part, with columns added, and not the training part; evidence and report say which."""
    n, features = 400, project.features
    days = list(range(n))
    arrivals = features.group("arrivals", keys=["flight"], event_time="landed_at")
    arrivals.insert(
        pl.DataFrame({"flight": days, "landed_at": [at(n)] * n, "late": [day % 3 == 0 for day in days]})
    )
    project.clock.set(at(n))
    view = features.view(
        "delay", features=[ms.request(wind="float64")], label=arrivals["late"], spine_time="asked_at"
    )
    spine = frame(*days, wind=[float(day % 3) + day / n for day in days])
    data = view.training_dataset(spine, split=ms.split.by_time(test_from=at(n // 2)))
    learnt = find_learnt(project.graph, data.asset_id)
    assert learnt is not None and learnt.rows.height == data.counts["train"] == n // 2
    model = ms.Model(LogisticRegression(), data.features).fit(data["train"], "late")
    version = project.models.register("delay", model, data=data)
    floor = Requirement(kind="check.metric", parameters={"metric": "roc_auc", "at_least": 0.6})
    project.gates.define(Policy(environment="p", alias="champion", require=(floor,)))

    asked = [check.metric("roc_auc", at_least=0.6)]
    flattered = project.evaluation.evaluate(version, data["train"], asked, data=data)
    ruling = project.gates.decide("p", version)
    assert (flattered.verdict, ruling.verdict) == (Verdict.PASS, Verdict.INSUFFICIENT_DATA)
    assert "200 of 200 rows are training rows of 'delay'" in str(ruling)
    assert "training rows among them" in str(flattered)

    honest = project.evaluation.evaluate(version, data["test"].with_columns(month=1), asked)
    assert honest.rows.origin is RowsOrigin.HELD_OUT and "held-out rows" in honest._repr_html_()
    (_, evidence) = project.graph.evidence_for(version.asset_id, kind="check.metric")
    assert evidence.figures["rows"]["origin"] == "held_out"
    assert project.gates.decide("p", version).verdict is Verdict.PASS

    with pytest.raises(UnknownNameError, match="asked_at"):
        project.evaluation.evaluate(version, data["test"], asked, time="askd_at")
