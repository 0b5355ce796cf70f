"""Arguments of the wrong kind, refused by their names before anything is made of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mainspring.errors import InputError


def check_texts(where: str, **given: object) -> None:
    """Refuses what is neither text nor None."""
    for name, value in given.items():
        if value is not None and not isinstance(value, str):
            raise InputError.of_kind(
                "text", value, f"{where}, {name}", "Write it in quotes, or leave it out."
            )


def check_keys(keys: object, where: str) -> None:
    """Refuses keys that are no list of names. A set has no order that the next process would find again."""
    if not isinstance(keys, list | tuple) or not all(isinstance(key, str) for key in keys):
        got = repr(keys)
        raise InputError(
            expected="keys as a list of columns", got=got, where=where, hint="Write keys=['origin']."
        )


def check_schema(schema: object, where: str) -> None:
    """Refuses a schema that is no mapping of names."""
    if schema is None or (isinstance(schema, Mapping) and all(isinstance(name, str) for name in schema)):
        return
    got = repr(list(schema)) if isinstance(schema, Mapping) else schema
    hint = "Write schema={'origin': str, 'temp': float}."
    raise InputError.of_kind("a mapping of columns to their types", got, f"{where}, schema", hint)


def check_noted(columns: object, where: str) -> None:
    """Refuses notes on columns that are no mapping."""
    if columns is not None and not isinstance(columns, Mapping):
        hint = "Write columns={'temp': ms.column(description='degrees Celsius')}."
        raise InputError.of_kind("a mapping of columns", columns, f"{where}, columns", hint)


def check_listed(what: str, given: object, where: str, example: str) -> None:
    """Refuses what is no list."""
    if not isinstance(given, Iterable) or isinstance(given, str | Mapping):
        raise InputError.of_kind(f"a list of {what}", given, where, f"Write {example}.")
