"""Which backend an address names: a plain path, or `scheme:rest`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mainspring.errors import InputError


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
        hint="Correct it in mainspring.toml; a plain path means a local folder.",
    )
