"""The command line: parse, call a room's api, show. One file a noun; a command imports what it needs when it runs."""

from __future__ import annotations

import json
import sys
from typing import Final, NoReturn

from mainspring.errors import MainspringError

INTERRUPTED: Final = 130
"""The exit code after Ctrl-C, as shells have it: 128 and the number of the signal."""


def main() -> NoReturn:
    """Run `mainspring` and leave with its exit code.

    0 = done; 1 = mainspring refused; 2 = no command is written like that; 3 = a gate did not pass; 130 = Ctrl-C.
    A refusal is printed on stderr in four parts, or as JSON where the command line asks for `--json`.
    """
    import typer

    from mainspring.cli._app import app
    from mainspring.cli._usage import UsageError, explained, is_help

    try:
        code = app(prog_name="mainspring", standalone_mode=False)
        if code == INTERRUPTED:
            print("Interrupted. What was acknowledged is kept.", file=sys.stderr)
    except UsageError as error:
        if is_help(error):
            error.show()
        else:
            _print_refusal(explained(error))
        code = 2
    except MainspringError as error:
        _print_refusal(error)
        code = 1
    except typer.Abort:
        code = 1
    except BrokenPipeError:
        # The reader of our output (`| head`) went away; closing quietly is what it expects.
        sys.stderr.close()
        code = 141
    sys.exit(code)


def _print_refusal(error: MainspringError) -> None:
    as_json = "--json" in sys.argv[1:]
    print(json.dumps(error.to_dict(), indent=2) if as_json else four_parts(error), file=sys.stderr)


def four_parts(error: MainspringError) -> str:
    """An error as the terminal shows it: code and place, expected, got, what to do."""
    return (
        f"Error [{error.code}] {error.where}\n"
        f"  expected: {error.expected}\n"
        f"  got:      {error.got}\n"
        f"  do:       {error.hint}"
    )
