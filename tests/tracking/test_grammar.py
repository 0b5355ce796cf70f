"""The language of searches."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.errors import InputError
from mainspring.tracking.grammar import EXPERIMENTS, RUNS, Clause, Kind, Order, parse_filter, parse_order


def one(text: str) -> Clause:
    (found,) = parse_filter(text, RUNS)
    return found


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("metrics.auc > 0.8", Clause("metric", "auc", Kind.NUMBER, ">", 0.8)),
        ("metrics.auc>=-1e-3", Clause("metric", "auc", Kind.NUMBER, ">=", -0.001)),
        ('metric."val auc" = 1', Clause("metric", "val auc", Kind.NUMBER, "=", 1.0)),
        ("tags.a.b.c = 'x'", Clause("tag", "a.b.c", Kind.TAG, "=", "x")),
        ("tags.`a.b c` is not null", Clause("tag", "a.b c", Kind.TAG, "IS NOT NULL", None)),
        ("params.p like 'it''s%'", Clause("param", "p", Kind.TAG, "LIKE", "it's%")),
        ('param.p = "say so"', Clause("param", "p", Kind.TAG, "=", "say so")),
        ("status = 'FINISHED'", Clause("attribute", "status", Kind.TEXT, "=", "FINISHED")),
        ("Run Name = 'a'", Clause("attribute", "run_name", Kind.TEXT, "=", "a")),
        ("run_id not in ('a','b')", Clause("attribute", "run_id", Kind.TEXT, "NOT IN", ("a", "b"))),
        ("dataset.digest ILIKE 'a_'", Clause("dataset", "digest", Kind.TEXT, "ILIKE", "a_")),
    ],
)
def test_clauses(text: str, wanted: Clause) -> None:
    assert one(text) == wanted


def test_an_empty_filter_has_no_clauses() -> None:
    assert parse_filter("  ", RUNS) == []


def test_the_word_and_between_clauses_only() -> None:
    assert len(parse_filter("params.a = 'x AND y' AND tags.b = '1' and metrics.c < 1", RUNS)) == 3


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("start_time", Order("attribute", "start_time", Kind.NUMBER, ascending=True)),
        ("metrics.`val auc` desc", Order("metric", "val auc", Kind.NUMBER, ascending=False)),
        ("tag.a.b ASC", Order("tag", "a.b", Kind.TAG, ascending=True)),
        ("`run name` DESC", Order("attribute", "run_name", Kind.TEXT, ascending=False)),
    ],
)
def test_orders(text: str, wanted: Order) -> None:
    assert parse_order(text, RUNS) == wanted


def test_a_refusal_says_where_and_what_there_is() -> None:
    with pytest.raises(InputError) as refused:
        parse_filter("size > 1", EXPERIMENTS)
    assert "experiment_id" in refused.value.expected
    assert refused.value.got == "'size'"
    assert refused.value.where == "filter 'size > 1'"


@given(st.text(alphabet="abmetrics.params tgAND='\"`()<>!0123456789,%é\n", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Nothing else comes of it, whatever is typed."""
    try:
        found: object = parse_filter(text, RUNS)
    except InputError as refused:
        found = refused
    assert isinstance(found, list | InputError)


@given(st.text(min_size=1, max_size=30).filter(lambda text: "`" not in text), st.text(max_size=30))
def test_any_key_and_value_can_be_said(key: str, value: str) -> None:
    quoted = value.replace("'", "''")
    assert one(f"tags.`{key}` = '{quoted}'") == Clause("tag", key, Kind.TAG, "=", value)
