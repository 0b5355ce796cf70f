"""Alert channels of plug-ins: what they raise means "later", and what is no channel is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.monitoring.test_channel import alert, to
from tests.plugins.conftest import Write

from mainspring.errors import PluginError, UnavailableError
from mainspring.lineage import Graph

FLAKY = """
    from mainspring.monitoring.channel import AlertChannel
    MAINSPRING_API = 1
    told, failures, closed = [], [], []

    class Flaky(AlertChannel):
        def __init__(self, address):
            self.address = address

        def deliver(self, alert, /):
            if failures:
                raise failures.pop()
            told.append(alert)

        def close(self):
            closed.append(self.address)

    def nothing(address):
        return address
"""
ENTRIES = {"mainspring.alert_channels": {"flaky": "written:Flaky", "odd": "written:nothing"}}


@pytest.fixture
def written(write: Write) -> Any:
    """The module of the installed channels."""
    write("flaky-channels", ENTRIES, {"written": FLAKY})
    import written  # type: ignore[import-not-found]

    return written


def test_a_channel_that_fails_is_tried_at_the_next_delivery(
    graph: Graph, tmp_path: Path, written: Any
) -> None:
    """Whatever it raises, the alert waits; the channel is closed each time."""
    ids = [alert(graph, "a"), alert(graph, "b")]
    written.failures.append(ZeroDivisionError("no battery"))
    with pytest.raises(UnavailableError, match="ZeroDivisionError: no battery"):
        to(graph, tmp_path, "flaky:here").run()
    assert to(graph, tmp_path, "flaky:here").run() == 2
    assert [each["id"] for each in written.told] == ids
    assert written.closed == ["flaky:here"] * 2


def test_what_is_no_channel_is_refused(graph: Graph, tmp_path: Path, written: Any) -> None:
    """A function that returns something else is named with its distribution."""
    alert(graph, "a")
    with pytest.raises(PluginError, match="a str in return") as refused:
        to(graph, tmp_path, "odd:here").run()
    assert refused.value.where == "plug-in 'odd' of flaky-channels 0.1 (mainspring.alert_channels)"
