"""Bytes of models: the same for the same model, and never a way to run code."""

from __future__ import annotations

import functools
import io
import json
import os
import stat
import zipfile

import numpy as np
import pytest
import skops.io
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.preprocessing import FunctionTransformer
from tests.models.flights import fitted

from mainspring.errors import InputError, IntegrityError, RefusedError
from mainspring.models import formats
from mainspring.models.materialize import ModelMaterializer
from mainspring.models.model import Model
from mainspring.pipelines.materialize import Slot


class Stranger:
    """A type that no list of ours names."""


def rewritten(data: bytes, change) -> bytes:
    """The skops file with its schema changed by hand."""
    archive, target = zipfile.ZipFile(io.BytesIO(data)), io.BytesIO()
    with zipfile.ZipFile(target, "w") as made:
        for name in archive.namelist():
            content = archive.read(name)
            made.writestr(name, change(content.decode()) if name == "schema.json" else content)
    return target.getvalue()


@pytest.mark.parametrize("kind", ["linear", "boosted"])
def test_the_same_model_gives_the_same_bytes(request, flights, kind):
    """Dumping again, dumping what was loaded, and training again all give equal bytes."""
    model = request.getfixturevalue(kind)
    first = formats.dump(model.estimator, "skops")
    assert formats.dump(formats.load(first, "skops"), "skops") == first
    last = model.estimator.steps[-1][1] if kind == "linear" else model.estimator
    again = fitted(type(last)(**last.get_params()), flights)
    assert formats.dump(again.estimator, "skops") == first


def test_another_model_gives_other_bytes(flights, boosted):
    """One tree more is another model."""
    other = fitted(HistGradientBoostingClassifier(max_iter=21, random_state=0), flights)
    assert formats.dump(other.estimator, "skops") != formats.dump(boosted.estimator, "skops")


def test_a_type_that_is_not_listed_is_refused_when_dumped_and_when_loaded():
    """A stranger's type neither goes in nor comes out."""
    estimator = FunctionTransformer(kw_args={"with": Stranger()})
    with pytest.raises(InputError, match="Stranger"):
        formats.dump(estimator, "skops")
    with pytest.raises(RefusedError, match="Stranger"):
        formats.load(skops.io.dumps(estimator), "skops")


def test_a_partial_of_another_function_is_refused(boosted):
    """functools.partial is trusted around one function only."""
    with pytest.raises(InputError, match="partial of numpy.add"):
        formats.dump(FunctionTransformer(functools.partial(np.add, 1)), "skops")


def test_a_partial_that_claims_another_class_is_refused():
    """What a node is loaded with counts, not what it calls itself."""
    hidden = skops.io.dumps(FunctionTransformer(functools.partial(np.add, 1)))
    disguised = rewritten(
        hidden,
        lambda schema: schema.replace('"__class__": "partial",\n', '"__class__": "OneHotEncoder",\n').replace(
            '"__module__": "functools"', '"__module__": "sklearn.preprocessing"'
        ),
    )
    assert "OneHotEncoder" in zipfile.ZipFile(io.BytesIO(disguised)).read("schema.json").decode()
    with pytest.raises(RefusedError, match="partial of numpy.add"):
        formats.load(disguised, "skops")


def test_a_file_cannot_vouch_for_itself(boosted):
    """A function of the operating system put in place of the trusted one is refused."""
    hostile = rewritten(
        formats.dump(boosted.estimator, "skops"),
        lambda schema: json.dumps(
            json.loads(schema.replace("check_array", "system").replace("sklearn.utils.validation", os.name))
        ),
    )
    with pytest.raises(RefusedError, match="system"):
        formats.load(hostile, "skops")


@pytest.mark.parametrize("data", [b"", b"not a zip", b"PK\x05\x06" + bytes(18)])
def test_bytes_that_are_no_model_are_damage(data):
    """Anything else than a skops file is refused as damaged."""
    with pytest.raises(IntegrityError, match="skops"):
        formats.load(data, "skops")


def test_a_bomb_is_not_unpacked():
    """A small file that unpacks to more than it may is refused by what it says of itself."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as made:
        with made.open("schema.json", "w") as schema:
            for _ in range(257):
                schema.write(bytes(1 << 20))
    with pytest.raises(InputError, match="unpacked"):
        formats.load(target.getvalue(), "skops")


@pytest.mark.parametrize(("name", "mode"), [("../1.npy", 0), ("/1.npy", 0), ("1.npy", stat.S_IFLNK)])
def test_a_member_does_not_lead_out(boosted, name, mode):
    """A member of a model's archive that lies elsewhere, or leads there, is refused."""
    target = io.BytesIO(formats.dump(boosted.estimator, "skops"))
    with zipfile.ZipFile(target, "a") as made:
        entry = zipfile.ZipInfo(f"x{name}" if mode else name)
        entry.external_attr = mode << 16
        made.writestr(entry, b"/etc/passwd")
    with pytest.raises(InputError, match="Invalid"):
        formats.load(target.getvalue(), "skops")


def test_a_pickle_is_not_opened_to_be_refused(tmp_path):
    """An untrusted pickle never runs."""
    import pickle

    target = tmp_path / "ran"

    class Hostile:
        def __reduce__(self):
            return (os.mkdir, (str(target),))

    with pytest.raises(RefusedError, match="any code"):
        formats.load(pickle.dumps(Hostile()), "pickle")
    assert not target.exists()


@pytest.mark.parametrize("kind", ["linear", "boosted"])
def test_pipelines_keep_a_model_and_know_it_again(request, graph, flights, kind):
    """A stored model reads back with equal predictions, and an equal one has an equal digest."""
    model, keeper = request.getfixturevalue(kind), ModelMaterializer()
    slot = Slot("model", Model, graph)
    assert keeper.accepts(Model) and not keeper.accepts(int)
    stored = keeper.store(model, slot)
    back = keeper.load(stored, slot)
    np.testing.assert_array_equal(back.predict(flights), model.predict(flights))
    assert back.fitted_signature() == model.fitted_signature() and back.features == model.features
    assert keeper.store(back, slot).digest == stored.digest
    with pytest.raises(InputError, match="Return"):
        keeper.store(3, slot)
