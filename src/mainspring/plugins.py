"""What third parties add: objects that installed distributions name by entry points, found at first use.

A group of entry points is one kind of thing: a metric, a backend. The room that uses it states what an object of the
group must be. A plug-in is imported when somebody asks for its name, and only then can it fail.
"""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final, Generic, NoReturn, TypeVar, cast

from mainspring.errors import PluginError
from mainspring.types import digest, digest_bytes

API: Final = 1
"""The version of what plug-ins are promised. It rises when a plug-in written for the one before may fail."""

API_NAME: Final = "MAINSPRING_API"
"""The module that an entry point names, or a package around it, says by this name what version it was written for."""

T = TypeVar("T")


@dataclass(frozen=True)
class Plugin(Generic[T]):
    """An object that a distribution adds, loaded.

    Attributes:
        name: the entry point's.
        group: the entry point's group.
        distribution, version: what was installed.
        code: SHA-256 over what was installed; an editable installation counts by its source files.
        value: the object.
    """

    name: str
    group: str
    distribution: str
    version: str
    code: str
    value: T

    def origin(self) -> dict[str, str]:
        """What evidence and packages keep of it: distribution, version and code, as plain JSON."""
        return {"distribution": self.distribution, "version": self.version, "code": self.code}

    def refuse(self, expected: str, got: str) -> PluginError:
        """For a plug-in that does not do what its contract says."""
        return _unusable(expected, got, _where(self.group, self.name, self.distribution, self.version))


@dataclass(frozen=True)
class Listed:
    """An entry point of one of our groups, whether it can be used or not.

    Attributes:
        target: `module:attribute`.
        state: `usable` or `unusable`.
        problem: what is wrong with it; empty where it can be used.
    """

    group: str
    name: str
    distribution: str
    version: str
    target: str
    state: str
    problem: str


@dataclass(frozen=True)
class Group(Generic[T]):
    """One kind of thing that plug-ins add.

    Attributes:
        name: of the group of entry points.
        noun: the thing, as people say it.
        contract: what an object of the group is, in words.
        misfit: what is wrong with an object under a name, in words; None = it keeps the contract. It may try the
            object out: what that raises is wrong with it too.
        builtin: names that mainspring gives itself; no plug-in may have one of them.
    """

    name: str
    noun: str
    contract: str
    misfit: Callable[[str, object], str | None]
    builtin: Callable[[], Collection[str]]

    def names(self) -> list[str]:
        """Names that plug-ins add, in order; nothing is imported."""
        return sorted({entry.name for entry in _entries(self.name)})

    def find(self, name: str) -> Plugin[T] | None:
        """The plug-in of that name; None if no distribution adds it.

        Raises:
            PluginError: it cannot be imported, is no such thing, was written for another version of mainspring, or
                its name is taken by mainspring or by another distribution.
        """
        entries = [entry for entry in _entries(self.name) if entry.name == name]
        if not entries:
            return None
        if name in self.builtin() or len(entries) > 1:
            self._clash(entries)
        return cast("Plugin[T]", _loaded(self, entries[0]))

    def missing(self, name: str, distribution: str, version: str | None, where: str) -> PluginError:
        """For a thing that was made with a plug-in which is not installed here.

        Args:
            distribution, version: which had it; version None = any.
            where: the place in the caller's input.
        """
        pinned = distribution if version is None else f"{distribution}=={version}"
        return PluginError(
            expected=f"the {self.noun} {name!r} of {distribution}",
            got="no installed distribution that adds it",
            where=where,
            hint=f"Install it with: pip install {pinned!r}. See what is installed: mainspring plugins list",
        )

    def listed(self) -> Iterator[Listed]:
        """Every entry point of the group. Each is imported to tell its state."""
        for entry in _entries(self.name):
            problem = ""
            try:
                self.find(entry.name)
            except PluginError as error:
                problem = f"expected {error.expected}, got {error.got}"
            distribution, version = _distribution(entry)
            state = "unusable" if problem else "usable"
            yield Listed(self.name, entry.name, distribution, version, entry.value, state, problem)

    def _clash(self, entries: list[metadata.EntryPoint]) -> NoReturn:
        name = entries[0].name
        owners = [" ".join(_distribution(entry)) for entry in entries]
        if name in self.builtin():
            owners.insert(0, "mainspring itself")
        raise _unusable(
            f"one {self.noun} called {name!r}",
            f"one each of {', '.join(owners)}",
            " and ".join(_where(entry.group, entry.name, *_distribution(entry)) for entry in entries),
            f"Uninstall {'it' if len(entries) == 1 else 'all but one'}, or have its author rename it.",
        )


