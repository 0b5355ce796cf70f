"""The commands that a gate names can be typed as they stand."""

from __future__ import annotations

import re
import shlex

import pytest
import typer.main

from mainspring.cli._app import app
from mainspring.gates.plan import supply
from mainspring.gates.spec import Requirement


@pytest.mark.parametrize(
    ("kind", "parameters", "read"),
    [
        (
            "check.metric",
            {"metric": "average_precision", "at_least": 0.3},
            {"metric": "average_precision", "at_least": 0.3},
        ),
        ("check.beats", {"against": "baseline"}, {"beats": "baseline"}),
    ],
)
def test_the_named_command_is_read_as_it_was_meant(kind, parameters, read):
    """The command line has these options, and reads these values from them."""
    text = supply(Requirement(kind=kind, parameters=parameters), "late/4")
    (line,) = re.findall(r"`mainspring (.+?)`", text)
    name, *words = shlex.split(line)
    command = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]
    found = command.make_context(name, words).params
    assert {"model": "late/4", "split": "test", **read}.items() <= found.items()


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        ("check.metric", {"metric": "brier", "at_most": 0.2}),
        ("check.metric", {"metric": "roc_auc", "at_least": 0.7, "cluster": "day"}),
        ("check.slice", {"column": "carrier", "max_drop": 0.1}),
    ],
)
def test_where_no_option_would_do_only_the_call_is_named(kind, parameters):
    """A command that makes another check would be a false promise."""
    text = supply(Requirement(kind=kind, parameters=parameters), "late/4")
    assert "mainspring evaluate" not in text and "project.evaluation.evaluate(" in text
