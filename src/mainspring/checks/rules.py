"""Which rule judges an expectation: ours by kind, or a plug-in's."""

from __future__ import annotations

from typing import Final

from mainspring.checks.kind import KINDS
from mainspring.checks.kinds import nulls, pairs, ranges, sets, shape, statistics, text, uniqueness
from mainspring.checks.rule import Found, Rule
from mainspring.checks.spec import Expectation
from mainspring.errors import UnknownNameError
from mainspring.plugins import Group, Plugin

__all__ = ["EXPECTATIONS", "FAMILIES", "KINDS", "Found", "Rule", "find_plugin", "get_rule"]

FAMILIES: Final = (nulls, ranges, sets, uniqueness, text, pairs, statistics, shape)
"""The modules of `mainspring.checks.kinds`; importing them fills the register of kinds."""


def get_rule(expectation: Expectation) -> Rule:
    """How an expectation is judged.

    Raises:
        UnknownNameError: there is no such kind.
        PluginError: the plug-in that it was made with is not installed, or cannot be used.
    """
    kind, distribution = expectation.kind, expectation.distribution
    plugin = find_plugin(kind)
    if distribution is not None and (plugin is None or plugin.distribution != distribution):
        raise EXPECTATIONS.missing(kind, distribution, None, f"expectation {expectation.name}")
    if plugin is not None:
        return plugin.value
    if kind in KINDS:
        return KINDS[kind].rule
    known = [*KINDS, *EXPECTATIONS.names()]
    raise UnknownNameError.of("expectation kind", kind, known, where="expectations")


def find_plugin(kind: str) -> Plugin[Rule] | None:
    """The plug-in that adds a kind; None for a kind of ours, and where there is no such kind."""
    return EXPECTATIONS.find(kind)


def _misfit(_name: str, value: object) -> str | None:
    if not isinstance(value, Rule):
        return f"a {type(value).__name__}"
    ways = (value.breaks, value.holds, value.measures, value.shape)
    given = sum(way is not None for way in ways)
    if given != 1:
        return "a Rule with more than one of them, or none"
    return (
        None
        if (value.measures is None) == (value.finds is None)
        else "a Rule with `measures` or `finds` alone"
    )


EXPECTATIONS: Final[Group[Rule]] = Group(
    name="mainspring.expectations",
    noun="expectation kind",
    contract="a mainspring.checks.rules.Rule with one of `breaks`, `holds`, `measures` and `shape`",
    misfit=_misfit,
    builtin=lambda: KINDS,
)
