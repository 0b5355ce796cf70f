"""Plug-ins: is what is stored or configured with one installed here?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import select

from mainspring.checks.rules import EXPECTATIONS
from mainspring.errors import MainspringError, PluginError
from mainspring.models import store
from mainspring.models.formats import OURS
from mainspring.models.formats import PLUGINS as MODEL_FORMATS
from mainspring.plugins import Group
from mainspring.workflows.doctor.spec import Finding, Patient, Severity, told

CHECK: Final = "plugins"


def check_plugins(patient: Patient) -> Iterator[Finding]:
    """Alert channels that are configured, expectations of groups, and formats of packages."""
    project = patient.project
    try:
        project.alert_deliveries()
    except MainspringError as error:
        yield told(CHECK, error)
    for group in project.features.groups():
        for expectation in group.spec.expectations:
            if expectation.get("distribution") is not None:
                needed_by = f"feature group {group.spec.label}, of {expectation['distribution']}"
                yield from _missing(EXPECTATIONS, expectation["kind"], needed_by)
    with project.records.read() as connection:
        query = select(store.packages.c.format, store.packages.c.name).distinct()
        stored = sorted(
            (str(kind), str(name))
            for kind, name in connection.execute(
                query.where(store.packages.c.project_id == project.config.project.id)
            )
        )
    for kind, name in stored:
        if kind not in OURS:
            yield from _missing(MODEL_FORMATS, kind, f"packages of model {name}")


def _missing(group: Group[Any], name: str, needed_by: str) -> Iterator[Finding]:
    try:
        found = group.find(name)
    except PluginError as error:
        yield told(CHECK, error).model_copy(update={"severity": Severity.WARNING})
        return
    if found is None:
        yield Finding(
            check=CHECK,
            severity=Severity.WARNING,
            what=f"no installed distribution adds the {group.noun} {name!r}",
            where=f"needed by {needed_by}",
            do="Install the distribution that it was made with; until then this can be read, and not be used.",
        )
