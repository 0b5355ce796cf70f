"""Archiving, pinning, deleting and renaming: the same for every noun, with what depends on a thing shown first."""

from mainspring.workflows.lifecycle.decide import archive, delete, pin, preview, retire, unarchive, unpin
from mainspring.workflows.lifecycle.rename import preview_rename, rename
from mainspring.workflows.lifecycle.spec import Decision, Dependent, Holds, Renaming, Thing

__all__ = [
    "Decision",
    "Dependent",
    "Holds",
    "Renaming",
    "Thing",
    "archive",
    "delete",
    "pin",
    "preview",
    "preview_rename",
    "rename",
    "retire",
    "unarchive",
    "unpin",
]
