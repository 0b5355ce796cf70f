"""The point-in-time join against a brute-force oracle, and its rules one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.features.join.oracle import Fact, ask

from mainspring.features.join.joined import JoinResult, Source
from mainspring.features.join.point_in_time import ALWAYS_US, Side, Spine, find

# Few distinct values, so that ties, duplicates and boundaries are the rule; and pairs that a careless key would
# confuse: ("1", "23") and ("12", "3"), the empty string, null.
TEXTS = st.sampled_from(["", "1", "12", "23", "3", "123", "é", None])
MOMENTS = st.integers(-3, 12)
FACTS = st.builds(
    Fact,
    key=st.tuples(TEXTS, TEXTS),
    event=MOMENTS,
    known=st.one_of(st.none(), MOMENTS),
    commit=st.integers(1, 3),
    ordinal=st.just(0),
    deleted=st.sampled_from([False, False, False, True]),
    values=st.fixed_dictionaries({"x": st.sampled_from([None, 0.0, -0.0, 1.5, float("nan")])}),
)
ASKED = st.tuples(TEXTS, TEXTS, MOMENTS)


def numbered(facts: list[Fact]) -> list[Fact]:
    """Facts with ordinals as they stand, so that the order of writing is total."""
    return [Fact(**{**vars(fact), "ordinal": i}) for i, fact in enumerate(facts)]


def table(facts: list[Fact], keys: list[str], dtype: Any = pl.String) -> pl.DataFrame:
    """Facts as the join takes them; the ticket is not the number, so that neither can stand in for the other."""
    columns: dict[str, Any] = {
        name: pl.Series([fact.key[i] for fact in facts], dtype=dtype) for i, name in enumerate(keys)
    }
    columns |= {
        "_event_us": pl.Series([ALWAYS_US if f.event is None else f.event for f in facts], dtype=pl.Int64),
        "_known_us": pl.Series([f.known for f in facts], dtype=pl.Int64),
        "_commit": pl.Series([100 - f.commit for f in facts], dtype=pl.Int64),
        "_number": pl.Series([f.commit for f in facts], dtype=pl.Int64),
        "_ordinal": pl.Series([f.ordinal for f in facts], dtype=pl.Int64),
        "_op": pl.Series([int(f.deleted) for f in facts], dtype=pl.Int64),
        "x": pl.Series([f.values["x"] for f in facts], dtype=pl.Float64),
    }
    return pl.DataFrame(columns)


def spine_of(asked: list[tuple[Any, ...]], keys: list[str], dtype: Any = pl.String) -> pl.DataFrame:
    """Spine rows: keys, moment, and a column that tells which row it is."""
    columns = {name: pl.Series([row[i] for row in asked], dtype=dtype) for i, name in enumerate(keys)}
    return pl.DataFrame(columns).with_columns(
        pl.Series("t", [row[-1] for row in asked], dtype=pl.Int64),
        pl.Series("row", range(len(asked)), dtype=pl.Int64),
    )


def join(spine: pl.DataFrame, times_us: pl.Series, sides: list[Side]) -> JoinResult:
    """What a view makes of sides whose rows are at hand."""
    asked = Spine(spine, times_us)
    sources = {
        side.name: Source(side.frame, find(asked, side), side.columns, side.cutoff, side.name)
        for side in sides
    }
    return JoinResult(
        spine,
        sources,
        lambda rows: rows,
        pins={},
        assets={},
        as_of=None,
        memory_bytes=10**9,
        spill_root=Path("nowhere"),
    )


def same(one: float | None, other: float | None) -> bool:
    """Equal as values of a table: null is null, NaN is NaN, and -0.0 is not 0.0."""
    return repr(one) == repr(other)


def one_side(facts: list[Fact], **rules: Any) -> Side:
    """A side of one key."""
    return Side("g", table(facts, ["k"]), (("k", "k"),), (("x", "x"),), **rules)


def ask_join(facts: list[Fact], *asked: tuple[Any, ...], **rules: Any) -> JoinResult:
    """The join of a spine of (key, moment) with one side."""
    spine = spine_of(list(asked), ["k"])
    return join(spine, spine["t"], [one_side(facts, **rules)])


def fact(
    x: float | None,
    event: int | None,
    known: int | None = None,
    *,
    key: str | None = "a",
    commit: int = 1,
    ordinal: int = 0,
    deleted: bool = False,
) -> Fact:
    """One fact about "a"."""
    return Fact((key,), event, known, commit, ordinal, deleted, {"x": x})


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    facts=st.lists(FACTS, max_size=14).map(numbered),
    asked=st.lists(ASKED, max_size=8),
    delay=st.integers(0, 3),
    ttl=st.one_of(st.none(), st.integers(1, 6)),
    cutoff=st.booleans(),
    strict=st.booleans(),
    order=st.randoms(use_true_random=False),
)
def test_equals_the_oracle(
    facts: list[Fact], asked: list[Any], delay: int, ttl: int | None, cutoff: bool, strict: bool, order: Any
) -> None:
    """Every answer, its status and the row that decided it are the brute-force oracle's, for rows in any order."""
    shuffled = facts.copy()
    order.shuffle(shuffled)
    spine = spine_of(asked, ["a", "b"])
    side = Side(
        "g", table(shuffled, ["a", "b"]), (("a", "a"), ("b", "b")), (("x", "x"),),
        delay_us=delay, ttl_us=ttl, cutoff=cutoff, strict=strict,
    )  # fmt: skip
    result = join(spine, spine["t"], [side])
    assert result.frame.drop("x").equals(spine)
    rows = result.provenance["g"]
    for i, (a, b, moment) in enumerate(asked):
        expected = ask((a, b), moment, facts, delay=delay, ttl=ttl, cutoff=cutoff, strict=strict)
        assert rows["status"][i] == expected.status
        decided = expected.fact
        assert rows["ordinal"][i] == (None if decided is None else decided.ordinal)
        assert rows["number"][i] == (None if decided is None else decided.commit)
        assert rows["commit"][i] == (None if decided is None else 100 - decided.commit)
        assert rows["event_time"].dt.timestamp("us")[i] == (None if decided is None else decided.event)
        value = decided.values["x"] if decided is not None and expected.status == "matched" else None
        assert same(result.frame["x"][i], value)


