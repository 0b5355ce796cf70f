"""Tracked runs: parameters, metrics, artifacts and environment of one piece of work."""

from mainspring.tracking.api import ActiveRun, Runs, Tracking
from mainspring.tracking.artifacts.api import RunArtifacts
from mainspring.tracking.artifacts.spec import Entry
from mainspring.tracking.spec import Artifact, Environment, Experiment, MetricPoint, Param, Run

__all__ = [
    "ActiveRun",
    "Artifact",
    "Entry",
    "Environment",
    "Experiment",
    "MetricPoint",
    "Param",
    "Run",
    "RunArtifacts",
    "Runs",
    "Tracking",
]
