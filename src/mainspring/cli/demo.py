"""`mainspring demo`: the flights of 2013, lived through month by month."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where the demo lives.")] = Path("demo"),
    serve: Annotated[
        bool, typer.Option("--serve", help="Stay up afterwards and print the addresses.")
    ] = False,
) -> None:
    """Live the flights of 2013, month by month."""
    from mainspring.workflows.demo import run_demo

    run_demo(folder, serve=serve)