@settings(max_examples=40, deadline=None)
@given(
    first=st.lists(FACTS, max_size=8).map(numbered),
    second=st.lists(FACTS, max_size=8).map(numbered),
    asked=st.lists(ASKED, max_size=6),
)
def test_sides_are_independent(first: list[Fact], second: list[Fact], asked: list[Any]) -> None:
    """The order of the sides changes the order of the columns, and nothing else (R13)."""
    spine = spine_of(asked, ["a", "b"])
    keys = (("a", "a"), ("b", "b"))
    one = Side("one", table(first, ["a", "b"]), keys, (("x", "x"),), cutoff=True)
    two = Side("two", table(second, ["a", "b"]), keys, (("x", "y"),), ttl_us=3)
    forth, back = join(spine, spine["t"], [one, two]), join(spine, spine["t"], [two, one])
    assert forth.frame.equals(back.frame.select(forth.frame.columns))
    assert forth.frame.select("x").equals(join(spine, spine["t"], [one]).frame.select("x"))


@settings(max_examples=40, deadline=None)
@given(
    facts=st.lists(FACTS, max_size=12).map(numbered),
    late=st.lists(FACTS, max_size=6),
    asked=st.lists(ASKED, max_size=6),
)
@example(
    facts=[Fact(("1", "1"), 0, 0, 1, 0, False, {"x": 1.5})],
    late=[Fact(("1", "1"), 0, 9, 1, 0, False, {"x": 0.0})],
    asked=[("1", "1", 5)],
)
def test_never_sees_the_future(facts: list[Fact], late: list[Fact], asked: list[Any]) -> None:
    """Rows that become available after the moment asked about change nothing, whatever they say."""
    horizon = max((row[-1] for row in asked), default=0)
    future = [
        Fact(**{**vars(f), "known": horizon + 1, "commit": 9, "ordinal": i}) for i, f in enumerate(late)
    ]
    spine = spine_of(asked, ["a", "b"])

    def ask_all(rows: list[Fact]) -> pl.DataFrame:
        side = Side("g", table(rows, ["a", "b"]), (("a", "a"), ("b", "b")), (("x", "x"),), cutoff=True)
        return join(spine, spine["t"], [side]).frame

    assert ask_all(facts).equals(ask_all(facts + future))


