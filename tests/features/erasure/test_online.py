"""Of an erasure that was killed the next one finds what is online, also of a part of a key, on every online store."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.features.conftest import at
from tests.features.erasure.test_mark import before
from tests.features.insert.killed_inserts import open_features
from tests.redis_servers import OwnRedis

from mainspring.features.api import Features
from mainspring.features.erasure import online as erased_online
from mainspring.features.upkeep import maintenance

LONG = "d" * 500


@pytest.fixture(params=["lmdb", "redis"])
def urls(request: pytest.FixtureRequest, records_url: str, tmp_path: Path) -> Iterator[list[str]]:
    server = OwnRedis(tmp_path / "redis") if request.param == "redis" else None
    keys_url = f"lmdb:{tmp_path}/keys" if server is None else server.url
    yield [records_url, f"file:{tmp_path}/tables", keys_url, f"file:{tmp_path}/blobs"]
    if server is not None:
        server.close()


def visits(*names: str, hour: float = 1) -> pl.DataFrame:
    """Two visits of each, under a short and a long key."""
    return pl.DataFrame(
        {
            "name": [name for name in names for _ in range(2)],
            "place": ["here", LONG] * len(names),
            "t": [at(hour)] * (2 * len(names)),
            "x": [hour] * (2 * len(names)),
        }
    )


def online(features: Features) -> dict[tuple[str, str], object]:
    """What is online of Ada's and Zebedee's visits."""
    view = features.view("v", features=[features.get_group("visits")["x"]])
    reader = view.online()
    return {
        (name, place): found
        for name in ("Ada", "Zebedee")
        for place in ("here", LONG)
        if (found := reader.read({"name": name, "place": place}, {}, at(99)).values["x"]) is not None
    }


def test_what_came_online_between_its_two_removals(urls: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that read the rows before puts them after the kill: no row tells their keys any more."""
    ada = {("Ada", "here"): 1.0, ("Ada", LONG): 1.0}
    with open_features(*urls) as writer:
        group = writer.group("visits", keys=["name", "place"], event_time="t", online=True)
        group.insert(visits("Ada", "Zebedee"))

        def killed() -> None:
            command = [sys.executable, "-m", "tests.features.erasure.killed_between", *urls]
            assert subprocess.run(command, check=False).returncode == -signal.SIGKILL

        before(writer._stores.keys, "put", killed, monkeypatch)
        assert writer.materialize(at(2)) == 4
        assert len(online(writer)) == 4
        with open_features(*urls) as other:
            visitors = other.get_group("visits")
            assert visitors.erase({"name": "Zebedee"}, reason="", dry_run=True).n_online == 2
            assert visitors.erase({"name": "Zebedee"}, reason="asked").n_online == 2
            assert online(other) == ada
        writer.materialize(at(3))
        assert online(writer) == ada


def test_an_entity_that_waits_is_not_taken_for_erased(
    urls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long key is a digest: that no commit has its row does not say that it was erased."""
    with open_features(*urls) as features:
        group = features.group("visits", keys=["name", "place"], event_time="t", online=True)
        group.insert(visits("Zebedee"))
        with pytest.MonkeyPatch.context() as patch, pytest.raises(ZeroDivisionError):
            patch.setattr(erased_online, "shut_out", lambda *_: 1 // 0)
            group.erase({"name": "Zebedee"}, reason="asked")
        turn = maintenance.of_group

        def after_a_push(*given: Any) -> AbstractContextManager[None]:
            monkeypatch.undo()
            group.push(visits("Ada", hour=2).with_columns(id=pl.Series(["a", "b"])), event_id="id")
            group.insert(visits("Bob"))
            return turn(*given)

        monkeypatch.setattr(maintenance, "of_group", after_a_push)
        group.erase({"name": "Zebedee"}, reason="asked")
        assert online(features) == {("Ada", "here"): 2.0, ("Ada", LONG): 2.0}
