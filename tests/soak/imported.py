"""Everything that a writer may need, imported before processes are forked for writing, and used only after.

What these libraries start in threads at their first use does not survive a fork.
"""

from __future__ import annotations

from typing import Final

import deltalake
import lmdb
import psycopg
import skops.io

from mainspring.evaluation import api as evaluation
from mainspring.monitoring import api as monitoring
from mainspring.ports.keys import _lmdb
from mainspring.ports.records import _postgres, _sqlite
from mainspring.ports.tables import _delta

IMPORTED: Final = (
    deltalake,
    lmdb,
    psycopg,
    skops.io,
    _lmdb,
    _postgres,
    _sqlite,
    _delta,
    evaluation,
    monitoring,
)
