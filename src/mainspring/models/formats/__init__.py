"""How a fitted estimator becomes bytes and comes back: audited types by default, code only by explicit trust."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mainspring.errors import UnknownNameError
from mainspring.models.formats import _pickle, _skops
from mainspring.plugins import Group, Plugin


@dataclass(frozen=True)
class ModelFormat:
    """One way to store a fitted estimator.

    Attributes:
        file_name: of the estimator's file in a package.
        dump: the estimator's bytes; equal estimators give equal bytes. It raises InputError for what it cannot hold.
        load: the estimator from its bytes and the SHA-256 of bytes that a person vouched for. A format whose loading
            can run code that the bytes name refuses all others (RefusedError).
    """

    file_name: str
    dump: Callable[[Any], bytes]
    load: Callable[[bytes, Collection[str]], Any]


OURS: Final[Mapping[str, ModelFormat]] = {
    "skops": ModelFormat("model.skops", _skops.dump, lambda data, _trusted: _skops.load(data)),
    "pickle": ModelFormat("model.pkl", _pickle.dump, _pickle.load),
}

RESERVED: Final = frozenset(
    {"MLmodel", "signature.json", "requirements.txt", "input_example.json", "manifest.json"}
)
"""Files that every package has beside the estimator's."""


def get_format(name: str) -> ModelFormat:
    """The format of that name, ours or a plug-in's.

    Raises:
        UnknownNameError: no such format.
        PluginError: the plug-in that adds it cannot be used.
    """
    plugin = find_plugin(name)
    if plugin is not None:
        return plugin.value
    if name not in OURS:
        raise UnknownNameError.of(
            "model format",
            name,
            [*OURS, *PLUGINS.names()],
            where="models",
            otherwise="Name one that exists, or install the plug-in that adds it.",
        )
    return OURS[name]


def find_plugin(name: str) -> Plugin[ModelFormat] | None:
    """The plug-in that adds a format; None for one of ours, and where there is no such format."""
    return PLUGINS.find(name)


def dump(estimator: Any, format_name: str) -> bytes:
    """The estimator's bytes in the named format.

    Raises:
        UnknownNameError: no such format.
        InputError: the format cannot hold this estimator safely.
        PluginError: the plug-in that adds the format cannot be used, or gives no bytes.
    """
    data: object = get_format(format_name).dump(estimator)
    plugin = find_plugin(format_name)
    if plugin is not None and not isinstance(data, bytes):
        raise plugin.refuse("bytes from `dump`", f"a {type(data).__name__}")
    assert isinstance(data, bytes)
    return data


def load(data: bytes, format_name: str, trusted_digests: Collection[str] = ()) -> Any:
    """The estimator from its bytes.

    Args:
        trusted_digests: SHA-256 of files that may run code; needed for the format `pickle`, and for those of plug-ins
            that say so.

    Raises:
        UnknownNameError: no such format.
        RefusedError: the bytes hold types that are not on our list, or are a pickle nobody vouched for.
        IntegrityError: the bytes are damaged.
        PluginError: the plug-in that adds the format cannot be used.
    """
    return get_format(format_name).load(data, trusted_digests)


def _misfit(_name: str, value: object) -> str | None:
    if not isinstance(value, ModelFormat):
        return f"a {type(value).__name__}"
    if value.file_name in RESERVED or "/" in value.file_name or not value.file_name:
        return f"one whose file is called {value.file_name!r}"
    return None


PLUGINS: Final[Group[ModelFormat]] = Group(
    name="mainspring.model_formats",
    noun="model format",
    contract="a mainspring.models.formats.ModelFormat with a file name of its own",
    misfit=_misfit,
    builtin=lambda: OURS,
)
