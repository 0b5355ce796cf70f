"""Where the lines of our own processes go, and how they look. For the command line and what it starts; never on import.

A program that uses mainspring as a library configures `logging` itself, or not at all.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

from mainspring.errors import AccessError
from mainspring.log import contexts
from mainspring.log.logger import RECORD_ATTRIBUTE
from mainspring.log.plain import hider, plain

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["console", "json"]

PACKAGE: Final = "mainspring"
FILE_MODE: Final = 0o640
_LEVELS: Final[dict[int, Level]] = {
    logging.DEBUG: "debug",
    logging.INFO: "info",
    logging.WARNING: "warning",
    logging.ERROR: "error",
}
# Shown with a sentence for people; the rest of the fields is for programs.
_SHOWN_IDS: Final = ("request_id", "execution_id", "run_id")


@dataclass(frozen=True)
class Output:
    """Where lines go. Plain data: it is handed to worker processes.

    Attributes:
        level: the least that is said by mainspring; other libraries' lines are said from `warning` on.
        format: `console`: a sentence a line, for people; `json`: an object a line, for programs.
        file: appended to, and opened anew when it was rotated; None = standard error.
        fields: what every line of this process carries, `correlation_id` among it.
        secrets: texts that are never shown, whatever holds them.
    """

    level: Level
    format: Format = "console"
    file: Path | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = field(default=(), repr=False)


def configure(output: Output) -> None:
    """Send the lines of this process there, in place of where the last call sent them.

    Handlers that others have set up stay, and get the same lines.

    Raises:
        AccessError: the file cannot be opened.
    """
    handler = _Handler(output)
    root = logging.getLogger()
    for before in [each for each in root.handlers if isinstance(each, _Handler)]:
        root.removeHandler(before)
        before.close()
    root.addHandler(handler)
    logging.getLogger(PACKAGE).setLevel(output.level.upper())
    contexts.bind_process(output.fields)


def find_output() -> Output | None:
    """What this process was configured with; None if it was not."""
    return next((each.output for each in logging.getLogger().handlers if isinstance(each, _Handler)), None)


def level_in_force() -> Level:
    """The least level that mainspring says here, whoever set it."""
    least = logging.getLogger(PACKAGE).getEffectiveLevel()
    return next((name for number, name in _LEVELS.items() if number >= least), "error")


class _Handler(logging.Handler):
    """Writes each line by one call, so that the lines of several processes do not mix."""

    def __init__(self, output: Output) -> None:
        super().__init__()
        self.output = output
        self._descriptor: int | None = None
        self._hide = hider(output.secrets)
        if output.file is not None:
            self._open(output.file)
        self._render = self._json if output.format == "json" else self._console

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self._render(record, self._line(record)) + "\n"
            if self.output.file is None:
                # Looked up each time: whoever redirects standard error redirects this.
                sys.stderr.write(line)
                sys.stderr.flush()
            else:
                self._append(self.output.file, line)
        except Exception:  # noqa: BLE001  logging's own way: a line that cannot be said ends nothing
            self.handleError(record)

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        super().close()

    # Where --------------------------------------------------------------------------------------------------

    def _open(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            self._descriptor = os.open(path, flags, FILE_MODE)
        except OSError as error:
            raise AccessError(
                expected="a log file that can be appended to",
                got=str(error.strerror),
                where=str(path),
                hint="Correct `log.file`, or its folder's permissions.",
            ) from error

    def _append(self, path: Path, line: str) -> None:
        if self._descriptor is None or not self._is_same(path, self._descriptor):
            descriptor, self._descriptor = self._descriptor, None
            if descriptor is not None:
                os.close(descriptor)
            self._open(path)
        assert self._descriptor is not None
        os.write(self._descriptor, line.encode(errors="backslashreplace"))

    @staticmethod
    def _is_same(path: Path, descriptor: int) -> bool:
        """Whether the path still names the open file: rotation moves it away."""
        with contextlib.suppress(FileNotFoundError):
            named, opened = os.stat(path), os.fstat(descriptor)
            return (named.st_dev, named.st_ino) == (opened.st_dev, opened.st_ino)
        return False

    # How ----------------------------------------------------------------------------------------------------

    def _line(self, record: logging.LogRecord) -> dict[str, Any]:
        """The fields of a record, also of one that another library made."""
        ours = getattr(record, RECORD_ATTRIBUTE, None)
        line = dict(ours) if isinstance(ours, dict) else {"event": "", "text": record.getMessage()}
        for name, value in contexts.context().items():
            line.setdefault(name, value)
        if record.exc_info and record.exc_info[1] is not None and "exception" not in line:
            line["exception"] = {
                "type": type(record.exc_info[1]).__name__,
                "message": str(record.exc_info[1]),
                "traceback": "".join(traceback.format_exception(record.exc_info[1])),
            }
        hidden: dict[str, Any] = plain(line, self._hide)
        return hidden

    def _json(self, record: logging.LogRecord, line: dict[str, Any]) -> str:
        import structlog

        head = {
            "timestamp": _timestamp(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": line.pop("event"),
            "text": line.pop("text"),
            "pid": record.process,
        }
        rest = {name: value for name, value in line.items() if name not in head}
        return str(structlog.processors.JSONRenderer()(None, "", head | rest))

    def _console(self, record: logging.LogRecord, line: dict[str, Any]) -> str:
        worker = f"{self.output.fields['worker']}: " if "worker" in self.output.fields else ""
        ids = ", ".join(f"{name}={line[name]}" for name in _SHOWN_IDS if name in line)
        shown = f"{worker}{_visible(line['text'])}" + (f" ({ids})" if ids else "")
        if self.output.file is not None:
            shown = f"{_timestamp(record)} {record.levelname.lower()} {shown}"
        trace = line.get("exception", {}).get("traceback")
        return f"{shown}\n{trace.rstrip()}" if trace else shown


def _timestamp(record: logging.LogRecord) -> str:
    stamp = datetime.fromtimestamp(record.created, UTC)
    return stamp.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _visible(text: str) -> str:
    """On one line, without what would steer a terminal."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
