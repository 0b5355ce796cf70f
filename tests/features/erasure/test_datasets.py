"""Training datasets of which an erasure took rows: their editions, digests and bytes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.features.conftest import at
from tests.features.erasure.test_api import holders

import mainspring as ms
from mainspring.errors import StateError
from mainspring.features.datasets import make
from mainspring.features.datasets.api import TrainingDataset
from mainspring.features.datasets.learnt import find_learnt
from mainspring.features.erasure import datasets, receipt
from mainspring.features.group import FeatureGroup
from mainspring.features.profiles import KEPT_FROM_ROWS
from mainspring.features.view import FeatureView
from mainspring.lineage.spec import AssetKind
from mainspring.project import Project

N = KEPT_FROM_ROWS + 10


def group_of(project: Project, n: int = 4) -> FeatureGroup:
    """So many people; the second is Zebedee, whose city nobody else lives in."""
    names = ["Ada", "Zebedee", *(f"person {number}" for number in range(n - 2))]
    cities = ["Rome", "Zebedeeville", *["Oslo"] * (n - 2)]
    group = project.features.group("people", keys=["name"], event_time="t")
    rows = {"name": names, "t": [at(0)] * n, "city": cities, "x": [float(number) for number in range(n)]}
    group.insert(pl.DataFrame(rows))
    return group


def view_of(project: Project, group: FeatureGroup, **options: Any) -> FeatureView:
    names = {"name": "who"}
    return project.features.view("v", features=[group["city", "x"].on(names)], **options)


def spine(group: FeatureGroup) -> pl.DataFrame:
    names = group.read().to_polars()["name"]
    return pl.DataFrame({"who": names, "event_time": [at(1)] * len(names)})


def made(project: Project, n: int = 4, **options: Any) -> tuple[FeatureGroup, TrainingDataset]:
    group = group_of(project, n)
    return group, view_of(project, group, **options).training_dataset(spine(group))


def test_nothing_that_is_left_has_the_entity(project: Project) -> None:
    """Neither its rows nor their profiles, provenance, nor what transformations learnt of it."""
    transforms = [ms.transform.one_hot("city"), ms.transform.standardise("x")]
    group, dataset = made(project, N, transforms=transforms)
    assert dataset.spec.profiles is not None
    assert "Zebedeeville" in str(dataset.transformed_features)
    blobs = Path(project.home) / "blobs"
    assert holders(blobs, "Zebedee")
    done = group.erase({"name": "Zebedee"}, reason="asked")
    assert done.datasets == {dataset.asset_id: 1}
    assert holders(project.home, "Zebedee") == []
    left = project.features.get_training_dataset(dataset.asset_id)
    assert "Zebedeeville" not in str(left.transformed_features)
    assert left.profile().n_rows == len(left) == len(left.provenance) == N - 1


def test_the_edition_is_what_would_have_been_made(project: Project) -> None:
    """The same rows, splits, profiles and digest as of a dataset of people without the entity."""
    group, dataset = made(project)
    group.erase({"name": "Zebedee"}, reason="asked")
    left = project.features.get_training_dataset(dataset.asset_id)
    again = view_of(project, group).training_dataset(spine(group))
    assert again.asset_id != left.asset_id
    assert again.digest == left.digest != dataset.made_digest
    assert again.frame.equals(left.frame)
    assert again.provenance.equals(left.provenance)
    assert "1 erased" in repr(left)
    assert "erased" not in repr(again)


def test_the_old_digest_answers_erased(project: Project) -> None:
    """With the receipt; so does that of an edition that another erasure took rows of."""
    group, dataset = made(project)
    first = dataset.digest
    assert dataset.compare(first) == "same"
    receipts = [group.erase({"name": name}, reason="asked").receipt_id for name in ("Zebedee", "Ada")]
    left = project.features.get_training_dataset(dataset.asset_id)
    second = left.erasures[1].digest
    assert [left.compare(digest) for digest in (first, second, left.digest, "0" * 64)] == [
        "erased", "erased", "same", "differs",
    ]  # fmt: skip
    assert [item.receipt_id for item in left.erasures] == receipts
    assert project.graph.get_asset(dataset.asset_id).digest == left.made_digest == first
    assert left.spec.superseded == ()
    found = [
        project.features.get_training_dataset(digest).asset_id for digest in (first, second, left.digest)
    ]
    assert found == [dataset.asset_id] * 3


def test_one_that_is_open_reads_what_is_left(project: Project) -> None:
    """And says so: it is another digest than it was opened with."""
    group, dataset = made(project)
    other = project.features.get_training_dataset(dataset.asset_id)
    assert len(other["train"]) == 4
    group.erase({"name": "Zebedee"}, reason="asked")
    assert dataset["train"]["who"].to_list() == ["Ada", "person 0", "person 1"]
    assert len(dataset.erasures) == 1
    assert other.compare(other.made_digest) == "erased"
    assert len(other["train"]) == 3
    learnt = find_learnt(project.graph, dataset.asset_id)
    assert learnt is not None
    assert "Zebedee" not in learnt.rows["who"].to_list()


def test_who_asks_for_the_erased_rows_again_is_given_them(project: Project) -> None:
    """A spine that has the entity makes another dataset: the first is not what was asked for any more."""
    group, dataset = made(project)
    rows = spine(group)
    group.erase({"name": "Zebedee"}, reason="asked")
    again = view_of(project, group).training_dataset(rows)
    assert len(again) == 4
    assert again.asset_id != dataset.asset_id


def test_a_column_that_is_only_called_alike_names_nobody(project: Project) -> None:
    """Rows are found by what the view looks them up by: the order 2 is not the customer 2."""
    group = project.features.group("customers", keys=["id"])
    group.insert(pl.DataFrame({"id": [1, 2], "x": [1.0, 2.0]}))
    view = project.features.view("v", features=[group["x"].static().on({"id": "customer"})])
    orders = pl.DataFrame({"id": [2, 3, 4], "customer": [1, 2, 2], "event_time": [at(1)] * 3})
    dataset = view.training_dataset(orders)
    assert group.erase({"id": 2}, reason="asked").datasets == {dataset.asset_id: 2}
    assert dataset.frame["id"].to_list() == [2]


def test_every_row_may_go(project: Project) -> None:
    """What is left is a dataset of no rows, which can be read."""
    group, dataset = made(project, 2, transforms=[ms.transform.standardise("x")])
    group.erase([{"name": "Zebedee"}, {"name": "Ada"}], reason="asked")
    assert dataset.frame.is_empty()
    assert (dataset.splits, len(dataset)) == ([], 0)
    with pytest.raises(StateError, match="rows in the part 'train'"):
        _ = dataset.transformations


def test_what_cannot_be_fitted_any_more_hinders_no_erasure(project: Project) -> None:
    """The rows go, of those after it too; who asks for the transformations is told why there are none."""
    group = project.features.group("people", keys=["name"])
    names = ["Ada", "Bob", "Cleo"]
    group.insert(pl.DataFrame({"name": names, "x": [1.0, None, None]}))
    rows = pl.DataFrame({"name": names, "event_time": [at(1)] * 3})
    selected = group["x"].static()
    scaled = project.features.view(
        "scaled", features=[selected], transforms=[ms.transform.standardise("x")]
    ).training_dataset(rows)
    plain = project.features.view("plain", features=[selected]).training_dataset(rows)
    done = group.erase({"name": "Ada"}, reason="asked")
    assert done.datasets == {scaled.asset_id: 1, plain.asset_id: 1}
    assert scaled["train"]["name"].to_list() == ["Bob", "Cleo"]
    for ask in (lambda: scaled.transformations, lambda: scaled.transformed("train")):
        with pytest.raises(StateError, match="column 'x' needs at least one finite value"):
            ask()


def fails_without_one(x: Any) -> dict[str, float]:
    """What a model's author might write."""
    return {"first": float(x[x == 1.0][0])}


