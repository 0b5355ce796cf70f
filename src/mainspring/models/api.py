"""Models as users call them: register, find, load."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final, Protocol, runtime_checkable

from sqlalchemy import Connection

from mainspring.errors import ConflictError, InputError, UnknownNameError
from mainspring.features.spec import Transformations
from mainspring.features.transform.known import check_importable
from mainspring.lineage import Asset, AssetKind, Graph, names
from mainspring.lineage.marks import check_usable, named
from mainspring.lineage.spec import Noun
from mainspring.models import store
from mainspring.models.model import Model
from mainspring.models.package import LoadedModel, PackageContent, export_package, load_package, store_package
from mainspring.models.spec import Alias, AliasMove, ModelPackage, ModelVersion, check_version
from mainspring.types import canonical_bytes

NUMBERING_ATTEMPTS: Final = 1_000
"""Registrations that may win the race for a number before one gives up: far more than any team has at once."""


@runtime_checkable
class DatasetReference(Protocol):
    """What a version remembers of the data it learnt from; training datasets fit."""

    @property
    def asset_id(self) -> str: ...
    @property
    def digest(self) -> str: ...


@runtime_checkable
class TransformedReference(Protocol):
    """Data that says what its models must do with features first; training datasets do."""

    @property
    def transformations(self) -> Transformations | None: ...


@runtime_checkable
class RunReference(Protocol):
    """What a version remembers of the run that trained it; tracked runs fit."""

    @property
    def id(self) -> str: ...
    @property
    def asset_id(self) -> str | None: ...


class Models:
    """The registry of one project. Aliases are read here and moved by gates only. Threads may share it."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def register(
        self,
        name: str,
        model: Model,
        *,
        data: DatasetReference | None = None,
        run: RunReference | None = None,
        metadata: Mapping[str, Any] | None = None,
        stored_as: str = "skops",
    ) -> ModelVersion:
        """Package a fitted model and give it the next number of `name`: 1, 2, 3 …, without gaps.

        Args:
            name: letters, digits, `_`, `-` and `.`.
            model: fitted.
            data: what it learnt from; None = it is not said.
            run: the tracked run that trained it; None = none did.
            metadata: plain JSON, such as the parameters; None = {}.
            stored_as: `skops`; `pickle` for an estimator that skops cannot hold, whose loading takes trust; or a format
                that a plug-in adds.

        Raises:
            InputError: a name of other letters, an estimator without its features, a transformation's function that no
                other process can import, types that cannot be stored safely, data that is no training dataset, a run
                that is none, metadata that is no plain data.
            StateError: the model is not fitted; or the model of that name, the data or the run is archived.
        """
        check_name(name, "models.register")
        described = _check_metadata(metadata)
        if not isinstance(model, Model):
            raise InputError(
                expected="a mainspring Model, which knows its features",
                got=type(model).__name__,
                where="models.register",
                hint="Wrap the estimator: ms.Model(estimator, features=[...], categorical=[...]).fit(frame).",
            )
        check_dataset(data, "models.register(data=)")
        if run is not None and not isinstance(run, RunReference):
            raise InputError.of_kind(
                "a tracked run", run, "models.register(run=)", "Pass what tracking.run(...) gives."
            )
        used = [part.asset_id for part in (data, run) if part is not None and part.asset_id is not None]
        with self._graph.records.read() as connection:
            stored, name = names.resolve(connection, Noun.MODEL, self._graph.project_id, name)
            check_usable(connection, self._graph.project_id, [named(Noun.MODEL, stored), *used])
        _check_transformations(model, data)
        if model.transformations is not None:
            check_importable(model.transformations, f"models.register({name!r})")
        content = store_package(model, self._graph.blobs, format_name=stored_as)
        for _ in range(NUMBERING_ATTEMPTS):
            try:
                return self._publish(name, content, data, run, described)
            except _NumberTakenError:
                continue
        raise ConflictError(
            expected=f"a free number after {NUMBERING_ATTEMPTS} attempts",
            got="each was taken by another process",
            where=f"model {name!r}",
            hint="Register again when fewer processes register this model.",
        )

    def get(self, name: str, version: int | str) -> ModelVersion:
        """The version of the model `name` of that number or alias.

        Raises:
            UnknownNameError: no such model, number or alias; it lists what there is.
        """
        found = self.find(name, version)
        if found is not None:
            return found
        existing = self.versions(name, archived=True)
        if not existing:
            raise UnknownNameError.of("model", name, self.names(), where="models")
        numbers = [str(each.number) for each in existing]
        if str(version).isdigit():
            raise UnknownNameError.of("version", version, numbers, where=f"model {name!r}")
        aliases = [alias.alias for alias in self.aliases(name)]
        raise UnknownNameError.of(
            "alias",
            version,
            aliases,
            where=f"model {name!r}",
            otherwise=f"Name a version by number (the newest is {numbers[-1]}). A gate gives an alias: "
            f"mainspring gates promote ENVIRONMENT {name}/{numbers[-1]}",
        )

    def find(self, name: str, version: int | str) -> ModelVersion | None:
        """The version of the model `name` of that number (`2` or `"2"`) or alias; None if there is none."""
        with self._graph.records.read() as connection:
            return self._find(connection, name, version)

    def find_by_asset(self, asset_id: str) -> ModelVersion | None:
        """The version whose asset has that id; None if there is none."""
        with self._graph.records.read() as connection:
            return store.find_version_by_asset(connection, self._graph.project_id, asset_id)

    def versions(self, name: str | None = None, *, archived: bool = False) -> list[ModelVersion]:
        """Versions by name and number; with `archived` also what is archived or deleted.

        Args:
            name: of the model; None = of all.
        """
        with self._graph.records.read() as connection:
            return store.list_versions(connection, self._graph.project_id, name, archived=archived)

    def names(self, *, archived: bool = False) -> list[str]:
        """Names of models that have a version; with `archived` also one that is archived or deleted."""
        return sorted({version.name for version in self.versions(archived=archived)})

    def aliases(self, name: str | None = None) -> list[Alias]:
        """Where each alias stands.

        Args:
            name: of the model; None = of all.
        """
        with self._graph.records.read() as connection:
            return store.list_aliases(connection, self._graph.project_id, name)

    def alias_history(self, name: str, alias: str | None = None) -> list[AliasMove]:
        """Every move of a model's aliases, oldest first, each with the decision that allowed it.

        Args:
            name: of the model.
            alias: one of its aliases; None = all.
        """
        with self._graph.records.read() as connection:
            return list(store.list_moves(connection, self._graph.project_id, name, alias))

    def package(self, version: ModelVersion) -> ModelPackage:
        """The files, formats and signature behind a version.

        Raises:
            InputError: `version` is something else, such as its name.
            UnknownNameError: the version is of another project.
        """
        check_version(version, "models.package")
        with self._graph.records.read() as connection:
            found = store.find_package(connection, version.package_id)
        if found is None:
            raise UnknownNameError.of("package", version.package_id, [], where=f"model version {version}")
        return found

    def load(
        self, version: ModelVersion, *, trust: Collection[str] = (), served: bool = False
    ) -> LoadedModel:
        """The model, verified: file digests, then its example rows give the stored predictions.

        Args:
            trust: SHA-256 of pickles that may run.
            served: it is loaded because a deployment serves it, which nothing but a missing file may stop.

        Raises:
            DeletedError: its content was deleted.
            InputError: `version` is something else, such as its name.
            IntegrityError: a file is missing or damaged, or predictions differ from the stored ones.
            RefusedError: it holds types that are not audited, or a pickle nobody vouched for.
        """
        check_version(version, "models.load")
        if not served:
            self._graph.check_there(version.asset_id)
        return load_package(self._graph.blobs, version.package_digest, trust)

    def export(self, version: ModelVersion, folder: str | Path) -> Path:
        """Write the package's files into a new folder, as MLflow lays them out.

        Raises:
            InputError: `version` is something else, such as its name.
            DeletedError: its content was deleted.
        """
        check_version(version, "models.export")
        self._graph.check_there(version.asset_id)
        return export_package(self._graph.blobs, version.package_digest, folder)

    def _find(self, connection: Connection, name: str, version: int | str) -> ModelVersion | None:
        project_id = self._graph.project_id
        if isinstance(version, str) and not version.isdecimal():
            alias = store.find_alias(connection, project_id, name, version)
            if alias is None:
                return None
            version = alias.number
        return store.find_version(connection, project_id, name, int(version))

    def _publish(
        self,
        name: str,
        content: PackageContent,
        data: DatasetReference | None,
        run: RunReference | None,
        metadata: dict[str, Any],
    ) -> ModelVersion:
        graph = self._graph
        with graph.records.read() as connection:
            number = store.last_number(connection, graph.project_id, name)[1] + 1
        with graph.execution("register", f"{name}/{number}", parameters={"format": content.format}) as work:
            if data is not None:
                work.use(data.asset_id, role="training_dataset")
            if run is not None and run.asset_id is not None:
                work.use(run.asset_id, role="run")
            package_asset = work.add(
                AssetKind.MODEL_PACKAGE, name, digest=content.digest, attributes={"format": content.format}
            )
            version_asset = work.add(
                AssetKind.MODEL_VERSION,
                name,
                attributes={
                    "number": number,
                    "package_id": package_asset.id,
                    "package_digest": content.digest,
                },
            )
            package = _package(package_asset, content)
            version = ModelVersion(
                name=name,
                number=number,
                asset_id=version_asset.id,
                package_id=package.id,
                package_digest=content.digest,
                dataset_id=None if data is None else data.asset_id,
                dataset_digest=None if data is None else data.digest,
                run_id=None if run is None else run.id,
                metadata=metadata,
                created_at=version_asset.created_at,
            )
            work.event(
                "model_version.registered",
                version.asset_id,
                {"name": name, "number": number, "package": package.id},
            )
            work.write(lambda connection: self._number(connection, package, version))
        return version

    def _number(self, connection: Connection, package: ModelPackage, version: ModelVersion) -> None:
        """Take the number, inside the publication's transaction; whoever comes second starts again."""
        graph = self._graph
        names.hold(graph.records, connection, Noun.MODEL, graph.project_id)
        stored, last = store.last_number(connection, graph.project_id, version.name)
        check_usable(connection, graph.project_id, [named(Noun.MODEL, stored)])
        if last != version.number - 1:
            raise _NumberTakenError
        store.add_package(connection, package, graph.project_id)
        store.add_version(connection, version, graph.project_id)


