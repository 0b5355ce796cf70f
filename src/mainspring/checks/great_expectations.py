"""Expectations in the spelling of Great Expectations: names, arguments and JSON, both ways."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from mainspring.checks.kind import KINDS, Kind
from mainspring.checks.rules import get_rule
from mainspring.checks.spec import Expectation, thawed
from mainspring.errors import InputError, UnknownNameError

GX_KINDS: Final[dict[str, Kind]] = {name: kind for kind in KINDS.values() for name in kind.gx}
"""Every name of theirs that means a kind of ours."""

ORIGINAL: Final = "great_expectations"
"""In the meta of an expectation: the JSON that it was read from, where writing it anew would lose something."""
OURS: Final = "mainspring"
"""In the meta of theirs: the expectation in our spelling, where theirs says it less exactly."""

_OPTIONS: Final = ("mostly", "row_condition", "severity", "meta", "environment")
_IGNORED: Final = ("result_format", "catch_exceptions", "batch_id", "windows", "condition_parser")
"""Arguments of theirs that say how to run or to show, not what is expected: kept, and not followed here."""
_NULLS_APART: Final = (
    "expect_column_values_to_be_in_set",
    "expect_column_values_to_not_be_in_set",
    "expect_column_distinct_values_to_be_in_set",
    "expect_column_most_common_value_to_be_in_set",
)
"""Theirs of which a set may name None, which changes nothing: nulls are not judged."""
_REST: Final = ("id", "notes", "description", "rendered_content")
_KNOWN: Final = ("type", "expectation_type", "kwargs", "meta", "severity", *_REST)


def from_call(name: str, /, *given: Any, **kwargs: Any) -> Expectation:
    """The expectation of their name, with their arguments.

    Raises:
        UnknownNameError: there is no such name, or it takes no such argument.
        InputError: an argument is missing or wrong.
    """
    where = f"expect.{name}"
    kind = _kind(name, where)
    theirs = [kind.names.get(argument, argument) for argument in kind.signature]
    if len(given) > len(theirs):
        raise InputError(
            expected=f"at most {len(theirs)} arguments: {', '.join(theirs)}",
            got=f"{len(given)}",
            where=where,
            hint="Name the arguments.",
        )
    positional = dict(zip(theirs, given, strict=False))
    ours = {kind.names.get(argument, argument): argument for argument in kind.signature}
    known = [*ours, *_OPTIONS, *_IGNORED]
    found: dict[str, Any] = {}
    for argument, value in {**positional, **kwargs}.items():
        if argument not in known:
            raise UnknownNameError.of("argument", argument, known, where)
        if argument not in _IGNORED:
            found[ours.get(argument, argument)] = value
    return make(kind, found, where)


def make(kind: Kind, arguments: Mapping[str, Any], where: str) -> Expectation:
    """The expectation of a kind of ours with our arguments.

    Raises:
        InputError: an argument is missing or wrong.
        UnknownNameError: there is no such argument.
    """
    for name, parameter in kind.signature.items():
        if name not in arguments and parameter.default is inspect.Parameter.empty:
            raise InputError(
                expected=f"the argument {kind.names.get(name, name)!r}",
                got="nothing" if not arguments else f"only {', '.join(map(repr, arguments))}",
                where=where,
                hint=f"{kind.summary}",
            )
    for name in arguments:
        if name not in kind.signature and name not in _OPTIONS:
            raise UnknownNameError.of("argument", name, [*kind.signature, *_OPTIONS], where)
    return kind.make(**arguments)


def _kind(name: object, where: str) -> Kind:
    if not isinstance(name, str) or name not in GX_KINDS:
        raise UnknownNameError.of("expectation of Great Expectations", name, GX_KINDS, where)
    return GX_KINDS[name]


def from_gx(config: object, where: str = "expectation") -> Expectation:
    """The expectation that their JSON says: `{"type", "kwargs", "meta", "severity"}`.

    The names before 1.0 (`expectation_type`) are read too. What is not followed here (notes, ids, `result_format`) is
    kept, and written again by `to_gx`.

    Raises:
        InputError: it is not of that form, or an argument is wrong.
        UnknownNameError: there is no such expectation here, or it takes no such argument.
    """
    given = mapping(config, where)
    for name in given:
        if name not in _KNOWN:
            raise UnknownNameError.of("key", name, _KNOWN, where)
    kwargs = mapping(given.get("kwargs", {}), f"{where}, kwargs")
    meta = mapping(given.get("meta") or {}, f"{where}, meta")
    name = given.get("type", given.get("expectation_type"))
    if OURS in meta:
        found = from_ours(meta[OURS], where)
        meta = {key: value for key, value in meta.items() if key != OURS}
    else:
        called = {key: value for key, value in kwargs.items() if value is not None or key == "index"}
        if name in _NULLS_APART and isinstance(called.get("value_set"), list):
            called["value_set"] = [value for value in called["value_set"] if value is not None]
        if isinstance(called.get("row_condition"), Mapping):
            called["row_condition"] = _condition_text(called["row_condition"], where)
        found = from_call(name if isinstance(name, str) else repr(name), **called)
    found = found.model_copy(
        update={"severity": type(found.severity)(_severity(given.get("severity"), where)), "meta": meta}
    )
    if to_gx(found) == thawed(dict(given)):
        return found
    return found.model_copy(update={"meta": {**meta, ORIGINAL: thawed(dict(given))}})


def _severity(given: object, where: str) -> str:
    if given is None:
        return "critical"
    if given not in ("critical", "warning", "info"):
        raise UnknownNameError.of("severity", given, ("critical", "warning", "info"), where)
    return str(given)


def to_gx(expectation: Expectation) -> dict[str, Any]:
    """The expectation in their JSON: as it was read, or else written anew.

    Raises:
        InputError: it is of a plug-in's kind, which has no name there.
    """
    original = expectation.meta.get(ORIGINAL)
    if original is not None:
        rest = {name: value for name, value in expectation.meta.items() if name != ORIGINAL}
        if from_gx(original) == expectation.model_copy(update={"meta": {**rest, ORIGINAL: original}}):
            return dict(original)
    kind = KINDS.get(expectation.kind)
    if kind is None or expectation.distribution is not None:
        raise InputError(
            expected="kinds that Great Expectations has",
            got=f"{expectation.kind!r}, which a plug-in adds",
            where=f"expectation {expectation.name}",
            hint="Write the suite in our own spelling.",
        )
    return _written(kind, expectation)


def _written(kind: Kind, expectation: Expectation) -> dict[str, Any]:
    meta = {name: value for name, value in expectation.meta.items() if name != ORIGINAL}
    name, arguments = kind.gx[0] if kind.gx else "", kind.arguments(expectation)
    theirs = {
        kind.names.get(argument, argument): value
        for argument, value in arguments.items()
        if value is not None
    }
    if kind.nearest is not None and (nearest := kind.nearest(expectation)) is not None:
        name, theirs = nearest
        meta = {**meta, OURS: to_ours(expectation.model_copy(update={"meta": {}}))}
    if expectation.environment is not None:
        meta = {**meta, OURS: to_ours(expectation.model_copy(update={"meta": {}}))}
    if expectation.mostly < 1.0:
        theirs["mostly"] = expectation.mostly
    if expectation.row_condition is not None:
        theirs["row_condition"] = expectation.row_condition
        theirs["condition_parser"] = "great_expectations" if "col(" in expectation.row_condition else "pandas"
    return {
        "type": name,
        "kwargs": thawed(theirs),
        "meta": thawed(meta),
        "severity": expectation.severity.value,
    }


def from_ours(config: object, where: str = "expectation") -> Expectation:
    """The expectation that our own JSON says: `{"kind", "columns", "parameters", …}`, checked as if it was made anew.

    Raises:
        InputError: it is not of that form, or an argument is wrong.
        UnknownNameError: there is no such kind.
    """
    given = mapping(config, where)
    try:
        found = Expectation.model_validate(given)
    except ValueError as error:
        raise _misformed(error, where) from error
    if found.distribution is not None or found.kind not in KINDS:
        rule = get_rule(found)
        if rule.check is not None:
            rule.check(found)
        return found
    kind = KINDS[found.kind]
    options = {
        "severity": found.severity.value,
        "row_condition": found.row_condition,
        "meta": found.meta,
        "environment": found.environment,
    }
    given_options: dict[str, Any] = {
        name: value for name, value in options.items() if value and name in given
    }
    if "mostly" in given and found.mostly < 1.0:
        given_options["mostly"] = found.mostly
    if len(found.columns) != len(kind.columns) and not (kind.columns == ("columns",) and found.columns):
        raise InputError(
            expected=f"{len(kind.columns)} columns",
            got=f"{len(found.columns)}",
            where=f"{where} of kind {kind.name!r}",
            hint=kind.summary,
        )
    return make(kind, {**kind.arguments(found), **given_options}, f"{where} of kind {kind.name!r}")


def to_ours(expectation: Expectation) -> dict[str, Any]:
    """The expectation in our own JSON."""
    return expectation.model_dump(mode="json")


def _misformed(error: ValueError, where: str) -> InputError:
    if not isinstance(error, ValidationError):
        raise error
    return InputError.of_value(error, where, "Look at what Suite.to_dict() writes.")


def mapping(given: object, where: str) -> Mapping[str, Any]:
    """A JSON object, or InputError."""
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        raise InputError.of_kind("a JSON object", given, where, "Look at what Suite.to_dict() writes.")
    return given


def _condition_text(given: Mapping[str, Any], where: str) -> str:
    """A condition in their structured form as text."""
    match given:
        case {"type": "and" | "or" as word, "conditions": [_, *_] as parts}:
            return f" {word} ".join(f"({_condition_text(mapping(part, where), where)})" for part in parts)
        case {
            "type": "comparison",
            "column": {"name": str(column)},
            "operator": str(sign),
            "parameter": value,
        }:
            return f"col({column!r}) {sign.lower()} {value!r}"
        case {"type": "nullity", "column": {"name": str(column)}, "is_null": bool(is_null)}:
            return f"col({column!r}).{'isNull' if is_null else 'notNull'}()"
        case {"type": "pass_through", "pass_through_filter": str(text)}:
            return text
    raise InputError(
        expected="a condition of comparisons, nullity, and, or",
        got=repr(dict(given))[:200],
        where=f"{where}, row_condition",
        hint="Write it as text, such as \"origin == 'JFK'\".",
    )
