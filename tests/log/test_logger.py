"""A library's lines: records of the standard library that a program routes as it likes."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from mainspring.errors import InputError
from mainspring.log import bound, get_logger

_log = get_logger("mainspring.test")
REFUSED = InputError(expected="a row", got="none", where="rows", hint="Send one.")


def test_a_program_that_configures_logging_sees_sentence_and_fields(caplog: pytest.LogCaptureFixture) -> None:
    """The message has both; the record has the fields as they are, and names the code that said it."""
    with bound(execution_id="e1"):
        _log.warning("rows.lost", "3 rows are lost", error=REFUSED, n_rows=3)
    (record,) = caplog.records
    assert record.getMessage().startswith("3 rows are lost event=rows.lost n_rows=3 ")
    assert (record.name, record.levelname, record.filename) == (
        "mainspring.test",
        "WARNING",
        Path(__file__).name,
    )
    fields = record.mainspring  # type: ignore[attr-defined]
    assert fields["exception"] == {"type": "InputError", "message": str(REFUSED), **REFUSED.to_dict()}
    assert (fields["event"], fields["n_rows"], fields["execution_id"]) == ("rows.lost", 3, "e1")


def test_a_program_silences_us_by_name(caplog: pytest.LogCaptureFixture) -> None:
    """As any other library."""
    caplog.set_level(logging.ERROR, logger="mainspring")
    _log.warning("rows.lost", "gone")
    assert not caplog.records


def test_nothing_global_is_touched_and_nothing_printed() -> None:
    """In a program without any configuration: no handler, no level, no structlog, no word below a warning."""
    code = """
import logging, sys
import mainspring.project
from mainspring.log import get_logger
_log = get_logger("mainspring.test")
_log.info("rows.read", "not shown")
assert "structlog" not in sys.modules
assert not logging.getLogger().handlers and not logging.getLogger("mainspring").handlers
assert logging.getLogger("mainspring").level == logging.NOTSET
import structlog
before = structlog.get_config()
_log.warning("rows.lost", "shown", n_rows=3)
assert structlog.get_config() == before and not structlog.is_configured()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "shown event=rows.lost n_rows=3\n")


def test_a_listener_hears_the_sentence_whatever_the_level(caplog: pytest.LogCaptureFixture) -> None:
    """Beside the log, and also where the log is silenced."""
    caplog.set_level(logging.CRITICAL, logger="mainspring")
    heard: list[str] = []
    get_logger("mainspring.test", heard.append).info("rows.read", "3 rows")
    assert heard == ["3 rows"]