def _check_transformations(model: Model, data: object) -> None:
    """Refuses a model that would be served without what its training rows went through."""
    carried = data.transformations if isinstance(data, TransformedReference) else model.transformations
    if carried != model.transformations:
        raise InputError(
            expected="a model that applies the transformations of its training dataset",
            got="one without" if model.transformations is None else "one with others",
            where="models.register(data=)",
            hint="Write ms.Model(estimator, features=data.features, transformations=data.transformations) and fit it "
            "on data['train'].",
        )


class _NumberTakenError(Exception):
    """Another registration got this number first."""


def _package(asset: Asset, content: PackageContent) -> ModelPackage:
    return ModelPackage(
        id=asset.id,
        name=asset.name,
        digest=content.digest,
        format=content.format,
        files=content.files,
        signature=content.signature,
        created_at=asset.created_at,
    )


def check_dataset(given: object, where: str) -> None:
    """Refuses what is no training dataset, such as its rows; None is none.

    Raises:
        InputError: it is something else.
    """
    if given is None or isinstance(given, DatasetReference):
        return
    hint = "Pass what view.training_dataset(...) gave, or features.get_training_dataset(asset_id)."
    raise InputError.of_kind("a training dataset", given, where, hint)


def check_name(name: str, where: str) -> None:
    """Refuses what cannot be the name of a model.

    Raises:
        InputError: other letters, or none.
    """
    if not name or not all(letter.isalnum() or letter in "_-." for letter in name) or not name.isascii():
        raise InputError(
            expected="a name of letters, digits, '_', '-' and '.'",
            got=repr(name),
            where=where,
            hint="Choose a name such as 'flight_delay'.",
        )


def _check_metadata(metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    plain = dict(metadata or {})
    try:
        canonical_bytes(plain)
    except TypeError as error:
        raise InputError(
            expected="plain JSON",
            got=str(error),
            where="models.register(metadata=)",
            hint="Pass text and numbers.",
        ) from error
    return plain
