"""Artifacts that come in parts."""

from __future__ import annotations

import pytest

from mainspring.errors import InputError, IntegrityError, UnknownNameError
from mainspring.lineage import Graph
from mainspring.tracking import ActiveRun, Tracking
from mainspring.tracking.artifacts import uploads as module


@pytest.fixture
def tracking(graph: Graph) -> Tracking:
    return Tracking(graph)


@pytest.fixture
def run(tracking: Tracking) -> ActiveRun:
    with tracking.run("over") as run:
        pass
    return run


def test_parts_become_the_whole_in_their_order(tracking: Tracking, graph: Graph, run: ActiveRun) -> None:
    """They come in any order, some twice; before all are there nothing is visible."""
    uploads, files = tracking.uploads, tracking.artifacts(run.id)
    begun = uploads.begin(run.id, "model/weights", 3)
    for number, data in ((3, b"three"), (1, b"wrong"), (1, b"one")):
        uploads.put(begun.id, number, graph.blobs.put(data))
    with pytest.raises(InputError, match="1 missing: 2"):
        uploads.complete(begun.id)
    assert files.files() == []
    # Another process, or this one after a restart: what has come is known.
    again = Tracking(graph).uploads
    assert [part.number for part in again.parts(begun.id)] == [1, 3]
    again.put(begun.id, 2, graph.blobs.put(b"two"))
    kept = again.complete(begun.id)
    assert files.read("model/weights") == b"onetwothree"
    assert graph.get_asset(kept.asset_id).digest == kept.sha256
    for over in (lambda: again.complete(begun.id), lambda: again.parts(begun.id)):
        with pytest.raises(UnknownNameError, match="goes on"):
            over()


def test_an_upload_that_was_given_up_takes_nothing(tracking: Tracking, graph: Graph, run: ActiveRun) -> None:
    """Giving up twice is giving up once."""
    begun = tracking.uploads.begin(run.id, "a", 1)
    for _ in range(2):
        tracking.uploads.abort(begun.id)
    with pytest.raises(UnknownNameError, match="goes on"):
        tracking.uploads.put(begun.id, 1, graph.blobs.put(b""))
    assert tracking.artifacts(run.id).files() == []


def test_a_damaged_part_makes_no_whole(tracking: Tracking, graph: Graph, run: ActiveRun) -> None:
    """Nothing is visible of what would be of other bytes, and the part can be sent again."""
    begun = tracking.uploads.begin(run.id, "a", 1)
    part = graph.blobs.put(b"right")
    tracking.uploads.put(begun.id, 1, part)
    place = graph.blobs.path(part.sha256)
    place.chmod(0o644)
    place.write_bytes(b"wrong")
    with pytest.raises(IntegrityError):
        tracking.uploads.complete(begun.id)
    assert tracking.artifacts(run.id).files() == []
    graph.blobs.delete(part.sha256)
    tracking.uploads.put(begun.id, 1, graph.blobs.put(b"right"))
    tracking.uploads.complete(begun.id)
    assert tracking.artifacts(run.id).read("a") == b"right"


def test_what_cannot_be_is_refused_before_a_byte_is_sent(
    tracking: Tracking, graph: Graph, run: ActiveRun
) -> None:
    """Parts, paths, runs and numbers of parts."""
    uploads = tracking.uploads
    for n_parts in (0, -1, module.MAX_PARTS + 1):
        with pytest.raises(InputError, match="parts"):
            uploads.begin(run.id, "a", n_parts)
    with pytest.raises(InputError, match="Invalid path"):
        uploads.begin(run.id, "../a", 1)
    with pytest.raises(UnknownNameError, match="nobody"):
        uploads.begin("nobody", "a", 1)
    begun = uploads.begin(run.id, "a", 2)
    for number in (0, 3):
        with pytest.raises(InputError, match="from 1 to 2"):
            uploads.put(begun.id, number, graph.blobs.put(b""))
