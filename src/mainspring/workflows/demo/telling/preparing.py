"""Chapters 1 to 4: rows come in, a model is trained, judged and deployed."""

from __future__ import annotations

from typing import Any, Final

from mainspring.checks.outline import outline, spark
from mainspring.gates.spec import Decision
from mainspring.pipelines.api import PipelineRun
from mainspring.workflows.demo import chapters
from mainspring.workflows.demo.explain import find_correction
from mainspring.workflows.demo.report.months import MONTHS
from mainspring.workflows.demo.telling.story import Story
from mainspring.workflows.demo.world import World

N_MOVED: Final = 5
"""Features whose parts are shown side by side."""


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
        marked = [found for found in world.project.features.search(personal=True) if found.kind == "feature"]
        names = ", ".join(f"{found.name} ({', '.join(found.personal)})" for found in marked)
        story.say(f"marked as personal data, so that no profile keeps a value of it: {names}")


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
                told_failures(world, commits),
            ]
        )
    return rows


def told_failures(world: World, commits: list[Any]) -> str:
    """What its expectations found, and how many rows were kept apart for it."""
    told = [f"{text}: {count:,}" for text, count in failures(world, commits).items()]
    n_rejected = sum(commit.n_rejected for commit in commits)
    return "; ".join([*told, *([f"kept apart: {n_rejected:,}"] if n_rejected else [])]) or "none"


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
    kind, _, rest = name.removesuffix(")").partition("(")
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
        show_leakage(story, data)
        show_parts(story, data)
        screen.table(
            ["step", "first", "again", "why"],
            [
                [step.node, f"{step.seconds:.2f} s", str(other.state), other.reason.partition(";")[0]]
                for step, other in zip(run.steps, again.steps, strict=True)
            ],
            numeric=(1,),
        )
    return run


def show_leakage(story: Story, data: Any) -> None:
    """What in the dataset looks like a leak; a warning is a reason to look, and says at what."""
    for found in data.leakage().findings:
        colour = {"ok": "green", "warning": "yellow"}.get(found.look.value, "dim")
        story.say(f"  [{colour}]{found.look.value:<8}[/] {found.rule}: {found.summary}")


def show_parts(story: Story, data: Any) -> None:
    """The features whose mean moved most between the training flights and those held out, in standard deviations."""
    train, test = data.profile("train"), data.profile("test")
    moved = [
        (abs(after.moments.mean - before.moments.mean) / before.moments.deviation, before, after)
        for before, after in ((column, test[column.name]) for column in train.columns)
        if before.name in data.features and before.moments is not None and before.moments.deviation
    ]
    rows = [
        [
            before.name,
            *(f"{column.moments.mean:.4g}" for column in (before, after)),
            *(f"{column.n_missing / part.n_rows:.1%}" for column, part in ((before, train), (after, test))),
            spark(outline(before).counts),
            spark(outline(after).counts),
        ]
        for _, before, after in sorted(moved, key=lambda found: -found[0])[:N_MOVED]
    ]
    head = ["moved most", "train", "test", "missing", "missing", "train", "test"]
    story.screen.table(head, rows, numeric=(1, 2, 3, 4))


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
