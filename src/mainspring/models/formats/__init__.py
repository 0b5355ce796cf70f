"""How a fitted estimator becomes bytes and comes back: audited types by default, code only by explicit trust."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from mainspring.errors import UnknownNameError
from mainspring.models.formats import _pickle, _skops

FILE_NAMES = {"skops": "model.skops", "pickle": "model.pkl"}


def dump(estimator: Any, format_name: str) -> bytes:
    """The estimator's bytes in the named format.

    Raises:
        UnknownNameError: no such format.
        InputError: the format cannot hold this estimator safely.
    """
    check_name(format_name)
    return _skops.dump(estimator) if format_name == "skops" else _pickle.dump(estimator)


def load(data: bytes, format_name: str, trusted_digests: Collection[str] = ()) -> Any:
    """The estimator from its bytes.

    Args:
        trusted_digests: SHA-256 of pickles that may run; needed for the format `pickle` only.

    Raises:
        UnknownNameError: no such format.
        RefusedError: the bytes hold types that are not on our list, or are a pickle nobody vouched for.
        IntegrityError: the bytes are damaged.
    """
    check_name(format_name)
    return _skops.load(data) if format_name == "skops" else _pickle.load(data, trusted_digests)


def check_name(format_name: str) -> None:
    """Refuse a format that does not exist."""
    if format_name not in FILE_NAMES:
        raise UnknownNameError.of("model format", format_name, FILE_NAMES, where="models")
