"""Plug-ins are found by name, imported when asked for, and wrong ones say whose they are and what is wrong."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.test_commands import ask
from tests.plugins.conftest import Write

from mainspring import plugins
from mainspring.errors import PluginError, UnknownNameError
from mainspring.evaluation.metrics import PLUGINS, metric
from mainspring.ports.blobs import open_blobs
from mainspring.workflows.plugins import GROUPS, list_plugins

METRIC = """
    from mainspring.evaluation.metrics import Metric
    {api}
    def figure(labels, scores, weights=None):
        return {value}
    found = Metric({name!r}, figure, higher_is_better=True)
"""
API = "MAINSPRING_API = 1"


def metric_module(name: str = "mine", api: str = API, value: str = "0.5") -> str:
    """A module with one metric."""
    return METRIC.format(name=name, api=api, value=value)


def test_nothing_is_imported_until_its_name_is_asked_for(harbour: Path) -> None:
    """Names are read from metadata; a metric's module is imported with the metric, the others stay away."""
    assert "absolute_error" in PLUGINS.names()
    metric("brier")
    assert "harbour" not in sys.modules
    assert metric("absolute_error").name == "absolute_error"
    assert "harbour.metrics" in sys.modules
    assert "harbour.model" not in sys.modules


def test_every_group_lists_its_plugins(harbour: Path) -> None:
    """The example adds to every group, and all of it can be used."""
    rows = list_plugins()
    assert {row.group for row in rows} == {group.name for group in GROUPS}
    assert {(row.distribution, row.version, row.state, row.problem) for row in rows} == {
        ("harbour", "1.2.0", "usable", "")
    }


def test_every_group_is_documented() -> None:
    """The guide's table has a row for each group that is read, and for no other."""
    page = (Path(__file__).parents[2] / "docs" / "guides" / "plug-ins.md").read_text(encoding="utf-8")
    rows = [line.split("`")[1] for line in page.splitlines() if line.startswith("| `mainspring.")]
    assert rows == [group.name for group in GROUPS]


@pytest.mark.parametrize(
    ("code", "got"),
    [
        ("import no_such_library", "No module named 'no_such_library'"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        (f"{API}\nother = 1", "has no attribute 'found'"),
        (metric_module(api=""), "no such name"),
        (metric_module(api="MAINSPRING_API = 2"), "MAINSPRING_API = 2"),
        (f"{API}\nfound = 'a metric'", "a str"),
        (metric_module(name="other"), "a metric called 'other'"),
        (
            metric_module(value="float(len(labels))"),
            "4 where a row counts twice and 5 where it is there twice",
        ),
        (metric_module(value="1 / 0"), "ZeroDivisionError"),
    ],
    ids=["import", "exit", "attribute", "no api", "other api", "type", "name", "weights", "fails"],
)
def test_a_broken_plugin_breaks_only_itself(write: Write, code: str, got: str) -> None:
    """Asked for, it says what is wrong and whose it is; listed, it is unusable; nothing else is touched."""
    write("broken-things", {"mainspring.metrics": {"mine": "written:found"}}, {"written": code})
    assert metric("brier").name == "brier"
    for _ in range(2):
        with pytest.raises(PluginError) as refused:
            metric("mine")
        assert got in refused.value.got
        assert refused.value.where == "plug-in 'mine' of broken-things 0.1 (mainspring.metrics)"
    (row,) = list_plugins()
    assert (row.state, row.name, row.distribution) == ("unusable", "mine", "broken-things")
    assert got in row.problem


def test_the_command_shows_what_is_wrong(write: Write) -> None:
    """People get a table and, below it, what is wrong; programs get all of it."""
    assert ask("plugins", "list").output == "No plug-ins are installed.\n"
    modules = {"written": "import no_such_library"}
    write("broken-things", {"mainspring.metrics": {"mine": "written:found"}}, modules)
    (row,) = json.loads(ask("plugins", "list", "--json").output)
    assert (row["name"], row["target"], row["state"]) == ("mine", "written:found", "unusable")
    assert f"mine of broken-things 0.1: {row['problem']}" in ask("plugins", "list").output


def test_a_name_of_ours_is_not_taken(write: Write) -> None:
    """Whoever asks for a name that two give is told so, and gets neither; other names are as they were."""
    modules = {"written": metric_module("brier")}
    write("greedy", {"mainspring.metrics": {"brier": "written:found"}}, modules)
    with pytest.raises(PluginError, match="mainspring itself, greedy 0.1") as refused:
        metric("brier")
    assert "written" not in sys.modules
    assert "greedy" in refused.value.where
    assert metric("log_loss").name == "log_loss"


def test_two_distributions_do_not_share_a_name(write: Write) -> None:
    """Which of two is meant is not guessed."""
    for name in ("first", "second"):
        write(name, {"mainspring.metrics": {"mine": "written:found"}}, {"written": metric_module()})
    with pytest.raises(PluginError, match="first 0.1, second 0.1|second 0.1, first 0.1"):
        metric("mine")
    assert [row.state for row in list_plugins()] == ["unusable", "unusable"]


def test_an_unknown_name_says_what_there_is(harbour: Path) -> None:
    """What plug-ins add is among the names that an error lists."""
    with pytest.raises(UnknownNameError, match="absolute_error"):
        metric("absolut_error")


def test_what_a_backend_opens_is_checked(write: Write) -> None:
    """A function that returns something else is refused with its distribution's name."""
    entries = {"mainspring.backends.blobs": {"odd": "written:found"}}
    write("odd-things", entries, {"written": f"{API}\ndef found(address):\n    return address\n"})
    with pytest.raises(PluginError, match="a str in return") as refused:
        open_blobs("odd:here")
    assert "odd-things 0.1" in refused.value.where


def test_code_counts(harbour: Path, write: Write, tmp_path: Path) -> None:
    """What was installed has one digest; of a distribution without a record, the source files count as they are."""
    found = PLUGINS.find("absolute_error")
    assert found is not None
    assert found.origin() == {"distribution": "harbour", "version": "1.2.0", "code": found.code}
    plugins.reread()
    again = PLUGINS.find("top_precision")
    assert again is not None
    assert again.code == found.code

    write("editable", {"mainspring.metrics": {"mine": "written:found"}}, {"written": metric_module()})
    first = PLUGINS.find("mine")
    (tmp_path / "editable" / "written.py").write_text(
        (tmp_path / "editable" / "written.py").read_text() + "\n# another\n"
    )
    plugins.reread()
    second = PLUGINS.find("mine")
    assert first is not None
    assert second is not None
    assert first.code != second.code


def test_an_uninstalled_plugin_is_gone(harbour: Path, uninstall: Callable[[], None]) -> None:
    """Without the distribution the name is unknown."""
    uninstall()
    with pytest.raises(UnknownNameError, match="install the plug-in"):
        metric("top_precision_of_harbour")
