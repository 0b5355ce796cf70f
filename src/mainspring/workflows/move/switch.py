"""One key of mainspring.toml set anew; every other byte of the file stays."""

from __future__ import annotations

import copy
import json
import os
import re
import tomllib
from pathlib import Path
from typing import Final

from mainspring.config import FILE_NAME
from mainspring.errors import InputError
from mainspring.ports._disk import refusals, sync_file, sync_folder

_VALUE: Final = r"""("(?:[^"\\]|\\.)*"|'[^']*')"""


def with_key(text: str, section: str, key: str, value: str) -> str:
    """The file's text with `section.key = value`, comments and order untouched.

    Raises:
        InputError: it is written in a way that only its author can change, such as an inline table.
    """
    wanted = copy.deepcopy(tomllib.loads(text))
    entries = wanted.setdefault(section, {})
    if isinstance(entries, dict):
        entries[key] = value
        made = _edited(text, section, key, json.dumps(value, ensure_ascii=False))
        try:
            if tomllib.loads(made) == wanted:
                return made
        except tomllib.TOMLDecodeError:
            pass
    raise InputError(
        expected=f"a table [{section}] with a line `{key} = …`, or none",
        got="another way to write it",
        where=f"{FILE_NAME}, {section}.{key}",
        hint=f"Write [{section}] on a line of its own and `{key} = …` below it, then try again.",
    )


def switch(file: Path, section: str, key: str, value: str) -> None:
    """Write the key into the file, at once and durably; a file that is not there is made."""
    with refusals(file):
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        draft = file.with_name(f".{file.name}.moving")
        draft.write_text(with_key(text, section, key, value), encoding="utf-8")
        # An address may hold a password: who could not read the file before cannot now.
        draft.chmod(file.stat().st_mode & 0o777 if file.exists() else 0o600)
        sync_file(draft)
        os.replace(draft, file)
        sync_folder(file.parent)


def _edited(text: str, section: str, key: str, value: str) -> str:
    header = re.search(rf"^[ \t]*\[[ \t]*{section}[ \t]*\][ \t]*(#.*)?$", text, re.MULTILINE)
    if header is None:
        return text + ("" if text.endswith("\n") or not text else "\n") + f"\n[{section}]\n{key} = {value}\n"
    following = re.search(r"^[ \t]*\[", text[header.end() :], re.MULTILINE)
    end = header.end() + following.start() if following else len(text)
    body = text[header.end() : end]
    line = re.compile(rf"^([ \t]*{key}[ \t]*=[ \t]*){_VALUE}", re.MULTILINE)
    if line.search(body):
        made = line.sub(lambda found: found[1] + value, body, count=1)
    else:
        made = f"\n{key} = {value}" + body
    return text[: header.end()] + made + text[end:]
