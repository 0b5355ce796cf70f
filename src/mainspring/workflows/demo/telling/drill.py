"""A rollback that is practised, and measured until the server answers with it."""

from __future__ import annotations

import time
from typing import Any

from mainspring.errors import StateError
from mainspring.serving.spec import Cause, DeploymentRevision
from mainspring.workflows.demo import chapters
from mainspring.workflows.demo.telling.story import Story
from mainspring.workflows.demo.wire import Wire
from mainspring.workflows.demo.world import DEPLOYMENT


def drill(story: Story) -> None:
    """After the first promotion: one command back, measured until the server answers with it; then forward again.

    A drill that a killed telling left half done is ended.
    """
    world = story.world
    deployment = world.project.deployments.get(DEPLOYMENT)
    revisions = deployment.revisions()
    causes = [revision.cause for revision in revisions]
    if causes[-1] is Cause.ROLLBACK:
        go_forward(story, revisions[-2])
        return
    if Cause.PROMOTE not in causes or Cause.ROLLBACK in causes:
        return
    began_s = time.perf_counter()
    back = deployment.rollback(reason="drill")
    if story.wire is not None:
        wait_for(story.wire, back.revision)
    seconds = time.perf_counter() - began_s
    go_forward(story, revisions[-1])
    chapters.keep_drill(world, revisions[-1].id, back.seconds, seconds)
    story.say(
        f"  rollback drill: the table was on disk after {back.seconds * 1000:.1f} ms; "
        f"version {back.version} answered after {seconds * 1000:.0f} ms; then forward again"
    )


def go_forward(story: Story, revision: DeploymentRevision) -> None:
    """Serve again what the drill rolled back, on the decision that let it in."""
    world = story.world
    deployment = world.project.deployments.get(DEPLOYMENT)
    version = world.project.models.get(revision.model, revision.model_version)
    passed = [
        decision for decision in chapters.find_decisions(world, version, "production") if decision.passed
    ]
    deployment.promote(
        version, world.view, decision_id=passed[-1].id, reason="end of the drill", origin="human"
    )
    if story.wire is not None:
        wait_for(story.wire, deployment.table.revision)


def wait_for(wire: Wire, revision: int, within_s: float = 10.0) -> None:
    """Wait until the server answers with a revision.

    Raises:
        StateError: it still answers with another after `within_s`.
    """
    until_s = time.monotonic() + within_s
    served: dict[str, Any] = {}
    while time.monotonic() < until_s:
        served = wire.get("/v1/deployments").body["deployments"].get(DEPLOYMENT, {})
        if served.get("revision") == revision:
            return
        time.sleep(0.002)
    raise StateError(
        expected=f"an answer from revision {revision} within {within_s:g} s",
        got=f"revision {served.get('revision')}",
        where=f"deployment {DEPLOYMENT!r}",
        hint="The server did not take up the new table. Tell the story again in the same folder to go on.",
    )
