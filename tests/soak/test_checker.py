"""The checker of the kill tests sees what it is there to see: a home is harmed by hand, and it says where."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import lmdb
from sqlalchemy import create_engine, text
from tests.soak.acknowledged import DONE, all_lines
from tests.soak.checker import halves, lost, lost_predictions
from tests.soak.home import Home
from tests.soak.judge import found_wrong
from tests.soak.world import World
from tests.soak.writer import live


def forget_online(home: Path) -> None:
    """Empty the online store."""
    with lmdb.open(str(home / "keys")) as environment, environment.begin(write=True) as transaction:
        for key, _ in list(transaction.cursor()):
            transaction.delete(key)


def test_it_sees_what_was_lost_changed_and_torn(world: World) -> None:
    """A round without a kill is whole; each harm is then one more thing that it says."""
    live(world.folder, world.ledgers, "writer", seed=1)
    assert found_wrong(world) == []
    lines = list(all_lines(world.ledgers))
    told = {line.kind: line.what for line in lines if line.at == DONE}
    home = Home(world.home, world.records_url)
    engine = create_engine(world.records_url)

    def sql(statement: str, value: object) -> Callable[[], None]:
        def harm() -> None:
            with engine.begin() as connection:
                assert connection.execute(text(statement), {"value": value}).rowcount > 0

        return harm

    written = home.blobs[told["report"]["digest"]]
    harms: dict[str, Callable[[], object]] = {
        f"evidence {told['evidence']['id']}": sql(
            "DELETE FROM evidence WHERE id = :value", told["evidence"]["id"]
        ),
        f"outcome {told['outcome']['id']}": sql(
            "UPDATE outcomes SET value = 7 WHERE prediction_id = :value", told["outcome"]["id"]
        ),
        f"commit {told['commit']['asset']}": sql(
            "UPDATE feature_commits SET ticket = 1 WHERE asset_id = :value", told["commit"]["asset"]
        ),
        "names": sql("DELETE FROM executions WHERE id = :value", told["report"]["execution"]),
        "does not follow": sql(
            "UPDATE events SET actor = :value WHERE kind = 'report.written'", "user:other"
        ),
        "went elsewhere": sql("UPDATE model_aliases SET number = :value", 99),
        f"event {told['push']['events'][0][0]}": lambda: forget_online(world.home),
        "count": sql("UPDATE runs SET number = 5 WHERE id = :value", told["run"]["id"]),
        f"blob {written.name}": lambda: written.write_bytes(written.read_bytes() + b"0"),
    }
    seen: set[str] = set()
    written.chmod(0o644)
    for said, harm in harms.items():
        harm()
        found = {*lost(home, lines), *halves(home)}
        assert [each for each in found - seen if said in each], f"{said!r} is not in {found - seen}"
        seen |= found
    engine.dispose()
    (predicted, *_) = [line for line in lines if line.at == DONE and line.kind == "prediction"]
    predicted.what["id"] = "nobody's"
    assert list(lost_predictions(home, [predicted])) == [
        "prediction nobody's, acknowledged to writer, is not there"
    ]
