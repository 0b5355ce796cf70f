"""Rows of a query on a SQL database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sqlalchemy import create_engine, text

import mainspring as ms
from mainspring.errors import InputError, MissingExtraError, UnavailableError
from mainspring.features.api import Features
from mainspring.features.insert.frames import frame_of


@pytest.fixture
def orders(records_url: str) -> Iterator[str]:
    """The address of a database with seven orders, with an option that is nobody's business."""
    engine = create_engine(records_url)
    with engine.begin() as connection:
        connection.execute(
            text("CREATE TABLE orders (id BIGINT, placed_at TEXT, price DOUBLE PRECISION, note TEXT)")
        )
        for number in range(7):
            row = {
                "id": number,
                "at": f"2024-01-0{number + 1}T00:00:00Z",
                "price": None if number < 4 else 1.5,
            }
            connection.execute(text("INSERT INTO orders VALUES (:id, :at, :price, 'x')"), row)
    yield records_url
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE orders"))
    engine.dispose()


def test_a_query_is_read_in_chunks_and_its_origin_kept(features: Features, orders: str) -> None:
    """A column that is null in the first chunks has its type from a later one; the source is the question asked."""
    query = "SELECT id, placed_at, price FROM orders WHERE id < :last ORDER BY id"
    group = features.group("orders", keys=["id"], event_time="placed_at")
    commit = group.insert(ms.sql(orders, query, {"last": 6}, chunk_rows=2))
    found = group.read(commit).to_polars()
    assert found["placed_at"][5] == datetime(2024, 1, 6, tzinfo=UTC)
    assert found["price"].to_list() == [None] * 4 + [1.5] * 2
    graph = features._stores.graph
    (work,) = graph.works([graph.get_asset(commit.asset_id).execution_id])
    (source,) = [tie.asset for tie in work.inputs()]
    assert source.attributes["query"] == query
    assert (source.attributes["n_rows"], source.attributes["parameters"]) == (6, ["last"])
    assert "?" not in source.attributes["url"]


def test_no_credentials_are_told() -> None:
    """Neither in the record nor in the repr nor in an error."""
    asked = ms.sql("postgresql+psycopg://anna:hush@127.0.0.1:1/shop?sslmode=require", "SELECT 1")
    assert asked.place == "postgresql+psycopg://127.0.0.1:1/shop"
    assert "hush" not in repr(asked)
    assert "anna" not in repr(asked)
    with pytest.raises(UnavailableError, match="a database that answers") as refused:
        frame_of(asked, "rows")
    assert "hush" not in str(refused.value)
    with pytest.raises(InputError, match="something else") as malformed:
        ms.sql("hush:://hush", "SELECT 1")
    assert "hush" not in str(malformed.value)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT nothing FROM orders", "nothing"),
        ("DELETE FROM orders", "expected a query that"),
        ("SELECT id, id FROM orders", "a name of its own"),
        ("SELECT id FROM orders WHERE id > 100", "at least one row"),
    ],
)
def test_a_query_that_is_no_rows_is_refused(
    features: Features, orders: str, query: str, message: str
) -> None:
    """A mistake, a statement that changes something, a name twice, nothing found; what it changed is undone."""
    group = features.group("orders", keys=["id"])
    with pytest.raises(InputError, match=message):
        group.insert(ms.sql(orders, query))
    assert not group.commits()
    assert frame_of(ms.sql(orders, "SELECT id FROM orders"), "rows").height == 7


@pytest.mark.once
def test_values_of_databases(tmp_path: Any) -> None:
    """Ids, bytes and decimals become what a group can hold; a column of two types is refused with its name."""
    (tmp_path / "odd.db").touch()
    url = f"sqlite:///{tmp_path}/odd.db"
    found = frame_of(ms.sql(url, "SELECT x'00ff' AS b, 1 AS n UNION ALL SELECT NULL, 2"), "rows")
    assert found.rows() == [(b"\x00\xff", 1), (None, 2)]
    with pytest.raises(InputError, match="column 'a'"):
        frame_of(ms.sql(url, "SELECT 1 AS a UNION ALL SELECT 'x'"), "rows")
    with pytest.raises(InputError, match="column 'a'"):
        frame_of(ms.sql(url, "SELECT 1 AS a UNION ALL SELECT 'x'", chunk_rows=1), "rows")


@pytest.mark.once
@pytest.mark.parametrize("given", [{"query": " "}, {"query": "SELECT 1", "chunk_rows": 0}])
def test_what_is_no_query_is_refused(given: dict[str, Any]) -> None:
    """Nothing to ask, or nothing at a time."""
    with pytest.raises(InputError, match=r"ms\.sql"):
        ms.sql("sqlite://", **given)


@pytest.mark.once
@pytest.mark.parametrize("place", ["missing.db", "no/folder/missing.db"])
def test_a_file_that_is_not_there_is_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """SQLite would make an empty one, and say that there is no such table."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"a SQLite file that is there.*missing\.db"):
        frame_of(ms.sql(f"sqlite:///{place}", "SELECT 1"), "here")
    assert list(tmp_path.iterdir()) == []
    assert frame_of(ms.sql("sqlite://", "SELECT 1 AS one"), "here").rows() == [(1,)]


@pytest.mark.once
def test_a_driver_that_is_not_there_is_named() -> None:
    """No extra of ours brings MySQL's; one brings PostgreSQL's."""
    with pytest.raises(MissingExtraError) as refused:
        frame_of(ms.sql("mysql+pymysql://host/shop", "SELECT 1"), "here")
    assert "mysql+pymysql" in refused.value.expected and "mainspring[" not in refused.value.hint
    with pytest.raises(MissingExtraError, match=r"mainspring\[postgres\]"):
        frame_of(ms.sql("postgresql+psycopg2://host/shop", "SELECT 1"), "here")


@pytest.mark.once
def test_zeros_and_ones_are_truth_values_where_the_group_says_so(features: Features, tmp_path: Path) -> None:
    """SQLite has no type for them; another number in the column is refused, and so are numbers of a frame."""
    (tmp_path / "flags.db").touch()
    url = f"sqlite:///{tmp_path}/flags.db"
    group = features.group("flags", keys=["k"], schema={"k": int, "is_late": bool})
    group.insert(
        ms.sql(url, "SELECT 1 AS k, 1 AS is_late UNION ALL SELECT 2, 0 UNION ALL SELECT 3, NULL ORDER BY k")
    )
    assert group.read().to_polars()["is_late"].to_list() == [True, False, None]
    with pytest.raises(InputError, match="is_late"):
        group.insert(ms.sql(url, "SELECT 4 AS k, 2 AS is_late"))
    with pytest.raises(InputError, match="is_late"):
        group.insert(pl.DataFrame({"k": [4], "is_late": [1]}))
