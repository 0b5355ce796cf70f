"""The big red button: rolls a deployment back by its files, and tells the records afterwards if they are there."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from mainspring.config import Config
from mainspring.errors import MainspringError, UnknownNameError
from mainspring.log import get_logger
from mainspring.ports.read_only import refused
from mainspring.project import clock_of, load_config, open_project
from mainspring.serving import rollback
from mainspring.serving.api import deployed_in, weights_folder
from mainspring.serving.spec import RolledBack

_log = get_logger(__name__)


def roll_back(path: str | Path | None, name: str, *, reason: str = "") -> RolledBack:
    """Serve again what was served before the present revision of deployment `name`.

    Nothing but the configuration and the home folder is needed. The project is opened only when the rollback is
    in force, to record it; where that fails, the log says why, and the next opening of the project records it, or a
    running server does.

    Args:
        path: the project's folder, as for `open_project`.
        name: the deployment's name.
        reason: in your words.

    Raises:
        InputError: there is no project there, or its configuration is wrong.
        UnknownNameError: no deployment of that name.
        StateError: there is no earlier revision.
        AccessError: the home cannot be written, or is to be opened for reading alone.
    """
    config = load_config(path)
    if config.home.read_only:
        raise refused(f"deployment {name}")
    known = deployed_in(config.home_path)
    if name not in known:
        raise UnknownNameError.of("deployment", name, known, "deployments rollback")
    return rollback.roll_back(
        weights_folder(config.home_path, name),
        clock_of(config),
        actor=config.actor_name,
        reason=reason,
        record=lambda: _recorded(config, name),
    )


def _recorded(config: Config, name: str) -> bool:
    try:
        with open_project(config.folder) as project:
            project.deployments.record(name)
    except (MainspringError, SQLAlchemyError, OSError) as error:
        # Whatever keeps the records away must not keep anybody from rolling back.
        _log.warning(
            "rollback.not_recorded",
            "The rollback is in force. The records cannot be reached; the next opening of the project records it, "
            f"or a running server does. {error}",
            error=error,
            deployment=name,
        )
        return False
    return True
