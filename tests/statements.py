"""Says which statements on the records only tests run that are marked `once`: there should be none.

`MAINSPRING_TEST_RECORDS=postgres python -m pytest -p tests.statements tests/…`, in one process and with files or
folders named, because only then the tests that are marked run on PostgreSQL at all. What child processes run is not
heard, and what makes tables is left out: the first test of a process has it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

import pytest
from sqlalchemy import Engine, event

_VALUE: Final = re.compile(r"%\(\w+\)s(::\w+( \w+)*?\b)?|\?|'[0-9a-f]{32}'|\b\d+\b")
_SEVERAL: Final = re.compile(r"\$(, ?\$)+")

_MAKING: Final = ("CREATE ", "ALTER ", "DROP ", "INSERT INTO mainspring_schema ")

_by_shape: Final[dict[str, set[str]]] = defaultdict(set)
_staying: Final[set[str]] = set()
_now: Final[set[str]] = set()


def shape(statement: str) -> str:
    """A statement without its values, and however many of them it lists."""
    return _SEVERAL.sub("$", _VALUE.sub("$", " ".join(statement.split())))


@event.listens_for(Engine, "before_cursor_execute")
def _hear(*given: Any) -> None:
    _now.add(given[2])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Keep what was run from the first fixture to the last."""
    _now.clear()
    result = yield
    shapes = {shape(statement) for statement in _now if not statement.lstrip().startswith(_MAKING)}
    if any(item.iter_markers("once")):
        for each in shapes:
            _by_shape[each].add(item.nodeid)
    else:
        _staying.update(shapes)
    return result


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The statements, and a test that runs each."""
    alone = {each: min(tests) for each, tests in _by_shape.items() if each not in _staying}
    terminalreporter.section(f"{len(alone)} statements are run only by tests that are marked `once`")
    for each, test in sorted(alone.items(), key=lambda pair: pair[1]):
        terminalreporter.write_line(f"{test}\n    {each[:300]}")
