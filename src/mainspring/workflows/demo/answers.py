"""What came of each month's finding: what an alert started, or why nothing was started."""

from __future__ import annotations

from datetime import timedelta

from mainspring.monitoring.spec import Finding
from mainspring.serving.spec import Cause, Rollout
from mainspring.workflows.demo.world import DEPLOYMENT, World, midnight


def answer_to(world: World, finding: Finding) -> str:
    """What came of a finding, in a few words; empty where nothing was due."""
    if not finding.alerted:
        once = "for the first time" in finding.reason
        return "none: conspicuous once, an alert takes two of three" if once else ""
    rollouts = world.project.deployments.get(DEPLOYMENT).rollouts()
    trying = next((one for one in rollouts if _runs(world, one, finding)), None)
    if trying is not None:
        return f"none: version {trying.candidate_version} was being tried already"
    day = timedelta(days=1)
    begun = [one for one in rollouts if finding.as_of_at <= one.created_at < finding.as_of_at + day]
    if begun:
        return f"trained version {begun[0].candidate_version}, tried as a shadow"
    if finding.end_at >= midnight(world.options.until_month + 1):
        return "none: the story ends here"
    return "trained a version, which the gate kept out"


def _runs(world: World, rollout: Rollout, finding: Finding) -> bool:
    """Whether the rollout had begun before the alert and had not ended yet."""
    revisions = world.project.deployments.get(DEPLOYMENT).revisions()
    ends = [
        revision.created_at
        for revision in revisions
        if revision.cause is Cause.PROMOTE and revision.created_at >= rollout.created_at
    ]
    return rollout.created_at < finding.as_of_at and (not ends or min(ends) >= finding.as_of_at)
