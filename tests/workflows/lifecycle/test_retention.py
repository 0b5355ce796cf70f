"""Retention rules and pins: what is old goes by the rules of deletion, and what is pinned stays."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mainspring.cli._app import app
from mainspring.errors import DeletedError, FencedError, StateError
from mainspring.lineage.publication import Publication
from mainspring.lineage.spec import MarkKind
from mainspring.ports.clock import ReplayClock
from mainspring.project import Project, open_project
from mainspring.workflows import gc
from mainspring.workflows.backup.make import make_backup
from mainspring.workflows.doctor.examine import examine
from mainspring.workflows.gc import collect
from mainspring.workflows.lifecycle import archive, delete, pin, unpin
from mainspring.workflows.lifecycle.retention import apply, apply_to_log, log_rules, rules
from tests.workflows.lifecycle.conftest import Shelf
from tests.workflows.test_gc import age_everything


def ruled(shelf: Shelf, **days: int) -> Project:
    """The project a year later, with these rules; runs too have begun a year ago."""
    year_us = 365 * 24 * 3600 * 1_000_000
    shelf.filled.sql("UPDATE executions SET started_us = started_us - :us WHERE kind = 'run'", us=year_us)
    age_everything(shelf.filled)
    overrides: dict[str, Any] = {f"retention.{name}": value for name, value in days.items()}
    project = open_project(shelf.filled.folder, overrides=overrides)
    assert isinstance(project.clock, ReplayClock)
    project.clock.set(project.clock.now() + timedelta(days=365))
    return project


def test_ids_of_events_are_forgotten_by_a_rule(shelf: Shelf) -> None:
    """Those of rows that were committed so long ago; shown first, by the command too, and not without the rule."""
    event = [{"id": 1, "user": "ann", "n": 1}]

    def pushed(project: Project) -> int:
        clicks = project.features.group("clicks", keys=["user"], schema={"user": str, "n": int})
        done = clicks.push(event, event_id="id")
        clicks.flush()
        return done.n_rows

    with open_project(shelf.filled.folder) as project:
        assert pushed(project) == 1
        assert collect(project, delete=True).event_ids is None
    with ruled(shelf, event_ids_days=366) as project:
        found = collect(project, delete=True).event_ids
        assert found is not None
        assert found.n_ids == {}
        assert pushed(project) == 0
    with ruled(shelf, event_ids_days=365) as project:
        for delete in (False, True):
            found = collect(project, delete=delete).event_ids
            assert found is not None
            assert found.n_ids == {"clicks@1": 1}
        assert pushed(project) == 1


def test_rules_give_up_from_the_leaves_inwards(shelf: Shelf) -> None:
    """The model, then the dataset that it learnt from; what is served or young stays; a dry run changes nothing."""
    rules = {"model_versions_days": 90, "training_datasets_days": 300, "runs_days": 30}
    with ruled(shelf, **rules) as project:
        with project.tracking.run("young", experiment="trials") as run:
            run.artifact("young.txt", b"young")
        rows = shelf.filled.rows()
        shown = collect(project)
        assert [(rule.name, len(rule.due), rule.n_kept) for rule in shown.retention] == [
            ("retention.model_versions_days", 1, 2),
            ("retention.runs_days", 1, 0),
            # The model that holds it would go first.
            ("retention.training_datasets_days", 0, 1),
        ]
        assert shelf.filled.rows() == rows
        done = collect(project, delete=True)
        assert [[thing.noun for thing in rule.due] for rule in done.retention] == [
            ["model_version"],
            ["run"],
            ["training_dataset"],
        ]
        assert done.deleted_bytes == sum(rule.size_bytes for rule in done.retention)
        with pytest.raises(DeletedError, match="retention.model_versions_days = 90"):
            project.models.load(shelf.trial)
        assert project.models.load(project.models.get("lateness", 2)).signature.features
        assert [each.name for each in project.tracking.runs()] == ["young"]
        assert [rule.due for rule in collect(project, delete=True).retention] == [(), (), ()]


def test_a_pin_keeps_a_thing_and_what_it_was_made_of(shelf: Shelf) -> None:
    """A pinned model is deleted neither by a person nor by a rule, and so its dataset stays; unpinned, both go."""
    with ruled(shelf, model_versions_days=90, training_datasets_days=90) as project:
        pin(project, "model", "trial", reason="audit")
        with pytest.raises(StateError, match="unpin model trial"):
            delete(project, "model", "trial", reason="old")
        with pytest.raises(StateError, match="pin model version trial/1"):
            delete(project, "model_version", "trial/1", reason="old")
        assert [len(rule.due) for rule in collect(project, delete=True).retention] == [0, 0]
        archive(project, "model", "trial")
        unpin(project, "model", "trial")
        with pytest.raises(StateError, match="is pinned"):
            unpin(project, "model", "trial")
        assert [len(rule.due) for rule in collect(project, delete=True).retention] == [1, 1]


def test_what_was_not_given_up_is_not_said_to_be(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thing or a log that somebody pinned since, or gave up; a publication that is refused is heard."""
    with ruled(shelf, model_versions_days=90, predictions_days=30, outcomes_days=30) as project:
        (rule,), (predictions, outcomes) = rules(project), log_rules(project)
        pin(project, "model", "trial")
        pin(project, "deployment", "flights")
        done = apply(project, rule)
        assert (len(rule.due), rule.n_kept, done.due, done.n_kept) == (1, 2, (), 3)
        assert (rule.size_bytes > 0, done.size_bytes, done.n_blobs) == (True, 0, 0)
        kept = apply_to_log(project, predictions)
        assert (predictions.is_pinned, kept.is_pinned, kept.n_rows) == (False, True, 5)
        unpin(project, "deployment", "flights")
        unpin(project, "model", "trial")
        project.deployments.get("flights").give_up(outcomes.part, outcomes.before, reason="by hand")
        gone = apply_to_log(project, outcomes)
        assert (outcomes.n_rows, gone.n_rows, gone.n_days, gone.is_pinned) == (2, 0, 0, False)

        def fenced(*_: object) -> None:
            raise FencedError(expected="this one", got="another", where="work", hint="Nothing was published.")

        monkeypatch.setattr(Publication, "write", fenced)
        for refused in (lambda: apply(project, rule), lambda: apply_to_log(project, predictions)):
            with pytest.raises(FencedError):
                refused()


