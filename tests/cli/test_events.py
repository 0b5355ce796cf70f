"""`mainspring events`, `lineage export` and `lineage deliver`, as people type them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.cli.test_commands import CSV, ask, shop  # noqa: F401 -- a fixture
from tests.lineage.openlineage_schemas import check_event
from tests.lineage.prov_json import check_document

from mainspring.cli import events as command
from mainspring.errors import InputError, StateError, UnknownNameError
from mainspring.project import open_project


@pytest.fixture
def project(shop: Path) -> list[str]:  # noqa: F811
    """The options that name the project, whose log has two commits."""
    path = shop.parent / "more.csv"
    path.write_text(CSV.replace("2024", "2025"))
    ask("features", "insert", "customers", str(path), "-p", str(shop))
    return ["-p", str(shop)]


def listed(*words: str) -> list[dict[str, Any]]:
    """The events that a command prints, one JSON object a line."""
    return [json.loads(line) for line in ask("events", "--json", *words).output.splitlines()]


def commit_of(project: list[str]) -> str:
    """The asset of the first commit."""
    return next(event["subject"] for event in listed(*project) if event["kind"] == "commit.published")


def test_the_log_is_a_table_or_lines(project: list[str]) -> None:
    """People get a table, programs an object a line, in the order of the log."""
    rows = listed(*project)
    assert [row["seq"] for row in rows] == sorted(row["seq"] for row in rows)
    assert [row["kind"] for row in rows].count("commit.published") == 2
    table = ask("events", *project).output
    assert table.count("commit.published") == 2
    assert rows[0]["subject"] in table


def test_an_empty_selection_is_said(project: list[str]) -> None:
    """Nothing to show is a sentence for people and nothing for programs."""
    assert ask("events", "--kind", "no.such", *project).output == "No events.\n"
    assert listed("--kind", "no.such", *project) == []


def test_the_log_is_filtered(project: list[str]) -> None:
    """By kind, subject, actor, time and place; filters that are given together all count."""
    everything = listed(*project)
    commits = [row for row in everything if row["kind"] == "commit.published"]
    subject, actor, since = commits[0]["subject"], commits[0]["actor"], commits[1]["occurred_at"]
    assert listed("--kind", "commit.published", *project) == commits
    assert listed("--kind", "commit.published", "--kind", "execution.completed", *project) == everything
    assert listed("--subject", subject, *project) == [row for row in everything if row["subject"] == subject]
    assert listed("--actor", actor, *project) == everything
    assert listed("--actor", "user:nobody", *project) == []
    assert listed("--since", since, "--kind", "commit.published", *project) == commits[1:]
    assert listed("--after", str(commits[0]["seq"]), "--kind", "commit.published", *project) == commits[1:]


def test_the_newest_come_first_to_the_limit(project: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit keeps the newest, still in the order of the log; 0 is no limit, however many pages it takes."""
    everything = listed(*project)
    assert listed("--limit", "1", *project) == everything[-1:]
    monkeypatch.setattr(command, "EVENTS_A_READ", 1)
    assert listed("--limit", "0", *project) == everything


def test_a_wrong_time_is_refused(project: list[str]) -> None:
    """A time that is none is said before the log is read."""
    with pytest.raises(InputError, match="--since"):
        ask("events", "--since", "yesterday", *project)


def following(project: list[str], *words: str) -> subprocess.Popen[str]:
    """`mainspring events --follow` in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "mainspring", "events", "--follow", *words, *project],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


def test_follow_shows_what_comes_and_ends_with_ctrl_c(project: list[str]) -> None:
    """What is there is printed, then what is published meanwhile, once each; Ctrl-C is no failure."""
    known = listed(*project)
    with following(project, "--json") as process:
        assert process.stdout is not None
        assert [json.loads(process.stdout.readline()) for _ in known] == known
        with open_project(Path(project[1])) as opened, opened.graph.execution("look", "around") as work:
            work.event("looked.around", work.id)
        assert json.loads(process.stdout.readline())["kind"] == "looked.around"
        process.send_signal(signal.SIGINT)
        rest, said = process.communicate(timeout=60)
    assert (process.returncode, rest, said) == (0, "", "")


def test_follow_ends_when_its_reader_is_gone(project: list[str]) -> None:
    """`mainspring events --follow | head -1` ends by itself, without waiting for another event."""
    with following(project) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert process.wait(timeout=60) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_a_closed_pipe_is_no_error(project: list[str]) -> None:
    """`mainspring events … | head -0` ends well and says nothing."""
    with following(project, "--json", "--limit", "0") as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(timeout=60) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_lineage_is_exported_as_prov(project: list[str]) -> None:
    """One PROV-JSON document of what something was made from, or of what was made of it."""
    commit = commit_of(project)
    behind = json.loads(ask("lineage", "export", commit, "--format", "prov", *project).output)
    check_document(behind)
    assert len(behind["entity"]) == 2
    (source,) = [record["prov:usedEntity"] for record in behind["wasDerivedFrom"].values()]
    words = ["lineage", "export", source.removeprefix("project:asset-"), "--format", "prov", "--downstream"]
    before = json.loads(ask(*words, *project).output)
    check_document(before)
    assert f"project:asset-{commit}" in before["entity"]


def test_lineage_is_exported_as_openlineage(project: list[str]) -> None:
    """The runs behind something, an event a line."""
    shown = ask("lineage", "export", commit_of(project), "--format", "openlineage", *project).output
    events = [json.loads(line) for line in shown.splitlines()]
    for event in events:
        check_event(event)
    told = [(event["eventType"], event["job"]["name"]) for event in events]
    jobs = ["receive.customers.csv", "insert.customers"]
    assert told == [(kind, job) for job in jobs for kind in ("START", "COMPLETE")]


def test_an_unknown_format_is_refused(project: list[str]) -> None:
    """The formats that there are come with the refusal."""
    with pytest.raises(UnknownNameError, match="openlineage, prov"):
        ask("lineage", "export", "0" * 32, "--format", "dot", *project)


def test_delivery_needs_a_destination(project: list[str]) -> None:
    """Without openlineage.url nothing is delivered, and the key is named."""
    with pytest.raises(StateError, match=r"openlineage\.url"):
        ask("lineage", "deliver", *project)


def test_the_log_is_delivered(project: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is new goes to the configured file in the configured namespace; --again tells everything once more."""
    monkeypatch.setenv("MAINSPRING_OPENLINEAGE_URL", "file:{home}/told.ndjson")
    monkeypatch.setenv("MAINSPRING_OPENLINEAGE_NAMESPACE", "prod")
    first = json.loads(ask("lineage", "deliver", "--json", *project).output)
    path = Path(project[1]) / ".mainspring" / "told.ndjson"
    assert first["url"] == f"file:{path}"
    events = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(events) == first["n_delivered"] > 0
    for event in events:
        check_event(event)
    assert {event["job"]["namespace"] for event in events} == {"prod"}
    assert ask("lineage", "deliver", *project).output.startswith("0 event(s)")
    assert json.loads(ask("lineage", "deliver", "--again", "--json", *project).output) == first
