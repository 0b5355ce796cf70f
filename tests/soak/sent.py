"""Events in a NATS stream, for consumers that are killed."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from nats.js.api import AckPolicy, ConsumerConfig
from tests.ports.test_streams import NATS_URL, JetStream
from tests.soak.acknowledged import DONE, Line
from tests.soak.consuming import ACK_WAIT_S
from tests.soak.world import World

from mainspring.ports.streams import Message


@contextmanager
def sent(n_events: int, seed: int) -> Iterator[tuple[str, Line]]:
    """The address of a consumer of so many events, and what its producer knows of them."""
    chance = random.Random(seed)
    events = [[f"sent-{number}", chance.random()] for number in range(n_events)]
    source = JetStream()
    config = ConsumerConfig(
        durable_name="features", ack_policy=AckPolicy.EXPLICIT, ack_wait=ACK_WAIT_S, max_deliver=-1
    )
    source.do(lambda context: context.add_consumer(source.name, config))
    source.send([_message(*event) for event in events])
    try:
        yield f"{NATS_URL}/{source.name}/features", Line(DONE, "push", "producer", {"events": events})
    finally:
        source.delete()


def _message(name: str, x: float) -> Message:
    return Message(name, json.dumps({"name": name, "x": x}).encode())


def consumed(world: World, stream: str, n_consumers: int, n_kills: int, seed: int) -> dict[str, Any]:
    """What killing consumers of it came to."""
    command = [sys.executable, "-m", "tests.soak.consuming", str(world.folder), stream]
    command += [str(n_consumers), str(n_kills), str(seed)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout)
    return {**found, "stderr": done.stderr}
