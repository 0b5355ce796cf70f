"""Messages of streams, read with a place that is remembered."""

from typing import Final

from mainspring.ports._address import Backends, scheme_of
from mainspring.ports.streams._base import Message, Stream
from mainspring.ports.streams._iterable import IterableStream

__all__ = ["BACKENDS", "IterableStream", "Message", "Stream", "open_stream"]

BACKENDS: Final[Backends[Stream]] = Backends("streams", Stream, "the address", ["nats"])


def open_stream(address: str) -> Stream:
    """A consumer of a stream: `nats://[user:password@]host[:port]/STREAM/CONSUMER`, or what a plug-in opens.

    The server is connected to at the first call.

    Raises:
        InputError: no backend for the address's scheme, or an address that it cannot read.
        MissingExtraError: the backend's library is not installed.
        PluginError: the plug-in for the scheme cannot be used.
    """
    plugin = BACKENDS.find(scheme_of(address))
    if plugin is not None:
        return BACKENDS.open(plugin, address)
    from mainspring.ports.streams._nats import NatsStream

    return NatsStream(address)
