"""What is said to the operator: lines with a stable event, a sentence and fields, and what they belong to."""

from mainspring.log.contexts import (
    MAX_ID_CHARACTERS,
    bind,
    bound,
    carried,
    context,
    find_bound,
    is_id,
    restore,
)
from mainspring.log.logger import Logger, get_logger
from mainspring.log.output import Output, configure, find_output, level_in_force

__all__ = [
    "MAX_ID_CHARACTERS",
    "Logger",
    "Output",
    "bind",
    "bound",
    "carried",
    "configure",
    "context",
    "find_bound",
    "find_output",
    "get_logger",
    "is_id",
    "level_in_force",
    "restore",
]
