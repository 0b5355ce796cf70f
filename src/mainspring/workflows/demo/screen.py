"""What the terminal shows while the story runs: progress where there is a terminal, plain lines where not."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from mainspring.log.bars import columns


class Screen:
    """Headings, lines, tables and progress bars on one console."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        self.seconds: dict[str, float] = {}
        """Time spent in each chapter, by its title."""

    @contextmanager
    def chapter(self, title: str) -> Iterator[None]:
        """A heading, and how long what follows took."""
        self.console.print()
        self.console.rule(f"[bold]{title}", align="left", style="dim")
        began_s = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[title] = self.seconds.get(title, 0.0) + time.perf_counter() - began_s

    def say(self, text: str) -> None:
        """One line, however long: commands in it can be copied. Rich markup is understood."""
        self.console.print(text, soft_wrap=True)

    def table(
        self,
        head: Sequence[str],
        rows: Sequence[Sequence[object]],
        *,
        numeric: Sequence[int] = (),
        title: str | None = None,
    ) -> None:
        """A table; `numeric` are the positions of right-aligned columns."""
        table = Table(
            title=title,
            title_justify="left",
            title_style="bold",
            header_style="dim",
            box=None,
            pad_edge=False,
        )
        for place, text in enumerate(head):
            table.add_column(text, justify="right" if place in numeric else "left", overflow="fold")
        for row in rows:
            table.add_row(*(str(value) for value in row))
        self.console.print(table)

    @contextmanager
    def progress(self, text: str, total: int) -> Iterator[Bar]:
        """A bar with `total` parts; without a terminal nothing is drawn."""
        shown = self.console.is_terminal
        with Progress(
            *columns(), console=self.console, transient=True, disable=not shown, refresh_per_second=8
        ) as drawn:
            yield Bar(drawn, text, total)


class Bar:
    """A running progress bar."""

    def __init__(self, drawn: Progress, text: str, total: int) -> None:
        self._drawn = drawn
        self._task = drawn.add_task(text, total=total)

    def advance(self, text: str | None = None, by: int = 1) -> None:
        """One part more is done; a new text replaces the old."""
        if text is None:
            self._drawn.update(self._task, advance=by)
        else:
            self._drawn.update(self._task, advance=by, description=text)
