"""Taking up a changed weight table: loads that fail, are slow, or come too late."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from tests.serving.airport import KEYS, REQUEST, Airport

from mainspring.errors import IntegrityError, StateError
from mainspring.serving import weights
from mainspring.serving.api import Deployment
from mainspring.serving.predictor import LoadedArm, Predictor
from mainspring.serving.replay import weights_folder
from mainspring.serving.weights import Arm

# Asked of rows and files; every statement on the records that runs here is run on both databases by others.
pytestmark = pytest.mark.once

PREDICTOR_LOG = "mainspring.serving.predictor"


class Loads:
    """The real loading of arms, which a test makes fail or wait.

    Attributes:
        asked: versions that were to be loaded, in order.
        broken: versions whose loading fails.
        slow: versions whose loading waits until `go` is set.
    """

    def __init__(self, load: Callable[[Arm], LoadedArm]) -> None:
        self._load = load
        self.asked: list[int] = []
        self.broken: set[int] = set()
        self.slow: set[int] = set()
        self.go = threading.Event()

    def __call__(self, arm: Arm) -> LoadedArm:
        self.asked.append(arm.version)
        if arm.version in self.slow:
            self.go.wait()
        if arm.version in self.broken:
            raise ConnectionError(f"version {arm.version} is away")
        return self._load(arm)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "RETRY_FIRST_S", 0.0)
    monkeypatch.setattr(weights, "RETRY_MOST_S", 0.0)


@pytest.fixture
def loads(airport: Airport, deployment: Deployment) -> Iterator[Loads]:
    """What the predictor of this test loads with."""
    made = Loads(airport.deployments._load)
    yield made
    made.go.set()


@pytest.fixture
def predictor_of(airport: Airport, loads: Loads) -> Iterator[Callable[[bool], Predictor]]:
    """Makes predictors of `flights` that load with `loads`, in the background or not; closed at the end."""
    with ExitStack() as closing:

        def make(background: bool) -> Predictor:
            made = airport.deployments.predictor("flights", background=background)
            made._load = loads
            closing.callback(made.close)
            return made

        yield make


@pytest.fixture
def server(predictor_of: Callable[[bool], Predictor]) -> Predictor:
    """One that loads in the background, as a prediction server does."""
    return predictor_of(True)


def version(predictor: Predictor) -> int:
    """Which model version answers now, after a look at the table."""
    time.sleep(weights.CHECK_EVERY_S)
    return predictor.answer(KEYS, REQUEST)[0].model_version


def until(condition: Callable[[], bool], predictor: Predictor) -> None:
    """Poll until it holds, for a minute at most."""
    end_s = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end_s, "it never came to hold"
        predictor.poll()
        time.sleep(0.002)


@pytest.mark.parametrize("background", [False, True])
def test_a_promotion_whose_load_fails_once_is_tried_again(
    airport: Airport,
    deployment: Deployment,
    loads: Loads,
    predictor_of: Callable[[bool], Predictor],
    background: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The old version answers meanwhile, the reason is kept, and the new one answers as soon as it loads."""
    predictor = predictor_of(background)
    assert version(predictor) == 1
    deployment.promote(airport.versions[1], airport.view)
    loads.broken = {2}
    until(lambda: isinstance(predictor.load_error, ConnectionError), predictor)
    until(lambda: predictor.n_load_failures > 1, predictor)
    assert version(predictor) == 1
    (said,) = [record.getMessage() for record in caplog.records if record.name == PREDICTOR_LOG]
    assert "deployment 'flights'" in said and "version 2 is away" in said
    loads.broken = set()
    until(lambda: version(predictor) == 2, predictor)
    assert predictor.load_error is None


def test_the_first_load_that_fails_is_raised_and_tried_again(
    deployment: Deployment, loads: Loads, predictor_of: Callable[[bool], Predictor]
) -> None:
    """In the caller's own process the reason reaches the caller, each time until it works."""
    predictor = predictor_of(False)
    loads.broken = {1}
    for _ in range(2):
        with pytest.raises(ConnectionError, match="version 1 is away"):
            version(predictor)
    loads.broken = set()
    assert version(predictor) == 1


