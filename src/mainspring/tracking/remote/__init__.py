"""Runs whose process is elsewhere and which is heard of call by call, as clients of other tools tell of theirs."""

from mainspring.tracking.remote.api import Remote

__all__ = ["Remote"]
