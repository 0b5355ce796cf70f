"""Kinds about what texts look like: patterns, and whether they can be parsed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from typing import Any, Final, Unpack

import polars as pl

from mainspring.checks.arguments import RowOptions, choice, made, refused, text, texts
from mainspring.checks.kind import kind
from mainspring.checks.regex import compile_regex, like_regex
from mainspring.checks.rule import Rule, Types, ValueJudge
from mainspring.checks.spec import Expectation
from mainspring.checks.values import as_text, check_text
from mainspring.errors import MissingExtraError

Patterns = Callable[[Expectation], list[str]]
"""The regular expressions that an expectation searches for."""

MATCH_ON: Final = ("any", "all")


def _searching(patterns: Patterns, *, wanted: bool) -> Rule:
    """A row breaks the rule where a pattern that is wanted is not found, or one that is not wanted is.

    Of several, the expectation's `match_on` says whether any or all have to be found.
    """

    def breaks(expectation: Expectation, schema: pl.Schema) -> pl.Expr:
        (column,) = expectation.columns
        values = as_text(column, schema, expectation.kind)
        found = [values.str.contains(pattern) for pattern in patterns(expectation)]
        needs_all = wanted and expectation.parameters.get("match_on") == "all"
        together = (
            found[0] if len(found) == 1 else (pl.all_horizontal if needs_all else pl.any_horizontal)(found)
        )
        return ~together if wanted else together

    def value(expectation: Expectation, types: Types) -> ValueJudge:
        (column,) = expectation.columns
        check_text(column, types[column], expectation.kind)
        found = [compile_regex(pattern) for pattern in patterns(expectation)]
        if len(found) == 1:
            search = found[0]
            return (lambda value: not search(value)) if wanted else search
        combine = all if wanted and expectation.parameters.get("match_on") == "all" else any

        def judge(value: str) -> bool:
            return combine(search(value) for search in found) is not wanted

        return judge

    return Rule(breaks=breaks, value=value, alone=True)


def _regex(given: object, where: str) -> str:
    """A regular expression that compiles."""
    if not isinstance(given, str):
        raise refused("a regular expression as text", repr(given), where, "Write it such as r'[A-Z]{3}'.")
    try:
        pl.Series([""]).str.contains(given)
    except pl.exceptions.ComputeError as error:
        hint = "Polars uses Rust's regex syntax: no look-around and no back-references."
        raise refused("a regular expression that compiles", repr(given), where, hint) from error
    return given


def _regexes(given: object, where: str) -> tuple[str, ...]:
    return tuple(_regex(each, where) for each in texts(given, "regular expressions", where))


def _whole(expectation: Expectation) -> list[str]:
    return [rf"\A(?:{expectation.parameters['regex']})\z"]


def _whole_in_gx(expectation: Expectation) -> tuple[str, dict[str, Any]]:
    regex = rf"^(?:{expectation.parameters['regex']})$"
    return "expect_column_values_to_match_regex", {"column": expectation.columns[0], "regex": regex}


@kind(_searching(_whole, wanted=True), nearest=_whole_in_gx)
def matches(column: str, regex: str, **options: Unpack[RowOptions]) -> Expectation:
    """The whole text matches `regex` (syntax of the Rust `regex` crate: no look-around, no back-references).

    Raises:
        InputError: `regex` does not compile.
    """
    where = f"expect.matches({column!r})"
    found = made("matches", (column,), {"regex": _regex(regex, where)}, options)
    # What holds alone need not within the anchors: a comment at its end would swallow them.
    _regex(_whole(found)[0], where)
    return found


@kind(_searching(lambda each: [each.parameters["regex"]], wanted=True), "expect_column_values_to_match_regex")
def match_regex(column: str, regex: str, **options: Unpack[RowOptions]) -> Expectation:
    """`regex` is found somewhere in the text: anchor it by ^ and $, or use `matches`, for the whole."""
    where = f"expect.match_regex({column!r})"
    return made("match_regex", (column,), {"regex": _regex(regex, where)}, options)


@kind(
    _searching(lambda each: [each.parameters["regex"]], wanted=False),
    "expect_column_values_to_not_match_regex",
)
def not_match_regex(column: str, regex: str, **options: Unpack[RowOptions]) -> Expectation:
    """`regex` is found nowhere in the text."""
    where = f"expect.not_match_regex({column!r})"
    return made("not_match_regex", (column,), {"regex": _regex(regex, where)}, options)


def _listed(expectation: Expectation) -> list[str]:
    return list(expectation.parameters["regexes"])


@kind(
    _searching(_listed, wanted=True),
    "expect_column_values_to_match_regex_list",
    names={"regexes": "regex_list"},
)
def match_regexes(
    column: str, regexes: Iterable[str], *, match_on: str = "any", **options: Unpack[RowOptions]
) -> Expectation:
    """One of the regular expressions is found in the text; with match_on="all" each of them is."""
    where = f"expect.match_regexes({column!r})"
    given = {"regexes": _regexes(regexes, where), "match_on": choice(match_on, "match_on", MATCH_ON, where)}
    return made("match_regexes", (column,), given, options)


@kind(
    _searching(_listed, wanted=False),
    "expect_column_values_to_not_match_regex_list",
    names={"regexes": "regex_list"},
)
def not_match_regexes(column: str, regexes: Iterable[str], **options: Unpack[RowOptions]) -> Expectation:
    """None of the regular expressions is found in the text."""
    where = f"expect.not_match_regexes({column!r})"
    return made("not_match_regexes", (column,), {"regexes": _regexes(regexes, where)}, options)


def _like(expectation: Expectation) -> list[str]:
    given = expectation.parameters
    return [like_regex(each) for each in given.get("patterns", (given.get("pattern", ""),))]


@kind(
    _searching(_like, wanted=True),
    "expect_column_values_to_match_like_pattern",
    names={"pattern": "like_pattern"},
)
def like(column: str, pattern: str, **options: Unpack[RowOptions]) -> Expectation:
    r"""The whole text matches SQL's `pattern`: % is any text, _ any character, \ takes the next one as it is."""
    given = {"pattern": text(pattern, "pattern", f"expect.like({column!r})")}
    return made("like", (column,), given, options)


