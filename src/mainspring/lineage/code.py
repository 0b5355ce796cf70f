"""Which code is running: Git's commit, whether the tree is dirty, and a digest that needs no Git."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

from mainspring.lineage.spec import Code
from mainspring.types import digest, digest_bytes

SOURCE_SUFFIXES = frozenset({".py", ".toml", ".sql"})
SKIPPED_FOLDERS = frozenset({"__pycache__", "node_modules", "build", "dist", "site-packages"})


def capture_code(root: Path) -> Code:
    """The state of the source files below `root`.

    The digest covers the project's Python, TOML and SQL files by relative path and content; hidden folders,
    virtual environments and build output are left out.
    """
    files = {str(path.relative_to(root)): digest_bytes(path.read_bytes()) for path in source_files(root)}
    commit = _git(root, "rev-parse", "HEAD")
    status = _git(root, "status", "--porcelain", "--", ".") if commit else None
    return Code(commit=commit, dirty=None if status is None else bool(status), digest=digest(files))


def source_files(root: Path) -> Iterator[Path]:
    """The project's own source files, sorted."""
    for path in sorted(root.iterdir()):
        if path.name.startswith(".") or path.name in SKIPPED_FOLDERS or path.is_symlink():
            continue
        if path.is_dir():
            if not (path / "pyvenv.cfg").exists():
                yield from source_files(path)
        elif path.suffix in SOURCE_SUFFIXES:
            yield path


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False, timeout=30
        )
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
