"""One package that carries a machine-learning system through its whole life, and remembers all of it.

    import mainspring as ms
    project = ms.open()

A public name is imported when it is first used, so that `import mainspring` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from mainspring import errors as errors
    from mainspring.checks import expect as expect
    from mainspring.checks.spec import Expectation as Expectation
    from mainspring.checks.suite import Suite as Suite
    from mainspring.checks.suite import read_suite as read_suite
    from mainspring.checks.suite import suite as suite
    from mainspring.errors import MainspringError as MainspringError
    from mainspring.evaluation import check as check
    from mainspring.features import transform as transform
    from mainspring.features import wrangle as wrangle
    from mainspring.features.api import request as request
    from mainspring.features.column import column as column
    from mainspring.features.condition import spine as spine
    from mainspring.features.datasets import split as split
    from mainspring.features.datasets.api import TrainingDataset as TrainingDataset
    from mainspring.features.draft import draft_schema as draft_schema
    from mainspring.features.insert.sql import sql as sql
    from mainspring.features.on_demand import on_demand as on_demand
    from mainspring.features.reference import drift as drift
    from mainspring.lineage.spec import AssetKind as AssetKind
    from mainspring.lineage.spec import Verdict as Verdict
    from mainspring.models.model import Model as Model
    from mainspring.pipelines.step import RESOURCE as RESOURCE
    from mainspring.pipelines.step import pipeline as pipeline
    from mainspring.pipelines.step import step as step
    from mainspring.project import Project as Project
    from mainspring.project import open_project as open

__version__: Final = "0.2.0.dev0"

# Public name → module that has it, or module:attribute. Read on first use, never at import.
_HOMES: Final[dict[str, str]] = {
    "AssetKind": "mainspring.lineage.spec:AssetKind",
    "Expectation": "mainspring.checks.spec:Expectation",
    "MainspringError": "mainspring.errors:MainspringError",
    "Model": "mainspring.models.model:Model",
    "Project": "mainspring.project:Project",
    "RESOURCE": "mainspring.pipelines.step:RESOURCE",
    "Suite": "mainspring.checks.suite:Suite",
    "TrainingDataset": "mainspring.features.datasets.api:TrainingDataset",
    "Verdict": "mainspring.lineage.spec:Verdict",
    "check": "mainspring.evaluation.check",
    "column": "mainspring.features.column:column",
    "draft_schema": "mainspring.features.draft:draft_schema",
    "drift": "mainspring.features.reference:drift",
    "errors": "mainspring.errors",
    "expect": "mainspring.checks.expect",
    "on_demand": "mainspring.features.on_demand:on_demand",
    "open": "mainspring.project:open_project",
    "pipeline": "mainspring.pipelines.step:pipeline",
    "read_suite": "mainspring.checks.suite:read_suite",
    "request": "mainspring.features.api:request",
    "spine": "mainspring.features.condition:spine",
    "split": "mainspring.features.datasets.split",
    "sql": "mainspring.features.insert.sql:sql",
    "step": "mainspring.pipelines.step:step",
    "suite": "mainspring.checks.suite:suite",
    "transform": "mainspring.features.transform",
    "wrangle": "mainspring.features.wrangle",
}

__all__ = [
    "RESOURCE",
    "AssetKind",
    "Expectation",
    "MainspringError",
    "Model",
    "Project",
    "Suite",
    "TrainingDataset",
    "Verdict",
    "check",
    "column",
    "draft_schema",
    "drift",
    "errors",
    "expect",
    "on_demand",
    "open",
    "pipeline",
    "read_suite",
    "request",
    "spine",
    "split",
    "sql",
    "step",
    "suite",
    "transform",
    "wrangle",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'mainspring' has no attribute {name!r} (has: {', '.join(__all__)})")
    module, _, attribute = home.partition(":")
    found = import_module(module)
    value = getattr(found, attribute) if attribute else found
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
