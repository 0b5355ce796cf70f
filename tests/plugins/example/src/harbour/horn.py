"""An alert channel: `alerts.channels = ["horn:/var/log/horn"]` blows into a file."""

import os
from pathlib import Path

from mainspring.monitoring.channel import AlertChannel


class Horn(AlertChannel):
    """Writes the text of each alert, a line each."""

    def __init__(self, address):
        self._path = Path(address.partition(":")[2])

    def deliver(self, alert, /):
        with self._path.open("a") as file:
            file.write(f"{alert['id']} {alert['text']}\n")
            file.flush()
            os.fsync(file.fileno())
