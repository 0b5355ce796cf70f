"""What is said of one column of a group beside its name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mainspring.errors import InputError
from mainspring.features.spec import Default
from mainspring.features.treatment import Treatment

PERSONAL: Final = ("direct", "indirect", "sensitive")
"""Marks of personal data: what names a person, what does so together with other columns, what the law protects most."""


@dataclass(frozen=True)
class Column:
    """A column as its author describes it. Made by `ms.column`; None leaves what there is.

    Attributes:
        type: a type name, Python type or polars type.
        default: what rows have that were written before the column was added.
        description: for people, and for search; "" takes it back.
        personal: one of `PERSONAL`; "" takes the mark back.
        anonymise: what becomes of its values before anything is written; None = they are kept as they are.
    """

    type: object = None
    default: Default = None
    description: str | None = None
    personal: str | None = None
    anonymise: Treatment | None = None


def column(
    type: object = None,  # noqa: A002 - the word of the schema
    *,
    default: Default = None,
    description: str | None = None,
    personal: str | None = None,
    anonymise: Treatment | None = None,
) -> Column:
    """A column in a group's `schema`, or in `group.describe`.

    Args:
        type: a type name, Python type or polars type; None where the group has the column already.
        default: what rows have that were written before the column was added; None = null.
        description: for people, and for search.
        personal: "direct" for what names a person (a name, an account), "indirect" for what does so together with
            other columns (a birth date, a postcode), "sensitive" for what the law protects most (health, belief).
        anonymise: `ms.wrangle.hash_with("people")`, `generalise_to(10)` or `drop()`: applied by whatever takes rows,
            before anything of them is written. The type is that of what is given.

    Raises:
        InputError: a mark that is none of these, a treatment that is none, or one of a column without a mark.
    """
    if personal and personal not in PERSONAL:
        raise InputError(
            expected=f"one of {', '.join(PERSONAL)}",
            got=repr(personal),
            where="column, personal",
            hint="Leave it out for what says nothing of a person.",
        )
    if anonymise is not None and not isinstance(anonymise, Treatment):
        raise InputError.of_kind(
            "a treatment such as ms.wrangle.hash_with('people')",
            anonymise,
            "column, anonymise",
            "There are hash_with, generalise_to and drop.",
        )
    if anonymise is not None and not personal:
        raise InputError(
            expected=f"a mark of what is anonymised: personal= one of {', '.join(PERSONAL)}",
            got="none",
            where="column, anonymise",
            hint="With the mark people find the column by search(personal=…).",
        )
    return Column(type, default, description, personal, anonymise)
