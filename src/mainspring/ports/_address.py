"""Which backend an address names: a plain path, or `scheme:rest`. Plug-ins add schemes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar, cast
from urllib.parse import unquote, urlsplit

from mainspring.errors import InputError
from mainspring.plugins import Group, Plugin

T = TypeVar("T")


class Backends(Generic[T]):
    """The schemes that open backends of one port.

    Args:
        port: its name.
        contract: the class that every backend of it extends.
        takes: what a plug-in's function is called with, in words.
        builtin: schemes of ours.
    """

    def __init__(self, port: str, contract: type[Any], takes: str, builtin: Sequence[str]) -> None:
        self._port = port
        self._contract = contract
        self._builtin = builtin
        self.group: Group[Callable[..., T]] = Group(
            name=f"mainspring.backends.{port}",
            noun=f"{port} backend",
            contract=f"a function that takes {takes} and returns a {contract.__module__.removesuffix('._base')}."
            f"{contract.__name__}",
            misfit=lambda _name, value: None if callable(value) else f"a {type(value).__name__}",
            builtin=lambda: builtin,
        )

    def find(self, scheme: str) -> Plugin[Callable[..., T]] | None:
        """The plug-in that opens addresses of that scheme; None where it is one of ours.

        Raises:
            InputError: nobody opens them.
            PluginError: the plug-in cannot be used.
        """
        found = self.group.find(scheme)
        if found is None and scheme not in self._builtin:
            known = [f"{name}:" for name in (*self._builtin, *self.group.names())]
            raise unknown_scheme(self._port, scheme, ["a path", *known] if "file" in self._builtin else known)
        return found

    def open(self, plugin: Plugin[Callable[..., T]], *given: Any, **settings: Any) -> T:
        """What a plug-in opens.

        Raises:
            PluginError: it is no backend of this port.
        """
        opened: object = plugin.value(*given, **settings)
        if not isinstance(opened, self._contract):
            raise plugin.refuse(self.group.contract, f"a {type(opened).__name__} in return")
        return cast("T", opened)


def scheme_of(address: str | Path) -> str:
    """The scheme in lower case; `file` for a plain path, also for a Windows drive such as `C:`."""
    if isinstance(address, Path):
        return "file"
    scheme = urlsplit(address).scheme
    return scheme if len(scheme) > 1 else "file"


def path_of(address: str | Path) -> Path:
    """The folder that a plain path or a `file:` URL names, absolute."""
    if isinstance(address, str) and urlsplit(address).scheme == "file":
        return Path(unquote(urlsplit(address).path)).absolute()
    return Path(address).absolute()


def unknown_scheme(port: str, scheme: str, known: Sequence[str]) -> InputError:
    """For an address of `port` whose scheme no backend answers to."""
    return InputError(
        expected=f"an address of one of these kinds: {', '.join(known)}",
        got=f"{scheme}:…",
        where=f"{port}.url",
        hint="Correct it in mainspring.toml, or install the plug-in that opens it.",
    )
