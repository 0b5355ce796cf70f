"""Rows that are erased while a training dataset is made of them are in none."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from tests.features.test_erased_datasets import group_of, spine, view_of
from tests.features.test_erasure import holders

from mainspring.errors import StateError
from mainspring.features import dataset as make
from mainspring.features.erasure import datasets
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
