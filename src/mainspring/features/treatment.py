"""What becomes of a column of personal data before anything of it is written."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import Field

from mainspring.errors import InputError
from mainspring.lineage.spec import Value

#: Numbers: the width of a band. Text: how many leading characters stay. Times and dates: a polars duration.
Coarse: TypeAlias = int | float | str


class Treatment(Value):
    """How a column is made less personal. Made by `wrangle.hash_with`, `generalise_to` and `drop`.

    Attributes:
        how: replaced by a keyed hash, made coarser, or left out.
        secret: of a hash, the name that its key has in the configuration.
        width: of what is made coarser, as for `wrangle.generalise`.
    """

    how: Literal["hash", "generalise", "drop"]
    secret: str | None = Field(default=None, exclude_if=lambda given: given is None)
    width: Coarse | None = Field(default=None, exclude_if=lambda given: given is None)

    def __str__(self) -> str:
        said = {
            "hash": f"hash_with({self.secret!r})",
            "generalise": f"generalise_to({self.width!r})",
            "drop": "drop()",
        }
        return said[self.how]


class TreatedColumn(Value):
    """A column of a group with its treatment.

    Attributes:
        name: of the column; one that is dropped is no column of the table.
        type: the logical type in which it is given; of a hash the table has text.
        check: of a hash, 16 hex digits by which another secret of the same name is noticed; empty until the group is
            stored. They follow from the secret and do not give it away.
    """

    name: str
    type: str
    treatment: Treatment
    check: str = ""


def hash_with(secret: str) -> Treatment:
    """Replace each value by HMAC-SHA256 under a key that the configuration has: `privacy.secrets`.

    Equal values stay equal, so that rows can still be looked up and joined; the table has `secret:` and 64 hex digits.

    Args:
        secret: the name of the key; columns that are to be joined are hashed with the same one.

    Raises:
        InputError: it is no name.
    """
    if not isinstance(secret, str) or not secret.isidentifier():
        raise InputError(
            expected="the name of a secret: letters, digits and underscores",
            # Whoever writes the secret itself here does not want to see it in a log.
            got="other text" if isinstance(secret, str) else type(secret).__name__,
            where="hash_with",
            hint="Name it, and write the secret under that name into privacy.secrets.",
        )
    return Treatment(how="hash", secret=secret)


def generalise_to(width: Coarse) -> Treatment:
    """Replace each value by the beginning of its band, as `wrangle.generalise` does.

    Args:
        width: of numbers the width of a band, of text how many leading characters stay, of times and dates a polars
            duration such as "1mo".
    """
    return Treatment(how="generalise", width=width)


def drop() -> Treatment:
    """Leave the column out: whoever sends it may go on doing so."""
    return Treatment(how="drop")
