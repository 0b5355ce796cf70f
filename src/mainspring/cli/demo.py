"""`mainspring demo`: the flights of 2013, lived through month by month."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where the demo's project lives.")] = Path(
        "demo"
    ),
    serve: Annotated[
        bool, typer.Option("--serve", help="Stay up afterwards and print the addresses.")
    ] = False,
    small: Annotated[bool, typer.Option("--small", help="Only two days of April and of May.")] = False,
) -> None:
    """Live the flights of 2013, month by month.

    Again in the same folder it goes on where it stopped, or says what exists.
    """
    from mainspring.workflows.demo.options import Options
    from mainspring.workflows.demo.story import tell_demo

    if small:
        options = Options(requests_per_day=20, days_per_month=2, until_month=5, serve=serve)
    else:
        options = Options(serve=serve)
    tell_demo(folder, options).world.close()
