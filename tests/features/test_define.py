"""What a group is said to be: columns with defaults, descriptions, marks, deprecation, and finding it by these."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.features.conftest import at

import mainspring as ms
from mainspring.errors import ConflictError, InputError, UnknownNameError
from mainspring.features.api import Features
from mainspring.features.group import FeatureGroup
from mainspring.features.search import Found

SCHEMA = {"k": "int64", "t": "datetime", "x": "float64"}


def made(features: Features, **added: object) -> FeatureGroup:
    """The group, with these columns beside its first ones."""
    return features.group("g", keys=["k"], event_time="t", online=True, schema={**SCHEMA, **added})


def row(k: int, hour: int = 0, **more: object) -> pl.DataFrame:
    return pl.DataFrame(
        {"k": [k], "t": [at(hour)], "x": [1.0], **{name: [value] for name, value in more.items()}}
    )


def test_rows_from_before_a_column_have_its_default_everywhere(features: Features) -> None:
    """In reads, joins and online; a null that is written later is a null; who does not know the column may insert."""
    made(features).insert(row(1))
    features.materialize(at(1))
    group = made(features, n=ms.column("int64", default=7))
    assert group.spec.revision == 2
    group.insert(row(2).with_columns(n=pl.lit(None, pl.Int64)))
    group.insert(row(3, n=9))
    features.get_group("g").insert(row(4))
    expected = {1: 7, 2: None, 3: 9, 4: 7}
    assert dict(group.read().to_polars().select("k", "n").iter_rows()) == expected
    assert dict(group.read(1).to_polars().select("k", "n").iter_rows()) == {1: 7}
    view = features.view("v", features=[group["n"]])
    spine = pl.DataFrame({"k": list(expected), "event_time": [at(2)] * 4})
    assert dict(view.join(spine).frame.select("k", "n").iter_rows()) == expected
    features.materialize(at(2))
    online = view.online()
    assert {k: online.read({"k": k}, {}, at(2)).values["n"] for k in expected} == expected
    assert online.many([{"k": k} for k in expected], {}, at(2)).values["n"] == list(expected.values())


def test_a_default_does_not_change(features: Features) -> None:
    """Rows have been read with it; the way out is named."""
    made(features, n=ms.column("int64", default=7))
    made(features, n="int64")
    with pytest.raises(ConflictError, match=r"next_version\(schema"):
        made(features, n=ms.column("int64", default=8))


def test_what_is_said_of_a_group_stays_until_it_is_said_otherwise(features: Features) -> None:
    """By definition or by `describe`, which is an event; types and defaults are no notes."""
    group = made(features, n=ms.column("int64", description="how many", personal="indirect"))
    group.describe(
        owner="anna", tags=["b", "a", "a"], jurisdiction="EU", columns={"x": ms.column(description="a share")}
    )
    again = made(features, n="int64")
    assert (again.spec.owner, again.spec.tags, again.spec.jurisdiction) == ("anna", ("a", "b"), "EU")
    notes = {item.name: (item.description, item.personal) for item in again.spec.columns or ()}
    assert notes["n"] == ("how many", "indirect")
    assert notes["x"] == ("a share", None)
    again.describe(columns={"n": ms.column(personal="")})
    assert features.get_group("g").spec.columns[3].personal is None  # type: ignore[index]
    told = features._stores.graph.events(kinds=["feature_group.described"])
    assert told[0].payload["owner"] == "anna"
    with pytest.raises(UnknownNameError, match="Did you mean"):
        again.describe(columns={"xx": ms.column(description="?")})
    with pytest.raises(InputError, match="belong to the definition"):
        again.describe(columns={"x": ms.column("int64")})
    with pytest.raises(InputError, match="a list of words"):
        again.describe(tags="a")


def test_whoever_uses_a_deprecated_group_is_warned(features: Features) -> None:
    """With the reason and the successor; it goes on working, and it can be taken back."""
    group = made(features)
    features.group("g", 2, keys=["k"])
    group.deprecate("counted twice", successor="g@2")
    with pytest.warns(FutureWarning, match="g@1 is deprecated: counted twice. Use g@2 instead"):
        group.insert(row(1))
    with pytest.warns(FutureWarning, match="counted twice"):
        features.get_group("g")["x"]
    group.deprecate("")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        features.get_group("g").insert(row(2))


def names(found: list[Found]) -> list[str]:
    return [item.name for item in found]


def test_search_finds_groups_columns_and_views(features: Features) -> None:
    """By words anywhere, tag, owner, mark and jurisdiction, all of which must hold."""
    group = made(features, mail=ms.column("string", personal="direct", description="Where letters go"))
    group.describe(description="People who buy", owner="anna", tags=["shop"], jurisdiction="EU")
    other = features.group("other", keys=["k"], schema={"k": "int64", "y": "float64"}, owner="bert")
    features.view("buyers", features=[group["mail"], other["y"].static()], description="For the campaign")
    assert names(features.search("PEOPLE buy")) == ["g@1"]
    assert names(features.search("letters")) == ["g@1.mail"]
    assert names(features.search("campaign")) == ["buyers@1"]
    assert names(features.search(owner="bert")) == ["other@1", "other@1.k", "other@1.y"]
    assert names(features.search("g@1", tag="shop", jurisdiction="EU"))[0] == "g@1"
    assert names(features.search(personal="direct")) == ["g@1", "g@1.mail", "buyers@1"]
    assert "other@1" in names(features.search(personal=False))
    assert not features.search("people", owner="bert")


def test_search_finds_views_by_all_that_they_join(features: Features) -> None:
    """Also by a second label, and by what is for training only."""
    x, y = (features.group(name, keys=["k"], event_time="t", schema=SCHEMA) for name in ("g", "sales"))
    schema = {"k": "int64", "t": "datetime", "ill": ms.column("bool", personal="sensitive")}
    health = features.group("health", keys=["k"], event_time="t", schema=schema)
    options: dict[str, Any] = {"features": [x["x"]], "spine_time": "t"}
    features.view("labelled", **options, label=[y["x"].rename({"x": "sold"}), health["ill"]])
    features.view("trained", **options, training_only=[health["ill"]])
    features.view("neither", **options)
    for found in (features.search(personal="sensitive"), features.search("ill")):
        assert {name for name in names(found) if "@1." not in name} - {"health@1"} == {
            "labelled@1",
            "trained@1",
        }


@pytest.mark.once
def test_a_deprecation_has_a_reason(features: Features) -> None:
    """A successor alone says nothing of why; nothing is taken back by it."""
    group = features.group("g", keys=["k"])
    group.deprecate("counted twice")
    for reason, successor in (("", "g@2"), (" ", ""), ("", "")):
        with pytest.raises(InputError, match="a reason, in your words"):
            group.deprecate(reason, successor)
    assert group.spec.deprecation is not None


def test_search_finds_what_is_deprecated(features: Features) -> None:
    """By a word of the reason, and by that it is; a deprecation that was taken back is none."""
    group = made(features)
    features.group("other", keys=["k"], schema={"k": "int64"})
    features.view("v", features=[group["x"]])
    group.deprecate("Counted twice")
    columns = [f"g@1.{column.name}" for column in group.spec.columns or ()]
    assert names(features.search("counted")) == ["g@1", *columns]
    assert names(features.search(deprecated=True)) == ["g@1", *columns]
    assert names(features.search(deprecated=False)) == ["other@1", "other@1.k", "v@1"]
    assert names(features.search("other", deprecated=True)) == []
    group.deprecate("")
    assert not features.search(deprecated=True)


@pytest.mark.parametrize(
    "limits", [{"ttl_s": 1e13}, {"ttl_s": float("inf")}, {"source_delay_s": float("nan")}]
)
def test_spans_beyond_the_calendar_are_refused(features: Features, limits: dict[str, float]) -> None:
    """They could never be changed, and every join would count past 64 bits."""
    with pytest.raises(InputError, match="1,000 years"):
        features.group("g", keys=["k"], event_time="t", schema=SCHEMA, **limits)  # type: ignore[arg-type]


def test_the_longest_span_can_be_joined(features: Features) -> None:
    """A thousand years of time to live, offline and online."""
    group = features.group(
        "g", keys=["k"], event_time="t", schema=SCHEMA, online=True, ttl_s=1_000 * 365.25 * 86_400
    )
    group.insert(row(1))
    view = features.view("v", features=[group["x"]])
    assert view.join(pl.DataFrame({"k": [1], "event_time": [at(2)]})).frame["x"].to_list() == [1.0]
    features.materialize(at(2))
    assert view.online().read({"k": 1}, {}, at(2)).values == {"x": 1.0}
    group.insert(row(2))


def test_a_search_for_what_is_no_text(features: Features) -> None:
    """Refused with the way to write it."""
    with pytest.raises(InputError, match="text to look for"):
        features.search(5)  # type: ignore[arg-type]


def test_what_becomes_of_broken_rows_stays_until_it_is_said_otherwise(features: Features) -> None:
    """Asking for the group again, without naming the policy, does not let bad rows in."""
    rules = {"keys": ["k"], "expectations": [ms.expect.between("v", 0, 1)]}
    features.group("q", **rules, on_failure="quarantine")  # type: ignore[arg-type]
    again = features.group("q", keys=["k"])
    commit = again.insert(pl.DataFrame({"k": [1, 2], "v": [0.5, 9.0]}))
    assert (again.spec.on_failure, commit.n_rows, commit.n_rejected) == ("quarantine", 1, 1)
    assert features.group("q", keys=["k"], on_failure="alert").spec.on_failure == "alert"
    assert features.group("r", keys=["k"]).spec.on_failure == "alert"


@pytest.mark.once
@pytest.mark.parametrize("successor", ["h@1", "g@7", "g", "g@x", "g@1"])
def test_a_successor_is_another_group_that_is_there(features: Features, successor: str) -> None:
    group = made(features)
    with pytest.raises((UnknownNameError, InputError), match="deprecate"):
        group.deprecate("counted twice", successor=successor)
    assert group.spec.deprecation is None


@pytest.mark.once
def test_expectations_are_a_suite_or_a_list(features: Features, tmp_path: Path) -> None:
    """A suite's file is read by `read_suite`; a path, a word or one expectation alone says so."""
    rules = ms.suite("rules", [ms.expect.not_null("x"), ms.expect.between("x", 0, 9)])
    path = tmp_path / "suite.json"
    path.write_text(json.dumps(rules.to_dict()))
    assert ms.read_suite(path) == ms.read_suite(str(path)) == rules
    group = features.group("g", keys=["k"], schema=SCHEMA, expectations=ms.read_suite(path))
    assert len(group.spec.expectations) == 2
    assert features.group("g", keys=["k"], schema=SCHEMA, expectations=rules.expectations).spec == group.spec
    for other in (path, str(path), rules.expectations[0], rules.to_dict(), 7):
        with pytest.raises(InputError, match=r"a suite, or a list.*read_suite"):
            features.group("h", keys=["k"], expectations=other)  # type: ignore[arg-type]


@pytest.mark.once
def test_a_mark_that_there_is_not_is_refused_by_search(features: Features) -> None:
    with pytest.raises(UnknownNameError, match=r"direct, indirect, sensitive"):
        features.search(personal="yes")


@pytest.mark.once
def test_a_commit_is_shown_in_a_line(features: Features) -> None:
    group = made(features)
    commit = group.insert(row(1))
    assert repr(commit) == "<Commit 1 of g@1: 1 rows>"
