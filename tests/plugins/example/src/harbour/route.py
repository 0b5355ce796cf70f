"""A type of our own, and how pipelines keep it between steps."""

import json

from mainspring.pipelines.materialize import Materializer


class Route:
    """Ports in the order of the voyage."""

    def __init__(self, ports):
        self.ports = list(ports)


class RouteMaterializer(Materializer):
    """Routes, as JSON."""

    name = "harbour.route.Route"

    def accepts(self, annotation, /):
        return annotation is Route

    def store(self, value, slot, /):
        if not isinstance(value, Route):
            raise slot.refuse("a Route", value, "Return Route([...]).")
        return slot.keep(self, json.dumps(value.ports).encode())

    def load(self, stored, slot, /):
        return Route(json.loads(slot.read(stored)))

    def copy(self, value, /):
        return Route(value.ports)
