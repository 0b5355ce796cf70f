"""Archiving and deleting: one mechanism for every noun, with what depends on a thing shown first."""

from mainspring.workflows.lifecycle.decide import archive, delete, preview, unarchive
from mainspring.workflows.lifecycle.spec import Decision, Dependent, Holds, Thing

__all__ = ["Decision", "Dependent", "Holds", "Thing", "archive", "delete", "preview", "unarchive"]
