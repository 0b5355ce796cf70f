"""Every rule read in plain Python, one value at a time, from what its documentation says."""

from __future__ import annotations

import json
import math
import re
import statistics
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

import polars as pl
from hypothesis import strategies as st

from mainspring.checks import expect
from mainspring.checks.spec import Expectation

SCHEMA = {"x": pl.Float64, "y": pl.Float64, "i": pl.Int64, "j": pl.Int64, "s": pl.String, "b": pl.Boolean}
TEXTS = ["a", "b", "bb", "ab", "", "a\n", "ä", "2013-06-01", "2013-6-1", "{}", "[1", "12", "a%", "a_b", "A"]
FLOATS = st.one_of(st.sampled_from([0.0, 1.0, -1.5, 2.5, math.nan, math.inf]), st.floats(-3, 3, width=16))
ROWS = st.lists(
    st.tuples(
        st.one_of(st.none(), FLOATS),
        st.one_of(st.none(), FLOATS),
        st.one_of(st.none(), st.integers(-2, 3)),
        st.one_of(st.none(), st.integers(-2, 3)),
        st.one_of(st.none(), st.sampled_from(TEXTS)),
        st.one_of(st.none(), st.booleans()),
    ),
    max_size=25,
)
Row = dict[str, Any]


def frame_of(rows: list[tuple[Any, ...]]) -> pl.DataFrame:
    """The rows as a frame."""
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def is_missing(value: Any) -> bool:
    return value is None or is_nan(value)


def each(column: str, holds: Callable[[Any], bool]) -> Callable[[list[Row]], list[bool | None]]:
    """Judges the values of a column that are not null: True where one breaks, None where it is not judged."""
    return lambda rows: [None if row[column] is None else not holds(row[column]) for row in rows]


def there(column: str, *, wanted: bool) -> Callable[[list[Row]], list[bool | None]]:
    return lambda rows: [is_missing(row[column]) is wanted for row in rows]


def together(
    columns: list[str], ignore: str, holds: Callable[[list[Any]], bool]
) -> Callable[[list[Row]], list[bool | None]]:
    """Judges the values of several columns, but for rows that are ignored."""

    def judge(rows: list[Row]) -> list[bool | None]:
        found: list[bool | None] = []
        for row in rows:
            values = [row[column] for column in columns]
            n_null = values.count(None)
            skipped = (ignore == "all" and n_null == len(values)) or (ignore == "any" and n_null > 0)
            found.append(None if skipped else not holds(values))
        return found

    return judge


def compared(compare: Callable[[Any, Any], bool]) -> Callable[[list[Any]], bool]:
    return lambda values: not any(is_missing(value) for value in values) and compare(*values)


def steps(column: str, compare: Callable[[Any, Any], bool]) -> Callable[[list[Row]], list[bool | None]]:
    def judge(rows: list[Row]) -> list[bool | None]:
        before, found = None, []
        for row in rows:
            value = row[column]
            if value is None:
                found.append(None)
                continue
            found.append(is_nan(value) or (before is not None and not compare(before, value)))
            if not is_nan(value):
                before = value
        return found

    return judge


def once(columns: list[str], ignore: str) -> Callable[[list[Row]], list[bool | None]]:
    def judge(rows: list[Row]) -> list[bool | None]:
        keys = [tuple("NaN" if is_nan(row[column]) else row[column] for column in columns) for row in rows]
        counts = Counter(keys)
        return [
            None
            if (ignore == "any" and None in key) or (ignore == "all" and set(key) == {None})
            else counts[key] > 1
            for key in keys
        ]

    return judge


def scores(column: str, threshold: float) -> Callable[[list[Row]], list[bool | None]]:
    def judge(rows: list[Row]) -> list[bool | None]:
        known = [row[column] for row in rows if not is_missing(row[column])]
        if len(known) < 2 or not all(map(math.isfinite, known)) or statistics.stdev(known) == 0:
            return [None if row[column] is None else True for row in rows]
        mean, deviation = statistics.fmean(known), statistics.stdev(known)
        return [
            None
            if row[column] is None
            else is_nan(row[column]) or abs(row[column] - mean) / deviation >= threshold
            for row in rows
        ]

    return judge


def parses(value: str) -> bool:
    try:
        datetime.strptime(value, "%Y-%m-%d")  # noqa: DTZ007
    except ValueError:
        return False
    return True


def is_json(value: str) -> bool:
    try:
        json.loads(value)
    except ValueError:
        return False
    return True


Reading = Callable[[list[Row]], list[bool | None]]

