"""Consumers of a stream that are killed at random moments: each event is there once, and online."""

from __future__ import annotations

from tests.ports.test_streams import needs_nats
from tests.soak.checker import COMPARED, halves
from tests.soak.home import Home
from tests.soak.sent import consumed, sent
from tests.soak.world import World

N_EVENTS = 300
N_KILLS = 5
N_CONSUMERS = 2


@needs_nats
def test_after_kills_each_event_of_a_stream_is_there_once(world: World) -> None:
    """Whatever was killed in a step, before its acknowledgement or after it; `make soak` kills more."""
    with sent(N_EVENTS, seed=1) as (stream, line):
        told = consumed(world, stream, N_CONSUMERS, N_KILLS, seed=1)
        assert told["n_failed"] == 0, told["stderr"]
        assert told["n_kills"] == N_KILLS + N_CONSUMERS
        home = Home(world.home, world.records_url)
        assert [*COMPARED["push"](home, [line]), *halves(home)] == []
