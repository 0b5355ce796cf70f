"""What is said where something is not there, or not in use."""

from __future__ import annotations

from mainspring.errors import ConflictError, StateError, UnknownNameError


def not_active(run_id: str) -> StateError:
    """The run was deleted, as clients of other tools say, and is archived."""
    return StateError(
        expected="a run in use",
        got="a deleted one",
        where=f"The run {run_id} must be in the 'active' state",
        hint="Restore it first.",
    )


def not_deleted(run_id: str) -> StateError:
    """The run is in use."""
    return StateError(
        expected="a deleted run",
        got="one in use",
        where=f"The run {run_id} must be in the 'deleted' state",
        hint="There is nothing to restore.",
    )


def no_experiment(said: str, state: str = "") -> UnknownNameError:
    """There is no experiment of that name or number, or none in that state."""
    return UnknownNameError(
        expected=f"an experiment of this project{state and f' that is {state}'}",
        got=said,
        where=f"No experiment with {said} exists",
        hint="`mainspring runs experiments --archived` shows them all.",
    )


def experiment_not_active(number: int) -> StateError:
    """The experiment is archived."""
    return StateError(
        expected="an experiment in use",
        got="a deleted one",
        where=f"The experiment {number} must be in the 'active' state",
        hint="Restore it first, or choose another.",
    )


def experiment_exists(name: str, state: str) -> ConflictError:
    """The name is taken."""
    return ConflictError(
        expected="a name that no experiment has or had",
        got=f"that of an experiment that is {state}",
        where=f"Experiment {name!r} already exists",
        hint="Choose another name"
        + (", or restore the experiment." if state != "active" else ", or log to this one."),
    )
