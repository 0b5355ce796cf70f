"""A named logger: structlog's processors in front of the standard library's logger of that name.

Nothing global is touched, neither structlog's configuration nor logging's. A program that configures `logging`
as it likes gets our lines as records: a message with the sentence and its fields, and the fields as they are in
the attribute `mainspring` of the record.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, MutableMapping
from typing import Any, Final

from mainspring.log import contexts
from mainspring.log.plain import described, hider, plain

RECORD_ATTRIBUTE: Final = "mainspring"

_CALLS_BETWEEN: Final = 6
"""From whoever says a line down to the standard library's logger: its record names the line of code that said it."""

_hide = hider(())


class Logger:
    """Says what an operator is to know, a line each. Threads may share it.

    Args:
        name: of the standard library's logger behind it, and so of what a program routes or silences.
        hear: hears each sentence too, of whatever level; None = nobody.
    """

    __slots__ = ("_bound", "_hear", "_logger")

    def __init__(self, name: str, hear: Callable[[str], None] | None = None) -> None:
        self._hear = hear
        self._logger = logging.getLogger(name)
        self._bound: Any = None

    def debug(self, event: str, text: str, *, error: BaseException | None = None, **fields: Any) -> None:
        """What only somebody looks for who looks for something."""
        self._say(logging.DEBUG, event, text, error, False, fields)

    def info(self, event: str, text: str, *, error: BaseException | None = None, **fields: Any) -> None:
        """What goes as it should."""
        self._say(logging.INFO, event, text, error, False, fields)

    def warning(
        self, event: str, text: str, *, error: BaseException | None = None, trace: bool = False, **fields: Any
    ) -> None:
        """What somebody should look at; it goes on.

        Args:
            event: stable, dotted, lower case, for programs: `worker.died`.
            text: the same for people, in a sentence without the fields that everybody knows.
            error: why; its type, message and four parts are fields.
            trace: also where it was raised.
            fields: plain values; names of measures end in their unit.
        """
        self._say(logging.WARNING, event, text, error, trace, fields)

    def error(
        self, event: str, text: str, *, error: BaseException | None = None, trace: bool = False, **fields: Any
    ) -> None:
        """What does not go on by itself. Arguments as for `warning`."""
        self._say(logging.ERROR, event, text, error, trace, fields)

    def _say(
        self,
        level: int,
        event: str,
        text: str,
        error: BaseException | None,
        trace: bool,
        fields: dict[str, Any],
    ) -> None:
        if self._hear is not None:
            self._hear(text)
        # First of all: a line that nobody wants costs no more than this, and imports nothing.
        if not self._logger.isEnabledFor(level):
            return
        bound = self._bound or self._wrapped()
        if error is not None:
            fields["exception"] = described(error, trace=trace)
        bound.log(level, event, text=text, **fields)

    def _wrapped(self) -> Any:
        import structlog

        self._bound = structlog.wrap_logger(
            self._logger,
            wrapper_class=structlog.stdlib.BoundLogger,
            cache_logger_on_first_use=True,
            # What a program binds by structlog's own context variables is on our lines too.
            processors=[structlog.contextvars.merge_contextvars, _with_context, _without_secrets, _as_record],
        ).bind()
        return self._bound


def get_logger(name: str, hear: Callable[[str], None] | None = None) -> Logger:
    """The logger of a module: `get_logger(__name__)`. Arguments as for `Logger`."""
    return Logger(name, hear)


def _with_context(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in contexts.context().items():
        line.setdefault(name, value)
    return line


def _without_secrets(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    hidden: dict[str, Any] = plain(line, _hide)
    return hidden


def _as_record(
    _logger: Any, _method: str, line: MutableMapping[str, Any]
) -> tuple[tuple[str, str, str], dict[str, Any]]:
    """The arguments of the standard library's call: a message for whoever shows only that, and the line whole."""
    import structlog

    shown = {
        name: value["message"] if name == "exception" else value
        for name, value in line.items()
        if name != "text"
    }
    rendered = structlog.processors.LogfmtRenderer(key_order=["event"])(None, "", shown)
    return ("%s %s", line["text"], str(rendered)), {
        "extra": {RECORD_ATTRIBUTE: dict(line)},
        "stacklevel": _CALLS_BETWEEN,
    }
