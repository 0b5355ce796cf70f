"""Policies as values and as TOML."""

from __future__ import annotations

import pytest

from mainspring.errors import InputError
from mainspring.gates.spec import Policy, Requirement

GOOD = """
alias = "champion"
description = "What the flights team agreed on."

[[require]]
kind = "check.metric"
with = { metric = "roc_auc", at_least = 0.70 }
max_age_days = 30

[[require]]
kind = "check.beats"
with = { against = "champion" }
unless_first = true
"""


def test_a_policy_reads_from_toml(tmp_path):
    """The file's name is the environment; `with` holds the parameters."""
    path = tmp_path / "production.toml"
    path.write_text(GOOD)
    policy = Policy.from_toml(path)
    assert (policy.environment, policy.alias) == ("production", "champion")
    assert policy.require[0] == Requirement(
        kind="check.metric", parameters={"metric": "roc_auc", "at_least": 0.7}, max_age_days=30
    )
    assert policy.require[1].unless_first


def test_the_digest_follows_the_content(tmp_path):
    """A comment changes nothing, a bound changes the version."""
    first, same, other = (tmp_path / name / "production.toml" for name in "abc")
    for path, text in ((first, GOOD), (same, "# said again\n" + GOOD), (other, GOOD.replace("0.70", "0.71"))):
        path.parent.mkdir()
        path.write_text(text)
    assert Policy.from_toml(first).digest == Policy.from_toml(same).digest
    assert Policy.from_toml(first).digest != Policy.from_toml(other).digest


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ('alias = "champion"', "require"),
        ('alias = "champion"\nrequire = []', "open"),
        ("alias = ", "Invalid"),
        ('environment = "staging"\n' + GOOD, "staging"),
        (GOOD.replace("unless_first", "unless_frist"), "unless_frist"),
        (GOOD.replace("at_least = 0.70", "at_lest = 0.70"), "at_lest"),
        (GOOD.replace(", at_least = 0.70", ""), "at_least="),
        (GOOD.replace("roc_auc", "roc_acu"), "roc_auc"),
        (GOOD.replace("max_age", 'rows = "some"\nmax_age'), "held_out"),
        (GOOD.replace('"champion"\ndes', '"7"\ndes'), "alias"),
    ],
)
def test_a_file_that_is_no_policy_is_refused(tmp_path, text, word):
    """Nothing required, broken TOML, an unknown key, a check that cannot be made, an alias that is a number."""
    path = tmp_path / "production.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=word):
        Policy.from_toml(path)


@pytest.mark.parametrize(
    ("before", "after", "where", "expected", "got"),
    [
        ("30", '"soon"', "require.0.max_age_days", "a valid number", "'soon'"),
        ("0.70", '"high"', "require.0, check.metric('roc_auc'), at_least", "a valid number", "'high'"),
        ("true", "3", "require.1.unless_first", "a valid boolean", "3"),
        ('"check.beats"', "7", "require.1.kind", "a valid string", "7"),
    ],
)
def test_a_refused_value_is_shown_with_its_place(tmp_path, before, after, where, expected, got):
    """What the value should be, what it is, and which of the file's keys has it."""
    path = tmp_path / "production.toml"
    path.write_text(GOOD.replace(before, after))
    with pytest.raises(InputError) as refusal:
        Policy.from_toml(path)
    assert refusal.value.where == f"{path}, {where}"
    assert refusal.value.expected.startswith(expected)
    assert refusal.value.got == got


def test_a_gate_that_asks_for_nothing_cannot_be_made():
    """An open door is no gate, in Python neither."""
    with pytest.raises(InputError, match="at least one") as refusal:
        Policy(environment="production", alias="champion", require=())
    assert refusal.value.where == "Policy(…), require"


@pytest.mark.parametrize(
    ("make", "where", "expected", "got"),
    [
        (lambda: Policy(environment="p", alias="a"), "Policy(…), require", "a value", "nothing"),
        (lambda: Policy("p"), "Policy(…)", "fields by name", "1 without a name"),
        (lambda: Requirement(kind="k", days=3), "Requirement(…), days", "a key that it knows", "'days'"),
        (lambda: Requirement(kind=3), "Requirement(…), kind", "a valid string", "3"),
        (
            lambda: Policy(environment="p", alias="a", require=[{"kind": "k"}, {"rows": "none"}]),
            "Policy(…), require.1.kind",
            "a value",
            "nothing",
        ),
    ],
)
def test_what_is_wrong_with_a_call_is_said(make, where, expected, got):
    """In four parts, as of a file."""
    with pytest.raises(InputError) as refusal:
        make()
    assert (refusal.value.where, refusal.value.expected, refusal.value.got) == (where, expected, got)
    assert refusal.value.hint.startswith("See help(")
