"""Kill -9 at every step of a delivery: delivered again where it must be, never lost, never out of order."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.lineage.killed_deliveries import delivery, open_graph
from tests.lineage.openlineage_schemas import check_event

from mainspring.ports.records import open_records

CHILD = Path(__file__).with_name("killed_deliveries.py")


def test_a_killed_delivery_loses_nothing(records_url: str, tmp_path: Path) -> None:
    """The file has every event of every publication; without its repetitions it is in the order of the log."""
    records = open_records(records_url)
    records.migrate()
    records.close()
    done = subprocess.run(
        [sys.executable, str(CHILD), records_url, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=CHILD.parents[2],
        env={**os.environ, "PYTHONPATH": str(CHILD.parents[2])},
    )
    assert done.returncode == 0, done.stderr
    published = json.loads(done.stdout)["published"]
    assert len(published) > 15, "the delivery has fewer steps than it writes: the counter is broken"

    told = [json.loads(line) for line in (tmp_path / "events.ndjson").read_bytes().splitlines()]
    for event in told:
        check_event(event)
    seen = [(event["job"]["name"], event["eventType"]) for event in told]
    wanted = [(f"load.{name}", kind) for name in published for kind in ("START", "COMPLETE")]
    assert list(dict.fromkeys(seen)) == wanted
    assert len(seen) > len(wanted), "no delivery was killed before its place was kept"
    again = {json.dumps(event, sort_keys=True) for event in told}
    assert len(again) == len(wanted), "an event that came twice came with another content"

    graph = open_graph(records_url, tmp_path)
    assert delivery(graph, tmp_path).run() == 0
    graph.records.close()
