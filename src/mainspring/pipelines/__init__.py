"""Pipelines of typed steps: planned, cached by content, and remembered in the asset graph."""

from mainspring.pipelines.api import Outputs, PipelineRun, Pipelines
from mainspring.pipelines.elsewhere import StepContext
from mainspring.pipelines.materialize import Materializer, Materializers, ReferenceMaterializer, Slot
from mainspring.pipelines.spec import Change, PipelineSpec, Plan, StepRun, StepSpec, StepState, Stored
from mainspring.pipelines.step import RESOURCE, Pipeline, Step, pipeline, step
from mainspring.pipelines.trigger import Trigger

__all__ = [
    "RESOURCE",
    "Change",
    "Materializer",
    "Materializers",
    "Outputs",
    "Pipeline",
    "PipelineRun",
    "PipelineSpec",
    "Pipelines",
    "Plan",
    "ReferenceMaterializer",
    "Slot",
    "Step",
    "StepContext",
    "StepRun",
    "StepSpec",
    "StepState",
    "Stored",
    "Trigger",
    "pipeline",
    "step",
]
