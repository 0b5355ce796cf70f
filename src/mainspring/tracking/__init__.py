"""Tracked runs: parameters, metrics, artifacts and environment of one piece of work."""

from mainspring.tracking.api import ActiveRun, Runs, Tracking
from mainspring.tracking.spec import Artifact, Environment, Experiment, MetricPoint, Param, Run

__all__ = [
    "ActiveRun",
    "Artifact",
    "Environment",
    "Experiment",
    "MetricPoint",
    "Param",
    "Run",
    "Runs",
    "Tracking",
]
