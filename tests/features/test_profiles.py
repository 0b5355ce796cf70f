"""Profiles of commits, groups and splits: kept or computed, merged or scanned, always of the same rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from tests.features.conftest import at

import mainspring as ms
from mainspring.checks.profile import Profile, profile
from mainspring.cli._output import plain
from mainspring.errors import StateError, UnknownNameError
from mainspring.features import profiles
from mainspring.features.api import Features
from mainspring.features.datasets import split
from mainspring.features.group import FeatureGroup
from mainspring.lineage import Graph, Verdict

FEW, MANY = 40, profiles.KEPT_FROM_ROWS


def rows(n: int, since: int = 0) -> pl.DataFrame:
    """One row a minute of one of three airports."""
    random = np.random.default_rng(since)
    return pl.DataFrame(
        {
            "origin": random.choice(["EWR", "JFK", "LGA"], n),
            "observed_at": [at((since + i) / 60) for i in range(n)],
            "temp": random.normal(50, 20, n),
            "sky": random.choice(["clear", "rain"], n),
        }
    )


def weather(features: Features) -> FeatureGroup:
    """The group of these rows."""
    return features.group("weather", keys=["origin"], event_time="observed_at")


def same(a: Profile, b: Profile) -> bool:
    """Whether two profiles say the same of the same rows, moments to rounding."""
    left, right = (Profile.model_validate_json(_rounded(found)) for found in (a, b))
    return left.columns == right.columns and left.n_rows == right.n_rows


def _rounded(found: Profile) -> str:
    shown = json.loads(json.dumps(found.model_dump(mode="json", include={"scheme", "n_rows", "columns"})))
    for column in shown["columns"]:
        if column["registers"] is not None:
            # Too many to be listed: merged lists have wider limits.
            column["top"] = None
        for holder in [column, *(column[name] or {} for name in ("lengths", "norms"))]:
            for power in ("mean", "m2", "m3", "m4"):
                moments = holder.get("moments") or {}
                if moments.get(power) is not None:
                    moments[power] = float(f"{moments[power]:.6g}")
    return json.dumps(shown)


@pytest.mark.parametrize("n", [FEW, MANY])
def test_a_commit_has_the_profile_of_its_rows(
    features: Features, graph: Graph, reopen: Callable[[], Features], n: int
) -> None:
    """Whether it was kept or is computed, it is that of the inserted rows, and without any key's value."""
    given = rows(n)
    commit = weather(features).insert(given)
    assert same(commit.profile, profile(given, private=["origin"]))
    again = reopen().get_group("weather").get_commit(1)
    assert again == commit and same(again.profile, commit.profile)
    assert commit.profile["origin"].n_distinct == 3
    assert "JFK" not in commit.profile.model_dump_json()
    assert ("profile" in graph.get_asset(commit.asset_id).attributes) is (n == MANY)
    assert "profile" not in json.dumps(plain(commit))


def test_a_profile_whose_bytes_are_gone_is_computed_again(features: Features, graph: Graph) -> None:
    """It is a function of the rows: nothing is lost with it."""
    commit = weather(features).insert(rows(MANY))
    before = commit.profile
    graph.blobs.delete(graph.get_asset(commit.asset_id).attributes["profile"])
    assert same(commit.profile, before)


def test_a_group_merges_what_all_is_current_and_scans_what_is_not(features: Features) -> None:
    """Either way it is the profile of the rows that a read gives, as of any commit."""
    group = weather(features)
    group.insert(rows(MANY))
    group.insert(rows(FEW, since=MANY))
    merged = group.profile()
    assert (merged.made_by, merged.commits) == ("merge", (1, 2))
    assert same(merged, profile(group.read().to_polars(), private=["origin"]))
    group.insert(rows(FEW, since=MANY).with_columns(temp=pl.lit(7.0)))
    scanned = group.profile()
    assert (scanned.made_by, scanned.n_rows) == ("scan", MANY + FEW)
    assert same(scanned, profile(group.read().to_polars(), private=["origin"]))
    group.delete(rows(1).select("origin", "observed_at"))
    assert (group.profile().made_by, group.profile().n_rows) == ("scan", MANY + FEW - 1)
    assert same(group.profile(as_of=2), merged)
    assert group.commits()[-1].profile.n_rows == 0


def test_a_group_without_rows_says_so(features: Features) -> None:
    """No schema is a state, an unknown commit a wrong name."""
    group = weather(features)
    with pytest.raises(StateError, match="no insert yet"):
        group.profile()
    group.insert(rows(FEW))
    with pytest.raises(UnknownNameError):
        group.profile(as_of=9)


@pytest.mark.parametrize("n", [FEW, MANY])
def test_every_split_has_its_profile(features: Features, n: int) -> None:
    """Of the split's own rows; keys of the spine are counted only."""
    group = weather(features)
    given = rows(n)
    group.insert(given)
    view = features.view("v", features=[group["temp", "sky"]], spine_time="moment")
    spine = given.select("origin", moment="observed_at")
    made = view.training_dataset(spine, name="d", split=split.random(test=0.25), seed=1)
    for part in made.splits:
        assert same(made.profile(part), profile(made[part], private=["origin"]))
    assert (made.spec.profiles is None) is (n == FEW)
    with pytest.raises(UnknownNameError):
        made.profile("holdout")


