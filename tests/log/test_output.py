"""Lines of our own processes: JSON, console, files, secrets."""

from __future__ import annotations

import json
import logging
import math
import multiprocessing
import re
from pathlib import Path

import pytest
from tests.log.conftest import Lines

from mainspring.config import Config
from mainspring.errors import AccessError, InputError
from mainspring.log import Output, bound, configure, find_output, get_logger, level_in_force
from mainspring.ports.engine import Task, open_engine

_log = get_logger("mainspring.test")
N_WRITERS = 4
N_LINES = 200


def failed() -> Exception:
    """An error with a traceback."""
    try:
        raise InputError(expected="a row", got="none\nat all", where="rows", hint="Send one.")
    except InputError as error:
        return error


def test_a_line_of_json(lines: Lines) -> None:
    """Time in UTC and microseconds, level, logger, event, sentence, ids, fields of plain JSON, the error whole."""
    with bound(request_id="r1"):
        _log.error("rows.lost", "gone", error=failed(), trace=True, share=math.nan, where=Path("a"), pid=1)
    (line,) = lines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line["timestamp"])
    assert (line["level"], line["logger"], line["event"], line["text"]) == (
        "error",
        "mainspring.test",
        "rows.lost",
        "gone",
    )
    assert (line["correlation_id"], line["request_id"]) == ("order-1", "r1")
    assert (line["share"], line["where"]) == (None, "a")
    exception = line["exception"]
    assert (exception["type"], exception["code"], exception["hint"]) == (
        "InputError",
        "input.invalid",
        "Send one.",
    )
    assert "in failed" in exception["traceback"]


def test_other_libraries_say_warnings_in_the_same_form(lines: Lines) -> None:
    """With the same ids; their level stays their own."""
    logging.getLogger("theirs").info("not said")
    try:
        raise OSError("the disk fell out")
    except OSError:
        logging.getLogger("theirs").exception("%d rows", 3)
    (line,) = lines()
    assert (line["text"], line["logger"], line["correlation_id"]) == ("3 rows", "theirs", "order-1")
    assert line["exception"]["message"] == "the disk fell out"


def test_the_console_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    """A sentence a line, the worker before it and the ids behind it; nothing that steers a terminal."""
    configure(Output(level="info", fields={"correlation_id": "c", "worker": "worker-1"}))
    _log.info("rows.read", "3 rows\x1b[2J\nof 4")
    _log.debug("rows.read", "not said")
    with bound(request_id="r1"):
        _log.error("rows.lost", "gone", error=failed(), trace=True)
    first, second, *trace = capsys.readouterr().err.splitlines()
    assert first == "worker-1: 3 rows\\x1b[2J\\nof 4"
    assert second == "worker-1: gone (request_id=r1)"
    assert trace[0].startswith("Traceback")


def test_a_console_file_says_when(tmp_path: Path) -> None:
    """Where no terminal's reader knows it."""
    configure(Output(level="info", file=tmp_path / "log"))
    _log.info("rows.read", "3 rows")
    assert re.fullmatch(r"\S+Z info 3 rows\n", (tmp_path / "log").read_text())


def test_configuring_again_replaces_and_leaves_others(tmp_path: Path) -> None:
    """One handler of ours, whatever else there is."""
    theirs = logging.NullHandler()
    logging.getLogger().addHandler(theirs)
    for name in ("a", "b"):
        configure(Output(level="error", file=tmp_path / name))
    _log.error("rows.lost", "gone")
    assert ((tmp_path / "a").read_text(), theirs in logging.getLogger().handlers) == ("", True)
    assert "gone" in (tmp_path / "b").read_text()
    output = find_output()
    assert output is not None
    assert (output.file, level_in_force()) == (tmp_path / "b", "error")
    logging.getLogger().removeHandler(theirs)


