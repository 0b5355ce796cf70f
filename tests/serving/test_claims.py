"""Ids that callers choose: one content each, in whatever process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.serving.airport import KEYS, REQUEST, Airport

from mainspring.errors import ConflictError
from mainspring.serving.api import Deployment
from mainspring.serving.claims import Claims


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
