"""Personal data at the door: what was given as it is lies nowhere, and still names its entity."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest
from sqlalchemy import MetaData, select
from tests.features.conftest import at
from tests.features.erasure.test_api import holders

import mainspring as ms
from mainspring.errors import ConflictError, InputError, StateError
from mainspring.features.api import Features
from mainspring.features.group import FeatureGroup
from mainspring.project import Project

SECRETS = {"people": b"sixteen bytes and more", "others": b"another secret of the same sort"}
NAME, MAIL = "Zebedee Quux", "zebedee@example.org"

SCHEMA: dict[str, Any] = {
    "name": ms.column(str, personal="direct", anonymise=ms.wrangle.hash_with("people")),
    "t": datetime,
    "mail": ms.column(str, personal="direct", anonymise=ms.wrangle.drop()),
    "age": ms.column(int, personal="indirect", anonymise=ms.wrangle.generalise_to(10)),
    "x": float,
}


@pytest.fixture
def features(reopen: Callable[[], Features]) -> Features:
    """A feature store whose configuration has two secrets."""
    return with_secrets(reopen(), SECRETS)


def with_secrets(features: Features, secrets: dict[str, bytes]) -> Features:
    features._stores = replace(features._stores, find_secret=secrets.get)
    return features


def people(features: Features, **options: Any) -> FeatureGroup:
    return features.group(
        "people", **{"keys": ["name"], "event_time": "t", "online": True, "schema": SCHEMA, **options}
    )


def rows(name: str = NAME, hour: float = 0, age: int = 37, x: float = 1.0) -> pl.DataFrame:
    return pl.DataFrame({"name": [name], "t": [at(hour)], "mail": [MAIL], "age": [age], "x": [x]})


def test_what_is_written_is_treated(features: Features) -> None:
    """A name is a hash under the secret's name, an age the beginning of its band, and a mail is no column."""
    group = people(features)
    group.insert(rows())
    (found,) = group.read().to_polars().rows(named=True)
    assert found["name"].startswith("people:") and len(found["name"]) == len("people:") + 64
    assert (found["age"], found["x"]) == (30, 1.0)
    assert list(found) == ["name", "t", "age", "x"]
    assert ms.wrangle.keyed_hash(rows(), ["name"], SECRETS["people"])["name"][0] == found["name"][7:]


def told(project: Project) -> str:
    """Everything that the project's database and files have, compressed or not."""
    holding = MetaData()
    with project.records.read() as connection:
        holding.reflect(connection, resolve_fks=False)
        tables = [connection.execute(select(table)).all() for table in holding.sorted_tables]
    text = [str(tables)]
    for path in project.home.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            text.append(data.decode("latin-1"))
            with suppress(zlib.error):
                text.append(zlib.decompress(data).decode("latin-1"))
    return "".join(text)


