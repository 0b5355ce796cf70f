"""Logging of this process, put back after each test."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mainspring.log import Output, configure, contexts

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture(autouse=True)
def _put_back() -> Iterator[None]:
    root, ours = logging.getLogger(), logging.getLogger("mainspring")
    handlers, level = [*root.handlers], ours.level
    yield
    for handler in [each for each in root.handlers if each not in handlers]:
        root.removeHandler(handler)
        handler.close()
    ours.setLevel(level)
    contexts.bind_process({})


@pytest.fixture
def lines(tmp_path: Path) -> Lines:
    """What this process says from here on, as JSON, all levels, under the correlation id `order-1`."""
    path = tmp_path / "log" / "lines.jsonl"
    configure(Output(level="debug", format="json", file=path, fields={"correlation_id": "order-1"}))
    return lambda: [json.loads(line) for line in path.read_text().splitlines()]
