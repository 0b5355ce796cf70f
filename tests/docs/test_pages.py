"""The documentation does what it says: its examples run, its links lead somewhere."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from tests.docs.pages import ROOT, Reader, blocks, links, pages
from tests.docs.warm import WarmCommands

from mainspring.cli._app import app

pytestmark = pytest.mark.once

RUNNING = [page for page in pages() if page.name != "README.md" and any(block.runs for block in blocks(page))]


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WarmCommands]:
    """One warm `mainspring` for all pages."""
    with WarmCommands(tmp_path_factory.mktemp("warm")) as commands:
        yield commands


@pytest.mark.parametrize("page", RUNNING, ids=lambda page: str(page.relative_to(ROOT)))
def test_examples_run(
    page: Path, tmp_path: Path, records_url: str, monkeypatch: pytest.MonkeyPatch, warm: WarmCommands
) -> None:
    """Every example of a page runs, from top to bottom, in an empty folder, on the database under test."""
    monkeypatch.setenv("MAINSPRING_RECORDS_URL", records_url)
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in project_modules():
        monkeypatch.delitem(sys.modules, name)
    try:
        assert Reader(page, tmp_path, warm).follow() > 0
    finally:
        for name in project_modules():
            del sys.modules[name]


def project_modules() -> list[str]:
    """Modules of whichever project was imported last: every project calls its folders the same."""
    return [name for name in sys.modules if name.split(".")[0] in {"features", "pipelines", "policies"}]


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link of a page names a file or folder that exists."""
    for target in links(page):
        path = page.parent / target.split("#")[0]
        assert path.exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_that_are_not_run_can_be(page: Path) -> None:
    """A `mainspring` line in a block that the tests skip is one that the command line takes."""
    for block in blocks(page):
        if block.language != "console" or (block.runs and page.name != "README.md"):
            continue
        for line in block.text.splitlines():
            if line.startswith("$ mainspring "):
                _parse(typer.main.get_command(app), shlex.split(line)[2:])


def _parse(command: Any, words: list[str]) -> None:
    context = command.make_context(command.name, list(words))
    if hasattr(command, "commands"):
        name, chosen, rest = command.resolve_command(context, words)
        assert name is not None
        _parse(chosen, rest)
