"""How results of steps are kept: one materializer for each type, chosen by the annotation of the output.

Equal content gives an equal digest, so that a step that runs again and yields the same does not run what follows.
"""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from mainspring.errors import InputError, IntegrityError, UnknownNameError
from mainspring.lineage import Graph
from mainspring.pipelines.encode import check, decode, encode, type_name
from mainspring.pipelines.spec import Stored
from mainspring.ports.blobs import Blob, Blobs
from mainspring.types import digest, digest_bytes


class Materializer(ABC):
    """One way to keep values of some types.

    Attributes:
        name: stored with each value; a value is read by the materializer of its name.
        version: raised when the stored form changes. Both are part of every cache key.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1

    @abstractmethod
    def accepts(self, annotation: Any) -> bool:
        """Whether outputs of this type are kept this way."""

    @abstractmethod
    def store(self, name: str, value: Any, annotation: Any, graph: Graph) -> Stored:
        """Keep `value` as output `name`; durable when it returns.

        Raises:
            InputError: the value is not of the annotated type, or has no stored form.
        """

    @abstractmethod
    def load(self, stored: Stored, annotation: Any, graph: Graph) -> Any:
        """The value, as it was stored.

        Raises:
            IntegrityError: what is stored is damaged or gone.
        """

    def hand_on(self, value: Any, stored: Stored, annotation: Any, graph: Graph) -> Any:
        """What later steps of the same run are given: never an object that one of them could change for another.

        By default it is read back, so that a run sees the same whether this step was executed or not.
        """
        return self.load(stored, annotation, graph)

    def verify(self, stored: Stored, graph: Graph) -> None:
        """Check that what is stored is whole.

        Raises:
            IntegrityError: it is damaged or gone.
        """
        for blob in stored.blobs:
            _read(graph.blobs, blob["sha256"], stored.name)


class PlainMaterializer(Materializer):
    """Numbers, text, times, lists, dictionaries, dataclasses and Pydantic models, as canonical CBOR."""

    name = "plain"

    def accepts(self, annotation: Any) -> bool:
        return True

    def store(self, name: str, value: Any, annotation: Any, graph: Graph) -> Stored:
        where = f"output {name!r}"
        checked = check(value, annotation, where)
        try:
            data = encode(checked)
        except TypeError as error:
            raise _no_form(value, annotation, where) from error
        if type(decode(data, annotation)) is not type(checked):
            raise _no_form(value, annotation, where)
        blob = graph.blobs.put(data)
        return Stored(name=name, materializer=self.name, version=self.version, digest=blob.sha256, blobs=(_row(blob),))

    def load(self, stored: Stored, annotation: Any, graph: Graph) -> Any:
        return decode(_read(graph.blobs, stored.blobs[0]["sha256"], stored.name), annotation)


class BytesMaterializer(Materializer):
    """Bytes, as they are."""

    name = "bytes"

    def accepts(self, annotation: Any) -> bool:
        return annotation is bytes

    def store(self, name: str, value: Any, annotation: Any, graph: Graph) -> Stored:
        blob = graph.blobs.put(check(value, bytes, f"output {name!r}"))
        return Stored(name=name, materializer=self.name, version=self.version, digest=blob.sha256, blobs=(_row(blob),))

    def hand_on(self, value: Any, stored: Stored, annotation: Any, graph: Graph) -> Any:
        return value

    def load(self, stored: Stored, annotation: Any, graph: Graph) -> bytes:
        return _read(graph.blobs, stored.blobs[0]["sha256"], stored.name)


class FrameMaterializer(Materializer):
    """Polars frames, as Parquet. The digest is over the logical values, in order."""

    name = "frame"

    def accepts(self, annotation: Any) -> bool:
        return _is(annotation, "polars", "DataFrame")

    def store(self, name: str, value: Any, annotation: Any, graph: Graph) -> Stored:
        from mainspring.features.digest import frame_digest

        if not _is(type(value), "polars", "DataFrame"):
            raise InputError(
                expected="a polars DataFrame",
                got=type(value).__name__,
                where=f"output {name!r}",
                hint="Return the annotated type; call .collect() on a LazyFrame.",
            )
        content = frame_digest(value)
        buffer = io.BytesIO()
        value.write_parquet(buffer, compression="zstd", statistics=False)
        blob = graph.blobs.put(buffer.getvalue())
        return Stored(name=name, materializer=self.name, version=self.version, digest=content, blobs=(_row(blob),))

    def hand_on(self, value: Any, stored: Stored, annotation: Any, graph: Graph) -> Any:
        return value.clone()

    def load(self, stored: Stored, annotation: Any, graph: Graph) -> Any:
        import polars as pl

        return pl.read_parquet(io.BytesIO(_read(graph.blobs, stored.blobs[0]["sha256"], stored.name)))


class ArrayMaterializer(Materializer):
    """NumPy arrays of numbers, as .npy."""

    name = "array"

    def accepts(self, annotation: Any) -> bool:
        return _is(getattr(annotation, "__origin__", annotation), "numpy", "ndarray")

    def store(self, name: str, value: Any, annotation: Any, graph: Graph) -> Stored:
        import numpy as np

        if not isinstance(value, np.ndarray) or value.dtype.hasobject:
            raise InputError(
                expected="a NumPy array of numbers",
                got=f"{type(value).__name__} {getattr(value, 'dtype', '')}".strip(),
                where=f"output {name!r}",
                hint="Return the annotated type; arrays of Python objects are not stored.",
            )
        buffer = io.BytesIO()
        np.save(buffer, np.ascontiguousarray(value), allow_pickle=False)
        blob = graph.blobs.put(buffer.getvalue())
        return Stored(name=name, materializer=self.name, version=self.version, digest=blob.sha256, blobs=(_row(blob),))

    def load(self, stored: Stored, annotation: Any, graph: Graph) -> Any:
        import numpy as np

        data = _read(graph.blobs, stored.blobs[0]["sha256"], stored.name)
        return np.load(io.BytesIO(data), allow_pickle=False)


class ReferenceMaterializer(Materializer):
    """Values that another room has already published: only their asset is kept.

    Args:
        kind: the type; its values have `asset_id`, and `digest` unless the asset's digest identifies them.
        load: the value of an asset id.
    """

    name = "reference"

    def __init__(self, kind: type, load: Callable[[str], Any]) -> None:
        self._kind = kind
        self._load = load
        self.name = f"reference {kind.__module__}.{kind.__qualname__}"  # type: ignore[misc]

    def accepts(self, annotation: Any) -> bool:
        return isinstance(annotation, type) and issubclass(annotation, self._kind)

    def store(self, name: str, value: Any, annotation: Any, graph: Graph) -> Stored:
        if not isinstance(value, self._kind):
            raise InputError(
                expected=type_name(self._kind),
                got=type(value).__name__,
                where=f"output {name!r}",
                hint="Return the annotated type.",
            )
        asset = graph.get_asset(value.asset_id)
        content = getattr(value, "digest", None) or asset.digest
        return Stored(
            name=name,
            materializer=self.name,
            version=self.version,
            digest=digest([self._kind.__qualname__, content]),
            asset_id=asset.id,
            by_reference=True,
        )

    def hand_on(self, value: Any, stored: Stored, annotation: Any, graph: Graph) -> Any:
        return value

    def load(self, stored: Stored, annotation: Any, graph: Graph) -> Any:
        self.verify(stored, graph)
        return self._load(stored.asset_id)

    def verify(self, stored: Stored, graph: Graph) -> None:
        if graph.find_asset(stored.asset_id) is None:
            raise _gone(stored.name, f"asset {stored.asset_id} is not in the graph")


class Materializers:
    """The materializers of one project, the latest registered first."""

    def __init__(self) -> None:
        self._known: list[Materializer] = [
            FrameMaterializer(),
            ArrayMaterializer(),
            BytesMaterializer(),
            PlainMaterializer(),
        ]

    def register(self, materializer: Materializer) -> None:
        """Let `materializer` have the first say."""
        self._known.insert(0, materializer)

    def register_reference(self, kind: type, load: Callable[[str], Any]) -> None:
        """Keep values of `kind` as the asset that they name by `asset_id`; `load` finds one by that id."""
        self.register(ReferenceMaterializer(kind, load))

    def choose(self, annotation: Any) -> Materializer:
        """The materializer of outputs annotated so."""
        return next(found for found in self._known if found.accepts(annotation))

    def named(self, stored: Stored) -> Materializer:
        """The materializer that stored a value.

        Raises:
            IntegrityError: there is none of that name and version.
        """
        for found in self._known:
            if (found.name, found.version) == (stored.materializer, stored.version):
                return found
        raise _gone(stored.name, f"stored as {stored.materializer!r} version {stored.version}, which is unknown here")


def damaged_blobs(blobs: Blobs, stored: Sequence[Stored]) -> list[str]:
    """Digests of blobs that are there but damaged: they have to be deleted before they can be put again."""
    found = []
    for output in stored:
        for blob in output.blobs:
            try:
                blobs.get(blob["sha256"])
            except IntegrityError:
                found.append(blob["sha256"])
            except UnknownNameError:
                continue
    return found


def _read(blobs: Blobs, sha256: str, name: str) -> bytes:
    try:
        data = blobs.get(sha256)
    except UnknownNameError as error:
        raise _gone(name, f"blob {sha256[:12]}… is gone") from error
    if digest_bytes(data) != sha256:
        raise _gone(name, f"blob {sha256[:12]}… is damaged")
    return data


def _row(blob: Blob) -> dict[str, Any]:
    return {"sha256": blob.sha256, "size_bytes": blob.size_bytes}


def _is(annotation: Any, top: str, name: str) -> bool:
    return (
        isinstance(annotation, type)
        and annotation.__name__ == name
        and annotation.__module__.split(".", 1)[0] == top
    )


def _no_form(value: Any, annotation: Any, where: str) -> InputError:
    return InputError(
        expected="plain data, a frame, bytes, or a type that a room has registered, annotated with its own type",
        got=f"{type(value).__name__}, annotated {type_name(annotation)}",
        where=where,
        hint="Annotate the output with its type, or register a materializer for it.",
    )


def _gone(name: str, got: str) -> IntegrityError:
    return IntegrityError(
        expected="a stored output that is whole",
        got=got,
        where=f"output {name!r}",
        hint="Run the pipeline again: the step is executed again and stores it anew.",
    )
