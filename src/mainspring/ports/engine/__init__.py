"""Many independent tasks."""

from typing import Final

from mainspring.errors import InputError
from mainspring.ports._address import Backends, scheme_of
from mainspring.ports.engine._base import Engine, Outcome, Task, n_processors

__all__ = ["BACKENDS", "Engine", "Outcome", "Task", "n_processors", "open_engine"]

BACKENDS: Final[Backends[Engine]] = Backends(
    "engine", Engine, "the address and, by keyword, n_workers and task_timeout_s,", ["local", "processes"]
)


def open_engine(
    address: str = "local:", n_workers: int | None = None, *, task_timeout_s: float | None = None
) -> Engine:
    """The engine that the address names; nothing is started before the first task.

    Args:
        address: `local:` (threads of this process), `processes:` (worker processes of this machine), or one that
            a plug-in opens.
        n_workers: calls at a time; None means one for each processor that this process may use.
        task_timeout_s: how long a task may take that does not say itself; None = as long as it likes. Threads
            cannot be ended, so `local:` takes none.

    Raises:
        InputError: no backend for the address's scheme, fewer than one worker, or a timeout that is not above 0
            or that the engine cannot keep.
        PluginError: the plug-in for the scheme cannot be used.
    """
    if n_workers is not None and n_workers < 1:
        raise InputError(
            expected="one worker or more",
            got=str(n_workers),
            where="engine.workers",
            hint="Leave it out for one worker a processor.",
        )
    if task_timeout_s is not None and not task_timeout_s > 0:
        raise InputError(
            expected="a time above 0 s",
            got=f"{task_timeout_s:g} s",
            where="engine.task_timeout_s",
            hint="Leave it out to let tasks take as long as they like.",
        )
    scheme = scheme_of(address) if ":" in address else address
    plugin = BACKENDS.find(scheme)
    if plugin is not None:
        return BACKENDS.open(plugin, address, n_workers=n_workers, task_timeout_s=task_timeout_s)
    if scheme == "local":
        from mainspring.ports.engine._local import LocalEngine

        if task_timeout_s is not None:
            raise InputError(
                expected="no timeout with threads of this process, which cannot be ended",
                got=f"{task_timeout_s:g} s",
                where="engine.task_timeout_s",
                hint='Remove it, or set engine.kind = "processes".',
            )
        return LocalEngine(n_workers)
    from mainspring.ports.engine._processes import ProcessEngine

    return ProcessEngine(n_workers, task_timeout_s)
