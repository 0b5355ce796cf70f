"""Finds the fenced blocks of a Markdown page and runs them from top to bottom.

- ```` ```python ```` runs in one namespace a page.
- ```` ```python file=features/__init__.py ```` (any language) is written to that file; it is run by what imports it.
- ```` ```console ```` runs the lines that begin with `$ ` in a shell. Lines below a command must be in its output, in
  order; `…` in them stands for anything. `$ cd DIR` lasts until the end of the page.
- `no-run` in the fence's first line skips the block.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.docs.warm import WarmCommands, find_line

ROOT = Path(__file__).parents[2]
WARM_FROM = 5
CURL = shutil.which("curl")
FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """One fenced block.

    Attributes:
        line: of its first line of content, from 1.
    """

    language: str
    options: str
    text: str
    line: int

    @property
    def runs(self) -> bool:
        """Whether it is an example that runs."""
        return "no-run" not in self.options and (
            self.language in {"python", "console"} or self.file is not None
        )

    @property
    def file(self) -> str | None:
        """The file that it is written to; None = it is run."""
        found = re.search(r"file=(\S+)", self.options)
        return None if found is None else found[1]


def pages() -> list[Path]:
    """Every page of the documentation, and the pages at the root."""
    return [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md", ROOT / "ARCHITECTURE.md"]


def blocks(page: Path) -> list[Block]:
    """The page's fenced blocks in order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(found[1], found[2].strip(), found[3], text.count("\n", 0, found.start()) + 2)
        for found in FENCE.finditer(text)
    ]


def links(page: Path) -> list[str]:
    """Targets of the page's links, without those to the web."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    return [target for target in LINK.findall(text) if "://" not in target and not target.startswith("#")]


class Reader:
    """Does what a page says, in an empty folder; `mainspring` and `python` are run by `warm`."""

    def __init__(self, page: Path, folder: Path, warm: WarmCommands) -> None:
        self._page = page
        self._folder = folder
        self._warm = warm
        shown = [block.text for block in blocks(page) if block.runs and block.language == "console"]
        # Warming up takes as long as some commands do: a page of one or two is quicker without.
        self._has_many = "".join(shown).count("$ mainspring ") >= WARM_FROM
        self._namespace: dict[str, Any] = {"__name__": "__page__"}

    def follow(self) -> int:
        """Run every block; returns how many ran."""
        ran = 0
        for block in blocks(self._page):
            if not block.runs:
                continue
            ran += 1
            if block.file is not None:
                path = self._folder / block.file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(block.text, encoding="utf-8")
            elif block.language == "python":
                self._run_python(block)
            else:
                self._run_console(block)
        return ran

    def _run_python(self, block: Block) -> None:
        # Padding keeps the page's line numbers in tracebacks.
        code = compile("\n" * (block.line - 1) + block.text, str(self._page), "exec")
        before = Path.cwd()
        os.chdir(self._folder)
        try:
            exec(code, self._namespace)
        finally:
            os.chdir(before)

    def _run_console(self, block: Block) -> None:
        for command, expected in _commands(block.text):
            if command.startswith("cd "):
                self._folder = (self._folder / command[3:].strip()).resolve()
                continue
            done = self._run(command)
            place = f"{self._page.name}:{block.line}: $ {command}\n{done.stdout}\n{done.stderr}"
            refused = any(line.startswith("Error [") for line in expected)
            assert (done.returncode != 0) == refused, place
            _must_show(expected, (done.stdout + done.stderr).splitlines(), place)

    def _run(self, command: str) -> subprocess.CompletedProcess[str]:
        line = find_line(command)
        if line is not None and self._has_many:
            return self._warm.run(line, self._folder)
        if command.startswith("curl ") and CURL is None:
            command = f"'{sys.executable}' '{Path(__file__).with_name('curl.py')}' {command[5:]}"
        return subprocess.run(
            command,
            shell=True,
            cwd=self._folder,
            env={**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )


def _commands(text: str) -> list[tuple[str, list[str]]]:
    commands: list[tuple[str, list[str]]] = []
    continued = False
    for line in text.splitlines():
        if continued:
            commands[-1] = (f"{commands[-1][0]}\n{line}", [])
        elif line.startswith("$ "):
            commands.append((line[2:], []))
        elif line.strip() and commands:
            commands[-1][1].append(line.strip())
        continued = (continued or line.startswith("$ ")) and line.endswith("\\")
    return commands


def _must_show(expected: list[str], shown: list[str], place: str) -> None:
    rest = iter(shown)
    for line in expected:
        # Columns may be wider or narrower than on the page.
        pattern = r"\s+".join(re.escape(word).replace("…", ".*") for word in line.split())
        assert any(re.search(pattern, candidate) for candidate in rest), f"{place}\nnot shown: {line}"
