"""The command line: parse, call a room's api, show. One file a noun; a command imports what it needs when it runs."""

from __future__ import annotations

import sys

from mainspring.errors import MainspringError


def main() -> None:
    """Run `mainspring`; whatever mainspring refuses is printed in four parts, and the exit code is 1."""
    from mainspring.cli._app import app

    try:
        app()
    except MainspringError as error:
        print(four_parts(error), file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:
        # The reader of our output (`| head`) went away; closing quietly is what it expects.
        sys.stderr.close()
        sys.exit(141)


def four_parts(error: MainspringError) -> str:
    """An error as the terminal shows it: code and place, expected, got, what to do."""
    return (
        f"Error [{error.code}] {error.where}\n"
        f"  expected: {error.expected}\n"
        f"  got:      {error.got}\n"
        f"  do:       {error.hint}"
    )