@pytest.mark.parametrize("n", [FEW, MANY])
def test_no_split_shows_whom_it_is_about(features: Features, n: int) -> None:
    """Neither by the key that features are looked up by, nor by a feature that its group marks, also since."""
    people = {"mail": [f"{number % 9}@shop" for number in range(n)], "t": [at(0)] * n}
    schema = {"mail": str, "t": datetime, "name": ms.column(str, personal="direct"), "city": str}

    def group_of(city: object) -> FeatureGroup:
        return features.group("people", keys=["mail"], event_time="t", schema={**schema, "city": city})

    group = group_of(str)
    given = pl.DataFrame({**people, "name": ["Ada"] * n, "city": ["Rome"] * n})
    group.insert(given.unique("mail"))
    fates = features.group("fates", keys=["order"], event_time="t")
    day = timedelta(days=1)
    fates.insert(given.select(pl.col("t") + day, order=pl.int_range(n), late=pl.lit(False)))
    taken = [group["name", "city"].rename({"name": "called"}).on({"mail": "who"})]
    view = features.view("v", features=taken, label=fates["late"], spine_time="moment")
    spine = given.select(who="mail", moment=pl.col("t") + day, order=pl.int_range(n))
    made = view.training_dataset(spine, name="d", as_of=at(999))
    found = made.profile()
    assert {column.name for column in found.columns if column.private} == {"who", "order", "called"}
    assert not any(word in found.model_dump_json() for word in ("@shop", "Ada"))
    assert "Rome" in found.model_dump_json()
    group_of(ms.column(str, personal="sensitive"))
    assert "Rome" not in made.profile().model_dump_json()


def test_a_profile_of_another_scheme_is_not_believed(
    features: Features, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What another version kept is computed anew by this one's rules."""
    commit = weather(features).insert(rows(MANY))
    before: Any = commit.profile
    monkeypatch.setattr(profiles, "SCHEME_VERSION", before.scheme + 1)
    assert same(replace(commit).profile, before)


def test_a_batch_that_drifted_is_a_finding_and_no_refusal(
    features: Features, graph: Graph, reopen: Callable[[], Features]
) -> None:
    """Evidence about the commit and an event; the rows are published; later commits see it."""
    group = weather(features)
    first = group.insert(rows(MANY))
    quiet = group.insert(rows(MANY, since=MANY))
    cold = group.insert(rows(MANY, since=2 * MANY).with_columns(pl.col("temp") - 40))
    assert first.drift is not None and quiet.drift is not None and cold.drift is not None
    assert (first.drift.verdict, quiet.drift.verdict) == (Verdict.INSUFFICIENT_DATA, Verdict.PASS)
    assert (cold.drift.verdict, cold.drift.told) == (Verdict.FAIL, ("temp",))
    assert (cold.drift.n_reference, cold.number) == (2 * MANY, 3)
    assert reopen().get_group("weather").get_commit(3).drift == cold.drift
    (told,) = [event for event in graph.events() if event.kind == "commit.drifted"]
    assert (told.subject, told.payload["columns"]) == (cold.asset_id, ["temp"])


def test_a_mild_drift_is_told_when_it_comes_again(features: Features) -> None:
    """Seen once it is conspicuous; in the next batch it is told."""
    group = weather(features)
    group.insert(rows(5 * MANY))
    found = [group.insert(rows(MANY, since=n * MANY).with_columns(pl.col("temp") + 8)).drift for n in (5, 6)]
    assert [each.told if each else None for each in found] == [(), ("temp",)]


def test_seasons_are_no_drift_where_the_group_has_them(features: Features) -> None:
    """Every second batch is colder: each is compared with those of its own season, and told of without one."""
    seasons = ms.drift(batches=2, season=timedelta(minutes=2 * MANY))
    group = features.group("weather", keys=["origin"], event_time="observed_at", drift=seasons)
    found = []
    for n in range(6):
        colder = 40.0 if n % 2 else 0.0
        batch = rows(MANY, since=n * MANY).with_columns(pl.col("temp") - colder)
        found.append(group.insert(batch).drift)
    assert [each.against for each in found if each] == [(), (), (1,), (2,), (1, 3), (2, 4)]
    assert [each.verdict for each in found if each] == [Verdict.INSUFFICIENT_DATA] * 2 + [Verdict.PASS] * 4
    features.group("weather", keys=["origin"], event_time="observed_at", drift=ms.drift(batches=1))
    unlike = features.get_group("weather").insert(rows(MANY, since=6 * MANY)).drift
    assert unlike is not None
    assert (unlike.against, unlike.told) == ((6,), ("temp",))


def test_small_batches_and_deletes_are_not_judged(features: Features) -> None:
    """Too few rows are insufficient data, also after an insert of many; a delete has nothing to judge."""
    group = weather(features)
    group.insert(rows(MANY))
    small = group.insert(rows(FEW, since=MANY)).drift
    assert small is not None and small.verdict is Verdict.INSUFFICIENT_DATA
    assert group.delete(rows(1).select("origin", "observed_at")).drift is None


def test_marks_and_defaults_that_came_later_count(features: Features) -> None:
    """A column marked since is hidden in the profiles of earlier commits; one with a default was never null."""
    group = weather(features)
    group.insert(rows(MANY))
    schema = {"origin": str, "observed_at": datetime, "temp": float, "sky": str}
    wider = features.group(
        "weather",
        keys=["origin"],
        event_time="observed_at",
        schema={**schema, "sky": ms.column(str, personal="direct"), "gust": ms.column(float, default=7.0)},
    )
    found = wider.profile()
    assert "rain" not in found.model_dump_json()
    assert (found["gust"].n_null, found["gust"].minimum) == (0, 7.0)