#: Expectations that judge rows by their own values, with what they mean.
ALONE: list[tuple[Expectation, Reading]] = [
    (expect.not_null("x"), there("x", wanted=True)),
    (expect.null("x"), there("x", wanted=False)),
    (expect.between("x", -1, 2.5), each("x", lambda v: -1 <= v <= 2.5)),
    (expect.between("x", -1, 2.5, strict_min=True, strict_max=True), each("x", lambda v: -1 < v < 2.5)),
    (expect.between("x", low=0), each("x", lambda v: v >= 0)),
    (expect.between("x", high=1, strict_max=True), each("x", lambda v: v < 1)),
    (expect.between("i", 0, 1.5), each("i", lambda v: 0 <= v <= 1.5)),
    (expect.between("s", "a", "b"), each("s", lambda v: "a" <= v <= "b")),
    (expect.lengths("s", 1, 2), each("s", lambda v: 1 <= len(v) <= 2)),
    (expect.lengths("s", high=2, strict_max=True), each("s", lambda v: len(v) < 2)),
    (expect.length("s", 1), each("s", lambda v: len(v) == 1)),
    (expect.in_set("s", ["a", "b"]), each("s", lambda v: v in {"a", "b"})),
    (expect.in_set("s", TEXTS[1:11]), each("s", lambda v: v in TEXTS[1:11])),
    (expect.in_set("s", ["a", "a text of many bytes"]), each("s", lambda v: v == "a")),
    (expect.in_set("i", [0, 1.0, 2.5]), each("i", lambda v: v in {0, 1})),
    (expect.in_set("b", [True]), each("b", lambda v: v is True)),
    (expect.in_set("x", [0, 1.0]), each("x", lambda v: v in {0, 1})),
    (expect.not_in_set("s", ["a", ""]), each("s", lambda v: v not in {"a", ""})),
    (expect.matches("s", "a|bb?"), each("s", lambda v: re.fullmatch("a|bb?", v) is not None)),
    (expect.match_regex("s", "b"), each("s", lambda v: "b" in v)),
    (expect.match_regex("s", r"^\w+$"), each("s", lambda v: re.fullmatch(r"\w+", v) is not None)),
    (expect.not_match_regex("s", "^a"), each("s", lambda v: not v.startswith("a"))),
    (expect.match_regexes("s", ["a", "b"]), each("s", lambda v: "a" in v or "b" in v)),
    (expect.match_regexes("s", ["a", "b"], match_on="all"), each("s", lambda v: "a" in v and "b" in v)),
    (expect.not_match_regexes("s", ["a", "b"]), each("s", lambda v: "a" not in v and "b" not in v)),
    (expect.like("s", "a%"), each("s", lambda v: v.startswith("a"))),
    (expect.like("s", r"a\%"), each("s", lambda v: v == "a%")),
    (expect.not_like("s", "_"), each("s", lambda v: len(v) != 1)),
    (
        expect.like_patterns("s", ["a%", "%b"], match_on="all"),
        each("s", lambda v: v[:1] == "a" and v[-1:] == "b"),
    ),
    (expect.not_like_patterns("s", ["a%", "%b"]), each("s", lambda v: v[:1] != "a" and v[-1:] != "b")),
    (expect.strftime("s", "%Y-%m-%d"), each("s", parses)),
    (expect.date_parseable("s"), each("s", lambda v: v in {"2013-06-01", "2013-6-1", "12"})),
    (expect.json_parseable("s"), each("s", is_json)),
    (expect.pair_equal("x", "y"), together(["x", "y"], "all", compared(lambda a, b: a == b))),
    (
        expect.pair_equal("i", "j", ignore_row_if="either_value_is_missing"),
        together(["i", "j"], "any", compared(lambda a, b: a == b)),
    ),
    (expect.pair_greater("x", "y"), together(["x", "y"], "all", compared(lambda a, b: a > b))),
    (
        expect.pair_greater("i", "j", or_equal=True, ignore_row_if="neither"),
        together(["i", "j"], "never", compared(lambda a, b: a >= b)),
    ),
    (
        expect.pair_in_set("i", "s", [(1, "a"), (None, "b"), (2, None)]),
        together(["i", "s"], "all", lambda v: tuple(v) in {(1, "a"), (None, "b"), (2, None)}),
    ),
    (
        expect.row_sum(["i", "j"], 1),
        together(["i", "j"], "all", lambda v: None not in v and float(sum(v)) == 1),
    ),
    (expect.unique_within_row(["i", "j"]), together(["i", "j"], "all", lambda v: v[0] != v[1])),
    (
        expect.unique_within_row(["i", "j"], ignore_row_if="never"),
        together(["i", "j"], "never", lambda v: v[0] != v[1]),
    ),
]

#: Expectations that judge rows beside other rows.
BESIDE: list[tuple[Expectation, Reading]] = [
    (expect.unique("i"), once(["i"], "any")),
    (expect.unique("x"), once(["x"], "any")),
    (expect.unique(["i", "s"]), once(["i", "s"], "any")),
    (expect.unique_together(["i", "s"]), once(["i", "s"], "all")),
    (expect.unique_together(["x", "s"], ignore_row_if="never"), once(["x", "s"], "never")),
    (expect.increasing("x"), steps("x", lambda before, value: value >= before)),
    (expect.increasing("i", strictly=True), steps("i", lambda before, value: value > before)),
    (expect.decreasing("i"), steps("i", lambda before, value: value <= before)),
    (expect.decreasing("x", strictly=True), steps("x", lambda before, value: value < before)),
    (expect.z_scores("i", 1.1), scores("i", 1.1)),
]
