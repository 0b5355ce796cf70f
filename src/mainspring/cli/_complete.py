"""What the shell completes: names that the project has. Where it cannot be opened there are none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from mainspring.features.api import Features


def groups_like(context: typer.Context, incomplete: str) -> list[str]:
    """`name@version` of every feature group that begins so; the bare name where there is only the first version."""
    with suppress(_Nothing), _features(context) as features:
        specs = [group.spec for group in features.groups()]
        several = {spec.name for spec in specs if spec.version > 1}
        found = [spec.label if spec.name in several else spec.label.partition("@")[0] for spec in specs]
        return [label for label in found if label.startswith(incomplete)]
    return []


def datasets_like(context: typer.Context, incomplete: str) -> list[str]:
    """The name of every training dataset that begins so."""
    with suppress(_Nothing), _features(context) as features:
        names = {data.name for data in features.training_datasets()}
        return sorted(name for name in names if name.startswith(incomplete))
    return []


class _Nothing(Exception):
    """There is no project that could be looked at."""


@contextmanager
def _features(context: typer.Context) -> Iterator[Features]:
    """The features of the project that is named, or of the present folder; nothing is made or written.

    Raises:
        _Nothing: it cannot be opened, or read.
    """
    from sqlalchemy.exc import SQLAlchemyError

    from mainspring.errors import MainspringError
    from mainspring.log.progress import silent
    from mainspring.project import open_project

    try:
        with open_project(
            context.params.get("project"), read_only=True, importable=False, progress=silent
        ) as project:
            yield project.features
    except (MainspringError, SQLAlchemyError, OSError) as error:
        raise _Nothing from error
