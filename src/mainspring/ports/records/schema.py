"""Tables derived from frozen specs: a noun is defined once, as a Pydantic value.

A field becomes a column of the same name. A time field `x_at` becomes `x_us`, whole microseconds UTC; nested
values become JSON. A field with `exclude=True` is no column: a statement that tells it selects it by that name, and
elsewhere it has its default. Every table carries `project_id`.
"""

from __future__ import annotations

import enum
import functools
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from pydantic import BaseModel
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import TypeEngine

from mainspring.types import from_us, to_us

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)
"""Every room's tables. The migrations are generated from it and tested to be equal to it."""

Spec = TypeVar("Spec", bound=BaseModel)

COUNTER = "seq"
"""The name of every integer key that the database counts up."""

_PLAIN_TYPES: dict[type, TypeEngine[Any]] = {
    str: Text(),
    bool: Boolean(),
    int: BigInteger(),
    float: Double(),
    bytes: LargeBinary(),
    datetime: BigInteger(),
}


def table(
    name: str,
    spec: type[BaseModel],
    *,
    key: Iterable[str],
    indexes: Iterable[Iterable[str]] = (),
    unique: Iterable[Iterable[str]] = (),
) -> Table:
    """The SQL table of `spec`. An integer field `seq` is counted up by the database; leave it None in new specs.

    Args:
        name: the table's name, plural.
        spec: the frozen value that one row holds.
        key: columns of the primary key, in the order of its index; `project_id` may be one.
        indexes: columns of each further index.
        unique: columns of each further unique constraint.
    """
    key = tuple(key)
    columns: list[Column[Any]] = [
        Column("project_id", Text(), nullable=False, primary_key="project_id" in key)
    ]
    for field, information in spec.model_fields.items():
        if information.exclude:
            continue
        plain, optional = _unwrapped(information.annotation)
        column = column_name(field, plain)
        kind = _sql_type(plain)
        if field == COUNTER:
            # SQLite counts only INTEGER primary keys.
            kind, optional = BigInteger().with_variant(Integer(), "sqlite"), False
        columns.append(
            Column(
                column,
                kind,
                primary_key=column in key,
                nullable=optional and column not in key,
                autoincrement=field == COUNTER,
            )
        )
    constraints = [UniqueConstraint(*names) for names in unique]
    # Named once more, because the index of a key follows this order and not that of the columns.
    made = Table(name, metadata, *columns, PrimaryKeyConstraint(*key), *constraints)
    for names in indexes:
        # The naming convention names it after the table and its columns.
        Index(None, *(made.c[column] for column in names))
    return made


def column_name(field: str, plain: object) -> str:
    """`created_at` of type datetime is stored as `created_us`; other fields keep their names."""
    return field.removesuffix("_at") + "_us" if plain is datetime else field


def row(spec: BaseModel, project_id: str) -> dict[str, Any]:
    """The column values of `spec` for one INSERT. A counter that is None is left to the database."""
    plan = _plan(type(spec))
    values: dict[str, Any] = {"project_id": project_id}
    for field, column, kind in plan.fields:
        given = getattr(spec, field)
        if kind is datetime:
            values[column] = None if given is None else to_us(given)
        elif kind is not None and not (given is None and field == COUNTER):
            values[column] = given
    if plan.nested:
        values.update(spec.model_dump(mode="json", include=plan.nested))
    return values


def value(spec: type[Spec], mapping: Mapping[Any, Any]) -> Spec:
    """The spec that a row holds; columns that the spec does not have are left out."""
    fields: dict[str, Any] = {}
    for field, column, kind in _plan(spec).fields:
        given = mapping[column]
        fields[field] = from_us(given) if kind is datetime and given is not None else given
    fields |= {field: mapping[field] for field in _plan(spec).told if field in mapping}
    return spec.model_validate(fields)


@dataclass(frozen=True)
class _Plan:
    """How a spec becomes a row: looked up once a class, because rows are written in the hot path.

    Attributes:
        fields: (field, column, plain type), with None for a type that is stored as JSON or text.
        nested: the fields of that sort.
        told: the fields that are no columns.
    """

    fields: tuple[tuple[str, str, type | None], ...]
    nested: set[str]
    told: tuple[str, ...]


@functools.cache
def _plan(spec: type[BaseModel]) -> _Plan:
    fields = []
    for field, information in spec.model_fields.items():
        if not information.exclude:
            plain, _ = _unwrapped(information.annotation)
            fields.append((field, column_name(field, plain), plain if plain in _PLAIN_TYPES else None))
    told = tuple(field for field, information in spec.model_fields.items() if information.exclude)
    return _Plan(tuple(fields), {field for field, _, kind in fields if kind is None}, told)


def _unwrapped(annotation: object) -> tuple[Any, bool]:
    """The type without `| None`, and whether None was allowed."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        members = [member for member in typing.get_args(annotation) if member is not type(None)]
        optional = len(members) < len(typing.get_args(annotation))
        return (members[0] if len(members) == 1 else annotation), optional
    return annotation, False


def _sql_type(plain: Any) -> TypeEngine[Any]:
    if plain in _PLAIN_TYPES:
        return _PLAIN_TYPES[plain]
    if isinstance(plain, type) and issubclass(plain, enum.StrEnum):
        return Text()
    return JSON(none_as_null=True)
