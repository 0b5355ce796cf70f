"""The nouns of models, as frozen values."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any, Final

from pydantic import Field

from mainspring import notebook
from mainspring.errors import InputError
from mainspring.features.spec import Transformations
from mainspring.lineage.spec import Value

ALIAS_MOVED: Final = "alias.moved"
"""The kind of the event that every move of an alias is told by."""


class Task(enum.StrEnum):
    """What a prediction is: the probability of label 1, or a number."""

    BINARY = "binary"
    REGRESSION = "regression"


class ColumnKind(enum.StrEnum):
    """How a feature reaches the estimator: as it is, or as the number of its category."""

    NUMBER = "number"
    CATEGORY = "category"


class Column(Value):
    """One input of a model.

    Attributes:
        name: the feature's name.
        kind: number or category.
        dtype: the Polars type that it had in training, such as `Float64`.
        categories: the known categories in code order; None for a number. A null, and a category that is not
            listed, reach the estimator as NaN.
    """

    name: str
    kind: ColumnKind
    dtype: str
    categories: tuple[str | int | bool, ...] | None = None


class Signature(Value):
    """What a model takes and gives.

    Attributes:
        columns: the inputs in the estimator's order, transformed.
        label: the column that it was trained to predict.
        task: what a prediction means.
        transformations: what makes the columns of the features; None where the features are the columns.
    """

    columns: tuple[Column, ...]
    label: str
    task: Task
    transformations: Transformations | None = Field(default=None, exclude_if=lambda given: given is None)

    @property
    def features(self) -> tuple[str, ...]:
        """The names of what is given to the model, in order: features as a view has them."""
        if self.transformations is not None:
            return self.transformations.inputs
        return tuple(column.name for column in self.columns)


class PackageFile(Value):
    """One file of a package.

    Attributes:
        sha256: of its bytes; also its name in the blobs.
    """

    sha256: str
    size_bytes: int


class ModelPackage(Value):
    """The files of one trained model, frozen.

    Attributes:
        id: the id of its asset.
        name: the model that it was first registered for.
        digest: SHA-256 of its manifest, which lists every file with its digest; the manifest is a blob too.
        format: how the estimator is stored: `skops`, `pickle`, or as a plug-in does.
        files: by path.
    """

    id: str
    name: str
    digest: str
    format: str
    files: dict[str, PackageFile]
    signature: Signature
    created_at: datetime

    @property
    def size_bytes(self) -> int:
        """All files together."""
        return sum(file.size_bytes for file in self.files.values())


class ModelVersion(Value):
    """(model name, number): the label that people type for a package.

    Attributes:
        asset_id: the id of its own asset; evidence hangs on it.
        package_id: the asset of its package.
        package_digest: with the blobs alone, enough to load the model.
        dataset_id: the training dataset's asset; None where none was named.
        dataset_digest: its content digest.
        run_id: the tracked run's execution; None where none was named.
        metadata: plain JSON of the one who registered it.
        created_at: the project clock.
    """

    name: str
    number: int
    asset_id: str
    package_id: str
    package_digest: str
    dataset_id: str | None
    dataset_digest: str | None
    run_id: str | None
    metadata: dict[str, Any]
    created_at: datetime

    def __str__(self) -> str:
        return f"{self.name}/{self.number}"

    def _repr_html_(self) -> str:
        told = ("created_at", "package_digest", "dataset_digest", "run_id", "metadata")
        return notebook.panel(
            f"model version {self}",
            notebook.fields({name.replace("_", " "): getattr(self, name) for name in told}),
        )


def check_version(given: object, where: str) -> None:
    """Refuses what is no model version, such as the text `flight_delay/3`.

    Raises:
        InputError: it is something else.
    """
    if isinstance(given, ModelVersion):
        return
    name, _, number = given.partition("/") if isinstance(given, str) else ("name", "", "")
    wanted = number if number.isdecimal() else f'"{number or "champion"}"'
    hint = f'Get it first: project.models.get("{name}", {wanted}), by number or by alias.'
    raise InputError.of_kind("a model version", given, where, hint)


class Alias(Value):
    """Which version of a model currently carries a name such as `champion`.

    Attributes:
        decision_id: the passing decision (evidence) that put it there.
        moved_at: the project clock.
    """

    name: str
    alias: str
    number: int
    decision_id: str
    moved_at: datetime


class AliasMove(Value):
    """One step in an alias' history, append-only.

    Attributes:
        id: UUIDv7.
        previous_number: where it stood before; None the first time.
    """

    id: str
    name: str
    alias: str
    number: int
    previous_number: int | None
    decision_id: str
    execution_id: str
    moved_at: datetime
