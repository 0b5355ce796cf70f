"""What a model needs installed: the distributions that its types come from, and theirs, pinned as they are."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from importlib import metadata

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def requirements(modules: Iterable[str], distributions: Iterable[str] = ()) -> list[str]:
    """Pins (`name==version`), sorted, of all installed distributions reachable from these top-level modules, and from
    these distributions.

    A dependency that is declared but not installed (another platform's, an extra's) is left out: it was not
    there when the model was trained either. mainspring itself is pinned without what it needs beside the model.
    """
    owners = _owners()
    waiting = [*distributions]
    waiting += [owner for module in modules for owner in owners.get(module.partition(".")[0], ())]
    pins = {"mainspring": metadata.version("mainspring")}
    while waiting:
        name = _normal(waiting.pop())
        found = None if name in pins else _find_installed(name)
        if found is not None:
            pins[name], needed = found
            waiting.extend(needed)
    return [f"{name}=={version}" for name, version in sorted(pins.items())]


@functools.cache
def _owners() -> Mapping[str, list[str]]:
    """Which distributions bring a top-level module. Reading every installed file list takes 0.3 s: once."""
    return metadata.packages_distributions()


@functools.cache
def _find_installed(name: str) -> tuple[str, tuple[str, ...]] | None:
    """Version and needs of an installed distribution, as this process first met it: later ones it has not loaded."""
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return None
    return found.version, tuple(_needed(found.requires or ()))


def _needed(declared: Iterable[str]) -> list[str]:
    """Names of unconditional and platform requirements; those of extras are somebody's choice, not a need."""
    names = []
    for line in declared:
        requirement, _, marker = line.partition(";")
        match = _NAME.match(requirement.strip())
        if match and "extra" not in marker:
            names.append(match.group())
    return names


def _normal(name: str) -> str:
    """The normalised spelling of a distribution's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