def test_only_failed_runs(shelf: Shelf) -> None:
    """`failed_runs_days` takes the artifacts of runs that failed, and of no other."""
    with pytest.raises(RuntimeError), shelf.project.tracking.run("bad", experiment="trials") as run:
        run.artifact("half.txt", b"half a result")
        raise RuntimeError("no")
    with ruled(shelf, failed_runs_days=30) as project:
        done = collect(project, delete=True)
        assert ([len(rule.due) for rule in done.retention], done.deleted_bytes) == (
            [1],
            len(b"half a result"),
        )
        assert {mark.name for mark in project.graph.marks(MarkKind.DELETED)} == {run.id}


def test_no_rule_is_set_by_default(shelf: Shelf) -> None:
    """Without configuration nothing is ever given up by age."""
    with ruled(shelf) as project:
        done = collect(project, delete=True)
        assert (done.retention, done.deleted) == ((), ())


def test_the_commands(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """`pin`, `marks`, `unpin`, and `gc` with a rule from the environment."""
    ruled(shelf).close()
    monkeypatch.setenv("MAINSPRING_RETENTION_MODEL_VERSIONS_DAYS", "90")

    def said(*words: str) -> str:
        return CliRunner().invoke(app, [*words, "-p", str(shelf.filled.folder)]).stdout

    assert "Would give up by retention.model_versions_days = 90: 1 (" in said("gc")
    assert "Pinned model version trial/1" in said("pin", "model_version", "trial/1", "--reason", "audit")
    assert "trial/1  user:test" in said("marks", "--kind", "pinned")
    assert "90: 0 (0 bytes); 3 as old are kept" in said("gc", "--delete")
    assert "Took the pin off" in said("unpin", "model_version", "trial/1")
    assert "Nothing is archived" in said("marks")


@pytest.mark.once
def test_logs_go_by_days_and_their_bytes_by_age(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shown first; then rows, a receipt, and once they are old enough the files; doctor and a backup find all right."""
    shelf.project.close()
    with ruled(shelf, predictions_days=30, outcomes_days=30) as project:
        rows = shelf.filled.rows()
        shown = collect(project)
        told = [(rule.part.value, rule.n_rows, rule.n_days, rule.is_pinned) for rule in shown.logs]
        assert told == [("predictions", 5, 1, False), ("outcomes", 2, 1, False)]
        assert shelf.filled.rows() == rows
        pin(project, "deployment", "flights")
        assert [rule.is_pinned for rule in collect(project, delete=True).logs] == [True, True]
        assert project.deployments.get("flights").log().height == 5
        unpin(project, "deployment", "flights")
        collect(project, delete=True)
        assert project.deployments.get("flights").log().height == 0
        assert [rule.n_rows for rule in collect(project).logs] == [0, 0]
        (log,) = (shelf.filled.home / "tables").glob("predictions_*")
        assert len(list(log.glob("*.parquet"))) == 1, "young files stay"
        monkeypatch.setattr(gc, "YOUNGEST", timedelta(0))
        done = collect(project, delete=True, older_than=timedelta(0))
        assert [item.kind.value for item in done.rubbish if item.name.startswith("predictions_")] == ["file"]
        assert list(log.glob("*.parquet")) == []
        assert collect(project).rubbish == ()
    assert examine(shelf.filled.folder).problems == []
    with shelf.filled.open() as project:
        make_backup(project, tmp_path / "copy")
