"""Tests beside other tools, each in an environment of its own: only `make interop` collects them."""

from __future__ import annotations

import os

collect_ignore_glob = [] if os.environ.get("MAINSPRING_TEST_INTEROP") else ["test_*.py"]
