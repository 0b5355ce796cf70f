"""Write constraints.txt: the exact version of everything installed here, without index addresses."""

from __future__ import annotations

from importlib.metadata import distributions
from pathlib import Path

TARGET = Path(__file__).parents[1] / "constraints.txt"
HEADER = """\
# Exact versions that every release is tested with: pip install -c constraints.txt …
# No hosts here: any index will do. Renew with: make constraints
"""


def main() -> None:
    installed = {found.metadata["Name"]: found.version for found in distributions()}
    for name in ("mainspring", "setuptools"):  # ourselves, and what a new environment brings along
        installed.pop(name, None)
    pins = sorted(f"{name}=={version}" for name, version in installed.items())
    TARGET.write_text(HEADER + "\n".join(sorted(pins, key=str.lower)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
