"""Rows that are erased while a training dataset is made of them are in none."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from tests.features.erasure.test_api import holders
from tests.features.erasure.test_datasets import group_of, spine, view_of

from mainspring.errors import StateError
from mainspring.features import view as view_module
from mainspring.features.datasets import make
from mainspring.features.erasure import datasets
from mainspring.features.join import sources
from mainspring.features.join.joined import Source
from mainspring.project import Project


@pytest.mark.parametrize("of", ["spine", "view"])
def test_what_was_read_before_an_erasure_becomes_no_dataset(
    project: Project, of: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is made meanwhile is refused, and leaves no bytes; made again it is of what is left."""
    group = group_of(project)
    other = project.features.group("other", keys=["city"])
    other.insert(pl.DataFrame({"city": ["Rome", "Oslo"], "y": [1.0, 2.0]}))
    if of == "spine":
        view = project.features.view("v", features=[other["y"].static()], spine_time="t")
    else:
        view = view_of(project, group)
    asked: Any = group.read() if of == "spine" else spine(group)
    publish = make._publish

    def erase_first(*given: Any) -> Any:
        group.erase({"name": "Zebedee"}, reason="asked")
        return publish(*given)

    with monkeypatch.context() as patch, pytest.raises(StateError, match="an erasure in people@1"):
        patch.setattr(make, "_publish", erase_first)
        view.training_dataset(asked)
    assert holders(project.home, "Zebedee") == []
    left = group.read() if of == "spine" else spine(group)
    assert len(view.training_dataset(left)) == 3


@pytest.mark.parametrize("held_bytes", [0, 64_000_000])
def test_values_that_are_erased_after_the_search_become_no_dataset(
    project: Project, held_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether they were read at the join or are read when they are asked for: it is an erasure, and no damage."""
    monkeypatch.setattr(sources, "HELD_BYTES", held_bytes)
    group = group_of(project)
    view, rows = view_of(project, group), spine(group)
    values = Source.values

    def erase_first(source: Source) -> pl.DataFrame:
        group.erase({"name": "Zebedee"}, reason="asked")
        return values(source)

    with monkeypatch.context() as patch, pytest.raises(StateError, match="an erasure in people@1"):
        patch.setattr(Source, "values", erase_first)
        view.training_dataset(rows)
    assert holders(project.home, "Zebedee") == []
    assert len(view.training_dataset(spine(group))) == 3


def test_a_join_whose_values_were_erased_is_to_be_made_again(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is told to bring them back."""
    monkeypatch.setattr(sources, "HELD_BYTES", 0)
    group = group_of(project)
    view, rows = view_of(project, group), spine(group)
    found = view.join(rows)
    group.erase({"name": "Zebedee"}, reason="asked")
    for read in (lambda: found.frame, lambda: found.provenance, lambda: list(found.batches())):
        with pytest.raises(StateError, match="join again"):
            read()
    assert view.join(rows).frame["city"].null_count() == 1


@pytest.mark.parametrize("memory_bytes", [None, 1])
def test_a_join_under_an_erasure_reads_what_is_left(
    project: Project, monkeypatch: pytest.MonkeyPatch, memory_bytes: int | None
) -> None:
    """Its files go between the look at the table and the reading: that is no damage."""
    monkeypatch.setattr(sources, "HELD_BYTES", 0)
    monkeypatch.setattr(view_module, "JOIN_MEMORY_MIN_BYTES", 1)
    group = group_of(project)
    view, rows = view_of(project, group), spine(group)
    searched = sources.Search._searched

    def erased_before(*given: Any) -> Any:
        monkeypatch.setattr(sources.Search, "_searched", searched)
        group.erase({"name": "Zebedee"}, reason="asked")
        return searched(*given)

    monkeypatch.setattr(sources.Search, "_searched", erased_before)
    found = view.join(rows, memory_bytes=memory_bytes).frame
    assert found.filter(pl.col("city").is_null())["who"].to_list() == ["Zebedee"]


def test_what_an_erasure_reads_and_is_about_to_take_becomes_no_dataset(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Begun and ended while an erasure has looked for datasets and did not end: nobody would find it."""
    group = group_of(project)
    view, rows = view_of(project, group), spine(group)
    refused: list[bool] = []

    def made_late(*given: Any) -> list[datasets.Held]:
        found = find_held(*given)
        with pytest.raises(StateError, match="an erasure in people@1"):
            view.training_dataset(rows)
        refused.append(True)
        return found

    find_held = datasets.find_held
    monkeypatch.setattr(datasets, "find_held", made_late)
    group.erase({"name": "Zebedee"}, reason="asked")
    assert refused == [True]
    assert holders(project.home, "Zebedee") == []


def test_an_erasure_that_failed_hinders_no_dataset(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next one finds it."""
    group = group_of(project)
    rows = spine(group)
    with monkeypatch.context() as patch, pytest.raises(ZeroDivisionError):
        patch.setattr(datasets, "find_held", lambda *_: 1 / 0)
        group.erase({"name": "Zebedee"}, reason="asked")
    dataset = view_of(project, group).training_dataset(rows)
    assert group.erase({"name": "Zebedee"}, reason="asked").datasets == {dataset.asset_id: 1}


def test_a_join_that_has_read_its_values_still_has_them(project: Project) -> None:
    """In memory, as it says; the next one has not."""
    group = group_of(project)
    view, rows = view_of(project, group), spine(group)
    found = view.join(rows)
    group.erase({"name": "Zebedee"}, reason="asked")
    assert found.frame["city"].null_count() == 0
    assert view.join(rows).frame["city"].null_count() == 1
