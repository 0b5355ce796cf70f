"""Ids that callers choose: one content each, in whatever process."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.serving.airport import KEYS, REQUEST, Airport

from mainspring.errors import ConflictError, UnavailableError
from mainspring.serving.api import Deployment
from mainspring.serving.claims import Claims
from mainspring.serving.predictor import _content


def test_an_id_is_bound_to_its_content_for_everybody(tmp_path: Path) -> None:
    """The same content again is fine, other content is refused, whoever of them claimed first."""
    one, two = Claims(tmp_path / "ids"), Claims(tmp_path / "ids")
    one.claim("a", "x")
    two.claim("b", "y")
    two.claim("a", "x")
    for claims, name, content in ((two, "a", "y"), (one, "b", "x"), (Claims(tmp_path / "ids"), "a", "z")):
        with pytest.raises(ConflictError, match=name):
            claims.claim(name, content)


def test_the_latest_ids_are_remembered_across_the_end_of_the_ring(tmp_path: Path) -> None:
    """The file does not grow: older ids are free again, for the one who wrote and for others alike."""
    one, late = Claims(tmp_path / "ids", n_kept=5), Claims(tmp_path / "ids", n_kept=5)
    late.claim("first", "x")
    for number in range(13):
        one.claim(str(number), "x")
    for claims in (one, late, Claims(tmp_path / "ids", n_kept=5)):
        for number in range(8, 13):
            with pytest.raises(ConflictError):
                claims.claim(str(number), "y")
    late.claim("7", "y")
    assert (tmp_path / "ids").stat().st_size == 8 + 5 * 32


@pytest.mark.parametrize("n_before", [0, 3, 5, 7])
def test_an_id_that_the_disk_refused_is_free_again(tmp_path: Path, n_before: int) -> None:
    """For whoever was refused and for others, in a ring that is not full yet and in one that is; the rest stay."""
    one, two = Claims(tmp_path / "ids", n_kept=5), Claims(tmp_path / "ids", n_kept=5)
    for number in range(n_before):
        one.claim(str(number), "x")
    for _ in range(2):
        with pytest.raises(UnavailableError), one.claimed("mine", "x"):
            raise UnavailableError(expected="room", got="none", where="disk", hint="Free some.")
    for claims in (one, two, Claims(tmp_path / "ids", n_kept=5)):
        assert not claims.is_claimed("mine", "y")
        assert all(claims.is_claimed(str(number), "x") for number in range(n_before)[-5:])
    two.claim("mine", "y")
    assert one.is_claimed("mine", "y")


def test_a_request_that_could_not_be_logged_leaves_its_id(
    airport: Airport, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was done: the id may be used for another request once there is room."""
    predictor = airport.deployments.predictor("flights")
    predictor.answer(KEYS, REQUEST, "first")

    def full(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(UnavailableError):
            predictor.answer(KEYS, REQUEST, "mine")
    predictor.answer(KEYS, {"distance": 1.0}, "mine")
    predictor.close()
    assert deployment.log()["prediction_id"].to_list() == ["first", "mine"]


CLAIMER = """
import sys
from pathlib import Path
from mainspring.errors import ConflictError
from mainspring.serving.claims import Claims
claims = Claims(Path(sys.argv[1]))
sys.stdin.readline()
for number in range(2000):
    try:
        claims.claim(str(number), sys.argv[2])
        print(number)
    except ConflictError:
        pass
"""


def test_processes_at_the_same_time_share_out_the_ids(tmp_path: Path) -> None:
    """Of two that claim every id for different contents, exactly one gets each."""
    command = [sys.executable, "-c", CLAIMER, str(tmp_path / "ids")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with (
        subprocess.Popen([*command, "x"], **pipes) as one,  # type: ignore[call-overload]
        subprocess.Popen([*command, "y"], **pipes) as two,  # type: ignore[call-overload]
    ):
        for process in (one, two):
            process.stdin.write("\n")
            process.stdin.flush()
        got = [process.stdout.read().split() for process in (one, two)]
    assert sorted(map(int, got[0] + got[1])) == list(range(2000))


def test_a_second_worker_refuses_an_id_with_other_content(airport: Airport, deployment: Deployment) -> None:
    """Before and after the log was published, and nothing more is logged under it."""
    one, two = airport.deployments.predictor("flights"), airport.deployments.predictor("flights")
    one.answer(KEYS, REQUEST, "id-1")
    one.answer(KEYS, REQUEST, "id-2")
    other = {**REQUEST, "distance": 7.0}
    with pytest.raises(ConflictError, match="id-1"):
        two.answer(KEYS, other, "id-1")
    one.close()
    deployment.publish_log()
    with pytest.raises(ConflictError, match="id-2"):
        two.answer(KEYS, other, "id-2")
    two.close()
    assert deployment.log()["prediction_id"].to_list() == ["id-1", "id-2"]


def test_a_second_worker_gives_the_first_answer_and_logs_nothing(
    airport: Airport, deployment: Deployment
) -> None:
    """Also when features changed meanwhile, before the log is published and after."""
    one, two = airport.deployments.predictor("flights"), airport.deployments.predictor("flights")
    firsts = [one.answer(KEYS, REQUEST, name)[0] for name in ("id-1", "id-2")]
    airport.at(9)
    assert two.answer(KEYS, REQUEST, "id-1")[0] == firsts[0]
    one.close()
    deployment.publish_log()
    assert two.answer(KEYS, REQUEST, "id-2")[0] == firsts[1]
    assert two.log.n_appended == 0
    two.close()
    assert deployment.log()["prediction_id"].to_list() == ["id-1", "id-2"]


def test_an_id_that_another_worker_logs_meanwhile_is_logged_once(
    airport: Airport, deployment: Deployment
) -> None:
    """Two workers score the same id at the same moment: the later one gives the answer of the earlier."""
    one, two = airport.deployments.predictor("flights"), airport.deployments.predictor("flights")
    two.poll()
    assert two._in_force is not None
    genuine = two._in_force.arms["champion"].score
    firsts = []

    def overtaken(values: Mapping[str, Any]) -> float:
        firsts.append(one.answer(KEYS, REQUEST, "id-1")[0])
        return genuine(values) + 1.0

    two._in_force.arms["champion"].score = overtaken  # type: ignore[method-assign]
    assert two.answer(KEYS, REQUEST, "id-1")[0] == firsts[0]
    for predictor in (one, two):
        predictor.close()
    assert deployment.log()["prediction"].to_list() == [firsts[0].prediction]
    deployment.publish_log()
    assert airport.project.tables.scan(deployment.log_table).collect().height == 1


def test_an_id_whose_worker_died_before_it_was_logged_is_logged_by_the_next(
    airport: Airport, deployment: Deployment
) -> None:
    """Claimed and not in the log: nothing was acknowledged, so the request is answered anew."""
    one, two = airport.deployments.predictor("flights"), airport.deployments.predictor("flights")
    one.log._claims.claim("id-1", _content("id-1", KEYS, REQUEST))
    two.answer(KEYS, REQUEST, "id-1")
    two.close()
    one.close()
    assert deployment.log()["prediction_id"].to_list() == ["id-1"]
