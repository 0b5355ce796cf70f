"""Many independent tasks."""

from mainspring.ports._address import scheme_of, unknown_scheme
from mainspring.ports.engine._base import Engine, Outcome, Task

__all__ = ["Engine", "Outcome", "Task", "open_engine"]


def open_engine(address: str = "local:", n_workers: int | None = None) -> Engine:
    """The engine that the address names; `local:` runs in this process.

    Args:
        address: `local:` (threads of this process).
        n_workers: calls at a time; None means one for each processor that this process may use.

    Raises:
        InputError: no backend for the address's scheme, or fewer than one worker.
    """
    scheme = scheme_of(address) if ":" in address else address
    if scheme == "local":
        from mainspring.ports.engine._local import LocalEngine

        return LocalEngine(n_workers)
    raise unknown_scheme("engine", scheme, ["local:"])
