"""Other tools that do the same work, each in an environment of its own: what they need must not bind ours.

`benchmarks/peers/NAME/requirements.txt` says what one needs; `python -m benchmarks._peers NAME` makes its environment.
A benchmark whose peer has none prints that it was not run.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

PEERS = Path(__file__).parent / "peers"


def peer(name: str, script: str, *words: str) -> dict[str, Any] | None:
    """What a script of the peer's folder prints as JSON in its last line; None, said aloud, where it was never made."""
    python = PEERS / name / ".venv/bin/python"
    if not python.exists():
        print(f"{name}: not run; make it with: python -m benchmarks._peers {name}")
        return None
    command = [str(python), str(PEERS / name / f"{script}.py"), *words]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def make(name: str) -> None:
    """Make a peer's environment, or bring it up to its requirements."""
    folder = PEERS / name
    subprocess.run([sys.executable, "-m", "venv", str(folder / ".venv")], check=True)
    pip = [str(folder / ".venv/bin/python"), "-m", "pip", "install", "--quiet", "--requirement"]
    subprocess.run([*pip, str(folder / "requirements.txt")], check=True)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        make(name)
