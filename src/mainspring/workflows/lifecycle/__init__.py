"""Archiving, pinning and deleting: one mechanism for every noun, with what depends on a thing shown first."""

from mainspring.workflows.lifecycle.decide import archive, delete, pin, preview, unarchive, unpin
from mainspring.workflows.lifecycle.spec import Decision, Dependent, Holds, Thing

__all__ = [
    "Decision",
    "Dependent",
    "Holds",
    "Thing",
    "archive",
    "delete",
    "pin",
    "preview",
    "unarchive",
    "unpin",
]
