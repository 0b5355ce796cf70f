"""Objects in a JSON column, changed by the statement itself: no other writer's change is lost."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import JSON, ColumnElement, String, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class _Merged(FunctionElement[Any]):
    type = JSON()
    inherit_cache = True


@compiles(_Merged, "postgresql")
def _on_postgresql(element: _Merged, compiler: SQLCompiler, **options: Any) -> str:
    column, changes = (compiler.process(clause, **options) for clause in element.clauses)
    return f"CAST(jsonb_strip_nulls(CAST({column} AS jsonb) || CAST({changes} AS jsonb)) AS json)"


@compiles(_Merged, "sqlite")
def _on_sqlite(element: _Merged, compiler: SQLCompiler, **options: Any) -> str:
    column, changes = (compiler.process(clause, **options) for clause in element.clauses)
    return f"json_patch({column}, {changes})"


def merged(column: ColumnElement[Any], changes: Mapping[str, str | None]) -> ColumnElement[Any]:
    """The object that `column` has, with these members set, or without those whose value is None.

    Args:
        column: a JSON column that holds an object of texts.
    """
    given = json.dumps(dict(changes), ensure_ascii=False)
    return _Merged(column, bindparam(None, given, type_=String(), unique=True))


class _Member(FunctionElement[str]):
    type = String()
    inherit_cache = True


@compiles(_Member, "postgresql")
def _member_on_postgresql(element: _Member, compiler: SQLCompiler, **options: Any) -> str:
    column, name = (compiler.process(clause, **options) for clause in element.clauses)
    return f"({column} ->> CAST({name} AS text))"


@compiles(_Member, "sqlite")
def _member_on_sqlite(element: _Member, compiler: SQLCompiler, **options: Any) -> str:
    column, name = (compiler.process(clause, **options) for clause in element.clauses)
    # No path: those have no way to write a name with quotes in it.
    return f"(SELECT value FROM json_each({column}) WHERE key = {name})"  # noqa: S608 - both are compiled SQL


def member(column: ColumnElement[Any], name: str) -> ColumnElement[str]:
    """The text that the object of a JSON column has under a name; null where it has none."""
    return _Member(column, bindparam(None, name, type_=String(), unique=True))


class _Plain(FunctionElement[str]):
    type = String()
    inherit_cache = True


@compiles(_Plain, "postgresql")
def _plain_on_postgresql(element: _Plain, compiler: SQLCompiler, **options: Any) -> str:
    (column,) = (compiler.process(clause, **options) for clause in element.clauses)
    return f"({column} #>> '{{}}')"


@compiles(_Plain, "sqlite")
def _plain_on_sqlite(element: _Plain, compiler: SQLCompiler, **options: Any) -> str:
    (column,) = (compiler.process(clause, **options) for clause in element.clauses)
    number = f"CAST({column} AS TEXT)"
    return (
        f"(CASE json_type({column}) WHEN 'text' THEN json_extract({column}, '$') "
        # SQLite keeps a number as one, and would write 1e-05 as 1.0e-05.
        f"WHEN 'real' THEN replace({number}, '.0e', 'e') ELSE {number} END)"
    )


def as_text(column: ColumnElement[Any]) -> ColumnElement[str]:
    """What a JSON column holds, as text: a text itself, anything else as its JSON."""
    return _Plain(column)