def less(parameters: dict[str, float], x: Any) -> Any:
    return x - parameters["first"]


def test_a_function_that_fails_hinders_no_erasure(project: Project) -> None:
    """Whatever it raises."""
    group = project.features.group("people", keys=["name"])
    names = ["Ada", "Bob"]
    group.insert(pl.DataFrame({"name": names, "x": [1.0, 2.0]}))
    custom = ms.transform.custom("y", ["x"], fit=fails_without_one, apply=less)
    view = project.features.view("v", features=[group["x"].static()], transforms=[custom])
    dataset = view.training_dataset(pl.DataFrame({"name": names, "event_time": [at(1)] * 2}))
    group.erase({"name": "Ada"}, reason="asked")
    assert dataset["train"]["name"].to_list() == ["Bob"]
    with pytest.raises(StateError, match="IndexError in a function"):
        _ = dataset.transformations


def test_whatever_is_asked_of_an_open_dataset_it_looks_again(project: Project) -> None:
    """What was read before the erasure is answered by nothing after it."""
    transforms = [ms.transform.one_hot("city")]
    answers: list[Callable[[TrainingDataset], object]] = [
        lambda data: data.frame["who"].to_list(),
        lambda data: data["train"]["who"].to_list(),
        lambda data: data.digest,
        lambda data: len(data.erasures),
        lambda data: data.transformed_features,
        lambda data: data.profile().n_rows,
    ]
    group, dataset = made(project, transforms=transforms)
    opened = [project.features.get_training_dataset(dataset.asset_id) for _ in answers]
    before = [(len(data.frame), answer(data)) for data, answer in zip(opened, answers, strict=True)]
    group.erase({"name": "Zebedee"}, reason="asked")
    now = project.features.get_training_dataset(dataset.asset_id)
    for data, answer, (_, old) in zip(opened, answers, before, strict=True):
        assert answer(data) == answer(now) != old


