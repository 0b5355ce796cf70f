"""Lines of this process, to be read by the tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mainspring.log import Output, configure

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines(tmp_path: Path) -> Lines:
    """What this process says from here on, as JSON, all levels, under the correlation id `order-1`."""
    path = tmp_path / "log" / "lines.jsonl"
    configure(Output(level="debug", format="json", file=path, fields={"correlation_id": "order-1"}))
    return lambda: [json.loads(line) for line in path.read_text().splitlines()]
