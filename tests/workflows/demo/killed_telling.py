"""Tells the story in this process and kills it right after one step: `python killed_telling.py FOLDER URL STEP`."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mainspring.pipelines.api import Pipelines
from mainspring.serving.deployment import Deployment
from mainspring.workflows.demo.options import Options
from mainspring.workflows.demo.tell import tell_demo

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


if __name__ == "__main__":
    folder, url, step = sys.argv[1:]
    kill_after(step)
    tell_demo(Path(folder), OPTIONS, overrides={"records.url": url})
