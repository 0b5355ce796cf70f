"""The online store: does it open, does everything in it come from a published commit, and was each group brought in?"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from sqlalchemy import select

from mainspring.features import store
from mainspring.features.erasure.mark import GROUP_BYTES, is_mark
from mainspring.features.online.materialize import cursor_number
from mainspring.features.online.packing import ASSET_BYTES, SPACE
from mainspring.features.push import journal
from mainspring.workflows.doctor.spec import Finding, Patient, Repair, Severity, shown

CHECK: Final = "online"


def check_online(patient: Patient) -> Iterator[Finding]:
    """Every entry against the commits of its group, and every group that has commits against the entries."""
    project = patient.project
    with project.records.read() as connection:
        query = select(store.commits.c.group_id, store.commits.c.number, store.commits.c.asset_id).where(
            store.commits.c.number.is_not(None)
        )
        assets = {
            (group_id, int(number)): str(asset) for group_id, number, asset in connection.execute(query)
        }
        pushed = journal.pending_assets(connection, project.config.project.id)
        online = store.online_numbers(connection, project.config.project.id)
        labels = {group_id: f"{name}@{version}" for group_id, name, version in connection.execute(_GROUPS)}
    # The address of a server may hold a password.
    where = re.sub(r"//[^@/]*@", "//***@", project.config.url("keys"))
    wrong: dict[str, int] = defaultdict(int)
    strange: dict[str, int] = defaultdict(int)
    highest: dict[str, int] = defaultdict(int)
    numbers = {(group_id, asset): number for (group_id, number), asset in assets.items()}
    brought_in: set[str] = set()
    for group_id, number in assets:
        highest[group_id] = max(highest[group_id], number)
    with patient.progress("online entries", 0) as advance:
        for entry in project.keys.entries(SPACE):
            if is_mark(entry):
                continue
            group_id = entry.key[:GROUP_BYTES].hex()
            reached = cursor_number(entry)
            if group_id not in labels:
                strange[group_id] += 1
            elif reached is not None:
                brought_in.add(group_id)
                wrong[group_id] += int(reached > highest[group_id])
            elif (commit := (group_id, entry.value[:ASSET_BYTES].hex())) not in pushed:
                # What was pushed has the number that its commit had at least, until that is brought in.
                wrong[group_id] += int(numbers.get(commit, -1) < entry.commit)
            advance()
    for group_id, n_wrong in wrong.items():
        if n_wrong:
            yield Finding(
                check=CHECK,
                severity=Severity.ERROR,
                what=f"{n_wrong} online entries of group {labels[group_id]} come from commits that are not published",
                where=where,
                do="The records are older than this store. Let `mainspring doctor --repair` materialise it again.",
                repair=Repair.MATERIALIZE,
                subjects=(group_id,),
            )
    if absent := sorted(online.keys() - brought_in, key=lambda group_id: labels[group_id]):
        # Where nothing was ever brought in and nothing is served, nobody misses it.
        is_new = not brought_in and not project.deployments.names()
        yield Finding(
            check=CHECK,
            severity=Severity.INFO if is_new else Severity.WARNING,
            what="online groups with published commits have nothing here: "
            + ", ".join(labels[group_id] for group_id in absent),
            where=where,
            do="Predictions find no row of them. They were never materialised, or the store was lost: run `mainspring "
            "features materialize`, or let `mainspring doctor --repair` do it.",
            repair=Repair.MATERIALIZE,
            subjects=tuple(absent),
        )
    if strange:
        yield Finding(
            check=CHECK,
            severity=Severity.WARNING,
            what=f"{sum(strange.values())} online entries belong to groups that the records do not have",
            where=f"{where}: groups {shown(sorted(strange))}",
            do="No reader asks for them. To be rid of them, clear the online store and materialise again.",
        )


_GROUPS: Final = select(store.groups.c.group_id, store.groups.c.name, store.groups.c.version)
