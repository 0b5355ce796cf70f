"""pickle: loading runs code, so it takes a person who names the exact bytes."""

from __future__ import annotations

import pickle
from collections.abc import Collection
from typing import Any

from mainspring.errors import RefusedError
from mainspring.types import digest_bytes


def dump(estimator: Any) -> bytes:
    """The estimator as a pickle."""
    return pickle.dumps(estimator, protocol=5)


def load(data: bytes, trusted_digests: Collection[str]) -> Any:
    """The estimator, if its digest was vouched for.

    Raises:
        RefusedError: it was not; nothing was read.
    """
    sha256 = digest_bytes(data)
    if sha256 not in trusted_digests:
        raise RefusedError(
            expected="a pickle whose SHA-256 was trusted explicitly",
            got=f"sha256 {sha256}",
            where="a model in pickle format",
            hint="A pickle can run any code. If you know who made it, load with "
            f"trust=[{sha256!r}]; better, register the model in 'skops' format.",
        )
    return pickle.loads(data)  # noqa: S301 - the digest was vouched for