def test_keeps_the_rows_and_order_of_the_spine() -> None:
    """Equal rows are separate requests, and a row without answer stays (R1, R8)."""
    result = ask_join([fact(1.0, 5)], ("a", 9), ("b", 9), ("a", 9), ("a", 1))
    assert result.frame["row"].to_list() == [0, 1, 2, 3]
    assert result.frame["x"].to_list() == [1.0, None, 1.0, None]


def test_event_time_counts_from_its_very_moment() -> None:
    """A row with e = t answers, one microsecond later does not (R2)."""
    assert ask_join([fact(1.0, 5)], ("a", 5), ("a", 4)).frame["x"].to_list() == [1.0, None]


def test_strict_excludes_the_moment_itself() -> None:
    """With `strict`, e = t does not answer (R2)."""
    assert ask_join([fact(1.0, 5)], ("a", 5), ("a", 6), strict=True).frame["x"].to_list() == [None, 1.0]


def test_not_used_before_it_was_known() -> None:
    """A late row answers only from its known time on; until then the row before it does (R3)."""
    facts = [fact(1.0, 1, 1), fact(2.0, 5, 8, ordinal=1)]
    assert ask_join(facts, ("a", 7), ("a", 8), cutoff=True).frame["x"].to_list() == [1.0, 2.0]


def test_late_row_about_the_past_does_not_hide_a_newer_one() -> None:
    """What was learnt last is not what is true last: the newest event time wins (R6)."""
    facts = [fact(2.0, 5, 5), fact(1.0, 1, 9, ordinal=1)]
    assert ask_join(facts, ("a", 9), cutoff=True).frame["x"].to_list() == [2.0]


def test_without_known_time_never_known() -> None:
    """Under a cut-off a null known time is never used, and is counted; without one it plays no part (R3)."""
    result = ask_join([fact(1.0, 1, None)], ("a", 9), cutoff=True)
    assert result.frame["x"].to_list() == [None]
    assert result.report["g"].n_group_unknown == 1
    assert ask_join([fact(1.0, 1, None)], ("a", 9)).frame["x"].to_list() == [1.0]


def test_delay_holds_rows_back() -> None:
    """A row can be used from e + delay on (R4)."""
    assert ask_join([fact(1.0, 5)], ("a", 7), ("a", 8), delay_us=3).frame["x"].to_list() == [None, 1.0]


def test_time_to_live_is_inclusive_and_does_not_fall_back() -> None:
    """E >= t - ttl answers; the newest row decides, and an older one never takes its place (R5)."""
    result = ask_join([fact(1.0, 5)], ("a", 8), ("a", 9), ttl_us=3)
    assert result.frame["x"].to_list() == [1.0, None]
    assert result.provenance["g"]["status"].to_list() == ["matched", "expired"]


def test_ties_go_to_the_known_then_the_written_last() -> None:
    """Equal event times: the later known, then the later commit, then the later row (R6)."""
    known = [fact(1.0, 5, 7, commit=1), fact(2.0, 5, 6, commit=2)]
    assert ask_join(known, ("a", 9), cutoff=True).frame["x"].to_list() == [1.0]
    commits = [fact(2.0, 5, 6, commit=2), fact(1.0, 5, 6, commit=1, ordinal=9)]
    assert ask_join(commits, ("a", 9), cutoff=True).frame["x"].to_list() == [2.0]
    ordinals = [fact(2.0, 5, 6, ordinal=1), fact(1.0, 5, 6, ordinal=0)]
    assert ask_join(ordinals, ("a", 9), cutoff=True).frame["x"].to_list() == [2.0]


def test_null_value_is_the_answer() -> None:
    """The newest row's null is not filled from an older one, and can be told from no row (R7, R8)."""
    result = ask_join([fact(1.0, 1), fact(None, 5, ordinal=1)], ("a", 9), ("b", 9))
    assert result.frame["x"].to_list() == [None, None]
    assert result.provenance["g"]["status"].to_list() == ["matched", "missing"]


