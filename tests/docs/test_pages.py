"""The documentation does what it says: its examples run, its links lead somewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.docs.pages import ROOT, Reader, blocks, links, pages
from tests.docs.warm import WarmCommands

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
    before = set(sys.modules)
    try:
        assert Reader(page, tmp_path, warm).follow() > 0
    finally:
        for name in set(sys.modules) - before:
            if name.split(".")[0] in {"features", "pipelines", "policies"}:
                del sys.modules[name]


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link of a page names a file or folder that exists."""
    for target in links(page):
        path = page.parent / target.split("#")[0]
        assert path.exists(), f"{page.name} links to {target}"
