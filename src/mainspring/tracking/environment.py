"""What a run ran on: Python, platform, installed distributions, seeds."""

from __future__ import annotations

import functools
import importlib.metadata
import json
import os
import platform
from collections.abc import Mapping

from mainspring.lineage.process import process_name
from mainspring.ports.blobs import Blobs
from mainspring.tracking.spec import Environment


def capture_environment(blobs: Blobs, seeds: Mapping[str, int]) -> Environment:
    """The present process's environment; the list of distributions goes to the blobs."""
    hash_seed = os.environ.get("PYTHONHASHSEED", "")
    known = {"PYTHONHASHSEED": int(hash_seed)} if hash_seed.isdecimal() else {}
    return Environment(
        python=platform.python_version(),
        platform=platform.platform(),
        packages_sha256=blobs.put(_packages()).sha256,
        seeds={**known, **seeds},
        process=process_name(),
    )


@functools.cache
def _packages() -> bytes:
    found = {distribution.name: distribution.version for distribution in importlib.metadata.distributions()}
    return json.dumps(dict(sorted(found.items()))).encode()
