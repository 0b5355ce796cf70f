"""Contract suites: what every backend of a port must pass, ours and yours.

Subclass a suite in a test module, say how a backend is opened, and let pytest collect it:

    class TestMyBlobs(BlobsContract):
        @staticmethod
        def open_store(address: str) -> Blobs:
            return MyBlobs(address)

A backend that departs from a contract overrides the test that says so, with the reason in its docstring. The
suites need pytest, and some of them processes started by spawn, so `open_store` must be importable by name.

Beside them, helpers for unit tests of feature code: `sample_frame`, `check_feature_function`, `assert_frames_equal`.
"""

from mainspring.testing.blobs import BlobsContract
from mainspring.testing.clock import ClockContract
from mainspring.testing.engine import EngineContract
from mainspring.testing.frames import assert_frames_equal, check_feature_function, sample_frame
from mainspring.testing.keys import KeysContract
from mainspring.testing.records import RecordsContract
from mainspring.testing.streams import StreamContract
from mainspring.testing.tables import TablesContract

__all__ = [
    "BlobsContract",
    "ClockContract",
    "EngineContract",
    "KeysContract",
    "RecordsContract",
    "StreamContract",
    "TablesContract",
    "assert_frames_equal",
    "check_feature_function",
    "sample_frame",
]
