"""What a telling knows, for those that tell its chapters."""

from __future__ import annotations

from dataclasses import dataclass

from mainspring.workflows.demo.screen import Screen
from mainspring.workflows.demo.wire import Wire
from mainspring.workflows.demo.world import World


@dataclass
class Story:
    """One telling: the world, the screen, and what only a running telling knows.

    Attributes:
        wire: the connection to the server while days are lived over HTTP; None otherwise.
    """

    world: World
    screen: Screen
    wire: Wire | None = None

    def say(self, text: str) -> None:
        """One line on the screen."""
        self.screen.say(text)
