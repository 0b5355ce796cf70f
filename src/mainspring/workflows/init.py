"""`mainspring init`: a template becomes a project, whole or not at all."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Final

from mainspring import templates
from mainspring.config import FILE_NAME
from mainspring.errors import AccessError, ConflictError, InputError

_ID_LINE: Final = re.compile(r'^id = "[^"]*"$', re.MULTILINE)
_ID: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


def init_project(folder: Path, *, template: str = "blank", name: str | None = None) -> list[Path]:
    """Write a new project.

    The files are staged beside the folder and moved into place by one rename, so that a killed process leaves
    either no project or a whole one. Only where `folder` exists already (and is empty) are they moved in one by
    one, the configuration last: without it nothing takes the folder for a project.

    Args:
        folder: must not exist, or be empty.
        template: one of `mainspring.templates.names()`.
        name: the project's id in every table; None = the template's own, or the folder's name for `blank`.

    Returns:
        The written files, relative to `folder`, sorted.

    Raises:
        UnknownNameError: no such template.
        ConflictError: the folder has something in it.
        InputError: a name that cannot be an id.
        AccessError: the folder cannot be made or written.
    """
    files = templates.files(template)
    target = folder.expanduser().resolve()
    _check_empty(target)
    project_id = _id_of(target, template, name)
    try:
        _write(target, template, project_id)
    except OSError as error:
        raise AccessError(
            expected="a folder that can be made and written",
            got=str(error.strerror or error),
            where=str(folder),
            hint="Check the permissions, or choose another folder.",
        ) from error
    return files


def _check_empty(target: Path) -> None:
    if target.exists() and not target.is_dir():
        raise ConflictError(
            expected="a new or empty folder", got="a file", where=str(target), hint="Choose another name."
        )
    try:
        taken = sorted(path.name for path in target.iterdir()) if target.exists() else []
    except OSError as error:
        raise AccessError(
            expected="a folder that can be read",
            got=str(error.strerror),
            where=str(target),
            hint="Check its permissions, or choose another folder.",
        ) from error
    if taken:
        shown = ", ".join(taken[:5]) + (f" and {len(taken) - 5} more" if len(taken) > 5 else "")
        raise ConflictError(
            expected="a new or empty folder",
            got=f"a folder with {shown}",
            where=str(target),
            hint="Choose another folder; nothing was written.",
        )


def _id_of(target: Path, template: str, name: str | None) -> str | None:
    if name is None:
        if template != "blank":
            return None
        return re.sub(r"[^a-z0-9_-]+", "-", target.name.lower()).strip("-_")[:63] or "project"
    if not _ID.fullmatch(name):
        raise InputError(
            expected="lower case letters, digits, '_' and '-', at most 63, beginning with a letter or digit",
            got=repr(name),
            where="--name",
            hint="For example: flight-delays.",
        )
    return name


def _write(target: Path, template: str, project_id: str | None) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    staged = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".partial", dir=target.parent))
    try:
        staged.chmod(0o755)
        templates.write(template, staged)
        if project_id is not None:
            _set_id(staged / FILE_NAME, project_id)
        if not target.exists():
            os.rename(staged, target)
            return
        # An existing folder may be somebody's working directory: it stays the folder that it is.
        for path in sorted(staged.iterdir(), key=lambda path: path.name == FILE_NAME):
            os.rename(path, target / path.name)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _set_id(path: Path, project_id: str) -> None:
    text = path.read_text(encoding="utf-8")
    path.write_text(_ID_LINE.sub(f'id = "{project_id}"', text, count=1), encoding="utf-8")
