"""Registering, finding and loading models."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from tests.models.flights import FEATURES

from mainspring.errors import (
    AccessError,
    InputError,
    IntegrityError,
    RefusedError,
    StateError,
    UnknownNameError,
)
from mainspring.features import transform
from mainspring.lineage import AssetKind
from mainspring.models.api import Models
from mainspring.models.model import Model


def test_versions_count_up_for_each_name(models, linear):
    """Numbers are 1, 2, 3 for a name and start again for another."""
    numbers = [models.register(name, linear).number for name in ("a", "a", "b", "a")]
    assert numbers == [1, 2, 1, 3]
    assert [str(version) for version in models.versions()] == ["a/1", "a/2", "a/3", "b/1"]
    assert models.names() == ["a", "b"]


def test_numbers_have_no_gap_or_double_under_concurrency(graph, linear):
    """Eight threads registering at once get eight different numbers without a gap."""
    start, made = threading.Barrier(8), []

    def register() -> None:
        mine = Models(graph)
        start.wait()
        made.append(mine.register("flight_delay", linear).number)

    threads = [threading.Thread(target=register) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == list(range(1, 9))
    assert len(graph.find_assets(kind=AssetKind.MODEL_VERSION)) == 8


def test_a_version_reads_back_as_it_was_registered(models, linear):
    """get, find, versions and find_by_asset give the value that register returned."""
    version = models.register("flight_delay", linear, metadata={"depth": 3})
    assert models.get("flight_delay", 1) == models.find("flight_delay", "1") == version
    assert models.versions("flight_delay") == [version]
    assert models.find_by_asset(version.asset_id) == version
    assert version.metadata == {"depth": 3}
    assert "model version flight_delay/1" in version._repr_html_() and "depth=3" in version._repr_html_()


def test_a_version_hangs_on_its_data_and_run(graph, models, linear):
    """Lineage of a version reaches the training dataset and the run."""
    with graph.execution("make", "inputs") as work:
        dataset = work.add(AssetKind.TRAINING_DATASET, "january")
        run = work.add(AssetKind.RUN, "baseline")

    class Data:
        asset_id, digest = dataset.id, dataset.digest

    class Run:
        id, asset_id = "run-execution", run.id

    version = models.register("flight_delay", linear, data=Data(), run=Run())
    upstream = graph.upstream(version.asset_id)
    assert dataset.id in upstream.assets and run.id in upstream.assets
    assert (version.dataset_digest, version.run_id) == (dataset.digest, "run-execution")


def test_registration_is_an_event(graph, models, linear):
    """The log tells of the new version."""
    version = models.register("flight_delay", linear)
    (event,) = graph.events(kinds=["model_version.registered"])
    assert event.subject == version.asset_id and event.payload["number"] == 1


def test_unknown_names_are_told_with_what_exists(models, linear):
    """An unknown model, number or alias lists the known ones."""
    models.register("flight_delay", linear)
    with pytest.raises(UnknownNameError, match="flight_delay"):
        models.get("flight_dealy", 1)
    with pytest.raises(UnknownNameError, match="there is: 1"):
        models.get("flight_delay", 7)
    with pytest.raises(UnknownNameError, match="a known alias.*gates promote ENVIRONMENT flight_delay/1"):
        models.get("flight_delay", "champion")
    assert models.find("flight_delay", "champion") is None


@pytest.mark.parametrize("kind", ["linear", "boosted"])
def test_a_loaded_model_answers_as_the_fitted_one(request, models, flights, kind):
    """Frames and single rows of the loaded model equal the fitted model's predictions."""
    model = request.getfixturevalue(kind)
    loaded = models.load(models.register("flight_delay", model))
    expected = model.predict(flights.head(50))
    np.testing.assert_array_equal(loaded.predict(flights.head(50)), expected)
    rows = [loaded.predict_row(values) for values in flights.head(50).to_dicts()]
    np.testing.assert_allclose(rows, expected, rtol=0, atol=1e-12)
    assert loaded.row_path == {"linear": "linear", "boosted": "forest"}[kind]


@pytest.fixture
def prepared(flights):
    """A model that fills, scales and encodes its features by what was fitted on its training rows."""
    steps = [
        transform.impute("wind", "hour", how="median"),
        transform.impute("cold", value=False),
        transform.standardise("wind", "hour"),
        transform.one_hot("carrier"),
        transform.ordinal("stand"),
    ]
    made = transform.fit(steps, flights, FEATURES)
    return Model(GaussianNB(), FEATURES, categorical=["stand"], label="late", transformations=made).fit(
        flights
    )


def test_transformations_go_with_the_model(models, prepared, flights):
    """A loaded model takes features as the view has them, and applies what was fitted, to many rows and to one."""
    version = models.register("flight_delay", prepared)
    assert models.package(version).signature.features == tuple(FEATURES)
    assert "carrier=AA" in [column.name for column in models.package(version).signature.columns]
    loaded = models.load(version)
    by_hand = transform.apply(prepared.transformations, flights).select(prepared.transformations.outputs)
    columns = [column.name for column in loaded.signature.columns]
    plain = Model(GaussianNB(), columns, categorical=["stand"], label="late")
    expected = plain.fit(by_hand.with_columns(flights["late"])).predict(by_hand.head(50))
    np.testing.assert_array_equal(prepared.predict(flights.head(50)), expected)
    np.testing.assert_array_equal(loaded.predict(flights.head(50)), expected)
    rows = [loaded.predict_row(values) for values in flights.head(50).to_dicts()]
    np.testing.assert_allclose(rows, expected, rtol=0, atol=1e-12)
    with pytest.raises(UnknownNameError, match="wind"):
        loaded.predict_row({"hour": 3})


