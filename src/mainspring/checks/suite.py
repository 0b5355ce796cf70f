"""Suites: named lists of expectations, as JSON in our spelling and in that of Great Expectations."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import polars as pl
from pydantic import Field

from mainspring import notebook
from mainspring.checks.arguments import is_json, refused, text
from mainspring.checks.great_expectations import from_gx, from_ours, mapping, to_gx, to_ours
from mainspring.checks.row import RowCheck
from mainspring.checks.spec import Expectation, Frozen, Validation, thawed
from mainspring.checks.validate import N_EXAMPLES, checked, in_environment, validate
from mainspring.errors import AccessError, InputError, UnknownNameError

_OURS: Final = ("name", "expectations", "meta")
_REST: Final = ("id", "notes", "suite_parameters", "evaluation_parameters", "ge_cloud_id", "data_asset_type")
_THEIRS: Final = ("name", "expectation_suite_name", "expectations", "meta", *_REST)
_KEPT: Final = "great_expectations"
"""In a suite's meta: keys of theirs that mean nothing here."""
_HINT: Final = "Look at what Suite.to_dict() writes."


class Suite(Frozen):
    """A named list of expectations. Make it with `ms.suite`, which checks what it is given.

    Attributes:
        meta: plain JSON for people and other tools.
    """

    name: str
    expectations: tuple[Expectation, ...]
    meta: dict[str, Any] = Field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.expectations)

    def check(self, frame: object, *, n_examples: int = N_EXAMPLES) -> Validation:
        """What the expectations find in a frame, in one scan.

        Args:
            frame: polars or pandas frame, or Arrow data (n rows); of a lazy polars one the columns that are read are
                collected once.
            n_examples: how many breaking rows each result shows at most.

        Raises:
            UnknownNameError: an expectation reads a column that the frame does not have.
            InputError: an expectation's parameters do not fit the column's type.
        """
        return validate(frame, self.expectations, n_examples=n_examples)

    def in_environment(self, environment: str) -> Suite:
        """The suite without what says nothing of rows in `environment`, "training" or "serving".

        Raises:
            InputError: there is no such environment.
        """
        return self.model_copy(update={"expectations": tuple(in_environment(self.expectations, environment))})

    def compile_row(self, types: Mapping[str, pl.DataType]) -> RowCheck:
        """The suite as a function of one row of plain values, such as a request's.

        Args:
            types: column → polars type, of the columns that are read at least; a frame's schema will do.

        Raises:
            InputError: an expectation does not judge rows by their own values.
            UnknownNameError: an expectation reads a column that has no type.
        """
        return RowCheck(self.expectations, types)

    def to_dict(self) -> dict[str, Any]:
        """The suite as plain JSON in our spelling: `{"name", "expectations": [{"kind", "columns", …}], "meta"}`."""
        expectations = [to_ours(each) for each in self.expectations]
        return {"name": self.name, "expectations": expectations, "meta": thawed(self.meta)}

    def to_great_expectations(self) -> dict[str, Any]:
        """The suite as Great Expectations writes it: `{"name", "expectations": [{"type", "kwargs", …}], "meta"}`.

        Raises:
            InputError: an expectation is of a kind that a plug-in adds.
        """
        meta = {name: thawed(value) for name, value in self.meta.items() if name != _KEPT}
        expectations = [to_gx(each) for each in self.expectations]
        return {
            "name": self.name,
            "expectations": expectations,
            "meta": meta,
            **thawed(self.meta.get(_KEPT, {})),
        }

    def _repr_html_(self) -> str:
        rows = [(each.name, each.severity.value) for each in self.expectations]
        return notebook.panel(f"suite {self.name}", notebook.table(("expectation", "severity"), rows))


def suite(name: str, expectations: Iterable[Expectation], *, meta: Mapping[str, Any] | None = None) -> Suite:
    """A named list of expectations.

    Args:
        name: what people call it.
        expectations: made by `ms.expect`.
        meta: plain JSON that goes along; None = {}.

    Raises:
        InputError: something else than an expectation is listed, or `meta` is not plain JSON.
    """
    text(name, "name", "suite")
    if meta is not None and not (isinstance(meta, Mapping) and is_json(meta)):
        raise refused("meta as a mapping of plain JSON", repr(meta)[:200], f"suite {name!r}", "Leave it out.")
    return Suite(name=name, expectations=tuple(checked(expectations)), meta=dict(meta or {}))


def read_suite(given: object) -> Suite:
    """The suite that JSON of either spelling says; the keys tell which.

    Args:
        given: ours, as `Suite.to_dict` has it, or a suite of Great Expectations: the parsed dictionary, or the path of
            a JSON file.

    Raises:
        InputError: it is of no such form, or an argument is wrong; the message names which expectation.
        UnknownNameError: there is no such expectation, key or argument.
        AccessError: the file cannot be read.
    """
    if isinstance(given, str | Path):
        given = _file(Path(given))
    said = mapping(given, "suite")
    listed = said.get("expectations")
    if not isinstance(listed, list | tuple):
        raise InputError.of_kind("a list of expectations", listed, "suite, expectations", _HINT)
    theirs = _is_theirs(said, listed)
    for key in said:
        if key not in (_THEIRS if theirs else _OURS):
            raise UnknownNameError.of("key", key, _THEIRS if theirs else _OURS, "suite")
    read = from_gx if theirs else from_ours
    expectations = [read(each, f"suite, expectation {at}") for at, each in enumerate(listed)]
    rest = {key: said[key] for key in _REST if key in said}
    meta = {**mapping(said.get("meta") or {}, "suite, meta"), **({_KEPT: rest} if rest else {})}
    return suite(said.get("name", said.get("expectation_suite_name")), expectations, meta=meta)


def _file(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise AccessError(
            expected="a file that can be read",
            got=str(error.strerror),
            where=str(path),
            hint="read_suite takes the path of a JSON file, or what json.loads gives.",
        ) from error
    except ValueError as error:
        raise InputError(
            expected="a suite as JSON", got=str(error).splitlines()[0], where=str(path), hint=_HINT
        ) from error


def _is_theirs(said: Mapping[str, Any], listed: Iterable[object]) -> bool:
    """Whether the suite is spelled as theirs; one without expectations is, where it has keys that are not ours."""
    if any(isinstance(each, Mapping) and {"type", "expectation_type"} & set(each) for each in listed):
        return True
    return not listed and any(key in _THEIRS and key not in _OURS for key in said)
