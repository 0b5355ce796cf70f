"""Materializers of plug-ins: their code counts in the cache, and only the one of a type is asked for."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tests.plugins.conftest import Write

from mainspring import plugins
from mainspring.errors import PluginError
from mainspring.pipelines import Materializers
from mainspring.project import Project

MODULE = """
    import json

    from mainspring.pipelines import pipeline, step
    from mainspring.pipelines.materialize import Materializer

    MAINSPRING_API = 1

    class Word:
        def __init__(self, text):
            self.text = text

    class WordMaterializer(Materializer):
        name = "written.Word"

        def accepts(self, annotation, /):
            return annotation is Word

        def store(self, value, slot, /):
            return slot.keep(self, value.text.encode())

        def load(self, stored, slot, /):
            return Word(slot.read(stored).decode())

        def copy(self, value, /):
            return None

    @step
    def say() -> Word:
        return Word("hello")

    @pipeline
    def speak() -> Word:
        return say()
"""
ENTRIES = {"mainspring.materializers": {"written.Word": "written:WordMaterializer", "int": "written:nothing"}}


def test_other_code_runs_the_step_again(project: Project, write: Write, tmp_path: Path) -> None:
    """The step itself did not change: what its result is kept by did, and the reason names it."""
    write("words", ENTRIES, {"written": MODULE})
    import written  # type: ignore[import-not-found]

    assert project.pipelines.run(written.speak).n_executed == 1
    assert project.pipelines.run(written.speak).n_cached == 1

    path = tmp_path / "words" / "written.py"
    path.write_text(path.read_text() + "# Another release.\n")
    plugins.reread()
    again = project.pipelines.run(written.speak)
    assert again.n_executed == 1
    assert "output output by" in (again.steps[0].reason or "")
    assert "words 0.1" in (again.steps[0].reason or "")
    assert again.output.text == "hello"


def test_types_of_the_language_are_not_taken(write: Write) -> None:
    """A plug-in that would keep every int is refused where an int is kept, and nowhere else."""
    write("words", ENTRIES, {"written": MODULE})
    with pytest.raises(PluginError, match="'int'"):
        Materializers().choose(int)
    assert "written" not in sys.modules
    assert Materializers().choose(str).name == "plain"


def test_a_type_that_is_kept_already_is_not_taken(write: Write) -> None:
    """A type that a materializer of this process keeps cannot be a plug-in's too: neither is chosen."""
    write("words", ENTRIES, {"written": MODULE})
    from written import Word, WordMaterializer  # type: ignore[import-not-found]

    known = Materializers()
    assert known.choose(Word).name == "written.Word"
    known.register(WordMaterializer())
    with pytest.raises(PluginError, match=r"words 0\.1.*one materializer of written\.Word"):
        known.choose(Word)