def test_equal_datasets_share_no_bytes_that_either_needs(project: Project) -> None:
    """The same rows under two names: both are without the entity, and their new bytes are there once."""
    group = group_of(project)
    view = view_of(project, group)
    first, second = (view.training_dataset(spine(group), name=name) for name in "ab")
    assert first.spec.blob == second.spec.blob
    assert len(group.erase({"name": "Zebedee"}, reason="asked").datasets) == 2
    assert first.frame.equals(second.frame)
    assert first.spec.blob == second.spec.blob
    assert holders(project.home / "blobs", "Zebedee") == []


@pytest.mark.parametrize("step", ["give_up_bytes", "settle", "publish"])
def test_what_an_erasure_left_undone_the_next_does(
    project: Project, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its new rows are there and its old bytes too: they go, and the receipt is that of who ended it."""
    group, dataset = made(project)
    with monkeypatch.context() as patch, pytest.raises(ZeroDivisionError):
        patch.setattr(receipt if step == "publish" else datasets, step, lambda *_: 1 / 0)
        group.erase({"name": "Zebedee"}, reason="asked")
    assert dataset["train"]["who"].to_list() == ["Ada", "person 0", "person 1"]
    assert dataset.erasures[0].receipt_id is None
    done = group.erase({"name": "Zebedee"}, reason="asked")
    assert done.datasets == {dataset.asset_id: 1}
    assert holders(project.home / "blobs", "Zebedee") == []
    left = project.features.get_training_dataset(dataset.asset_id)
    assert [item.receipt_id for item in left.erasures] == [done.receipt_id]
    told = json.loads(project.blobs.get(project.graph.get_asset(str(done.receipt_id)).digest))
    assert told["datasets"] == {dataset.asset_id: 1}


def test_bytes_of_something_else_stay_and_are_told(project: Project) -> None:
    """A run that kept the dataset's file has the same bytes: an erasure leaves them, and says whose they are."""
    group, dataset = made(project)
    content = project.blobs.get(dataset.spec.blob)
    with project.tracking.run("kept") as run:
        run.artifact("rows.parquet", content)
    done = group.erase({"name": "Zebedee"}, reason="asked")
    assert done.datasets == {dataset.asset_id: 1}
    stays = done.copies.same_bytes[dataset.spec.blob]
    assert [row for row in stays if row.startswith("run_artifacts ") and run.id in row]
    assert project.blobs.get(dataset.spec.blob) == content
    assert project.blobs.find(dataset.spec.provenance) is None
    told = json.loads(project.blobs.get(project.graph.get_asset(str(done.receipt_id)).digest))
    assert told["copies"]["same_bytes"] == {dataset.spec.blob: [*stays]}
    assert project.features.get_training_dataset(dataset.asset_id).spec.superseded == ()


def test_a_dataset_has_who_had_no_row_when_it_was_made(project: Project) -> None:
    """It is found by its view, also by an erasure of somebody of whom the group has nothing."""
    group = group_of(project)
    names = ["Ada", "Nadia"]
    rows = pl.DataFrame({"who": names, "event_time": [at(1)] * 2})
    dataset = view_of(project, group).training_dataset(rows)
    done = group.erase({"name": "Nadia"}, reason="asked", dry_run=True)
    assert (done.n_rows, done.datasets) == (0, {dataset.asset_id: 1})
    group.erase({"name": "Nadia"}, reason="asked")
    assert dataset["train"]["who"].to_list() == ["Ada"]
    assert holders(project.home / "blobs", "Nadia") == []


def two_groups(project: Project) -> tuple[FeatureGroup, FeatureGroup, TrainingDataset]:
    """People and shops with a dataset of both, of Ada who bought at Zenith and of Bob who bought at Corner."""
    people = project.features.group("people", keys=["name"])
    people.insert(pl.DataFrame({"name": ["Ada", "Bob", "Cleo"], "x": [1.0, 2.0, 3.0]}))
    shops = project.features.group("shops", keys=["shop"])
    shops.insert(pl.DataFrame({"shop": ["Zenith", "Corner"], "y": [1.0, 2.0]}))
    view = project.features.view("v", features=[people["x"].static(), shops["y"].static()])
    rows = {"name": ["Ada", "Bob", "Cleo"], "shop": ["Corner", "Zenith", "Corner"], "event_time": [at(1)] * 3}
    return people, shops, view.training_dataset(pl.DataFrame(rows))


@pytest.mark.parametrize("when", ["found", "rewritten"])
def test_two_groups_erase_at_once(project: Project, when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One ends while the other looks at the dataset, whose bytes are others then: both are out."""
    people, shops, dataset = two_groups(project)
    place, name = (project.blobs, "get") if when == "found" else (make, "edition")
    real = getattr(place, name)

    def other_first(*given: Any) -> Any:
        monkeypatch.undo()
        shops.erase({"shop": "Zenith"}, reason="asked")
        return real(*given)

    monkeypatch.setattr(place, name, other_first)
    done = people.erase({"name": "Ada"}, reason="asked")
    assert done.datasets == {dataset.asset_id: 1}
    assert dataset["train"]["name"].to_list() == ["Cleo"]
    assert holders(project.home / "blobs", "Ada") == []


def test_a_receipt_is_that_of_its_own_erasure(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was killed has none until an erasure of the same entities of the same group ends it."""
    people, shops, dataset = two_groups(project)
    with monkeypatch.context() as patch, pytest.raises(ZeroDivisionError):
        patch.setattr(receipt, "publish", lambda *_: 1 / 0)
        shops.erase({"shop": "Zenith"}, reason="asked")
    assert people.erase({"name": "Ada"}, reason="asked").datasets == {dataset.asset_id: 1}
    assert [item.receipt_id is None for item in dataset.erasures] == [True, False]
    ended = shops.erase({"shop": "Zenith"}, reason="asked")
    assert ended.datasets == {dataset.asset_id: 1}
    assert dataset.erasures[0].receipt_id == ended.receipt_id != dataset.erasures[1].receipt_id


def test_rows_of_the_group_itself_have_its_own_names(project: Project) -> None:
    """Where they ask about somebody else: the seller is named by the spine, the buyer looked up."""
    sales = project.features.group("sales", keys=["seller"], event_time="t")
    names = {"seller": ["Ada", "Bob"], "buyer": ["Bob", "Cleo"]}
    sales.insert(pl.DataFrame({**names, "t": [at(0)] * 2, "x": [1.0, 2.0]}))
    view = project.features.view(
        "v", features=[sales["x"].on({"seller": "buyer"}, prefix="buyer_")], spine_time="t"
    )
    dataset = view.training_dataset(sales.read())
    assert sales.erase({"seller": "Ada"}, reason="asked").datasets == {dataset.asset_id: 1}
    assert dataset["train"]["seller"].to_list() == ["Bob"]


def test_what_was_made_of_it_and_stays_is_listed(project: Project) -> None:
    """Packages that nobody registered, artifacts and reports: examples and categories in them may show the entity."""
    group, dataset = made(project)
    kinds = (AssetKind.MODEL_PACKAGE, AssetKind.ARTIFACT, AssetKind.REPORT)
    with project.graph.execution("step", "train") as work:
        work.use(dataset.asset_id)
        copies = {work.add(kind, f"a {kind.value}").id for kind in kinds}
    assert set(group.erase({"name": "Zebedee"}, reason="asked").copies.made) == copies
    assert set(group.erase({"name": "Ada"}, reason="asked").copies.made) == copies
