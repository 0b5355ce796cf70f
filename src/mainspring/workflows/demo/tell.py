"""The story, told from beginning to end, or from where it was left."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from mainspring.config import FILE_NAME
from mainspring.lineage import AssetKind
from mainspring.server.supervisor import Server
from mainspring.workflows.demo.live import body_of
from mainspring.workflows.demo.options import Options
from mainspring.workflows.demo.report.write import PAGE, REPORT
from mainspring.workflows.demo.screen import Screen
from mainspring.workflows.demo.telling.closing import end, lineage
from mainspring.workflows.demo.telling.living import live
from mainspring.workflows.demo.telling.preparing import deploy, gate, ingest, train
from mainspring.workflows.demo.telling.story import Story
from mainspring.workflows.demo.world import DEPLOYMENT, MODEL, World, midnight
from mainspring.workflows.init import init_project


def open_world(
    folder: Path, options: Options, overrides: Mapping[str, Any] | None = None
) -> tuple[World, bool]:
    """The demo's project, written from the template if the folder has none; and whether it was there."""
    existed = (folder / FILE_NAME).exists()
    if not existed:
        init_project(folder, template="flights")
    return World(folder, options, overrides), existed


def tell(story: Story) -> None:
    """Live the year: everything up to the report."""
    ingest(story)
    run = train(story)
    gate(story, run)
    deploy(story, run)
    live(story)
    explained, touched = lineage(story)
    end(story, explained, touched)


def serve_on(story: Story) -> None:
    """Stay up until SIGTERM or Ctrl-C, and say where."""
    world = story.world
    server = Server(world.project, say=story.say)
    path = f"/v1/deployments/{DEPLOYMENT}"
    flight = world.flights.row(world.flights.height // 2, named=True)
    example = msgspec.json.encode({name: body_of(flight)[name] for name in ("keys", "request")}).decode()

    def announce() -> None:
        story.say(f"health: {server.url}/health")
        story.say(
            f"ask:    curl -s {server.url}{path}/predict -H 'content-type: application/json' -d '{example}'"
        )
        story.say("Ctrl-C ends it")

    story.say(f"report: {(world.folder / PAGE).as_uri()}")
    server.run_forever(announce)


def is_complete(world: World) -> bool:
    """Whether the story was told to its end in this folder: all months lived, the report written."""
    present = world.clock.find()
    lived = present is not None and present >= midnight(world.options.until_month + 1)
    told = world.project.graph.find_assets(kind=AssetKind.REPORT, name=REPORT)
    return lived and bool(told) and (world.folder / PAGE).exists()


def show_what_exists(story: Story) -> None:
    """A story that is complete, and what can be done with it."""
    world, folder = story.world, story.world.folder
    deployment = world.project.deployments.get(DEPLOYMENT)
    counts, table = deployment.log_counts(), deployment.table
    story.say(
        f"The story in {folder} is complete: the clock stands at {world.clock.now():%Y-%m-%d %H:%M} UTC."
    )
    story.say(
        f"  {counts.n_logged:,} predictions logged; {len(world.project.models.versions(MODEL))} model versions, "
        f"{len(deployment.revisions())} revisions; version {table.champion.version} answers"
    )
    story.say(f"  report:     {folder / PAGE}")
    story.say(f"  serve it:   mainspring demo {folder} --serve")
    story.say("  start over: remove the folder, or name another")


def tell_demo(
    folder: Path,
    options: Options,
    console: Console | None = None,
    *,
    overrides: Mapping[str, Any] | None = None,
) -> Story:
    """Live the year in a folder, or go on with it. The world stays open; close it.

    Args:
        folder: made from the template where there is no project in it.
        options: what is lived.
        console: where it is told; None = standard output.
        overrides: configuration that outranks the folder's file.
    """
    world, existed = open_world(folder, options, overrides)
    story = Story(world, Screen(console))
    present = world.clock.find()
    if existed and is_complete(world):
        show_what_exists(story)
    else:
        if existed and present is not None:
            story.say(f"going on in {folder}: the clock stands at {present:%Y-%m-%d %H:%M} UTC")
        tell(story)
    if options.serve:
        serve_on(story)
    return story
