"""Alert channels: who is told of each alert, by a reader of the event log with a place of its own for each channel."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from mainspring.errors import InputError, MainspringError, UnavailableError
from mainspring.lineage import Event, Graph
from mainspring.lineage.delivery import Delivery, Parcel
from mainspring.lineage.sink import Destination, Patience, Sink, check_destination, open_sink
from mainspring.plugins import Group, Plugin
from mainspring.types import digest_bytes

ALERT_RAISED: Final = "alert.raised"
"""Kind of the event that triggers and channels read; its subject is the deployment revision."""

OURS: Final = ("file", "http", "https")
EVENTS_A_READ: Final = 200


class AlertChannel(ABC):
    """Tells somebody of alerts, in order. It is opened for each delivery, and used by one thread.

    An alert is told at least once: where the process dies before its place in the log is kept, the alert is told again
    with the same `id`.
    """

    @abstractmethod
    def deliver(self, alert: Mapping[str, Any], /) -> None:
        """Returns when the alert is delivered for good, within a bounded time.

        Args:
            alert: what `line` describes.

        Raises:
            UnavailableError: it did not work now. Any exception that is none of mainspring's counts as this.
            InputError: the other side will never take it; nothing behind it is told until it does.
        """

    def close(self) -> None:  # noqa: B027 - a channel without a connection has nothing to give up
        """Give up connections."""


CHANNELS: Final[Group[Callable[[str], AlertChannel]]] = Group(
    name="mainspring.alert_channels",
    noun="alert channel",
    contract="a function that takes the address and returns a mainspring.monitoring.channel.AlertChannel",
    misfit=lambda _name, value: None if callable(value) else f"a {type(value).__name__}",
    builtin=lambda: OURS,
)


class AlertDelivery(Delivery):
    """The alerts of the log that a channel has not been told of. A new channel begins with the oldest.

    Args:
        url: `file:PATH`, `http:`, `https:`, or an address whose scheme a plug-in opens.
        known_as: the address as it was configured; its place in the log is kept under it.
        folder: relative paths of `file:` are relative to it.
        home: where the lock is.
        token: for HTTP; empty = none.

    Attributes:
        shown: the address without what may be a secret.

    Raises:
        InputError: nobody opens such an address.
        PluginError: the plug-in that does cannot be used.
    """

    def __init__(
        self,
        graph: Graph,
        url: str,
        *,
        known_as: str,
        folder: Path,
        home: Path,
        token: str = "",
        patience: Patience | None = None,
    ) -> None:
        self.shown = _shown(known_as)
        # The path of a webhook is a secret: neither the records nor the name of a file spell it.
        key = digest_bytes(known_as.encode())[:16]
        super().__init__(
            graph,
            reader=f"alerts:{self.shown} {key}",
            name=f"alerts to {self.shown}",
            lock=home / f"alerts-{key}.lock",
        )
        self._url = url
        self._folder = folder
        self._patience = patience
        self._to = Destination(
            url=url,
            lines="alerts",
            first_bytes=b'{"event":"' + ALERT_RAISED.encode() + b'"',
            setting="alerts.channels",
            token=token,
            token_setting="alerts.token",
            shown=self.shown,
        )
        scheme = urlsplit(url).scheme
        self._plugin = CHANNELS.find(scheme)
        if self._plugin is None and scheme not in OURS:
            raise InputError(
                expected=f"an address of one of these kinds: {', '.join([*OURS, *CHANNELS.names()])}",
                got=f"{scheme}:…" if scheme else "an address without a scheme",
                where="alerts.channels",
                hint="Correct it in mainspring.toml, or install the plug-in that opens it.",
            )
        if self._plugin is None:
            check_destination(self._to)

    def _open(self, wait: Callable[[float], bool] | None) -> AbstractContextManager[Sink]:
        if self._plugin is None:
            return open_sink(self._to, self._folder, self._patience, wait)
        return _opened(self._plugin, self._url, self.shown)

    def _parcels(self, place: int) -> list[Parcel]:
        events = self._graph.events(after_seq=place, kinds=[ALERT_RAISED], limit=EVENTS_A_READ)
        return [
            Parcel((line(event, self._graph.project_id),), event.seq or place, event.id) for event in events
        ]


class _ChannelSink(Sink):
    """A plug-in's channel, as what deliveries write to."""

    n_runs_at_once = 1

    def __init__(self, channel: AlertChannel, shown: str) -> None:
        self._channel = channel
        self._shown = shown

    def deliver(self, lines: Sequence[bytes]) -> None:
        for each in lines:
            with _failures(self._shown):
                self._channel.deliver(json.loads(each))


@contextmanager
def _opened(plugin: Plugin[Callable[[str], AlertChannel]], url: str, shown: str) -> Iterator[Sink]:
    with _failures(shown):
        channel: object = plugin.value(url)
    if not isinstance(channel, AlertChannel):
        raise plugin.refuse(CHANNELS.contract, f"a {type(channel).__name__} in return")
    try:
        yield _ChannelSink(channel, shown)
    finally:
        with _failures(shown):
            channel.close()


@contextmanager
def _failures(shown: str) -> Iterator[None]:
    """Whatever a plug-in's channel raises means that it did not work now."""
    try:
        yield
    except MainspringError:
        raise
    except Exception as error:
        raise UnavailableError(
            expected="an alert channel that takes alerts",
            got=f"{type(error).__name__}: {error}",
            where=shown,
            hint="Nothing is lost: the next delivery goes on with this one.",
        ) from error


def line(event: Event, project_id: str) -> bytes:
    """An alert as channels are told of it: one JSON object, UTF-8, without its end of line.

    `event` (alert.raised), `id` (of the event: the same whenever the alert is told again), `project`, `monitor`,
    `deployment`, `text` (one line for people), `start_at`, `end_at` and `raised_at` (ISO 8601, UTC), `revision_id` (the
    deployment revision's asset), `alert_id` (its evidence) and `figures`, as the evidence has them.
    """
    figures = {name: value for name, value in event.payload.items() if name not in {"alert_id", "message"}}
    told = {
        "event": event.kind,
        "id": event.id,
        "project": project_id,
        "monitor": event.payload["monitor"],
        "deployment": event.payload["deployment"],
        "text": event.payload["message"],
        "start_at": event.payload["start_at"],
        "end_at": event.payload["end_at"],
        "raised_at": event.occurred_at.isoformat(),
        "revision_id": event.subject,
        "alert_id": event.payload["alert_id"],
        "figures": figures,
    }
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def _shown(url: str) -> str:
    """Scheme and host of an address on the net, or scheme and path of one on disk."""
    scheme, colon, rest = url.partition(":")
    if scheme == "file" or not colon:
        return url
    if not rest.startswith("//"):
        return f"{scheme}:…"
    host = rest[2:].partition("/")[0].partition("?")[0].rpartition("@")[2]
    return f"{scheme}://{host}/…"
