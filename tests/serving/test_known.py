"""Which ids a log has, also where a segment is damaged."""

from __future__ import annotations

import logging

import pytest
from tests.serving.airport import KEYS, REQUEST, Airport

from mainspring.serving.api import Deployment
from mainspring.serving.frames import Scored, decoder
from mainspring.serving.wal import find_segments, read_segment

# Asked of rows and files; every statement on the records that runs here is run on both databases by others.
pytestmark = pytest.mark.once


def test_damage_in_a_waiting_segment_hides_no_other_id(
    airport: Airport, deployment: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    """Ids behind the damage and in the next segment are known; what was lost is said, and only it is unknown."""
    names = [f"id-{number}" for number in range(6)]
    for part in (names[:4], names[4:]):
        predictor = airport.deployments.predictor("flights")
        for name in part:
            predictor.answer(KEYS, REQUEST, name)
        predictor.close()
    first = find_segments(airport.deployments._log("flights").folder)[0]
    data = first.read_bytes()
    payloads = read_segment(first).payloads
    (hit,) = [
        payload
        for payload in payloads
        if isinstance(frame := decoder.decode(payload), Scored) and frame.prediction_id == "id-1"
    ]
    place = data.index(hit) + len(hit) // 2
    first.write_bytes(data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :])
    known = airport.rooms()._known("flights")
    with caplog.at_level(logging.WARNING):
        assert known.among(set(names)) == set(names) - {"id-1"}
        assert known.among({"id-1"}) == set()
    (warning,) = [
        record.getMessage() for record in caplog.records if record.name == "mainspring.serving.known"
    ]
    assert first.name in warning
    assert "damaged" in warning
