"""One key of mainspring.toml set anew."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mainspring.errors import InputError
from mainspring.workflows.move.switch import switch, with_key


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("", '\n[records]\nurl = "new"\n'),
        ('[project]\nid = "a"', '[project]\nid = "a"\n\n[records]\nurl = "new"\n'),
        ("[records] # where\n\n[home]\n", '[records] # where\nurl = "new"\n\n[home]\n'),
        ('[records]\n  url = "old" # why\n', '[records]\n  url = "new" # why\n'),
        ("[records]\nurl='old'\n[keys]\nurl = 'k'\n", "[records]\nurl=\"new\"\n[keys]\nurl = 'k'\n"),
        (
            '[keys]\nurl = "k"\n[records]\n# url = "x"\n',
            '[keys]\nurl = "k"\n[records]\nurl = "new"\n# url = "x"\n',
        ),
    ],
)
def test_everything_else_stays(text: str, made: str) -> None:
    """Comments, order and keys of the same name in other tables."""
    assert with_key(text, "records", "url", "new") == made


@pytest.mark.parametrize(
    "text", ['records = {url = "old"}\n', 'records.url = "old"\n', 'title = """\n[records]\n"""\n']
)
def test_what_only_its_author_can_change_is_refused(text: str) -> None:
    """Another way to write the key, or text that looks like it, is never changed by guess."""
    with pytest.raises(InputError, match=r"records\.url"):
        with_key(text, "records", "url", "new")


def test_the_file_keeps_its_permissions(tmp_path: Path) -> None:
    """It may hold a password; one that is made is for its owner alone."""
    file = tmp_path / "mainspring.toml"
    switch(file, "records", "url", 'a"b')
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o640)
    switch(file, "records", "url", "new")
    assert (file.read_text(), file.stat().st_mode & 0o777) == ('\n[records]\nurl = "new"\n', 0o640)
    assert os.listdir(tmp_path) == ["mainspring.toml"]
