"""Make the environment of a peer: `python scripts/make_peer.py great_expectations` prints its interpreter's path.

It is made from benchmarks/peers/NAME/requirements.txt into .venv-NAME, once, and anew when those pins change.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]
STAMP = ".made-of"


def interpreter(name: str) -> Path:
    """The interpreter of a peer's environment, whether it is there or not."""
    return ROOT / f".venv-{name}" / "bin" / "python"


def is_made(name: str) -> bool:
    """Whether the environment is there, from the pins of today."""
    stamp = ROOT / f".venv-{name}" / STAMP
    return stamp.exists() and stamp.read_text() == _pins(name).read_text()


def make(name: str) -> Path:
    """The interpreter of a peer's environment, made where it is not there."""
    if not is_made(name):
        folder = ROOT / f".venv-{name}"
        venv.create(folder, clear=True, with_pip=True)
        install = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps")
        subprocess.run([interpreter(name), *install, "--requirement", _pins(name)], check=True)
        (folder / STAMP).write_text(_pins(name).read_text())
    return interpreter(name)


def _pins(name: str) -> Path:
    return ROOT / "benchmarks" / "peers" / name / "requirements.txt"


if __name__ == "__main__":
    print(make(sys.argv[1]))
