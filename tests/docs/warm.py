"""A warm `mainspring` and `python`: a process that has imported the slow libraries and forks for each command.

A page of the documentation runs a dozen commands, and each would spend nine tenths of its time importing polars,
SQLAlchemy and scikit-learn anew. Here every command still has a process, a folder, an environment, output and an
exit code of its own; only the imports are shared. The warm process imports and never computes, so that no thread
of a library is running when it forks.
"""

from __future__ import annotations

import json
import os
import re
import runpy
import select
import shlex
import subprocess
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mainspring.cli import main

TIMEOUT_S = 120
LIBRARIES = (
    "mainspring.cli._app",
    "mainspring.project",
    "mainspring.server.supervisor",
    "skops.io",
    "sklearn.linear_model",
)
ROOMS = ("evaluation", "features", "gates", "models", "monitoring", "pipelines", "serving", "tracking")


ASSIGNED = re.compile(r"[A-Z_]+=.*")


@dataclass(frozen=True)
class Line:
    """One command and what the line says around it.

    Attributes:
        environment: what it changes in the environment; None = unset.
        forgiven: ends in `|| true`.
    """

    words: list[str]
    environment: dict[str, str | None]
    forgiven: bool


def find_line(command: str) -> Line | None:
    """A line of one `mainspring`, `python FILE` or `python -c`; None if it needs a shell, or nothing here can fork."""
    bare = command.removesuffix(" || true")
    lexer = shlex.shlex(bare.removesuffix(" 2>&1"), posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words = [word for word in lexer if word != "\n"]
    if "$" in bare or any(word and set(word) <= set(lexer.punctuation_chars) for word in words):
        return None
    environment: dict[str, str | None] = {}
    while words and (ASSIGNED.fullmatch(words[0]) or words[:2] == ["env", "-u"]):
        if words[0] == "env":
            environment[words[2]] = None
            words = words[3:]
        else:
            name, _, environment[name] = words.pop(0).partition("=")
    is_ours = words[:1] == ["mainspring"] or (words[:1] == ["python"] and words[1:2] != ["-m"])
    if sys.platform != "linux" or not is_ours or "PYTHONPATH" in environment:
        return None
    return Line(words, environment, bare != command)


class WarmCommands:
    """Runs `mainspring …` and `python …` lines. Use it as a context manager; it starts at the first command."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.communicate(timeout=60)

    def run(self, line: Line, cwd: Path) -> subprocess.CompletedProcess[str]:
        """The command, as a process of its own in `cwd` with this process' environment of now."""
        process = self._process or self._start()
        changed = {**os.environ, **line.environment}
        environment = {name: given for name, given in changed.items() if given is not None}
        order = {"words": line.words, "cwd": str(cwd), "environment": environment, "out": str(self._folder)}
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(order).encode() + b"\n")
        process.stdin.flush()
        # It answers with exactly one line, so nothing can be waiting in a buffer.
        answered, _, _ = select.select([process.stdout], [], [], TIMEOUT_S)
        assert answered, f"no end after {TIMEOUT_S} s: {line.words}"
        status = int(process.stdout.readline())
        out, err = ((self._folder / name).read_text(encoding="utf-8") for name in ("stdout", "stderr"))
        return subprocess.CompletedProcess(line.words, 0 if line.forgiven else status, out, err)

    def _start(self) -> subprocess.Popen[bytes]:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        return self._process


def import_libraries() -> None:
    """Import what is slow to import, and compute nothing."""
    for name in (*LIBRARIES, *(f"mainspring.{room}.api" for room in ROOMS)):
        import_module(name)


def serve() -> None:
    """Import; then, for each order on standard input, fork and say the exit code on standard output."""
    import_libraries()
    for line in sys.stdin.buffer:
        child = os.fork()
        if child == 0:
            _become(json.loads(line))
            # Freeing a thousand modules one by one would take half a second; the kernel drops them at once.
            os._exit(_exit_code())
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _become(order: dict[str, Any]) -> None:
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["cwd"])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(f"{order['out']}/{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
    sys.argv = order["words"]
    # Where an installed script finds itself, or a program its own folder, and not the folder of this file.
    sys.path[0] = str(Path(sys.executable).parent) if order["words"][0] == "mainspring" else order["cwd"]


def _run() -> None:
    if sys.argv[0] == "mainspring":
        main()
        return
    sys.argv = sys.argv[1:]
    if sys.argv[0] == "-c":
        exec(sys.argv[1], {"__name__": "__main__"})
    else:
        runpy.run_path(sys.argv[0], run_name="__main__")


def _exit_code() -> int:
    code: object = None
    try:
        _run()
    except SystemExit as done:
        code = done.code
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code if isinstance(code, int) else 0 if code is None else 1


if __name__ == "__main__":
    serve()
