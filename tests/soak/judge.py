"""The whole examination of a home that writers worked on: plain reading, doctor, recovery, plain reading again."""

from __future__ import annotations

from typing import Final

from tests.soak.acknowledged import Line, all_lines
from tests.soak.checker import halves, lost, lost_predictions
from tests.soak.home import Home
from tests.soak.world import DEPLOYMENT, World

from mainspring.project import open_project
from mainspring.workflows.doctor.examine import examine
from mainspring.workflows.doctor.spec import Repair, Severity

EXPECTED: Final = {Repair.CALL_LOST, Repair.RECORD_WEIGHTS, Repair.PUBLISH_LOG}
"""What a killed process leaves for others to do: its work to be ended, a change to be recorded, its log."""


def found_wrong(world: World) -> list[str]:
    """Everything that is not as it was acknowledged, or is there by halves.

    The home is read as the last writer left it, then looked over and mended by `doctor`, and read again. The
    environment names the project's records.
    """
    lines = list(all_lines(world.ledgers))
    wrong = [f"before recovery: {each}" for each in _plain(world, lines)]
    mended = examine(world.folder, mend=True)
    made = {item.repair for item in mended.repaired} - EXPECTED
    wrong += [f"doctor had to do what no kill explains: {each}" for each in sorted(made)]
    left = [item for item in mended.problems if item.severity is not Severity.INFO and item.check != "home"]
    wrong += [f"doctor could not mend: {item.what} ({item.where})" for item in left]
    with open_project(world.folder) as project:
        project.deployments.get(DEPLOYMENT).publish_log()
    wrong += [f"after recovery: {each}" for each in _plain(world, lines)]
    return [*wrong, *lost_predictions(_home(world), lines)]


def _home(world: World) -> Home:
    return Home(world.home, world.records_url, world.keys_url)


def _plain(world: World, lines: list[Line]) -> list[str]:
    home = _home(world)
    return [*lost(home, lines), *halves(home)]
