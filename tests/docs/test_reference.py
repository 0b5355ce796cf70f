"""The reference is complete: every command, error code and configuration key is documented."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from mainspring import errors
from mainspring.config import keys
from mainspring.errors import MainspringError

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"


def _writer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_reference", ROOT / "scripts" / "write_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["commands.md", "configuration.md", "expectations.md"])
def test_derived_pages_are_current(name: str) -> None:
    """The pages that are derived from the code say what the code says; renew: `python scripts/write_reference.py`."""
    assert (REFERENCE / name).read_text(encoding="utf-8") == _writer().PAGES[name]()


def test_every_command_is_documented() -> None:
    """Each command has its heading and a sentence."""
    page = _writer().commands_page()
    for noun in (
        "init",
        "demo",
        "server",
        "features",
        "runs",
        "models",
        "evaluate",
        "gates",
        "deployments",
        "lineage",
    ):
        assert f"## `mainspring {noun}" in page
    for section in page.split("\n## ")[1:]:
        sentence = section.split("\n")[2]
        assert sentence.endswith("."), f"{section.splitlines()[0]} has no sentence"


def test_every_option_is_explained() -> None:
    """No argument or option is listed without its meaning."""
    rows = [line for line in _writer().commands_page().splitlines() if line.startswith("| `")]
    assert rows
    assert [row for row in rows if row.endswith("|  |")] == []


def test_every_configuration_key_is_documented() -> None:
    """Each key is on the page with a meaning."""
    page = (REFERENCE / "configuration.md").read_text(encoding="utf-8")
    for key, meaning in keys().items():
        assert f"`{key}`" in page
        assert meaning.endswith(".") or meaning, f"{key} has no description"


def test_every_error_code_is_documented() -> None:
    """Each leaf is on the page with its code, and the page names no code that does not exist."""
    page = (REFERENCE / "errors.md").read_text(encoding="utf-8")
    leaves = [
        leaf
        for leaf in vars(errors).values()
        if isinstance(leaf, type) and issubclass(leaf, MainspringError) and leaf is not MainspringError
    ]
    assert len(leaves) > 10
    for leaf in leaves:
        assert f"| `{leaf.code}` | `{leaf.__name__}` |" in page
    listed = [line.split("`")[1] for line in page.splitlines() if line.startswith("| `") and "Error`" in line]
    assert sorted(listed) == sorted(leaf.code for leaf in leaves)