def test_a_model_applies_what_its_data_was_transformed_by(models, prepared, linear, flights):
    """Served without the transformations of its training rows, or with others, it would answer differently."""

    class Data:
        asset_id, digest, transformations = "a" * 32, "b" * 64, prepared.transformations

    others = transform.fit([transform.standardise("wind")], flights, FEATURES)
    other = Model(GaussianNB(), FEATURES, categorical=["carrier"], label="late", transformations=others)
    for model in (linear, other):
        with pytest.raises(InputError, match="transformations=data.transformations"):
            models.register("flight_delay", model, data=Data())
    with pytest.raises(InputError, match="features=data.features"):
        Model(GaussianNB(), ["wind"], transformations=others)


def test_a_package_holds_the_files_of_an_mlflow_folder(models, linear, tmp_path):
    """MLmodel, model, signature, requirements, example and manifest are there, pinned and readable."""
    version = models.register("flight_delay", linear)
    folder = models.export(version, tmp_path / "out")
    assert {path.name for path in folder.iterdir()} == {
        "MLmodel", "model.skops", "signature.json", "requirements.txt", "input_example.json", "manifest.json",
    }  # fmt: skip
    pins = (folder / "requirements.txt").read_text().split()
    assert {"mainspring", "scikit-learn", "numpy", "scipy", "skops", "polars"} <= {
        pin.partition("==")[0] for pin in pins
    }
    assert "pytest" not in " ".join(pins)
    assert '"sklearn_version"' not in (folder / "MLmodel").read_text()
    assert "    sklearn_version: " in (folder / "MLmodel").read_text()


def test_export_leaves_a_used_folder_alone(models, linear, tmp_path):
    """A folder with files in it is refused, and a file in the place of one."""
    (tmp_path / "mine.txt").write_text("keep")
    version = models.register("flight_delay", linear)
    with pytest.raises(StateError):
        models.export(version, tmp_path)
    with pytest.raises(AccessError, match="expected a folder"):
        models.export(version, tmp_path / "mine.txt" / "new")


@pytest.mark.parametrize("file", ["model.skops", "signature.json", "input_example.json"])
def test_a_damaged_file_is_refused(graph, models, linear, file):
    """One changed byte in any file stops the load."""
    version = models.register("flight_delay", linear)
    path = graph.blobs.path(models.package(version).files[file].sha256)
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(IntegrityError):
        models.load(version)


def test_a_missing_file_is_refused(graph, models, linear):
    """A lost blob is named, not guessed around."""
    version = models.register("flight_delay", linear)
    graph.blobs.delete(models.package(version).files["model.skops"].sha256)
    with pytest.raises(IntegrityError, match=r"model\.skops"):
        models.load(version)


def test_other_predictions_than_the_stored_ones_are_refused(graph, models, linear, boosted):
    """A package whose example rows are answered differently does not load."""
    import json

    version, other = models.register("flight_delay", linear), models.register("flight_delay", boosted)
    mixed = json.loads(graph.blobs.get(version.package_digest))
    mixed["files"]["model.skops"] = json.loads(graph.blobs.get(other.package_digest))["files"]["model.skops"]
    swapped = graph.blobs.put(json.dumps(mixed).encode())
    with pytest.raises(IntegrityError, match="stored predictions"):
        models.load(version.model_copy(update={"package_digest": swapped.sha256}))


def test_a_pickle_loads_only_by_its_digest(models, linear):
    """The pickle format is refused unless exactly its bytes are trusted."""
    version = models.register("flight_delay", linear, stored_as="pickle")
    with pytest.raises(RefusedError, match="sha256"):
        models.load(version)
    sha256 = models.package(version).files["model.pkl"].sha256
    assert models.load(version, trust=[sha256]).signature == linear.signature


@pytest.mark.parametrize("name", ["", "a/b", "a:b", "día"])
def test_names_that_addresses_cannot_hold_are_refused(models, linear, name):
    """A model's name is plain letters, digits and marks."""
    with pytest.raises(InputError):
        models.register(name, linear)


def test_a_bare_or_unfitted_estimator_is_refused(models, graph):
    """Registration needs a fitted Model; nothing is written otherwise."""
    with pytest.raises(InputError, match="ms.Model"):
        models.register("flight_delay", LogisticRegression())
    with pytest.raises(StateError, match="fit"):
        models.register("flight_delay", Model(LogisticRegression(), ["wind"]))
    assert graph.find_assets() == []


def test_an_unknown_format_names_the_nearest(models, linear):
    """A typing error in the format is answered with the right one."""
    with pytest.raises(UnknownNameError, match="skops"):
        models.register("flight_delay", linear, stored_as="skop")


def test_a_name_is_no_version_to_load(models):
    """A version written as text is refused with the call that gives one."""
    with pytest.raises(
        InputError, match=r"got 'churn/1'\. Get it first: project\.models\.get\(\"churn\", 1\)"
    ):
        models.load("churn/1")