def test_no_byte_of_the_home_has_what_was_given(
    tmp_path: Path, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inserted, quarantined, deleted, pushed, back-filled, joined into a dataset, and looked up online."""
    monkeypatch.setattr(type(project.config), "find_secret", lambda _config, name: SECRETS.get(name))
    features = project.features
    group = people(
        features,
        expectations=[
            ms.expect.between("x", 0, 10),
            ms.expect.in_set("name", ["nobody"], severity="warning"),
        ],
        on_failure="quarantine",
    )
    group.insert(pl.concat([rows(), rows(x=99.0)]))
    assert group.rejects().height == 1
    group.delete(rows(hour=1).select("name", "t"))
    pushed = rows(hour=2).with_columns(id=pl.lit("e1"))
    group.push(pushed, event_id="id")
    group.push([{**rows(hour=3).row(0, named=True), "id": "e2"}], event_id="id")
    waiting = told(project)
    group.flush()
    newer = group.next_version(schema={**SCHEMA, "y": float}, backfill={"y": "x"})
    group.materialize()
    spine = pl.DataFrame({"name": [NAME], "t2": [at(4)], "x2": [1.0]})
    view = features.view("v", features=[group["x", "age"]], label=newer["y"].on(prefix="n_"), spine_time="t2")
    view.training_dataset(spine, source="spine.csv")
    view.online({"name": NAME})
    (commit,) = newer.commits()[:1]
    assert commit.profile.n_rows == 1
    left = told(project)
    for word in (NAME, MAIL):
        assert word not in waiting and word not in left
        assert holders(project.home, word) == []
    assert "people:" in left


def test_a_key_names_its_entity_as_it_is_and_as_it_was_read(features: Features) -> None:
    """Joins, online reads, deletes and erasures take both; a read of the group is a spine."""
    group = people(features)
    group.insert(rows())
    group.materialize(at(1))
    (stored,) = group.read().to_polars()["name"]
    view = features.view("v", features=[group["x"]], spine_time="t2")
    for name in (NAME, stored):
        joined = view.join(pl.DataFrame({"name": [name], "t2": [at(1)]})).frame
        assert joined.rows() == [(stored, at(1), 1.0)]
        vector = view.online().read({"name": name}, {}, at(1))
        assert (vector.values, vector.keys) == ({"x": 1.0}, {"people": {"name": stored}})
        assert group.erase({"name": name}, reason="", dry_run=True).n_rows == 1
    by_read = features.view("v2", features=[group["x"].on(prefix="p_")], spine_time="t")
    assert by_read.join(group.read()).frame["p_x"].to_list() == [1.0]
    group.delete(rows().select("name", "t"))
    assert group.read().to_polars().is_empty()


def test_rows_that_were_read_are_not_hashed_twice(features: Features) -> None:
    group = people(features)
    group.insert(rows())
    again = group.read().to_polars()
    group.insert(pl.concat([again.with_columns(mail=pl.lit(None, pl.String)), rows()], how="diagonal"))
    assert group.read().to_polars()["name"].n_unique() == 1


@pytest.mark.parametrize(
    ("kind", "value", "same"),
    [
        (int, 7, pl.Series([7], dtype=pl.Int8)),
        (float, 2, pl.Series([2.0])),
        (bool, True, pl.Series([True])),
        (str, "x", pl.Series(["x"], dtype=pl.Categorical)),
        (date, date(2020, 1, 2), pl.Series([date(2020, 1, 2)])),
        (datetime, "2020-01-02T03:04:05+01:00", pl.Series([datetime(2020, 1, 2, 2, 4, 5)])),
        (bytes, b"\0x", pl.Series([b"\0x"])),
    ],
)
@pytest.mark.once
def test_one_value_is_hashed_as_a_column_is(
    features: Features, kind: type, value: object, same: pl.Series
) -> None:
    """Whatever the width, category or zone that it is given in."""
    hashed = ms.column(kind, personal="direct", anonymise=ms.wrangle.hash_with("people"))
    group = features.group(
        "g", keys=["k"], event_time="t", online=True, schema={"k": hashed, "t": datetime, "x": int}
    )
    group.insert(pl.DataFrame({"k": same, "t": [at(0)], "x": [1]}))
    group.materialize(at(1))
    view = features.view("v", features=[group["x"]], spine_time="t2")
    assert view.online().read({"k": value}, {}, at(1)).values == {"x": 1}
    assert view.join(pl.DataFrame({"k": same, "t2": [at(1)]})).frame["x"].to_list() == [1]


def test_a_coarsened_key_is_coarsened_when_it_is_asked_for(features: Features) -> None:
    coarse = ms.column(str, personal="indirect", anonymise=ms.wrangle.generalise_to(2))
    group = features.group(
        "areas", keys=["code"], event_time="t", online=True, schema={"code": coarse, "t": datetime, "x": int}
    )
    group.insert(pl.DataFrame({"code": ["89073"], "t": [at(0)], "x": [1]}))
    group.materialize(at(1))
    view = features.view("v", features=[group["x"]], spine_time="t2")
    assert view.online().read({"code": "89999"}, {}, at(1)).values == {"x": 1}
    assert view.join(pl.DataFrame({"code": ["89111"], "t2": [at(1)]})).frame["code"].to_list() == ["89"]


@pytest.mark.parametrize("secrets", [{}, {"people": b"short"}])
def test_without_its_secret_every_door_is_shut(features: Features, secrets: dict[str, bytes]) -> None:
    """Definition, insert, push, join and online read say which secret to set, and write nothing."""
    group = people(features)
    group.insert(rows())
    view = features.view("v", features=[group["x"]], spine_time="t2")
    spine = pl.DataFrame({"name": [NAME], "t2": [at(1)]})
    with_secrets(features, secrets)
    group, view = features.get_group("people"), features.get_view("v")
    doors: list[Callable[[], object]] = [
        lambda: features.group("more", keys=["name"], schema={"name": SCHEMA["name"], "x": int}),
        lambda: group.insert(rows(hour=1)),
        lambda: group.push(rows(hour=1).with_columns(id=1), event_id="id"),
        lambda: group.erase({"name": NAME}, reason="asked"),
        lambda: view.join(spine),
        view.online,
    ]
    for door in doors:
        with pytest.raises(StateError, match=r"secret 'people'.*MAINSPRING_PRIVACY_SECRETS"):
            door()
    assert people(features).read().to_polars().height == 1


def test_another_secret_of_the_same_name_is_noticed(features: Features) -> None:
    group = people(features)
    with_secrets(features, {"people": SECRETS["others"]})
    with pytest.raises(ConflictError, match="from the first"):
        features.get_group("people").insert(rows())
    assert group.read().to_polars().is_empty()


@pytest.mark.once
def test_the_records_have_no_secret(features: Features) -> None:
    spec = people(features).spec
    assert all(secret.decode() not in spec.model_dump_json() for secret in SECRETS.values())
    assert [len(item.check) for item in spec.treated] == [16, 0, 0]


@pytest.mark.parametrize(
    "changed",
    [
        {"name": str},
        {"name": ms.column(str, personal="direct", anonymise=ms.wrangle.hash_with("others"))},
        {"age": ms.column(int, personal="indirect", anonymise=ms.wrangle.generalise_to(20))},
        {"mail": str},
        {"x": ms.column(float, personal="sensitive", anonymise=ms.wrangle.drop())},
    ],
)
def test_another_treatment_is_another_version(features: Features, changed: dict[str, Any]) -> None:
    people(features)
    with pytest.raises(ConflictError, match="define version 2"):
        people(features, schema={**SCHEMA, **changed})


def test_the_same_definition_changes_nothing_and_a_column_may_be_added(features: Features) -> None:
    before = people(features).spec
    with_secrets(features, {})
    assert people(features).spec == before
    with_secrets(features, SECRETS)
    phone = ms.column(int, personal="direct", anonymise=ms.wrangle.hash_with("people"))
    group = people(features, schema={**SCHEMA, "phone": phone})
    group.insert(rows().with_columns(phone=pl.lit(123456)))
    assert group.read().to_polars()["phone"][0].startswith("people:")


def test_the_next_version_has_the_same_hashes(features: Features) -> None:
    """Under another name too; rows that come later are hashed alike."""
    group = people(features)
    group.insert(rows())
    newer = group.next_version(keys=["who"], expectations=[], backfill={"who": "name"})
    newer.insert(rows(hour=1).rename({"name": "who"}))
    assert newer.read().to_polars()["who"].to_list() == group.read().to_polars()["name"].to_list() * 2


@pytest.mark.once
def test_a_version_that_hashes_what_another_did_not(features: Features) -> None:
    plain = features.group("g", keys=["k"], event_time="t", schema={"k": str, "t": datetime})
    plain.insert(pl.DataFrame({"k": [NAME], "t": [at(0)]}))
    newer = plain.next_version(schema={"k": SCHEMA["name"], "t": datetime})
    assert newer.read().to_polars()["k"][0].startswith("people:")


@pytest.mark.once
def test_values_that_are_gone_are_not_treated_anew(features: Features) -> None:
    group = people(features)
    changed = {
        **SCHEMA,
        "name": ms.column(str, personal="direct", anonymise=ms.wrangle.hash_with("others")),
    }
    with pytest.raises(InputError, match="insert from where the rows came"):
        group.next_version(schema=changed)


@pytest.mark.once
def test_a_treatment_is_not_lifted_by_the_next_version(features: Features) -> None:
    """Else one table would know a person by a hash and by a name."""
    group = people(features)
    schema = {"who": str, "t": datetime, "age": int, "x": float}
    with pytest.raises(InputError, match="One entity would have two names"):
        group.next_version(schema=schema, keys=["who"], backfill={"who": "name"})


@pytest.mark.once
def test_a_hash_in_a_category_is_a_hash(features: Features) -> None:
    """As pandas and dictionary-encoded Parquet give back what was read."""
    group = people(features)
    group.insert(rows())
    read = group.read().to_polars().with_columns(pl.col("name").cast(pl.Categorical), mail=pl.lit(MAIL))
    group.insert(read.with_columns(pl.col("t") + pl.duration(hours=1)))
    assert group.read().to_polars()["name"].n_unique() == 1


@pytest.mark.once
def test_a_refusal_shows_no_value(features: Features) -> None:
    group = people(features, schema={**SCHEMA, "name": replace(SCHEMA["name"], type=int)})
    doors: list[Callable[[], object]] = [
        lambda: group.insert(rows()),
        lambda: group.push(rows().with_columns(id=1), event_id="id"),
        lambda: group.push([{**rows().row(0, named=True), "id": 1}], event_id="id"),
    ]
    for door in doors:
        with pytest.raises(InputError, match="not shown") as refused:
            door()
        assert NAME not in str(refused.value) and refused.value.__cause__ is None


@pytest.mark.once
def test_rows_that_cannot_be_read_are_not_shown(features: Features, tmp_path: Path) -> None:
    """A library that reads them quotes the value that it could not read, and refusals are kept in the records."""
    group = people(features)
    mixed = rows().to_pandas().astype({"mail": object})
    mixed = pd.concat([mixed, mixed.assign(mail=1)])
    broken = tmp_path / "people.json"
    broken.write_text(f'[{{"name": "{NAME}", "t": 1, "mail": "{MAIL}"}}, {{"name": 1}} "{MAIL}"]')
    far = {**rows().row(0, named=True), "id": 1, "age": 2**70}
    lone = {**rows().row(0, named=True), "id": 1, "name": "\ud800" + NAME}
    view = features.view("v", features=[group["x"]])
    doors: list[Callable[[], object]] = [
        lambda: group.insert(mixed),
        lambda: group.insert(str(broken)),
        lambda: group.push([far], event_id="id"),
        lambda: group.push([lone], event_id="id"),
        lambda: group.delete(mixed),
        lambda: group.failing_rows(mixed),
        lambda: group.erase(mixed[["name", "mail"]], reason="asked for"),
        lambda: view.join(pd.DataFrame({"name": [NAME, 1], "event_time": [at(1)] * 2})),
    ]
    for door in doors:
        with pytest.raises(InputError, match="not shown") as refused:
            door()
        shown = str(refused.value)
        assert not any(secret in shown for secret in (NAME, MAIL, str(2**70)))


@pytest.mark.once
def test_an_event_id_is_no_personal_data(features: Features) -> None:
    with pytest.raises(InputError, match="a column of its own"):
        people(features).push([rows().row(0, named=True)], event_id="mail")


@pytest.mark.once
def test_a_file_is_read_in_the_types_that_are_given(features: Features, tmp_path: Path) -> None:
    """Text that looks like numbers stays text, also where the table's column is text in any case."""
    group = features.group("g", keys=["name"], schema={"name": SCHEMA["name"], "x": int})
    path = tmp_path / "people.csv"
    path.write_text("name,x\n007,1\n")
    group.insert(str(path))
    group.insert(pl.DataFrame({"name": ["007"], "x": [2]}))
    assert group.read().to_polars().height == 1


def personal(kind: object, anonymise: Any, **more: Any) -> Any:
    return ms.column(kind, personal="direct", anonymise=anonymise, **more)


@pytest.mark.parametrize(
    "changed",
    [
        {"k": personal(str, ms.wrangle.drop())},
        {"t": personal(datetime, ms.wrangle.drop())},
        {"x": personal("list[int64]", ms.wrangle.hash_with("people"))},
        {"x": personal(bool, ms.wrangle.generalise_to(2))},
        {"x": personal(int, ms.wrangle.generalise_to(2.5))},
        {"x": personal(date, ms.wrangle.generalise_to("1 ox"))},
        {"x": personal(int, ms.wrangle.hash_with("people"), default=1)},
    ],
)
@pytest.mark.once
def test_a_treatment_that_cannot_be_is_refused(features: Features, changed: dict[str, Any]) -> None:
    """A key or time that is gone, what cannot be hashed or coarsened so, a default that would stand there."""
    with pytest.raises(InputError):
        features.group("g", keys=["k"], event_time="t", schema={"k": int, "t": datetime, **changed})


@pytest.mark.once
def test_a_column_is_treated_if_it_is_marked() -> None:
    with pytest.raises(InputError, match="mark"):
        ms.column(str, anonymise=ms.wrangle.drop())
    with pytest.raises(InputError, match="hash_with"):
        ms.column(str, personal="direct", anonymise="hash")  # type: ignore[arg-type]


@pytest.mark.once
def test_one_spine_column_for_keys_that_are_treated_differently(features: Features) -> None:
    """The row that comes out can have but one of them."""
    group, plain = (
        people(features),
        features.group("plain", keys=["name"], event_time="t", schema={"name": str, "t": datetime, "y": int}),
    )
    with pytest.raises(InputError, match="column of its own"):
        features.view("v", features=[group["x"], plain["y"]], spine_time="t2")
    view = features.view("v", features=[group["x"], plain["y"].on({"name": "raw"})], spine_time="t2")
    assert view.join(pl.DataFrame({"name": [NAME], "raw": [NAME], "t2": [at(0)]})).frame["raw"].to_list() == [
        NAME
    ]


@pytest.mark.once
def test_a_hashed_key_is_no_feature(features: Features) -> None:
    """A function or condition would be given the hash, and a request column would be logged."""
    group = people(features)
    for more in (
        {"features": [group["x"], ms.request("name")]},
        {"features": [group["x"]], "where": ms.spine("name") == NAME},
    ):
        with pytest.raises(InputError, match="only as key"):
            features.view("v", spine_time="t2", **more)  # type: ignore[arg-type]


@pytest.mark.once
def test_failing_rows_are_judged_as_they_would_be_written(features: Features) -> None:
    group = people(features, expectations=[ms.expect.between("age", 0, 30)])
    assert group.failing_rows(rows(age=37)).is_empty()
    assert group.failing_rows(rows(age=41))["age"].to_list() == [40]


@pytest.mark.once
def test_a_time_without_zone_is_utc(features: Features) -> None:
    hashed = ms.column(datetime, personal="direct", anonymise=ms.wrangle.hash_with("people"))
    group = features.group("g", keys=["born"], schema={"born": hashed, "x": int})
    group.insert(pl.DataFrame({"born": [datetime(2000, 1, 1)], "x": [1]}))
    group.insert(pl.DataFrame({"born": [datetime(2000, 1, 1, tzinfo=UTC)], "x": [2]}))
    assert group.read().to_polars()["x"].to_list() == [2]


def test_rows_of_an_entity_are_found_by_the_key_as_it_was(features: Features) -> None:
    """One or many, in the history too; what was stored finds itself, and of others there is nothing."""
    group = people(features)
    group.insert(rows())
    group.insert(pl.concat([rows("Ada", x=2.0), rows(hour=1, x=3.0)]))
    found = group.read().of_keys({"name": NAME})
    assert repr(found) == "<Read rows of people@1 as of commit 2, of 1 keys>"
    assert found.to_polars()["x"].to_list() == [1.0, 3.0]
    assert group.read(1).of_keys([{"name": NAME}, {"name": "Ada"}]).to_polars()["x"].to_list() == [1.0]
    stored = found.to_polars()["name"][0]
    assert group.read(history=True).of_keys({"name": stored}).to_polars().height == 2
    assert group.read().of_keys({"name": "nobody"}).to_polars().is_empty()
    assert group.read().filter(pl.col("name") == stored).to_polars().height == 2
    with pytest.raises(InputError, match="values of keys among name"):
        group.read().of_keys({"x": 1.0})


@pytest.mark.parametrize(
    "predicate",
    [
        pl.col("name") == NAME,
        (pl.col("x") > 0) & (pl.col("name") == NAME),
        pl.col("name").is_in([NAME, "Ada"]),
        ~pl.col("name").eq(NAME) | (pl.col("age") == 30),
    ],
)
def test_a_filter_that_could_find_nobody_is_refused(features: Features, predicate: pl.Expr) -> None:
    """Before it says that there is nobody; the message has the way that finds them, and does not quote the key."""
    group = people(features)
    group.insert(rows())
    with pytest.raises(InputError, match=r"read\(\)\.of_keys") as caught:
        group.read().filter(predicate)
    assert NAME not in str(caught.value)


def test_a_filter_of_other_columns_is_none_of_its_business(features: Features) -> None:
    """Nor is whether there is a hash, or one beside other texts in the same expression."""
    group = people(features, schema={**SCHEMA, "city": str})
    group.insert(rows().with_columns(city=pl.lit("Rome")))
    stored = group.read().to_polars()["name"][0]
    both = (pl.col("name") == stored) & (pl.col("city") == "Rome")
    assert group.read().filter(both, pl.col("name").is_not_null()).to_polars().height == 1


def test_a_file_that_cannot_be_read_is_placed_and_not_quoted(features: Features, tmp_path: Path) -> None:
    """The file, the column and the row; no value, also of columns that are not treated."""
    group = people(features, schema={**SCHEMA, "born": date})
    path = tmp_path / "people.csv"
    path.write_text(
        f"name,t,mail,age,x,born\n{NAME},2024-01-01,m,3,1.0,1990-01-01\nAda,2024-01-01,m,3,1.0,5/6/90\n"
    )
    with pytest.raises(InputError) as caught:
        group.insert(path)
    assert f"{path}, column 'born', row 1" in caught.value.where
    assert not {NAME, "Ada", "5/6/90"} & set(str(caught.value).replace("'", " ").split())
    path.write_text(f"name,t,mail,age,x\n{NAME},2024-01-01,m,3,1.0\nAda,2024-01-01,m,3,1.0,7,8\n")
    with pytest.raises(InputError, match=r"people\.csv, row 1"):
        group.insert(path)