def reread() -> None:
    """Look for entry points again: what was installed since the first look is found."""
    _entries.cache_clear()
    _loaded.cache_clear()


@functools.cache
def _entries(group: str) -> tuple[metadata.EntryPoint, ...]:
    return tuple(sorted(metadata.entry_points(group=group), key=lambda entry: (entry.name, entry.value)))


@functools.cache
def _loaded(group: Group[Any], entry: metadata.EntryPoint) -> Plugin[Any]:
    distribution, version = _distribution(entry)
    where = _where(entry.group, entry.name, distribution, version)
    try:
        value = entry.load()
    except (Exception, SystemExit) as error:
        raise _unusable(f"{entry.value} to be imported", f"{type(error).__name__}: {error}", where) from error
    api = _api(entry.module)
    if api != API:
        raise _unusable(
            f"{API_NAME} = {API} in {entry.module}, or in a package around it",
            "no such name" if api is None else f"{API_NAME} = {api!r}",
            where,
            f"Install the version of {distribution} that was made for this mainspring.",
        )
    try:
        wrong = group.misfit(entry.name, value)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the plug-in's
        wrong = f"{entry.value}, which fails: {type(error).__name__}: {error}"
    if wrong is not None:
        raise _unusable(group.contract, wrong, where)
    return Plugin(entry.name, entry.group, distribution, version, _code(entry), value)


def _api(module: str) -> object:
    """What the module, or else the nearest package around it, says; None if none of them does."""
    while module:
        said: object = getattr(sys.modules.get(module), API_NAME, None)
        if said is not None:
            return said
        module = module.rpartition(".")[0]
    return None


def _distribution(entry: metadata.EntryPoint) -> tuple[str, str]:
    found = entry.dist
    return ("an unnamed distribution", "?") if found is None else (found.metadata["Name"], found.version)


def _code(entry: metadata.EntryPoint) -> str:
    """SHA-256 over the digests that the installer wrote down, or over the source files where there are none."""
    found = entry.dist
    listed = "" if found is None or _is_editable(found) else found.read_text("RECORD") or ""
    # What lies outside of the package (scripts) or in its .dist-info names the place of installation.
    hashed = sorted(
        line
        for line in listed.splitlines()
        if ",sha256=" in line and not line.startswith("..") and ".dist-info/" not in line
    )
    return digest(hashed or _sources(entry.module))


def _is_editable(found: metadata.Distribution) -> bool:
    try:
        told = json.loads(found.read_text("direct_url.json") or "{}")
    except ValueError:
        return False
    return bool(told.get("dir_info", {}).get("editable"))


def _sources(module: str) -> dict[str, str]:
    """The Python files of a module's top package, by relative path."""
    top = sys.modules.get(module.partition(".")[0])
    folders = [Path(place) for place in getattr(top, "__path__", ())]
    if not folders:
        file = getattr(top, "__file__", None)
        return {} if file is None else {Path(file).name: digest_bytes(Path(file).read_bytes())}
    return {
        str(path.relative_to(folder)): digest_bytes(path.read_bytes())
        for folder in folders
        for path in sorted(folder.rglob("*.py"))
    }


def _where(group: str, name: str, distribution: str, version: str) -> str:
    return f"plug-in {name!r} of {distribution} {version} ({group})"


def _unusable(
    expected: str,
    got: str,
    where: str,
    hint: str = "Repair, upgrade or uninstall that distribution: mainspring plugins list shows all.",
) -> PluginError:
    return PluginError(expected=expected, got=got, where=where, hint=hint)