@kind(
    _searching(_like, wanted=False),
    "expect_column_values_to_not_match_like_pattern",
    names={"pattern": "like_pattern"},
)
def not_like(column: str, pattern: str, **options: Unpack[RowOptions]) -> Expectation:
    """The text does not match SQL's `pattern`, as in `like`."""
    given = {"pattern": text(pattern, "pattern", f"expect.not_like({column!r})")}
    return made("not_like", (column,), given, options)


@kind(
    _searching(_like, wanted=True),
    "expect_column_values_to_match_like_pattern_list",
    names={"patterns": "like_pattern_list"},
)
def like_patterns(
    column: str, patterns: Iterable[str], *, match_on: str = "any", **options: Unpack[RowOptions]
) -> Expectation:
    """The text matches one of SQL's patterns, as in `like`; with match_on="all" each of them."""
    where = f"expect.like_patterns({column!r})"
    given = {
        "patterns": texts(patterns, "patterns", where),
        "match_on": choice(match_on, "match_on", MATCH_ON, where),
    }
    return made("like_patterns", (column,), given, options)


@kind(
    _searching(_like, wanted=False),
    "expect_column_values_to_not_match_like_pattern_list",
    names={"patterns": "like_pattern_list"},
)
def not_like_patterns(column: str, patterns: Iterable[str], **options: Unpack[RowOptions]) -> Expectation:
    """The text matches none of SQL's patterns, as in `like`."""
    where = f"expect.not_like_patterns({column!r})"
    return made("not_like_patterns", (column,), {"patterns": texts(patterns, "patterns", where)}, options)


def _parsing(parser: Callable[[Expectation], Callable[[str], bool]]) -> Rule:
    """A row breaks the rule where its text cannot be parsed. Each distinct text is parsed once, by Python."""

    def breaks(expectation: Expectation, schema: pl.Schema) -> pl.Expr:
        (column,) = expectation.columns
        values = as_text(column, schema, expectation.kind)
        fails = partial(_unparsed, parser(expectation))
        return values.map_batches(fails, return_dtype=pl.Boolean, is_elementwise=True)

    def value(expectation: Expectation, types: Types) -> ValueJudge:
        (column,) = expectation.columns
        check_text(column, types[column], expectation.kind)
        parses = parser(expectation)
        return lambda value: not parses(value)

    return Rule(breaks=breaks, value=value, alone=True)


def _unparsed(parses: Callable[[str], bool], values: pl.Series) -> pl.Series:
    distinct = values.unique().drop_nulls()
    fails = pl.Series([not parses(value) for value in distinct], dtype=pl.Boolean)
    return values.replace_strict(distinct, fails, default=None, return_dtype=pl.Boolean)


def _by_format(expectation: Expectation) -> Callable[[str], bool]:
    given = expectation.parameters["format"]

    def parses(value: str) -> bool:
        try:
            datetime.strptime(value, given)  # noqa: DTZ007 - whether it parses is all that is asked
        except ValueError:
            return False
        return True

    return parses


@kind(
    _parsing(_by_format),
    "expect_column_values_to_match_strftime_format",
    names={"format": "strftime_format"},
)
def strftime(column: str, format: str, **options: Unpack[RowOptions]) -> Expectation:  # noqa: A002 - its name
    """`datetime.strptime(text, format)` succeeds: the text is a time that is written so.

    Raises:
        InputError: a time that is written in the format cannot be read again: the format is none.
    """
    where = f"expect.strftime({column!r})"
    text(format, "format", where)
    try:
        datetime.strptime(datetime(2013, 6, 1, 12).strftime(format), format)  # noqa: DTZ001, DTZ007
    except (ValueError, re.error) as error:
        hint = "Write it such as '%Y-%m-%d'."
        raise refused("a format of strftime", f"{format!r}: {error}", where, hint) from error
    return made("strftime", (column,), {"format": format}, options)


def _by_dateutil(expectation: Expectation) -> Callable[[str], bool]:
    try:
        from dateutil.parser import parse
    except ImportError as error:
        raise MissingExtraError.of("python-dateutil", "pandas", f"expectation {expectation.name}") from error

    def parses(value: str) -> bool:
        try:
            parse(value)
        except (ValueError, OverflowError, TypeError):
            return False
        return True

    return parses


@kind(_parsing(_by_dateutil), "expect_column_values_to_be_dateutil_parseable")
def date_parseable(column: str, **options: Unpack[RowOptions]) -> Expectation:
    """`dateutil` reads the text as a time. The library comes with `mainspring[pandas]`.

    Raises:
        MissingExtraError: where it is judged, dateutil is not installed.
    """
    return made("date_parseable", (column,), {}, options)


def _as_json(value: str) -> bool:
    try:
        json.loads(value)
    except (ValueError, RecursionError):
        return False
    return True


@kind(_parsing(lambda _: _as_json), "expect_column_values_to_be_json_parseable")
def json_parseable(column: str, **options: Unpack[RowOptions]) -> Expectation:
    """The text is JSON, as Python's `json.loads` reads it."""
    return made("json_parseable", (column,), {}, options)
