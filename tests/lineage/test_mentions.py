"""Which rows mention a digest: of any table, and without the event log."""

from __future__ import annotations

from mainspring.lineage import Graph
from mainspring.lineage.mentions import mentions
from mainspring.lineage.spec import AssetKind


def test_rows_of_every_table_but_the_log(graph: Graph) -> None:
    """As a value of its own and within JSON; of a kind that is known better nothing is asked."""
    digests = [f"{number:064x}" for number in range(1, 301)]
    with graph.execution("work", "w", parameters={"blob": digests[7]}) as work:
        asset = work.add(AssetKind.ARTIFACT, "a", digest=digests[299])
        work.event("artifact.made", asset.id, {"blob": digests[8]})
    with graph.records.read() as connection:
        found = mentions(connection, digests)
        assert found == {digests[7]: [f"executions {work.id}"], digests[299]: [f"assets {asset.id}"]}
        besides = mentions(connection, digests, besides=[AssetKind.ARTIFACT.value])
    assert besides.keys() == {digests[7]}
