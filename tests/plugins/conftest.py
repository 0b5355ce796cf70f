"""A package of plug-ins, really installed, and others written by hand to be wrong."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from mainspring import plugins

EXAMPLE = Path(__file__).parent / "example"
INSTALL = ["-m", "pip", "install", "--no-deps", "--no-index", "--no-build-isolation", "--quiet"]

Write = Callable[..., None]


@pytest.fixture(scope="session")
def _installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `tests/plugins/example` was installed by pip (by uv where there is no pip), once for all workers."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, done = shared / "installed", shared / "installed.done"
    with (shared / "installed.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            words = [sys.executable, *INSTALL] if importlib.util.find_spec("pip") else ["uv", *INSTALL[1:]]
            made = subprocess.run(
                [*words, "--target", str(folder), str(EXAMPLE)], capture_output=True, text=True, check=False
            )
            assert made.returncode == 0, made.stderr
            done.touch()
    return folder


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Entry points are read again by this test, and again after it; modules of plug-ins are forgotten."""
    before = set(sys.modules)
    plugins.reread()
    yield monkeypatch
    monkeypatch.undo()
    for name in set(sys.modules) - before:
        if name.partition(".")[0] in {"harbour", "written"} or name == "tests.plugins.voyage":
            del sys.modules[name]
    plugins.reread()


@pytest.fixture
def harbour(_installed: Path, fresh: pytest.MonkeyPatch) -> Path:
    """The example can be imported in this test; the folder that it is in."""
    fresh.syspath_prepend(str(_installed))
    plugins.reread()
    return _installed


@pytest.fixture
def uninstall(harbour: Path, fresh: pytest.MonkeyPatch) -> Callable[[], None]:
    """Takes the example away, as `pip uninstall` and a new process would."""

    def now() -> None:
        fresh.setattr(sys, "path", [each for each in sys.path if each != str(harbour)])
        for name in [name for name in sys.modules if name.partition(".")[0] == "harbour"]:
            del sys.modules[name]
        plugins.reread()

    return now


@pytest.fixture
def write(fresh: pytest.MonkeyPatch, tmp_path: Path) -> Write:
    """Installs a distribution as an installer leaves it: modules of a package `written`, and its metadata."""

    def now(name: str, entries: Mapping[str, Mapping[str, str]], modules: Mapping[str, str]) -> None:
        folder = tmp_path / name
        information = folder / f"{name}-0.1.dist-info"
        information.mkdir(parents=True)
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1\n")
        lines = [
            f"[{group}]\n" + "".join(f"{each} = {target}\n" for each, target in named.items())
            for group, named in entries.items()
        ]
        (information / "entry_points.txt").write_text("\n".join(lines))
        for module, code in modules.items():
            (folder / f"{module}.py").write_text(textwrap.dedent(code))
        fresh.syspath_prepend(str(folder))
        plugins.reread()

    return now
