"""A feature store on a fresh graph, tables and keys."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.pipelines.conftest import Code

from mainspring.features.api import Features
from mainspring.lineage import Graph
from mainspring.ports.keys import open_keys
from mainspring.ports.tables import open_tables

START = datetime(2013, 1, 1, tzinfo=UTC)


@pytest.fixture
def reopen(graph: Graph, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Features]]:
    """Opens the same feature store again, as another process would: with nothing in memory."""
    folder = tmp_path_factory.mktemp("features")
    tables, keys = open_tables(f"file:{folder}/tables"), open_keys(f"lmdb:{folder}/keys")
    yield lambda: Features(graph, tables, lambda: keys)
    keys.close()


@pytest.fixture
def features(reopen: Callable[[], Features]) -> Features:
    """An empty feature store."""
    return reopen()


def at(hours: float = 0) -> datetime:
    """So many hours after the first moment of 2013, UTC."""
    return START + timedelta(hours=hours)


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Code]:
    """User code in files that a test may edit."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    found = Code(tmp_path)
    yield found
    found.forget()
