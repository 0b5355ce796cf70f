"""Kill -9 at every step of a publication, checked by a reader that knows only what was acknowledged."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.lineage.test_publication import NO_CODE

from mainspring.lineage import AssetKind, Direction, Graph
from mainspring.lineage.store import event_sha256
from mainspring.ports.blobs import open_blobs
from mainspring.ports.clock import SystemClock
from mainspring.ports.records import open_records

CHILD = Path(__file__).with_name("killed_publications.py")


def test_a_killed_publication_is_whole_or_absent(records_url: str, tmp_path: Path) -> None:
    """What was acknowledged is there; what was not is there whole or not at all; the log's chain holds."""
    records = open_records(records_url)
    records.migrate()
    blobs_url = f"file:{tmp_path / 'blobs'}"
    done = subprocess.run(
        [sys.executable, str(CHILD), records_url, blobs_url], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert len(told["attempted"]) > 40, (
        "the publication has fewer steps than it writes: the counter is broken"
    )

    graph = Graph(
        records=records,
        blobs=open_blobs(blobs_url),
        clock=SystemClock(),
        project_id="killed",
        actor="user:test",
        code=NO_CODE,
    )
    visible = {asset.name: asset for asset in graph.find_assets(kind=AssetKind.ARTIFACT)}
    assert set(told["acknowledged"]) <= set(visible)
    assert {"short", "durable"} == {name.split("-")[0] for name in told["acknowledged"]}

    events = {event.payload["name"]: event for event in graph.events(kinds=["work.done"])}
    assert set(events) == set(visible)
    for name, asset in visible.items():
        assert graph.blobs.get(asset.digest) == name.encode() * 100
        (finding,) = graph.evidence_for(asset.id)
        reached = graph.downstream(asset.id)
        assert finding.id not in reached.assets or reached.assets[finding.id].kind is AssetKind.EVIDENCE
        made = graph.upstream(finding.id)
        outputs = {link.asset_id for link in made.links if link.direction is Direction.OUTPUT}
        assert finding.id in outputs
        execution = graph.find_execution(asset.execution_id)
        assert execution is not None
        assert execution.state == "completed"

    before = ""
    for entry in graph.events():
        assert entry.sha256 == event_sha256(entry, before)
        before = entry.sha256
    records.close()
