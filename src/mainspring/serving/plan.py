"""Which alias a change of what is served moves, and where to. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from mainspring.lineage.spec import Evidence
from mainspring.models.spec import Alias
from mainspring.serving.weights import WeightTable
from mainspring.types import to_us


@dataclass(frozen=True)
class AliasStep:
    """An alias that follows what is served.

    Attributes:
        alias: its name.
        number, version_id: the model version that it goes to, and its asset.
        previous_number: where it stands; None if it stands nowhere.
        decision_id: the ruling that let that version have it.
    """

    alias: str
    number: int
    version_id: str
    previous_number: int | None
    decision_id: str


def alias_step(
    table: WeightTable,
    history: Sequence[WeightTable],
    rulings: Mapping[str, Evidence],
    aliases: Mapping[str, Alias],
    model_names: Collection[str],
) -> AliasStep | None:
    """Where an alias goes when `table` is recorded; None if all stay.

    A promotion takes the alias of the ruling that let it through. A rollback takes it back, from the version
    rolled back from to the version restored, if the same gate had let that one through: nothing but a gate gives
    an alias. An alias that was moved after the table had come into force stays: somebody decided later.

    Args:
        history: the deployment's tables up to `table`, oldest first.
        rulings: passing rulings of gates, by id.
        aliases: the aliases of the champion's model, by name.
        model_names: every name that the champion's model has or had: a table says the one of its time.
    """
    allowed = _ruling(table, history, rulings)
    if allowed is None:
        return None
    present = aliases.get(allowed.figures["alias"])
    if present is not None and to_us(present.moved_at) > table.changed_us:
        return None
    if table.cause == "rollback":
        undone = revision_before(table, history)
        ruling = None if undone is None else _ruling(undone, history, rulings)
        mine = ruling is not None and ruling.figures["alias"] == allowed.figures["alias"]
        if undone is None or present is None or not mine or present.number != undone.champion.version:
            return None
        if undone.champion.model not in model_names:
            return None
    if present is not None and present.number == table.champion.version:
        return None
    return AliasStep(
        alias=allowed.figures["alias"],
        number=table.champion.version,
        version_id=table.champion.version_id,
        previous_number=None if present is None else present.number,
        decision_id=allowed.id,
    )


def revision_before(table: WeightTable, history: Sequence[WeightTable]) -> WeightTable | None:
    """The table that put the revision before `table`'s in force; None if there is none."""
    return next((one for one in history if one.revision == table.revision - 1), None)


def _ruling(
    table: WeightTable, history: Sequence[WeightTable], rulings: Mapping[str, Evidence]
) -> Evidence | None:
    """The ruling that let the table's champion through: its own, or that of the revision it restores."""
    restored = table.used.get("restores")
    if restored is not None:
        first = next((one for one in history if one.revision_id == restored), None)
        return None if first is None else _ruling(first, history, rulings)
    decision_id = table.used.get("decision")
    return None if decision_id is None else rulings.get(decision_id)
