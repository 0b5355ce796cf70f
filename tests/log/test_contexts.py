"""What a line belongs to, and which ids are taken from outside."""

from __future__ import annotations

import string
from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st

from mainspring.lineage import Graph
from mainspring.log import MAX_ID_CHARACTERS, bound, context, is_id
from mainspring.ports.engine import Task, open_engine

VISIBLE = string.ascii_letters + string.digits + string.punctuation


@given(st.text(VISIBLE, min_size=1, max_size=MAX_ID_CHARACTERS))
def test_an_id_is_visible_ascii(text: str) -> None:
    """Whatever of it fits one line of a header."""
    assert is_id(text)


@given(
    st.text(max_size=300).filter(
        lambda text: not (0 < len(text) <= MAX_ID_CHARACTERS and set(text) <= set(VISIBLE))
    )
)
def test_anything_else_is_none(text: str) -> None:
    """Nothing, too much, spaces, line ends, other alphabets: none of it gets into a header or a log."""
    assert not is_id(text)


def test_fields_are_of_their_block_alone() -> None:
    """The inner outranks the outer, and leaves it as it was; another thread has none of it."""
    with bound(run_id="a", step="b"):
        with bound(step="c"):
            assert context() == {"run_id": "a", "step": "c"}
        assert context() == {"run_id": "a", "step": "b"}
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(context).result() == {}
    assert context() == {}


def test_threads_of_an_engine_carry_what_is_bound() -> None:
    """Each task what was bound where it was handed over."""
    with bound(run_id="a"):
        outcomes = open_engine("local:", n_workers=3).run([Task(str(n), context) for n in range(4)])
        assert [outcome.value for outcome in outcomes] == [{"run_id": "a"}] * 4


def test_an_execution_is_bound_in_its_block(graph: Graph) -> None:
    """Also one in another, and one that ends after the other began."""
    with graph.execution("train", "model") as outer:
        assert context()["execution_id"] == outer.id
        with graph.execution("insert", "rows") as inner:
            assert context()["execution_id"] == inner.id
        assert context()["execution_id"] == outer.id
    assert "execution_id" not in context()
