"""A command line that no command takes: four parts, the nearest name, exit code 2."""

from __future__ import annotations

import json
import sys

import pytest

from mainspring.cli import main


def say(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """Exit code and stderr of a command line; nothing may be on stdout."""
    monkeypatch.setattr(sys, "argv", ["mainspring", *words])
    with pytest.raises(SystemExit) as left:
        main()
    shown = capsys.readouterr()
    assert shown.out == ""
    assert isinstance(left.value.code, int)
    return left.value.code, shown.err


WRONG = [
    (["server", "--port", "99999"], "input.invalid", "mainspring server", "got:      '99999'"),
    (["features", "head", "x", "-n", "0"], "input.invalid", "mainspring features head", "got:      '0'"),
    (["featurs", "list"], "name.unknown", "mainspring", "Did you mean 'features'?"),
    (["models", "shwo", "churn/1"], "name.unknown", "mainspring models", "Did you mean 'show'?"),
    (["zzz"], "name.unknown", "mainspring", "See: mainspring --help"),
    (["models", "list", "--jsn"], "name.unknown", "mainspring models list", "Did you mean '--json'?"),
    (["models", "show"], "input.invalid", "mainspring models show", "mainspring models show [OPTIONS] MODEL"),
    (["runs", "list", "--limit", "x"], "input.invalid", "mainspring runs list", "expected: --limit"),
    (["models", "show", "a/1", "b"], "input.invalid", "mainspring models show", "extra argument"),
    (["lineage", "list", "--limit"], "input.invalid", "mainspring", "a value after --limit"),
]


@pytest.mark.parametrize(("words", "code", "where", "said"), WRONG, ids=lambda value: str(value)[:40])
def test_a_wrong_line_is_four_parts(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    code: str,
    where: str,
    said: str,
) -> None:
    """Unknown commands and options, missing and wrong values: where it stands, and what to write."""
    status, shown = say(monkeypatch, capsys, *words)
    assert status == 2
    assert shown.splitlines()[0] == f"Error [{code}] {where}"
    assert said in shown
    parts = [line.split(":")[0].strip() for line in shown.splitlines()[1:]]
    assert parts == ["expected", "got", "do"]


@pytest.mark.parametrize(
    ("words", "status"), [(["models", "show", "--json"], 2), (["models", "show", "churn", "--json"], 1)]
)
def test_with_json_a_refusal_is_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], status: int
) -> None:
    """A program that asked for JSON gets the five fields as JSON, on stderr."""
    code, shown = say(monkeypatch, capsys, *words)
    assert code == status
    assert set(json.loads(shown)) == {"code", "expected", "got", "where", "hint"}


def test_a_noun_alone_shows_its_commands(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`mainspring models` is answered with its help, and is no success."""
    monkeypatch.setattr(sys, "argv", ["mainspring", "models"])
    with pytest.raises(SystemExit) as left:
        main()
    shown = capsys.readouterr()
    assert left.value.code == 2
    assert "aliases" in shown.out + shown.err
    assert "Error" not in shown.out + shown.err
