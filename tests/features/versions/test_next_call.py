"""The call that a refused definition is answered with: run as it is written, it makes the version and fills it."""

from __future__ import annotations

import re
from typing import Any

import polars as pl
import pytest
from tests.features.conftest import at

import mainspring as ms
from mainspring.errors import ConflictError
from mainspring.features.api import Features
from mainspring.features.group import FeatureGroup

pytestmark = pytest.mark.once

SCHEMA = {
    "k": "string",
    "t": "datetime",
    "x": "int64",
    "note": ms.column("string", description="Said by whom"),
}
RULES: dict[str, Any] = {"keys": ["k"], "event_time": "t", "ttl_s": 60.0}


def refused(features: Features, schema: dict[str, Any] | None = None, **rules: Any) -> str:
    """What is said of another definition of a group that has one commit."""
    group = features.group("g", **RULES, schema=SCHEMA)
    group.insert(pl.DataFrame({"k": ["a", "b"], "t": [at(0)] * 2, "x": [1, 2], "note": ["p", "q"]}))
    with pytest.raises(ConflictError) as caught:
        features.group("g", **{**RULES, **rules}, schema=schema)
    return caught.value.hint


def done(features: Features, hint: str) -> FeatureGroup:
    """The version that the call in the text makes."""
    call = re.search(r"features\.get_group\(.*\.next_version\(.*\)(?= makes it, and back-fills it\.)", hint)
    assert call is not None, hint
    made: FeatureGroup = eval(call[0], {"features": features, "pl": pl, "ms": ms})
    return made


def test_another_type(features: Features) -> None:
    """With the back-fill that casts it; what is said of the columns stays."""
    hint = refused(features, {**SCHEMA, "x": "string"})
    assert ".next_version(schema={'k': 'string', 't': 'datetime', 'x': 'string', 'note': ms.column(" in hint
    assert "backfill={'x': pl.col('x').cast(pl.String)}" in hint
    made = done(features, hint)
    assert (made.version, made.read().to_polars()["x"].to_list()) == (2, ["1", "2"])
    assert made.spec.columns[3].description == "Said by whom"  # type: ignore[index]


@pytest.mark.parametrize("change", [{"ttl_s": 5.0}, {"source_delay_s": 1.0}, {"known_time": "commit"}])
def test_another_time(features: Features, change: dict[str, Any]) -> None:
    """The rows are the same; the known time of old commits becomes a column."""
    made = done(features, refused(features, **change))
    assert made.read().to_polars()["x"].to_list() == [1, 2]
    assert made.spec.known_time == ("known_at" if "known_time" in change else None)


def test_a_key_of_another_name(features: Features) -> None:
    """Is filled from the key that it replaces."""
    hint = refused(features, keys=["who"])
    assert "next_version(keys=['who'], backfill={'who': 'k'})" in hint
    assert done(features, hint).read().to_polars()["who"].to_list() == ["a", "b"]


def test_a_column_less(features: Features) -> None:
    """Needs no back-fill of its own."""
    made = done(features, refused(features, {name: kind for name, kind in SCHEMA.items() if name != "note"}))
    assert made.read().to_polars().columns == ["k", "t", "x"]


def test_another_default(features: Features) -> None:
    """Is written into the call."""
    hint = refused(features, {**SCHEMA, "x": ms.column("int64", default=3)})
    assert "'x': ms.column('int64', default=3)" in hint
    assert done(features, hint).read().to_polars()["x"].to_list() == [1, 2]


def test_what_only_its_author_knows_is_left_open(features: Features) -> None:
    """A column that nothing of the old rows has stands open in the back-fill."""
    hint = refused(features, {"k": "string", "t": "datetime", "x": "float64", "y": "float64"})
    assert "backfill={'x': pl.col('x').cast(pl.Float64), 'y': ...}" in hint


def test_a_rule_that_is_taken_away(features: Features) -> None:
    """None means "as before" to `next_version`: the version is defined, and filled by an insert."""
    hint = refused(features, ttl_s=None)
    assert "features.group('g', version=2, …) without ttl_s makes it" in hint
    assert ".insert(features.get_group('g', 1).read()) back-fills it" in hint
    made = features.group("g", version=2, keys=["k"], event_time="t", schema=SCHEMA)
    assert made.insert(features.get_group("g", 1).read()).n_rows == 2


def test_a_treatment_of_what_was_plain(features: Features) -> None:
    """With the treatment, so that the back-fill is treated too."""
    coarse = ms.column("int64", personal="indirect", anonymise=ms.wrangle.generalise_to(10))
    hint = refused(features, {**SCHEMA, "x": coarse})
    assert done(features, hint).read().to_polars()["x"].to_list() == [0, 0]
