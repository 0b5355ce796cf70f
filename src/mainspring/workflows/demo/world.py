"""The project that the story is about: opened, with its own code and the files that it learns from."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any, Final
from zoneinfo import ZoneInfo

import polars as pl

from mainspring.errors import InputError
from mainspring.log.progress import silent
from mainspring.ports.clock import ReplayClock
from mainspring.project import Project, open_project
from mainspring.workflows.demo.options import Options

NEW_YORK: Final = ZoneInfo("America/New_York")
YEAR: Final = 2013
MODEL: Final = "flight_delay"
DEPLOYMENT: Final = "flight_delay"
MONITOR: Final = "flight_delay_monthly"

MONTHLY: Final = ("flights", "arrivals", "weather", "traffic")
"""Groups that get rows every month."""

STATIC: Final = ("planes", "airports")


def midnight(month: int, day: int = 1) -> datetime:
    """The UTC instant at which a day of the year begins in New York; month 13 is the next January."""
    return datetime(YEAR + month // 13, (month - 1) % 12 + 1, day, tzinfo=NEW_YORK).astimezone(UTC)


class World:
    """The open project, its modules, its groups and its view; and the year's files, read once.

    Args:
        folder: a project made from the flights template.
        options: what is lived of the year.
        overrides: configuration that outranks the folder's file.
    """

    def __init__(self, folder: Path, options: Options, overrides: Mapping[str, Any] | None = None) -> None:
        self.folder = folder.resolve()
        self.options = options
        self.project: Project = open_project(self.folder, overrides=overrides, progress=silent)
        clock = self.project.clock
        if not isinstance(clock, ReplayClock):
            raise InputError(
                expected='kind = "replay" under [clock]',
                got=self.project.config.clock.kind,
                where=str(self.folder / "mainspring.toml"),
                hint="The demo lives the past again; give it the folder of a project of its own.",
            )
        self.clock = clock
        self.features = load_code(self.folder, "features")
        self.pipelines = load_code(self.folder, "pipelines")

    @cached_property
    def sources(self) -> Any:
        """The year's files, as frames with UTC times; with its days shuffled where the options say so."""
        found = self.features.sources.read()
        seed = self.options.shuffle_days_seed
        return found if seed is None else self.features.sources.shuffle_days(found, seed)

    @cached_property
    def groups(self) -> dict[str, Any]:
        """The feature groups by name, defined if they are not."""
        found: dict[str, Any] = self.features.view.define_groups(self.project.features)
        return found

    @cached_property
    def view(self) -> Any:
        """The view; its groups must have rows."""
        return self.features.view.define(self.project.features, self.groups)

    @cached_property
    def rows(self) -> dict[str, pl.DataFrame]:
        """The whole year's rows of every group."""
        modules = {name: getattr(self.features, name, None) for name in (*MONTHLY, *STATIC)}
        modules["flights"] = self.features.schedule
        return {name: module.rows(self.sources) for name, module in modules.items() if module is not None}

    def rows_of_month(self, group: str, month: int) -> pl.DataFrame:
        """The rows of one monthly file: by scheduled departure for flights, by event time for the others."""
        rows = self.rows[group]
        if group == "arrivals":
            return rows.join(
                self.rows_of_month("flights", month).select("flight_id"), on="flight_id", how="semi"
            )
        time = self.groups[group].spec.event_time
        return rows.filter(pl.col(time).is_between(midnight(month), midnight(month + 1), closed="left"))

    @cached_property
    def flights(self) -> pl.DataFrame:
        """Every flight with what became of it: the timetable's columns, `local_day`, `known_at`, `late`."""
        days = self.sources.flights.select("flight_id", "local_day")
        arrivals = self.rows["arrivals"].select("flight_id", "known_at", "late")
        return (
            self.rows["flights"]
            .join(days, on="flight_id", how="left", maintain_order="left")
            .join(arrivals, on="flight_id", how="left", maintain_order="left")
        )

    def days_of_month(self, month: int) -> list[int]:
        """The days of a month that are lived; where they are few, the day of the corrected weather is among them."""
        count = (midnight(month + 1) + timedelta(hours=12) - midnight(month)) // timedelta(days=1)
        days = set(range(1, min(count, self.options.days_of(month) or count) + 1))
        corrected = self.features.weather.CORRECTION_KNOWN_AT.astimezone(NEW_YORK)
        return sorted(days | {corrected.day} if corrected.month == month else days)

    def set_clock(self, present: datetime) -> None:
        """Move the present forward; a moment that has passed is left behind, as when a story is resumed."""
        before = self.clock.find()
        if before is None or before < present:
            self.clock.set(present)

    def close(self) -> None:
        """Give the project back."""
        self.project.close()


def load_code(folder: Path, package: str) -> ModuleType:
    """A package of the project's own code, and not one of the same name from another project's folder."""
    root = str(folder)
    if sys.path[:1] != [root]:
        sys.path[:] = [root, *(entry for entry in sys.path if entry != root)]
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        file = getattr(sys.modules[name], "__file__", None)
        if file is None or not Path(file).is_relative_to(folder):
            del sys.modules[name]
    importlib.invalidate_caches()
    return importlib.import_module(package)
