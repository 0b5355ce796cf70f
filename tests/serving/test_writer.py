"""The log's writer: contexts, rotation, gaps."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from tests.serving.airport import KEYS, REQUEST, Airport
from tests.serving.test_columns import TABLE, scored

from mainspring.errors import MainspringError, UnavailableError
from mainspring.serving import writer as module
from mainspring.serving.api import Deployment
from mainspring.serving.columns import decoded, gaps, predictions
from mainspring.serving.frames import Context, Opening
from mainspring.serving.wal import SegmentWriter, claimed, find_segments, read_segment
from mainspring.serving.writer import LogWriter

# Asked of rows and files; every statement on the records that runs here is run on both databases by others.
pytestmark = pytest.mark.once


def test_nothing_logged_is_no_segment(tmp_path: Path) -> None:
    """A process that predicts nothing leaves nothing."""
    LogWriter(tmp_path, "d").close()
    assert find_segments(tmp_path) == []


def test_every_segment_explains_itself(tmp_path: Path) -> None:
    """Each begins with who wrote it, and has the context before the first prediction, once."""
    log = LogWriter(tmp_path, "d", "worker-1")
    for number in range(4):
        log.append(scored(1.0, number), TABLE)
        if number == 1:
            log.rotate()
    log.close()
    kinds = [[type(item) for item in decoded(read_segment(path))][:2] for path in find_segments(tmp_path)]
    assert kinds == [[Opening, Context]] * 2


def test_a_big_segment_gives_way_to_the_next(tmp_path: Path) -> None:
    """Segments end when they are big, and can then be published while the writer goes on."""
    log = LogWriter(tmp_path, "d")
    for number in range(40):
        log.append(scored("x" * (module.SEGMENT_MAX_BYTES // 60), number), TABLE)
    first, *_ = paths = find_segments(tmp_path)
    rows = [predictions(segment, decoded(segment)).height for segment in map(read_segment, paths)]
    assert len(paths) > 1
    assert sum(rows) == 40
    log.close()
    with claimed(first) as ours:
        assert ours


def test_lost_predictions_become_one_gap_record(tmp_path: Path) -> None:
    """What could not be logged is counted with its span as soon as the disk takes records again."""
    log = LogWriter(tmp_path, "d")
    for now_us in (10, 20, 30):
        log.lose(TABLE.context_id, now_us)
    log.append(scored(1.0), TABLE)
    log.close()
    (path,) = find_segments(tmp_path)
    segment = read_segment(path)
    (row,) = gaps(segment, decoded(segment)).to_dicts()
    assert (row["n_lost"], row["cause"], log.n_lost) == (3, "disk", 3)
    assert row["from"] < row["until"]


def test_gaps_at_the_very_end_are_written_at_close(tmp_path: Path) -> None:
    """A drain leaves no loss untold."""
    log = LogWriter(tmp_path, "d")
    log.lose(TABLE.context_id, 10)
    log.close()
    (path,) = find_segments(tmp_path)
    segment = read_segment(path)
    assert gaps(segment, decoded(segment))["n_lost"].to_list() == [1]


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], AbstractContextManager[None]]:
    """A block in which the system refuses every file of the log with that error number."""
    genuine = os.open

    @contextmanager
    def block(number: int) -> Iterator[None]:
        def refuse(path: str | Path, *arguments: int) -> int:
            if Path(path).parent.name == "log":
                raise OSError(number, os.strerror(number), str(path))
            return genuine(path, *arguments)

        with monkeypatch.context() as refused:
            refused.setattr(os, "open", refuse)
            yield

    return block


REFUSALS = pytest.mark.parametrize(
    ("number", "prediction_id"), [(errno.ENOSPC, None), (errno.EROFS, None), (errno.EROFS, "mine")]
)


@REFUSALS
def test_a_log_that_cannot_be_written_is_a_gap_where_gaps_are_wanted(
    airport: Airport,
    deployment: Deployment,
    refusing: Callable[[int], AbstractContextManager[None]],
    number: int,
    prediction_id: str | None,
) -> None:
    """Whatever the system has against the file: the caller is answered, and the loss is counted."""
    predictor = airport.deployments.predictor("flights", when_log_fails="gap")
    with refusing(number):
        answer, _ = predictor.answer(KEYS, REQUEST, prediction_id)
    predictor.close()
    assert 0 <= answer.prediction <= 1
    assert (predictor.log.n_lost, deployment.log_counts().n_gaps) == (1, 1)


@REFUSALS
def test_a_log_that_cannot_be_written_refuses_where_gaps_are_not_wanted(
    airport: Airport,
    deployment: Deployment,
    refusing: Callable[[int], AbstractContextManager[None]],
    number: int,
    prediction_id: str | None,
) -> None:
    """In four parts; nothing is answered or counted, and the same request is answered when the log can be written."""
    predictor = airport.deployments.predictor("flights")
    with refusing(number), pytest.raises(MainspringError, match=os.strerror(number).lower()):
        predictor.answer(KEYS, REQUEST, prediction_id)
    predictor.answer(KEYS, REQUEST, prediction_id)
    predictor.close()
    counts = deployment.log_counts()
    assert (predictor.log.n_lost, counts.n_gaps, counts.n_logged) == (0, 0, 1)


def test_a_frame_that_cannot_be_taken_back_costs_no_later_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a frame stays when the disk refuses even to shorten the file; what comes before and after is whole."""
    segment = SegmentWriter(tmp_path, b"first")
    genuine = os.write
    with monkeypatch.context() as failing:
        failing.setattr(os, "write", lambda descriptor, data: genuine(descriptor, data[:11]))
        failing.setattr(os, "ftruncate", lambda *_: (_ for _ in ()).throw(OSError(errno.EIO, "input/output")))
        with pytest.raises(UnavailableError):
            segment.append(b"half of this")
    segment.append(b"second")
    with monkeypatch.context() as failing:
        failing.setattr(os, "write", lambda descriptor, data: genuine(descriptor, data[:3]))
        with pytest.raises(UnavailableError):
            segment.append(b"none of this")
    segment.append(b"third")
    segment.close()
    assert read_segment(segment.path).payloads == [b"first", b"second", b"third"]
