"""Configuration: argument over environment over file over default; wrong keys are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from mainspring.config import Config, defaults, keys
from mainspring.errors import AccessError, InputError, UnknownNameError


def write(folder: Path, text: str) -> Path:
    (folder / "mainspring.toml").write_text(text)
    return folder


def test_an_argument_outranks_environment_and_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rank rises from default to file to environment to argument."""
    write(tmp_path, "[serving]\nport = 1\nhost = 'file'\nworkers = 3")
    monkeypatch.setenv("MAINSPRING_SERVING_PORT", "2")
    monkeypatch.setenv("MAINSPRING_SERVING_HOST", "environment")
    serving = Config.load(tmp_path, {"serving.port": 4}).serving
    assert (serving.port, serving.host, serving.workers) == (4, "environment", 3)
    assert Config.load(tmp_path).engine.kind == "local"


def test_the_home_is_filled_into_urls(tmp_path: Path) -> None:
    """`{home}` stands for the home folder, which is relative to the project's folder."""
    config = Config.load(write(tmp_path, "[home]\npath = 'state'"))
    assert config.url("records") == f"sqlite:///{tmp_path / 'state'}/records.db"


@pytest.mark.parametrize(
    ("text", "near"),
    [("[recods]\nurl = 'x'", "records"), ("[records]\nulr = 'x'", "records.url")],
)
def test_an_unknown_key_is_named_with_the_nearest(tmp_path: Path, text: str, near: str) -> None:
    """A typo in the file is an error, never ignored."""
    with pytest.raises(UnknownNameError, match=f"Did you mean '{near}'"):
        Config.load(write(tmp_path, text))


@pytest.mark.parametrize(
    "text", ["[serving]\nport = 'many'", "[serving]\nport = 70000", "serving = 1", "[serving"]
)
def test_a_wrong_value_says_where(tmp_path: Path, text: str) -> None:
    """Wrong types, wrong ranges and broken TOML are refused with the place."""
    with pytest.raises(InputError, match="mainspring.toml"):
        Config.load(write(tmp_path, text))


def test_memory_of_a_join_has_a_least(tmp_path: Path) -> None:
    """A number that would make it endless is refused with the least; 0 leaves it to the machine."""
    with pytest.raises(InputError, match="at least 16,000,000 bytes, or 0"):
        Config.load(write(tmp_path, "[features]\njoin_memory_bytes = 1"))
    assert Config.load(tmp_path, {"features.join_memory_bytes": 0}).features.join_memory_bytes == 0
    assert Config.load(tmp_path, {"features.join_memory_bytes": 16_000_000}).features.join_memory_bytes


def test_a_wrong_value_of_the_environment_is_blamed_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAINSPRING_RETENTION_PREDICTIONS_DAYS", "many")
    with pytest.raises(InputError) as caught:
        Config.load(tmp_path)
    assert "MAINSPRING_RETENTION_PREDICTIONS_DAYS" in caught.value.where
    assert "mainspring.toml" not in caught.value.where


def test_every_key_is_described() -> None:
    """The reference page and the CLI show these texts."""
    assert all(keys().values())
    assert set(keys()) == set(defaults())


def test_a_secret_is_text_or_what_a_file_has(tmp_path: Path) -> None:
    """Relative to the project's folder; what is no secret's name has none, and what is text is never shown."""
    (tmp_path / "people.secret").write_text("from a file\n")
    config = Config.load(tmp_path, {"privacy.secrets": "people=file:people.secret others=text=with=signs"})
    found = [config.find_secret(name) for name in ("people", "others", "nobody")]
    assert found == [b"from a file", b"text=with=signs", None]
    assert config.secrets == ("text=with=signs",)
    assert "signs" not in repr(config)
    (tmp_path / "people.secret").unlink()
    with pytest.raises(AccessError, match=r"people\.secret"):
        config.find_secret("people")


@pytest.mark.parametrize("given", ['{ people = "hidden" }', '[["people=hidden"]]', "[1]"])
def test_a_secret_in_a_table_or_a_list_within_a_list_is_not_shown(tmp_path: Path, given: str) -> None:
    (tmp_path / "mainspring.toml").write_text(f"[privacy]\nsecrets = {given}\n")
    with pytest.raises(InputError, match="a list of text") as refused:
        Config.load(tmp_path)
    assert "hidden" not in str(refused.value)


@pytest.mark.parametrize("given", ["hunter2hunter2hunter2", "a=hunter2 a=other", "a b=hunter2", "a="])
def test_a_secret_that_is_malformed_is_not_shown(tmp_path: Path, given: str) -> None:
    with pytest.raises(InputError, match="NAME=SECRET") as refused:
        Config.load(tmp_path, {"privacy.secrets": given})
    assert "hunter2" not in str(refused.value)
