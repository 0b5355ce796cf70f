"""A client that keeps asking, and remembers what was acknowledged."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Self

import httpx
from tests.serving.airport import KEYS, REQUEST

PREDICT = "/v1/deployments/flights/predict"


def predict_path(deployment: str) -> str:
    """Where predictions of a deployment are posted."""
    return f"/v1/deployments/{deployment}/predict"


def wait_until(condition: Callable[[], bool]) -> None:
    """Until it holds, for two minutes at most: what is broken must not hang the suite."""
    end_s = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end_s, "it never came to hold"
        time.sleep(0.005)


class Load:
    """Sends predictions one after another on a kept connection until stopped.

    Attributes:
        answers: bodies of the 200 replies.
        refusals: status codes of the others.
        n_broken: connections that broke before a reply came.
    """

    def __init__(self, url: str, deployment: str = "flights") -> None:
        self._url = url
        self._path = predict_path(deployment)
        self.answers: list[dict[str, Any]] = []
        self.refusals: list[int] = []
        self.n_broken = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._thread.join()

    def stop(self) -> None:
        """Ask no more."""
        self._stopping.set()

    def until(self, n_answers: int) -> None:
        """Wait until that many more answers came."""
        due = len(self.answers) + n_answers
        wait_until(lambda: len(self.answers) >= due)

    def _run(self) -> None:
        with httpx.Client(base_url=self._url, timeout=30) as client:
            while not self._stopping.is_set():
                try:
                    reply = client.post(self._path, json={"keys": KEYS, "request": REQUEST})
                except httpx.TransportError:
                    self.n_broken += 1
                    time.sleep(0.01)
                    continue
                if reply.status_code == 200:
                    self.answers.append(reply.json())
                else:
                    self.refusals.append(reply.status_code)
