"""An erasure of a part of a key that is killed when the rows are gone and no entry was refused yet.

Usage: killed_between.py RECORDS_URL TABLES_URL KEYS_URL BLOBS_URL
"""

from __future__ import annotations

import sys

from tests.features.erasure.killed_erasure import die
from tests.features.insert.killed_inserts import open_features

from mainspring.features.erasure import online


def main(urls: list[str]) -> None:
    """Erase, and die between the two removals from the online store."""
    online.shut_out = die  # type: ignore[assignment]
    with open_features(*urls) as features:
        features.get_group("visits").erase({"name": "Zebedee"}, reason="asked")


if __name__ == "__main__":
    main(sys.argv[1:])
