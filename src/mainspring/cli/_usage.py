"""What is wrong with a command line, in four parts: Typer's complaint, with what there is and the nearest of it."""

from __future__ import annotations

import re
from typing import Any, Final

import typer

from mainspring.errors import InputError, MainspringError, UnknownNameError

# Typer carries its own copy of click in some versions and uses the library in others; both have these.
UsageError: Final[Any] = typer.BadParameter.__base__


def explained(error: Any) -> MainspringError:
    """The refusal behind a usage error of any command."""
    context = error.ctx
    if context is None:
        return InputError(
            expected=f"a value after {getattr(error, 'option_name', 'each option that takes one')}",
            got=error.format_message().rstrip("."),
            where="mainspring",
            hint="See: mainspring COMMAND --help",
        )
    command, path = context.command, context.command_path
    unknown = re.match(r"No such command '(.*?)'", error.message)
    if unknown and hasattr(command, "commands"):
        return UnknownNameError.of(
            "command", unknown[1], command.commands, path, otherwise=f"See: {path} --help"
        )
    if hasattr(error, "possibilities"):
        options = [name for parameter in command.params for name in parameter.opts if name.startswith("-")]
        return UnknownNameError.of(
            "option", error.option_name, [*options, "--help"], path, otherwise=f"See: {path} --help"
        )
    usage = re.sub(r"[{}]", "", " ".join(context.get_usage().split())).removeprefix("Usage: ")
    parameter = getattr(error, "param", None)
    if parameter is None:
        got = error.format_message().removeprefix("Got ").rstrip(".")
        return InputError(expected=usage, got=got, where=path, hint=f"See: {path} --help")
    name = parameter.opts[0] if parameter.param_type_name == "option" else parameter.metavar or parameter.name
    expected, got = f"{name}: {parameter.help}", error.message or "nothing"
    # Newer versions of Typer convert with pydantic, whose error alone has the value that was given.
    if hasattr(error.__cause__, "errors"):
        value = InputError.of_value(error.__cause__, path, "")
        expected, got = f"{name}: {value.expected} ({(parameter.help or '').rstrip('.')})", value.got
    return InputError(expected=expected, got=got, where=path, hint=f"Write: {usage}")


def is_help(error: Any) -> bool:
    """Whether it only shows the help of a noun that was given no command."""
    return type(error).__name__ == "NoArgsIsHelpError"
