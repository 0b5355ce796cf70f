"""Profiles as bytes in the store of blobs: values of rows are in them, and bytes can be given up where rows are."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping

from mainspring.checks.profile import Profile
from mainspring.ports.blobs import Blobs


def keep(blobs: Blobs, profiles: Mapping[str, Profile]) -> str:
    """Store profiles under their names (splits, or one alone); returns the digest of the blob."""
    # The scheme is said though it is the default: it is another version's reader that asks.
    plain = {
        name: {**profile.model_dump(mode="json", exclude_defaults=True), "scheme": profile.scheme}
        for name, profile in profiles.items()
    }
    text = json.dumps(plain, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return blobs.put(zlib.compress(text.encode())).sha256


def load(blobs: Blobs, sha256: str) -> dict[str, Profile]:
    """What `keep` was given.

    Raises:
        UnknownNameError: the blob is not there.
    """
    plain = json.loads(zlib.decompress(blobs.get(sha256)))
    return {name: Profile.model_validate(profile) for name, profile in plain.items()}
