"""The register of our kinds of expectations: each is one constructor, whose signature names its arguments, and a rule.

From this one place come `ms.expect`, the names and arguments of Great Expectations, JSON both ways and the table in
the documentation.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, ParamSpec

from mainspring.checks.rule import Rule
from mainspring.checks.spec import Expectation

P = ParamSpec("P")

Nearest = Callable[[Expectation], tuple[str, dict[str, Any]] | None]

COLUMN_ARGUMENTS: Final = ("column", "columns", "a", "b")


@dataclass(frozen=True)
class Kind:
    """One kind of expectation of ours.

    Attributes:
        name: of the constructor, as in `ms.expect.between`.
        make: the constructor.
        rule: how it is judged.
        gx: its names in Great Expectations; the first is the one that is written. Empty = it has none.
        names: our argument → theirs, where they differ.
        reads: whether its column arguments are columns that it reads, which the frame must have.
        nearest: name and arguments of what comes nearest in Great Expectations to an expectation that it cannot say
            exactly; None for one that it can.
    """

    name: str
    make: Callable[..., Expectation]
    rule: Rule
    gx: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    reads: bool = True
    nearest: Nearest | None = None

    @cached_property
    def signature(self) -> dict[str, inspect.Parameter]:
        """The kind's own arguments, in order; options such as `severity` are not among them."""
        found = inspect.signature(self.make).parameters
        return {name: each for name, each in found.items() if each.kind is not each.VAR_KEYWORD}

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Those of its arguments that name columns which it reads."""
        return tuple(name for name in self.signature if self.reads and name in COLUMN_ARGUMENTS)

    @property
    def summary(self) -> str:
        """What it says of a frame, in a sentence."""
        return " ".join((inspect.getdoc(self.make) or "").split("\n\n")[0].split())

    def arguments(self, expectation: Expectation) -> dict[str, Any]:
        """The arguments that make this expectation again, without its options."""
        given: dict[str, Any] = dict(expectation.parameters)
        if self.columns == ("columns",):
            several = list(expectation.columns)
            return {"columns": several if len(several) > 1 else several[0], **given}
        return {**dict(zip(self.columns, expectation.columns, strict=True)), **given}


KINDS: Final[dict[str, Kind]] = {}
"""Every kind of ours by name, in the order of definition. Filled when `mainspring.checks.rules` is imported."""


def kind(
    rule: Rule,
    *gx: str,
    names: Mapping[str, str] | None = None,
    reads: bool = True,
    nearest: Nearest | None = None,
) -> Callable[[Callable[P, Expectation]], Callable[P, Expectation]]:
    """Registers a constructor as the definition of a kind; see `Kind`."""

    def register(make: Callable[P, Expectation]) -> Callable[P, Expectation]:
        name = make.__name__
        KINDS[name] = Kind(name, make, rule, gx, names or {}, reads, nearest)
        return make

    return register
