"""Everything that a writer may need, imported before processes are forked for writing, and used only after.

What these libraries start in threads at their first use does not survive a fork.
"""

from __future__ import annotations

from typing import Final

import deltalake
import lmdb
import nats
import psycopg
import redis
import skops.io

from mainspring.evaluation import api as evaluation
from mainspring.monitoring import api as monitoring
from mainspring.ports.keys import _lmdb, _redis
from mainspring.ports.records import _postgres, _sqlite
from mainspring.ports.streams import _nats
from mainspring.ports.tables import _delta

IMPORTED: Final = (
    deltalake,
    lmdb,
    nats,
    psycopg,
    redis,
    skops.io,
    _lmdb,
    _redis,
    _nats,
    _postgres,
    _sqlite,
    _delta,
    evaluation,
    monitoring,
)