def test_null_keys_never_match() -> None:
    """Null asks for nothing and answers nothing; both are counted (R9)."""
    result = ask_join([fact(1.0, 1, key=None), fact(2.0, 1)], (None, 9), ("a", 9))
    assert result.frame["x"].to_list() == [None, 2.0]
    assert (result.report["g"].n_null_keys, result.report["g"].n_group_null_keys) == (1, 1)


def test_composite_keys_do_not_run_together() -> None:
    """("1", "23") and ("12", "3") are two entities (R1)."""
    facts = [
        Fact(("1", "23"), 0, 0, 1, 0, False, {"x": 1.0}),
        Fact(("12", "3"), 0, 0, 1, 1, False, {"x": 2.0}),
    ]
    spine = spine_of([("12", "3", 5), ("1", "23", 5)], ["a", "b"])
    side = Side("g", table(facts, ["a", "b"]), (("a", "a"), ("b", "b")), (("x", "x"),))
    assert join(spine, spine["t"], [side]).frame["x"].to_list() == [2.0, 1.0]


@pytest.mark.parametrize(("dtype", "value"), [(pl.Int64, 0), (pl.String, ""), (pl.Boolean, False)])
def test_zero_empty_and_false_are_keys(dtype: Any, value: object) -> None:
    """A key is missing only when it is null (R16)."""
    facts = [Fact((value,), 0, 0, 1, 0, False, {"x": 1.0})]
    spine = spine_of([(value, 5)], ["k"], dtype)
    side = Side("g", table(facts, ["k"], dtype), (("k", "k"),), (("x", "x"),))
    assert join(spine, spine["t"], [side]).frame["x"].to_list() == [1.0]


def test_without_keys_there_is_one_series() -> None:
    """A side without keys is joined on time only (R15)."""
    spine = spine_of([("a", 3), ("b", 9)], ["k"])
    side = Side("g", table([fact(1.0, 2), fact(2.0, 8, ordinal=1)], []), (), (("x", "x"),))
    assert join(spine, spine["t"], [side]).frame["x"].to_list() == [1.0, 2.0]


def test_delete_ends_the_row_until_the_next() -> None:
    """From a delete's event time on there is no row; a later row begins a new one."""
    facts = [fact(1.0, 1), fact(None, 5, ordinal=1, deleted=True), fact(2.0, 8, ordinal=2)]
    result = ask_join(facts, ("a", 4), ("a", 5), ("a", 8))
    assert result.frame["x"].to_list() == [1.0, None, 2.0]
    assert result.provenance["g"]["ordinal"].to_list() == [0, 1, 2]


def test_rows_without_event_time_are_always_true() -> None:
    """A static side answers every moment, and its last written row wins."""
    result = ask_join([fact(1.0, None), fact(2.0, None, commit=2)], ("a", -(10**15)), ("a", 9))
    assert result.frame["x"].to_list() == [2.0, 2.0]
    assert result.provenance["g"]["event_time"].to_list() == [None, None]


@pytest.mark.parametrize("rows", [0, 3])
def test_empty_tables_and_spines(rows: int) -> None:
    """No rows on either side give the right columns and types, and no error."""
    facts = [fact(1.0, 1, ordinal=i) for i in range(rows)]
    empty = ask_join(facts)
    assert empty.frame.schema == {"k": pl.String, "t": pl.Int64, "row": pl.Int64, "x": pl.Float64}
    assert ask_join([], ("a", 1)).frame["x"].to_list() == [None]


def test_report_counts_what_happened() -> None:
    """Matched, missing, expired, simultaneous, the newest event used and the smallest lag."""
    result = ask_join([fact(1.0, 5)], ("a", 5), ("a", 7), ("a", 20), ("b", 7), ttl_us=10).report["g"]
    assert (result.n_matched, result.n_missing, result.n_expired, result.n_simultaneous) == (2, 1, 1, 1)
    assert (result.max_event_us, result.min_lag_us) == (5, 0)
