"""Projects that `mainspring init` writes: plain files, copied as they are."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

from mainspring.errors import AccessError, ConflictError, UnknownNameError

_ROOT: Final = Path(__file__).parent
_SKIPPED: Final = frozenset({"__pycache__"})


def names() -> list[str]:
    """The templates there are."""
    return sorted(path.name for path in _ROOT.iterdir() if (path / "mainspring.toml").exists())


def files(name: str) -> list[Path]:
    """A template's files, relative to its folder, sorted.

    Raises:
        UnknownNameError: there is no such template.
    """
    if name not in names():
        raise UnknownNameError.of("template", name, names(), "mainspring init")
    root = _ROOT / name
    found = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    return sorted(path for path in found if not _SKIPPED & set(path.parts) and path.suffix != ".pyc")


def write(name: str, folder: Path) -> list[Path]:
    """Copy a template into `folder`, which is made if need be; returns the files written.

    Files that are there with the same content are left alone, so that writing again changes nothing.

    Raises:
        UnknownNameError: there is no such template.
        ConflictError: a file is there with other content. Nothing was written.
        AccessError: the folder cannot be written. What was written so far is removed again.
    """
    due = [path for path in files(name) if not _same(_ROOT / name / path, folder / path)]
    for path in due:
        if (folder / path).exists():
            raise ConflictError(
                expected=f"a folder without a {path} of its own",
                got="one with other content",
                where=str(folder / path),
                hint="Choose an empty folder, or move the file away.",
            )
    written: list[Path] = []
    try:
        for path in due:
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            written.append(target)
            _copy(_ROOT / name / path, target)
    except OSError as error:
        for target in written:
            target.unlink(missing_ok=True)
        raise AccessError(
            expected="a folder that can be written",
            got=str(error.strerror),
            where=str(folder),
            hint="Check its permissions, or choose another folder.",
        ) from error
    return written


def _same(source: Path, target: Path) -> bool:
    return target.is_file() and target.read_bytes() == source.read_bytes()


def _copy(source: Path, target: Path) -> None:
    """Copy without the permissions of an installed package, and complete or not at all."""
    partial = target.with_name(target.name + ".partial")
    shutil.copyfile(source, partial)
    os.replace(partial, target)
