"""Fixtures of pipelines: a room on a fresh graph, and user code in files that a test may edit."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from types import ModuleType

import pytest

from mainspring.lineage import Graph
from mainspring.pipelines import Pipelines
from mainspring.ports.engine import open_engine
from mainspring.tracking import Tracking


@pytest.fixture
def tracking(graph: Graph) -> Tracking:
    return Tracking(graph)


@pytest.fixture
def pipelines(graph: Graph, tracking: Tracking) -> Pipelines:
    return Pipelines(graph, open_engine("local:"), tracking)


class Code:
    """A folder of modules on `sys.path`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names: set[str] = set()

    def write(self, **modules: str) -> None:
        """Write modules and forget what was imported, as a new process would."""
        for name, text in modules.items():
            (self.folder / f"{name}.py").write_text(dedent(text))
            self.names.add(name)
        self.forget()

    def edit(self, name: str, old: str, new: str) -> None:
        """Change a module's text."""
        path = self.folder / f"{name}.py"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
        self.forget()

    def load(self, name: str) -> ModuleType:
        """Import a module."""
        return importlib.import_module(name)

    def forget(self) -> None:
        """Drop what was imported."""
        importlib.invalidate_caches()
        for name in self.names:
            sys.modules.pop(name, None)


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Code]:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    found = Code(tmp_path)
    yield found
    found.forget()
