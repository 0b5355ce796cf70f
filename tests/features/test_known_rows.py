"""Expectations on a group's rows: answered from its table's statistics where these say what the rows say."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import count
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.features.conftest import at

import mainspring as ms
from mainspring.checks.spec import Validation
from mainspring.checks.validate import validate
from mainspring.errors import IntegrityError
from mainspring.features.api import Features
from mainspring.features.group import FeatureGroup
from mainspring.features.read import Read

# Asked of rows and files; every statement on the records that runs here is run on both databases by others.
pytestmark = pytest.mark.once

TOLD = [
    ms.expect.row_count(1, 1_000),
    ms.expect.not_null("origin"),
    ms.expect.not_null("gusts", mostly=0.5),
    ms.expect.null("gusts", severity="warning"),
    ms.expect.between("gusts", 0, 90),
    ms.expect.between("observed_at", at(0), at(9)),
    ms.expect.minimum("gusts", low=-5),
    ms.expect.maximum("gusts", high=5),
    ms.expect.not_null_share("gusts", 0.2),
]
"""What files may answer; whether they do depends on the rows."""
OF_ROWS = [
    ms.expect.not_null("temp"),
    ms.expect.between("temp", -40, 130),
    ms.expect.unique(["origin", "observed_at"]),
    ms.expect.between("gusts", 0, 90, row_condition="origin == 'JFK'"),
]


def rows(hours: list[int], gusts: list[int | None]) -> pl.DataFrame:
    n = len(hours)
    return pl.DataFrame(
        {
            "origin": ["JFK"] * n,
            "observed_at": [at(hour) + timedelta(microseconds=hour) for hour in hours],
            "gusts": gusts,
            "temp": [float("nan") if hour % 4 == 3 else 20.0 for hour in hours],
        },
        schema_overrides={"gusts": pl.Int64, "temp": pl.Float64, "observed_at": pl.Datetime("us", "UTC")},
    )


def weather(features: Features) -> FeatureGroup:
    return features.group("weather", keys=["origin"], event_time="observed_at", online=False)


def of_rows(read: Read, asked: list[Any]) -> Validation:
    """What a validation of the rows says, each result as if statistics had said it."""
    found = validate(read.to_polars(), asked)
    told = [each.model_copy(update={"answered_from": "statistics"}) for each in found.results]
    return found.model_copy(update={"results": tuple(told)})


def sources(found: Validation) -> list[str]:
    return [result.answered_from for result in found.results]


def test_no_file_is_read(reopen: Callable[[], Features]) -> None:
    """Without any of its data files the table answers as with them, in a process that never read of it."""
    features = reopen()
    group = weather(features)
    group.insert(rows([0, 1, 2], [3, 4, 5]))
    group.insert(rows([4, 5], [1, 2]))
    asked = [each for each in TOLD if each.kind != "null"]
    expected = of_rows(group.read(history=True), asked)
    tables = group.read().stores.tables
    (name,) = tables.names()
    for place in tables.files(name, tables.version(name)).fixed.values():
        if place.suffix == ".parquet":
            place.unlink()
    again = weather(reopen())
    assert again.check(asked, history=True) == expected
    assert again.check(asked, as_of=1, history=True).n_rows == 3
    with pytest.raises(IntegrityError, match="moved or deleted|missing"):
        again.check([*asked, *OF_ROWS], history=True)


def test_no_file_of_a_wide_group_is_read(reopen: Callable[[], Features]) -> None:
    """What is known of rows does not end with the thirty-second column."""
    group = reopen().group("wide", keys=["id"])
    frame = pl.DataFrame({"id": [1, 2], **{f"x{number}": [number, None] for number in range(40)}})
    group.insert(frame)
    asked = [ms.expect.row_count(2, 2), ms.expect.not_null("id"), ms.expect.between("x39", 39, 39)]
    assert sources(group.check(asked, history=True)) == ["statistics"] * 3


NUMBERS = count()
BATCHES = st.lists(
    st.lists(st.tuples(st.integers(0, 9), st.none() | st.integers(-2, 9)), min_size=1, max_size=4),
    min_size=1,
    max_size=3,
)


@settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(BATCHES, st.booleans(), st.booleans())
def test_answers_are_those_of_the_rows(
    features: Features, batches: list[list[tuple[int, int | None]]], deletes: bool, compacts: bool
) -> None:
    """Whatever was replaced, deleted and compacted, as of every commit: the same verdicts, counts and examples."""
    name = f"weather{next(NUMBERS)}"
    group = features.group(name, keys=["origin"], event_time="observed_at", online=False)
    for batch in batches:
        group.insert(rows([hour for hour, _ in batch], [gust for _, gust in batch]))
    if deletes:
        group.delete(rows([batches[0][0][0]], [None]).select("origin", "observed_at"))
    if compacts:
        group.compact()
    for number in range(1, len(group.commits()) + 1):
        for history in (False, True):
            read = group.read(number, history=history)
            found, wanted = read.check([*TOLD, *OF_ROWS]), of_rows(read, [*TOLD, *OF_ROWS])
            said = [each.model_copy(update={"answered_from": "statistics"}) for each in found.results]
            assert found.model_copy(update={"results": tuple(said)}) == wanted


def test_it_is_said_which_rules_the_rows_answered(features: Features) -> None:
    """Floats may be NaN, conditions and repetitions are about rows; what is broken is counted."""
    group = weather(features)
    group.insert(rows([0, 1, 2], [3, 4, None]))
    found = group.check([*TOLD, *OF_ROWS], history=True)
    assert sources(found)[len(TOLD) :] == ["rows"] * len(OF_ROWS)
    asked = dict(zip((each.expectation.name for each in found.results), sources(found), strict=True))
    assert [name for name, source in asked.items() if source == "rows"][:2] == [
        ms.expect.not_null("gusts", mostly=0.5).name,
        ms.expect.null("gusts").name,
    ]


def test_replaced_rows_are_no_rows_of_the_group(features: Features) -> None:
    """The current rows are asked where the files have others besides."""
    group = weather(features)
    group.insert(rows([0, 1], [99, 4]))
    asked = [ms.expect.between("gusts", 0, 100), ms.expect.row_count(1)]
    assert sources(group.check(asked)) == ["statistics"] * 2
    group.insert(rows([0], [5]))
    found = group.check(asked)
    assert (found.n_rows, sources(found)) == (2, ["rows"] * 2)
    assert group.check(asked, history=True).n_rows == 3


def test_of_a_compacted_file_no_part_is_known(features: Features) -> None:
    """A file that has rows of later commits too says nothing of the earlier ones."""
    group = weather(features)
    group.insert(rows([0], [1]))
    group.insert(rows([1], [50]))
    asked = [ms.expect.maximum("gusts", high=9)]
    assert sources(group.check(asked, as_of=1, history=True)) == ["statistics"]
    group.compact()
    assert sources(group.check(asked, as_of=1, history=True)) == ["rows"]
    assert group.check(asked, as_of=1, history=True).verdict == "pass"
    found = group.check(asked, history=True)
    assert (sources(found), found.results[0].observed) == (["statistics"], 50)


def test_a_default_is_in_no_file(features: Features) -> None:
    """Rows from before a column that has a default have it, whatever their files say."""
    group = weather(features)
    group.insert(rows([0], [1]))
    features.group(
        "weather",
        keys=["origin"],
        event_time="observed_at",
        online=False,
        schema={
            "origin": str,
            "observed_at": "datetime",
            "gusts": int,
            "temp": float,
            "height": ms.column(int, default=7),
        },
    )
    found = weather(features).check([ms.expect.maximum("height", 7, 7)], history=True)
    assert (found.verdict, sources(found)) == ("pass", ["rows"])


def test_filtered_rows_are_asked_themselves(features: Features) -> None:
    """A filter leaves out rows that the statistics count."""
    group = weather(features)
    group.insert(rows([0, 1], [1, 50]))
    found = group.read(history=True).filter(pl.col("gusts") < 9).check([ms.expect.maximum("gusts", high=9)])
    assert (found.verdict, found.n_rows, sources(found)) == ("pass", 1, ["rows"])


def test_the_groups_own_expectations_are_asked(features: Features) -> None:
    """Without a list a group asks what it expects of its rows."""
    group = features.group(
        "weather", keys=["origin"], event_time="observed_at", online=False, expectations=[TOLD[1]]
    )
    group.insert(rows([0], [1]))
    assert [each.expectation for each in group.check().results] == [TOLD[1]]


def test_erased_rows_leave_no_answer_behind(features: Features) -> None:
    """After an erasure the records count rows that are gone: the rows themselves are asked."""
    group = weather(features)
    group.insert(pl.concat([rows([0], [1]), rows([1], [50]).with_columns(origin=pl.lit("LGA"))]))
    group.erase({"origin": "LGA"}, reason="asked for")
    found = group.check([ms.expect.maximum("gusts", high=9)], history=True)
    assert (found.n_rows, found.verdict, sources(found)) == (1, "pass", ["rows"])
