"""Tells the story again and again, each time killed one step later.

`python -m tests.workflows.demo.killed_telling FOLDER URL`; each telling is a process of its own, forked from this one,
which only imports.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from mainspring.pipelines.api import Pipelines
from mainspring.serving.deployment import Deployment
from mainspring.workflows.demo.options import Options
from mainspring.workflows.demo.tell import tell_demo
from tests.docs.warm import import_libraries
from tests.forks import ended, forked

OPTIONS = Options(until_month=8, last_days=4, over_http=False)
Ended = Callable[[tuple[Any, ...], Any], bool]
STEPS: dict[str, tuple[Any, str, Ended]] = {
    "the alert has trained a version": (Pipelines, "handle_events", lambda _, runs: bool(runs)),
    "the shadow is scored": (Deployment, "shadow", lambda *_: True),
    "the version is promoted": (Deployment, "promote", lambda *_: True),
    "the promotion is rolled back": (Deployment, "rollback", lambda *_: True),
}
"""From June's alert to the drill, in order: what has just been done, the function that did it, and whether it did."""


def kill_after(step: str) -> None:
    """Let the process die, as by kill -9, when the step is done."""
    holder, name, is_done = STEPS[step]
    original = getattr(holder, name)

    def last(*given: Any, **named: Any) -> Any:
        result = original(*given, **named)
        if is_done(given, result):
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(holder, name, last)


def tell_until(step: str, folder: Path, url: str) -> None:
    """Tell the story up to a step, and die."""
    kill_after(step)
    tell_demo(folder, OPTIONS, overrides={"records.url": url})


if __name__ == "__main__":
    import_libraries()
    where, records_url = sys.argv[1:]
    for each in STEPS:
        code = ended(forked(partial(tell_until, each, Path(where), records_url)))
        assert code == -signal.SIGKILL, (each, code)
