"""Chapters 1 to 4: rows come in, a model is trained, judged and deployed."""

from __future__ import annotations

from typing import Any

from mainspring.gates.spec import Decision
from mainspring.pipelines.api import PipelineRun
from mainspring.workflows.demo import chapters
from mainspring.workflows.demo.explain import (
    find_correction,
)
from mainspring.workflows.demo.report.months import MONTHS
from mainspring.workflows.demo.telling.story import Story
from mainspring.workflows.demo.world import World


def ingest(story: Story) -> None:
    """The registers and the first three months."""
    world, screen = story.world, story.screen
    with screen.chapter("1 · Ingest: January to March"):
        with screen.progress("reading files", 4) as bar:
            chapters.ingest_static(world)
            bar.advance("January")
            for month in (1, 2, 3):
                chapters.ingest_month(world, month)
                bar.advance(MONTHS[month])
        show_groups(story)


def show_groups(story: Story) -> None:
    """Every group with its rows so far and what its expectations found; the page has its times too."""
    head = ["group", "keys", "commits", "rows", "failing rows"]
    rows = [[name, keys, *rest] for name, keys, _, _, *rest in group_rows(story.world)]
    story.screen.table(head, rows, numeric=(2, 3))


def group_rows(world: World) -> list[list[object]]:
    """Every group: name, keys, event time, known time, commits, rows, what its expectations found."""
    rows: list[list[object]] = []
    for name, group in world.groups.items():
        spec, commits = group.spec, group.commits()
        rows.append(
            [
                name,
                ", ".join(spec.keys),
                spec.event_time or "-",
                spec.known_time or "-",
                len(commits),
                f"{sum(commit.n_rows for commit in commits):,}",
                "; ".join(f"{text}: {count:,}" for text, count in failures(world, commits).items()) or "none",
            ]
        )
    return rows


def failures(world: World, commits: list[Any]) -> dict[str, int]:
    """Failing rows of the files by expectation, from the validation of each commit.

    The hour of weather that was sent again is left out: what it still lacks would count twice.
    """
    again = find_correction(world)
    found: dict[str, int] = {}
    for commit in commits:
        if commit.validation is None or (again is not None and commit.asset_id == again.asset_id):
            continue
        for result in commit.validation.results:
            if result.n_failed:
                words = in_words(result.expectation.name)
                found[words] = found.get(words, 0) + result.n_failed
    return found


def in_words(name: str) -> str:
    """An expectation such as `not_null(pressure)` as what is wrong with the rows that break it."""
    kind, _, rest = name.rstrip(")").partition("(")
    if kind == "not_null":
        return f"no {rest}"
    if kind == "between":
        column, low, high = (part.partition("=")[2] or part for part in rest.split(", "))
        return f"{column} outside {low} to {high}"
    return f"not {name}"


def train(story: Story) -> PipelineRun:
    """Dataset, baseline, candidate; and again, without work."""
    screen = story.screen
    with screen.chapter("2 · Train on January to March"):
        with screen.progress("training", 2) as bar:
            run, again = chapters.train(story.world)
            bar.advance("the dataset again")
            first, second = chapters.dataset_again(story.world, run)
            bar.advance()
        data = run.outputs["data"]
        counts = ", ".join(f"{count:,} {part}" for part, count in data.counts.items())
        story.say(f"dataset {data.digest[:12]}: {counts}; {data.n_unlabelled:,} flights without a label")
        story.say(
            "made again from its pinned commits: "
            f"{'the same digest' if first == second else 'ANOTHER DIGEST'}"
        )
        screen.table(
            ["step", "first", "again", "why"],
            [
                [step.node, f"{step.seconds:.2f} s", str(other.state), other.reason.partition(";")[0]]
                for step, other in zip(run.steps, again.steps, strict=True)
            ],
            numeric=(1,),
        )
    return run


def gate(story: Story, run: PipelineRun) -> None:
    """Evidence, decisions; and a spoiled candidate that is refused."""
    world, screen = story.world, story.screen
    with screen.chapter("3 · The gate"):
        data, candidate = run.outputs["data"], run.outputs["candidate"]
        with screen.progress("examining", 4) as bar:
            chapters.name_baseline(world, run.outputs["baseline"], data)
            bar.advance("candidate")
            chapters.examine(world, candidate, data)
            bar.advance("a spoiled candidate")
            spoiled = chapters.train_spoiled(world).outputs["candidate"]
            chapters.examine(world, spoiled, data)
            bar.advance("deciding")
            allowed = chapters.decide(world, "production", candidate)
            refused = chapters.decide(world, "production", spoiled)
            bar.advance()
        show_decision(story, allowed)
        show_decision(story, refused, note="(labels shuffled before training)")


def show_decision(story: Story, decision: Decision, note: str = "") -> None:
    """A ruling and its reasons."""
    colour = {"pass": "green", "fail": "red"}.get(decision.verdict.value, "yellow")
    story.say(
        f"gate [bold]{decision.environment}[/]: {decision.version_name} {decision.version_number} "
        f"[{colour}]{decision.verdict.value}[/] {note}"
    )
    for reason in decision.reasons:
        mark = {"pass": "[green]+[/]", "fail": "[red]-[/]"}.get(reason.verdict.value, "[yellow]?[/]")
        story.say(f"  {mark} {reason.text}")


def deploy(story: Story, run: PipelineRun) -> None:
    """The candidate goes live through its gate."""
    world = story.world
    with story.screen.chapter("4 · Deploy"):
        deployment = chapters.deploy(world, run.outputs["candidate"])
        chapters.listen_for_alerts(world)
        table = deployment.table
        story.say(
            f"deployment [bold]{deployment.name}[/]: revision {table.revision} answers with version "
            f"{table.champion.version}"
        )
