"""What came of each month's finding: what an alert started, or why nothing was started."""

from __future__ import annotations

from datetime import datetime, timedelta

from mainspring.monitoring.spec import Finding
from mainspring.workflows.demo.world import DEPLOYMENT, World, midnight


def answer_to(world: World, finding: Finding) -> str:
    """What came of a finding, in a few words; empty where nothing was due."""
    if not finding.alerted:
        return _unalerted(finding)
    tried = _find_tried(world, finding.as_of_at)
    if tried is not None:
        return f"none: version {tried} was being tried already"
    day = timedelta(days=1)
    rollouts = world.project.deployments.get(DEPLOYMENT).rollouts()
    begun = [one for one in rollouts if finding.as_of_at <= one.created_at < finding.as_of_at + day]
    if begun:
        return f"trained version {begun[0].candidate_version}, tried as a shadow"
    if finding.end_at >= midnight(world.options.until_month + 1):
        return "none: the story ends here"
    return "trained a version, which the gate kept out"


def _unalerted(finding: Finding) -> str:
    if "for the first time" not in finding.reason or finding.observed is None or finding.predicted is None:
        return ""
    side = "more" if finding.observed > finding.predicted else "fewer"
    return f"none: {side} late than predicted, once; an alert takes two of three"


def _find_tried(world: World, moment: datetime) -> int | None:
    """The version that was a shadow until that moment or beyond; None if there was none just before it."""
    contexts = world.project.deployments.get(DEPLOYMENT).contexts()
    tables = [context.table for context in contexts if context.created_at < moment]
    arms = tables[-1]["arms"] if tables else []
    return next((int(arm["version"]) for arm in arms if arm["name"] == "shadow"), None)
