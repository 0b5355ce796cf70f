"""The pipelines of this project."""

from . import training

__all__ = ["training"]
