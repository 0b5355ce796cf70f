"""Write the reference pages that are derived from the code: `python scripts/write_reference.py`.

docs/reference/commands.md from the command line's own help, docs/reference/configuration.md from the configuration's
sections, docs/reference/expectations.md from `ms.expect`, docs/reference/python/ from docstrings. Tests compare the
pages with what this prints.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import typer

from mainspring.checks.kind import Kind
from mainspring.checks.rules import KINDS
from mainspring.cli._app import app
from mainspring.config import Config, defaults, keys

FOLDER = Path(__file__).parents[1] / "docs" / "reference"


def commands_page() -> str:
    """Every command with its arguments and options."""
    lines = [
        "# Commands",
        "",
        "Written by `scripts/write_reference.py` from the commands themselves.",
        "",
        "Every read takes `--json` and then prints plain JSON on stdout.",
        "Errors go to stderr in four parts (expected, got, where, what to do), with `--json` as JSON.",
        "",
        "Exit codes: 0 done; 1 refused by mainspring, see [errors](errors.md), or an error that `doctor` found;",
        "2 wrong usage; 3 a gate's ruling that does not pass (`gates decide`).",
        "",
        "`mainspring --install-completion` teaches your shell to complete all of this.",
    ]
    for path, command in _leaves(typer.main.get_command(app), ("mainspring",)):
        lines += ["", f"## `{' '.join(path)}`", "", _help(command), ""]
        lines += ["| Argument or option | Meaning |", "|---|---|"]
        lines += [_row(parameter) for parameter in command.params if parameter.name != "help"]
    return "\n".join(lines) + "\n"


def _leaves(command: Any, path: tuple[str, ...]) -> list[tuple[tuple[str, ...], Any]]:
    if not hasattr(command, "commands"):
        return [(path, command)]
    return [leaf for name, each in command.commands.items() for leaf in _leaves(each, (*path, name))]


def _help(command: Any) -> str:
    return " ".join((command.help or "").split())


def _row(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        shown = parameter.metavar or parameter.name.upper()
    else:
        shown = ", ".join(parameter.opts)
    default = parameter.default
    plain = default not in (None, False, "") and not callable(default)
    given = f" Default: `{default}`." if plain and parameter.param_type_name == "option" else ""
    return f"| `{shown}` | {(parameter.help or '').replace('|', chr(92) + '|')}{given} |"


def configuration_page() -> str:
    """Every key with its default, its environment variable and its meaning."""
    lines = [
        "# Configuration keys",
        "",
        "Written by `scripts/write_reference.py` from `mainspring.config`.",
        "",
        "The file is `mainspring.toml` in the project's folder: tables and keys, two levels.",
        'An argument (`ms.open(path, overrides={"records.url": …})`) outranks the environment,',
        "the environment outranks the file, the file outranks the default.",
        "`MAINSPRING_HOME` is short for `MAINSPRING_HOME_PATH`; where there is no file it names a project without one.",
        "`ms.open(path)` takes a folder without a file as a project with the defaults.",
        "Commands refuse one that Python never opened, and both refuse a folder that is itself a home.",
        "Relative paths are relative to the project's folder; `{home}` stands for the home folder.",
        "A key or table that is not listed here is refused.",
    ]
    known, fallbacks = keys(), defaults()
    for section, information in Config.model_fields.items():
        listed = [key for key in known if key.startswith(f"{section}.")]
        if not listed:
            continue
        lines += ["", f"## `[{section}]`", "", (type(information.default).__doc__ or "").strip(), ""]
        lines += ["| Key | Default | Environment | Meaning |", "|---|---|---|---|"]
        for key in listed:
            variable = f"MAINSPRING_{key.replace('.', '_').upper()}"
            default = fallbacks[key] if fallbacks[key] != "" else '""'
            lines.append(f"| `{key}` | `{default}` | `{variable}` | {known[key]} |")
    return "\n".join(lines) + "\n"


def expectations_page() -> str:
    """Every kind of expectation with its arguments, its names in Great Expectations and what it says."""
    lines = [
        "# Expectations",
        "",
        "Written by `scripts/write_reference.py` from the constructors of `ms.expect`;",
        "[how they are used](../guides/expectations.md).",
        "",
        "Rules about rows take `mostly`, `row_condition`, `severity`, `meta` and `environment` too; rules about a",
        "whole column or the number of rows all of these but `mostly`, rules about a table's columns the last three.",
        "Where an argument has another name in Great Expectations, it is given behind the argument.",
        "",
        "| `ms.expect` | Arguments | In Great Expectations | What it says |",
        "|---|---|---|---|",
    ]
    for name in sorted(KINDS):
        kind = KINDS[name]
        theirs = ", ".join(f"`{each}`" for each in kind.gx) or "–"
        words = ", ".join(_argument(kind, each) for each in kind.signature)
        lines.append(f"| `{name}` | {words} | {theirs} | {kind.summary.replace('|', chr(92) + '|')} |")
    return "\n".join(lines) + "\n"


def _argument(kind: Kind, name: str) -> str:
    default = kind.signature[name].default
    shown = f"`{name}`" if default is inspect.Parameter.empty else f"`{name}={default!r}`"
    return f"{shown} (`{kind.names[name]}`)" if name in kind.names else shown


PAGES = {
    "commands.md": commands_page,
    "configuration.md": configuration_page,
    "expectations.md": expectations_page,
}


def main() -> None:
    for name, render in PAGES.items():
        (FOLDER / name).write_text(render(), encoding="utf-8")
    # Beside this file, which is where Python looks when it runs as a script.
    import python_reference

    (FOLDER / "python").mkdir(exist_ok=True)
    for name, page in python_reference.PAGES.items():
        text = python_reference.page_text(page)
        (FOLDER / "python" / f"{name}.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