def test_a_rotated_file_is_opened_anew(lines: Lines, tmp_path: Path) -> None:
    """Moved away or removed: the next line is in a file of the configured name."""
    path = tmp_path / "log" / "lines.jsonl"
    _log.info("rows.read", "first")
    path.rename(path.with_suffix(".1"))
    _log.info("rows.read", "second")
    path.unlink()
    _log.info("rows.read", "third")
    assert [line["text"] for line in lines()] == ["third"]
    assert json.loads(path.with_suffix(".1").read_text())["text"] == "first"


def test_a_file_that_cannot_be_is_refused(tmp_path: Path) -> None:
    """Before anything is said to it, and with the configuration in force as before."""
    with pytest.raises(AccessError, match="log file"):
        configure(Output(level="info", file=tmp_path))
    assert find_output() is None


def test_secrets_are_never_shown(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Tokens and passwords of the configuration, and whatever looks like one, in sentence, field, error and trace."""
    overrides = {
        "records.url": "postgresql://ann:pass%21word@db/x",
        "keys.url": "redis://:hunter-22@cache/0",
        "alerts.token": "tok-alerts",
        "openlineage.token": "tok-lineage",
        "alerts.channels": ["https://bot:hook-key@chat/x"],
        "log.file": "log.jsonl",
        "log.format": "json",
    }
    configure(Config.load(tmp_path, overrides).log_output("info"))
    secrets = ["pass%21word", "pass!word", "hunter-22", "tok-alerts", "tok-lineage", "hook-key"]
    for secret in secrets:
        try:
            raise ConnectionError(f"cannot reach it with {secret}")
        except ConnectionError as error:
            _log.error("store.away", f"no way with {secret}", error=error, trace=True, given=[{"a": secret}])
    strangers = {
        "x1y": "mysql://bob:x1y@elsewhere/db",
        "x2y": "Authorization: Bearer x2y",
        "x3y": "https://e/?api_key=x3y&b=1",
        "x4y": "a p@ss://eve:w@x4y@host",
    }
    for text in strangers.values():
        _log.warning("store.away", text, error=ConnectionError(text), path=text)
    _log.warning("store.away", "given", token="x5y", nested={"password": "x6y", "secret": None})
    said = (tmp_path / "log.jsonl").read_text()
    assert len(said.splitlines()) == len(secrets) + len(strangers) + 1
    for secret in [*secrets, *strangers, "x5y", "x6y"]:
        assert secret not in said
    for secret in [*strangers, "x5y", "x6y"]:
        assert secret not in caplog.text


def write_lines(path: Path, writer: int) -> None:
    """What one process says; lines of all lengths, beyond what a buffer holds."""
    configure(Output(level="info", format="json", file=path, fields={"correlation_id": f"w{writer}"}))
    for number in range(N_LINES):
        _log.info("rows.read", "x" * (number * 97 % 20_000), number=number)


def test_lines_of_several_processes_do_not_mix(tmp_path: Path) -> None:
    """Four processes append to one file: every line is whole, and there once, in its writer's order."""
    path = tmp_path / "log.jsonl"
    fork = multiprocessing.get_context("fork")
    writers = [fork.Process(target=write_lines, args=(path, writer)) for writer in range(N_WRITERS)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    found = [json.loads(line) for line in path.read_text().splitlines()]
    for writer in range(N_WRITERS):
        numbers = [line["number"] for line in found if line["correlation_id"] == f"w{writer}"]
        assert numbers == list(range(N_LINES))


def say(number: int) -> None:
    """A task that says something."""
    get_logger("mainspring.test").info("task.done", "done", number=number)


def test_engine_processes_say_what_they_belong_to(lines: Lines) -> None:
    """Worker processes say their lines where this one does, with its correlation id and what was bound here."""
    engine = open_engine("processes:", n_workers=1)
    try:
        for run_id in ("run-1", "run-2"):
            with bound(run_id=run_id):
                (outcome,) = engine.run([Task("a", say, {"number": 7})])
                assert outcome.error is None
    finally:
        engine.close()
    found = lines()
    assert [(line["run_id"], line["correlation_id"], line["number"]) for line in found] == [
        ("run-1", "order-1", 7),
        ("run-2", "order-1", 7),
    ]
    assert len({line["pid"] for line in found}) == 1
