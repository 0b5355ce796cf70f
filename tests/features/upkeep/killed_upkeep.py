"""A compaction in a child process that is killed at work.

Usage: killed_upkeep.py RECORDS_URL TABLES_URL KEYS_URL BLOBS_URL
"""

from __future__ import annotations

import sys

from tests.features.erasure.killed_erasure import die
from tests.features.insert.killed_inserts import open_features


def main(urls: list[str]) -> None:
    """Compact, and die instead."""
    with open_features(*urls) as features:
        type(features._stores.tables).compact = die  # type: ignore[assignment]
        features.get_group("killed").compact()


if __name__ == "__main__":
    main(sys.argv[1:])
