"""The Python reference is current and complete: every public name, argument, None and time zone is told of."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import mainspring as ms

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference" / "python"
ELSEWHERE = {
    "errors": "docs/reference/errors.md",
    "MainspringError": "docs/reference/errors.md",
    "expect": "docs/reference/expectations.md",
    "RESOURCE": "docs/reference/python/pipelines.md",
}
"""Public names that have no heading of their own, and where they are told of."""

pytestmark = pytest.mark.once


def _writer() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "python_reference", ROOT / "scripts" / "python_reference.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


WRITER = _writer()


ENTRIES = [entry for page in WRITER.PAGES.values() for entry in WRITER.entries(page)]


def _doc(entry: Any) -> str:
    return entry.thing.__doc__ or ""


def _is_told(name: str, doc: str) -> bool:
    """Whether a docstring has the name, or all its words: `run_id` is told of by "the run of that id"."""
    if re.search(rf"\b{re.escape(name)}\b", doc):
        return True
    words = {word.rstrip("s") for word in re.findall(r"[a-z]+", doc.lower())}
    return all(word.rstrip("s") in words for word in name.lower().split("_"))


@pytest.mark.parametrize("name", sorted(WRITER.PAGES))
def test_pages_are_current(name: str) -> None:
    """The pages say what the code says; renew: `python scripts/write_reference.py`."""
    written = (REFERENCE / f"{name}.md").read_text(encoding="utf-8")
    assert written == WRITER.page_text(WRITER.PAGES[name])


def test_every_public_name_is_on_a_page() -> None:
    """What `import mainspring as ms` gives."""
    reaches = {entry.reach for entry in ENTRIES}
    roots = {".".join(reach.split(".")[:2]) for reach in reaches}
    for name in ms.__all__:
        if name in ELSEWHERE:
            assert name in (ROOT / ELSEWHERE[name]).read_text(encoding="utf-8")
        else:
            assert f"ms.{name}" in roots or name in reaches, name


def test_what_public_calls_give_back_is_told_of() -> None:
    """A class of ours in the annotation of a result has its heading below the page's names, with a docstring."""
    found = {entry.reach: entry for page in WRITER.PAGES.values() for entry in WRITER.given_back(page)}
    assert "SplitSpec" in found
    assert [reach for reach, entry in found.items() if not entry.doc.text] == []


def test_every_public_name_has_a_docstring() -> None:
    """Functions, methods, properties and classes."""
    assert [entry.reach for entry in ENTRIES if not entry.doc.text] == []


def test_every_argument_is_told_of() -> None:
    """By its name or its words, in the text or under Args."""
    untold = [
        f"{entry.reach}({each.name})"
        for entry in ENTRIES
        if not entry.reach.endswith("__")
        for each in entry.parameters
        if not _is_told(each.name, _doc(entry))
    ]
    assert untold == []


def test_what_none_means_is_told() -> None:
    """Of every argument that may be None; "as for" another function counts."""
    untold = [
        f"{entry.reach}({each.name})"
        for entry in ENTRIES
        for each in entry.parameters
        if "None" in str(each.annotation) and not re.search("None|[Aa]s for", _doc(entry))
    ]
    assert untold == []


def test_times_say_their_zone() -> None:
    """Of every argument that is a datetime."""
    untold = [
        f"{entry.reach}({each.name})"
        for entry in ENTRIES
        for each in entry.parameters
        if "datetime" in str(each.annotation) and not re.search("UTC|clock|[Aa]s for", _doc(entry))
    ]
    assert untold == []


def test_a_docstring_becomes_markdown() -> None:
    """Paragraphs, code and sections; a section's entries keep what is indented below them."""
    found = WRITER.Docstring.of(_example)
    assert found.text == "One line and its second line.\n\n```python no-run\n_example(1)\n```"
    assert found.sections == {
        "Args": [("a, b", "two numbers, in metres.")],
        "Raises": [("ValueError", "never.")],
    }


def _example(a: int, b: int = 0) -> None:
    """One line
    and its second line.

        _example(1)

    Args:
        a, b: two numbers,
            in metres.

    Raises:
        ValueError: never.
    """
