"""The prediction logs of a home: their segments on disk and their tables."""

from __future__ import annotations

from mainspring.project import Project
from mainspring.serving.log import PredictionLog
from mainspring.serving.replay import deployed_in, serving_folder


def prediction_logs(project: Project) -> list[PredictionLog]:
    """The log of every deployment that lies on disk, by name."""
    folder = serving_folder(project.home)
    return [PredictionLog(folder / name, name, project.tables) for name in deployed_in(project.home)]


def log_tables(project: Project) -> list[str]:
    """The tables of those logs that exist."""
    names = [
        name for log in prediction_logs(project) for name in (log.table, log.gaps_table, log.deleted_table)
    ]
    return [name for name in names if project.tables.exists(name)]