def test_a_server_whose_first_load_failed_says_why_and_recovers(
    deployment: Deployment, loads: Loads, server: Predictor
) -> None:
    """Requests are refused with the reason until the model loads beside them."""
    loads.broken = {1}
    with pytest.raises(ConnectionError):
        server.poll()
    with pytest.raises(StateError, match="version 1 is away"):
        server.answer(KEYS, REQUEST)
    loads.broken = set()
    until(lambda: server.table is not None, server)
    assert version(server) == 1


def test_a_slow_load_holds_up_neither_answers_nor_a_rollback(
    airport: Airport, deployment: Deployment, loads: Loads, server: Predictor
) -> None:
    """While a version loads, the old one answers and a rollback comes into force; the late load changes nothing."""
    server.poll()
    loads.slow = {2}
    deployment.promote(airport.versions[1], airport.view)
    until(lambda: 2 in loads.asked, server)
    assert server.answer(KEYS, REQUEST)[0].revision == 1
    deployment.rollback()
    until(lambda: server.answer(KEYS, REQUEST)[0].revision == 3, server)
    loads.go.set()
    until(lambda: not server._epochs_loading, server)
    answer, _ = server.answer(KEYS, REQUEST)
    assert (answer.model_version, answer.revision) == (1, 3)
    assert loads.asked == [1, 2]


def test_a_previous_version_that_cannot_be_loaded_undoes_nothing(
    airport: Airport, deployment: Deployment, loads: Loads, server: Predictor
) -> None:
    """The new version answers, the reason is kept, and the previous one is in memory as soon as it loads."""
    deployment.promote(airport.versions[1], airport.view)
    loads.broken = {1}
    server.poll()
    until(lambda: server.load_error is not None, server)
    assert version(server) == 2
    loads.broken = set()
    until(lambda: server.load_error is None, server)
    loads.broken = {1}
    deployment.rollback()
    assert version(server) == 1


def test_a_table_that_was_damaged_and_put_back_is_complained_of_no_more(
    airport: Airport, deployment: Deployment, server: Predictor
) -> None:
    """The very file that was in force before: what answers is what lies on disk."""
    server.poll()
    until(lambda: not server._epochs_loading, server)
    current = weights_folder(airport.project.home, "flights") / weights.CURRENT
    current.rename(current.with_name("aside"))
    current.write_text("{damaged")
    until(lambda: isinstance(server.load_error, IntegrityError), server)
    current.with_name("aside").rename(current)
    until(lambda: server.load_error is None, server)
    assert version(server) == 1


def test_a_table_that_could_not_be_looked_at_for_a_moment_is_complained_of_no_more(
    deployment: Deployment, server: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk failed once; the file was there all the time."""
    server.poll()
    genuine = os.stat

    def failing(path: object, *given: object, **named: object) -> object:
        if str(path).endswith(weights.CURRENT):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return genuine(path, *given, **named)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", failing)
        until(lambda: server.load_error is not None, server)
    until(lambda: server.load_error is None, server)


def test_a_previous_version_that_fails_late_says_nothing_of_a_newer_table(
    airport: Airport, deployment: Deployment, loads: Loads, server: Predictor
) -> None:
    """Its slow load began under a table that is in force no more."""
    deployment.promote(airport.versions[1], airport.view)
    loads.slow = loads.broken = {1}
    server.poll()
    until(lambda: 1 in loads.asked, server)
    # Version 2 again: its arms are in memory, and so is what a rollback restores.
    deployment.promote(airport.versions[1], airport.view)
    until(lambda: server.table is not None and server.table.epoch == 3, server)
    loads.go.set()
    until(lambda: not server._epochs_loading, server)
    assert server.load_error is None
