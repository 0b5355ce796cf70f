"""Taking up a changed weight table: loads that fail, are slow, or come too late."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from tests.serving.airport import KEYS, REQUEST, Airport

from mainspring.errors import IntegrityError, StateError
from mainspring.serving import weights
from mainspring.serving.api import Deployment
from mainspring.serving.predictor import LoadedArm, Predictor
from mainspring.serving.replay import weights_folder
from mainspring.serving.weights import Arm


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


def predictor_of(airport: Airport, loads: Loads, *, background: bool) -> Predictor:
    """A predictor of `flights` that loads with `loads`."""
    made = airport.deployments.predictor("flights", background=background)
    made._load = loads
    return made


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
    airport: Airport, deployment: Deployment, loads: Loads, background: bool
) -> None:
    """The old version answers meanwhile, the reason is kept, and the new one answers as soon as it loads."""
    predictor = predictor_of(airport, loads, background=background)
    assert version(predictor) == 1
    deployment.promote(airport.versions[1], airport.view)
    loads.broken = {2}
    until(lambda: isinstance(predictor.load_error, ConnectionError), predictor)
    assert version(predictor) == 1
    loads.broken = set()
    until(lambda: version(predictor) == 2, predictor)
    assert predictor.load_error is None
    predictor.close()


def test_the_first_load_that_fails_is_raised_and_tried_again(
    airport: Airport, deployment: Deployment, loads: Loads
) -> None:
    """In the caller's own process the reason reaches the caller, each time until it works."""
    predictor = predictor_of(airport, loads, background=False)
    loads.broken = {1}
    for _ in range(2):
        with pytest.raises(ConnectionError, match="version 1 is away"):
            version(predictor)
    loads.broken = set()
    assert version(predictor) == 1
    predictor.close()


def test_a_server_whose_first_load_failed_says_why_and_recovers(
    airport: Airport, deployment: Deployment, loads: Loads
) -> None:
    """Requests are refused with the reason until the model loads beside them."""
    predictor = predictor_of(airport, loads, background=True)
    loads.broken = {1}
    with pytest.raises(ConnectionError):
        predictor.poll()
    with pytest.raises(StateError, match="version 1 is away"):
        predictor.answer(KEYS, REQUEST)
    loads.broken = set()
    until(lambda: predictor.table is not None, predictor)
    assert version(predictor) == 1
    predictor.close()


def test_a_slow_load_holds_up_neither_answers_nor_a_rollback(
    airport: Airport, deployment: Deployment, loads: Loads
) -> None:
    """While a version loads, the old one answers and a rollback comes into force; the late load changes nothing."""
    predictor = predictor_of(airport, loads, background=True)
    predictor.poll()
    loads.slow = {2}
    deployment.promote(airport.versions[1], airport.view)
    until(lambda: 2 in loads.asked, predictor)
    assert predictor.answer(KEYS, REQUEST)[0].revision == 1
    deployment.rollback()
    until(lambda: predictor.answer(KEYS, REQUEST)[0].revision == 3, predictor)
    loads.go.set()
    until(lambda: not predictor._epochs_loading, predictor)
    answer, _ = predictor.answer(KEYS, REQUEST)
    assert (answer.model_version, answer.revision) == (1, 3)
    assert loads.asked == [1, 2]
    predictor.close()


def test_a_previous_version_that_cannot_be_loaded_undoes_nothing(
    airport: Airport, deployment: Deployment, loads: Loads
) -> None:
    """The new version answers, the reason is kept, and the previous one is in memory as soon as it loads."""
    deployment.promote(airport.versions[1], airport.view)
    loads.broken = {1}
    predictor = predictor_of(airport, loads, background=True)
    predictor.poll()
    until(lambda: predictor.load_error is not None, predictor)
    assert version(predictor) == 2
    loads.broken = set()
    until(lambda: predictor.load_error is None, predictor)
    loads.broken = {1}
    deployment.rollback()
    assert version(predictor) == 1
    predictor.close()


def test_a_table_that_was_damaged_and_put_back_is_complained_of_no_more(
    airport: Airport, deployment: Deployment, loads: Loads
) -> None:
    """The very file that was in force before: what answers is what lies on disk."""
    predictor = predictor_of(airport, loads, background=True)
    predictor.poll()
    until(lambda: not predictor._epochs_loading, predictor)
    current = weights_folder(airport.project.home, "flights") / weights.CURRENT
    current.rename(current.with_name("aside"))
    current.write_text("{damaged")
    until(lambda: isinstance(predictor.load_error, IntegrityError), predictor)
    current.with_name("aside").rename(current)
    until(lambda: predictor.load_error is None, predictor)
    assert version(predictor) == 1
    predictor.close()


def test_a_table_that_could_not_be_looked_at_for_a_moment_is_complained_of_no_more(
    airport: Airport, deployment: Deployment, loads: Loads, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk failed once; the file was there all the time."""
    predictor = predictor_of(airport, loads, background=True)
    predictor.poll()
    genuine = os.stat

    def failing(path: object, *given: object, **named: object) -> object:
        if str(path).endswith(weights.CURRENT):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return genuine(path, *given, **named)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", failing)
        until(lambda: predictor.load_error is not None, predictor)
    until(lambda: predictor.load_error is None, predictor)
    predictor.close()


def test_a_previous_version_that_fails_late_says_nothing_of_a_newer_table(
    airport: Airport, deployment: Deployment, loads: Loads
) -> None:
    """Its slow load began under a table that is in force no more."""
    deployment.promote(airport.versions[1], airport.view)
    loads.slow = loads.broken = {1}
    predictor = predictor_of(airport, loads, background=True)
    predictor.poll()
    until(lambda: 1 in loads.asked, predictor)
    # Version 2 again: its arms are in memory, and so is what a rollback restores.
    deployment.promote(airport.versions[1], airport.view)
    until(lambda: predictor.table is not None and predictor.table.epoch == 3, predictor)
    loads.go.set()
    until(lambda: not predictor._epochs_loading, predictor)
    assert predictor.load_error is None
    predictor.close()
