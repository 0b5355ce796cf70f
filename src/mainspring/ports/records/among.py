"""Rows by a list of ids, in one statement that is the same however many they are."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Self

from sqlalchemy import BindParameter, Boolean, ColumnElement, Dialect, String, bindparam
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine


class _Texts(TypeDecorator[list[str]]):
    """A list of texts as one parameter: an array on PostgreSQL, JSON on SQLite."""

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(ARRAY(String()) if dialect.name == "postgresql" else String())

    def process_bind_param(self, value: list[str] | None, dialect: Dialect) -> Any:
        return value if dialect.name == "postgresql" or value is None else json.dumps(value)


class _Among(FunctionElement[bool]):
    type = Boolean()
    inherit_cache = True

    def self_group(self, against: object = None) -> Self:  # noqa: ARG002 - named so by SQLAlchemy
        """It is a condition already: SQLAlchemy would append `= 1` on SQLite, which hides the index."""
        return self


@compiles(_Among, "postgresql")
def _on_postgresql(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    column, values = element.clauses
    return f"{compiler.process(column, **options)} = ANY ({compiler.process(values, **options)})"


@compiles(_Among, "sqlite")
def _on_sqlite(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    column, values = element.clauses
    listed = compiler.process(values, **options)
    return f"{compiler.process(column, **options)} IN (SELECT value FROM json_each({listed}))"  # noqa: S608 - both are compiled SQL


def among(column: ColumnElement[str], values: Iterable[str] | BindParameter[Any]) -> ColumnElement[bool]:
    """The condition that `column` is one of `values`.

    Args:
        values: texts, or the parameter that a statement which is built once takes a list of them by.

    `column.in_(values)` binds each value by itself: every count of them is another statement to compile and to
    plan, and a database takes only so many parameters. Here they are one parameter.
    """
    if isinstance(values, BindParameter):
        return _Among(column, bindparam(values.key, type_=_Texts()))
    return _Among(column, bindparam(None, list(values), type_=_Texts(), unique=True))
