"""How results of steps are kept: one materializer for each type, chosen by the annotation of the output.

A plug-in's is found by the name of the type that it keeps, so that only the one that is asked for is imported.

Equal content gives an equal digest, so that a step that runs again and yields the same does not run what follows.
"""

from __future__ import annotations

import builtins
import io
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mainspring.errors import InputError, IntegrityError, UnknownNameError
from mainspring.features.digest import frame_digest
from mainspring.lineage import Graph
from mainspring.pipelines.encode import check, decode, encode, type_name
from mainspring.pipelines.spec import Stored
from mainspring.plugins import Group, Plugin
from mainspring.ports.blobs import Blobs
from mainspring.types import digest, digest_bytes


@dataclass(frozen=True)
class Slot:
    """The place of a value: an output of a step.

    Attributes:
        name: the output's.
        annotation: its type.
        graph: where it is kept.
    """

    name: str
    annotation: Any
    graph: Graph

    def keep(self, materializer: Materializer, data: bytes, content: str | None = None) -> Stored:
        """Put `data` into the blobs; `content` is the digest of what they mean, None = of the bytes."""
        blob = self.graph.blobs.put(data)
        return Stored(
            name=self.name,
            materializer=materializer.name,
            version=materializer.version,
            digest=content or blob.sha256,
            blobs=({"sha256": blob.sha256, "size_bytes": blob.size_bytes},),
        )

    def read(self, stored: Stored) -> bytes:
        """The bytes of a value that is one blob."""
        return _read(self.graph.blobs, stored.blobs[0]["sha256"], stored.name)

    def refuse(self, expected: str, value: object, hint: str) -> InputError:
        """For a value that cannot be kept here."""
        got = f"{type(value).__name__}, annotated {type_name(self.annotation)}"
        return InputError(expected=expected, got=got, where=f"output {self.name!r}", hint=hint)


class Materializer(ABC):
    """One way to keep values of some types. Instances are shared by threads and keep no state.

    Attributes:
        name: stored with each value; a value is read by the materializer of its name. A plug-in's is
            `module.QualifiedName` of the type that it keeps.
        version: raised when the stored form changes. Both are part of every cache key.
    """

    name: str
    version: int = 1

    @abstractmethod
    def accepts(self, annotation: Any, /) -> bool:
        """Whether outputs of this type are kept this way."""

    @abstractmethod
    def store(self, value: Any, slot: Slot, /) -> Stored:
        """Keep a value; it is durable when this returns.

        Raises:
            InputError: the value is not of the slot's type, or has no stored form.
        """

    @abstractmethod
    def load(self, stored: Stored, slot: Slot, /) -> Any:
        """The value, as it was stored.

        Raises:
            IntegrityError: what is stored is damaged or gone.
        """

    @abstractmethod
    def copy(self, value: Any, /) -> Any:
        """What later steps of the same run are given, so that none can change it for another.

        None = it is read back, so that a run sees the same whether this step was executed or not.
        """

    def verify(self, stored: Stored, slot: Slot, /) -> None:
        """Check that what is stored is whole.

        Raises:
            IntegrityError: it is damaged or gone.
        """
        for blob in stored.blobs:
            _read(slot.graph.blobs, blob["sha256"], stored.name)


class PlainMaterializer(Materializer):
    """Numbers, text, times, lists, dictionaries, dataclasses and Pydantic models, as canonical CBOR."""

    name = "plain"

    def accepts(self, _annotation: Any, /) -> bool:
        return True

    def store(self, value: Any, slot: Slot, /) -> Stored:
        try:
            checked = check(value, slot.annotation, f"output {slot.name!r}")
            data = encode(checked)
        except TypeError as error:
            raise _no_form(value, slot) from error
        if type(decode(data, slot.annotation)) is not type(checked):
            raise _no_form(value, slot)
        return slot.keep(self, data)

    def load(self, stored: Stored, slot: Slot, /) -> Any:
        return decode(slot.read(stored), slot.annotation)

    def copy(self, _value: Any, /) -> Any:
        return None


class BytesMaterializer(Materializer):
    """Bytes, as they are."""

    name = "bytes"

    def accepts(self, annotation: Any, /) -> bool:
        return annotation is bytes

    def store(self, value: Any, slot: Slot, /) -> Stored:
        return slot.keep(self, check(value, bytes, f"output {slot.name!r}"))

    def load(self, stored: Stored, slot: Slot, /) -> bytes:
        return slot.read(stored)

    def copy(self, value: Any, /) -> Any:
        return value


class FrameMaterializer(Materializer):
    """Polars frames, as Parquet. The digest is over the logical values, in order."""

    name = "frame"

    def accepts(self, annotation: Any, /) -> bool:
        return _is(annotation, "polars", "DataFrame")

    def store(self, value: Any, slot: Slot, /) -> Stored:
        if not _is(type(value), "polars", "DataFrame"):
            raise slot.refuse("a polars DataFrame", value, "Call .collect() on a LazyFrame.")
        buffer = io.BytesIO()
        value.write_parquet(buffer, compression="zstd", statistics=False)
        return slot.keep(self, buffer.getvalue(), frame_digest(value))

    def load(self, stored: Stored, slot: Slot, /) -> Any:
        import polars as pl

        return pl.read_parquet(io.BytesIO(slot.read(stored)))

    def copy(self, value: Any, /) -> Any:
        return value.clone()


class ArrayMaterializer(Materializer):
    """NumPy arrays of numbers, as .npy."""

    name = "array"

    def accepts(self, annotation: Any, /) -> bool:
        return _is(getattr(annotation, "__origin__", annotation), "numpy", "ndarray")

    def store(self, value: Any, slot: Slot, /) -> Stored:
        import numpy as np

        if not isinstance(value, np.ndarray) or value.dtype.hasobject:
            raise slot.refuse("a NumPy array of numbers", value, "Arrays of Python objects are not stored.")
        buffer = io.BytesIO()
        np.save(buffer, np.ascontiguousarray(value), allow_pickle=False)
        return slot.keep(self, buffer.getvalue())

    def load(self, stored: Stored, slot: Slot, /) -> Any:
        import numpy as np

        return np.load(io.BytesIO(slot.read(stored)), allow_pickle=False)

    def copy(self, _value: Any, /) -> Any:
        return None


class ReferenceMaterializer(Materializer):
    """Values that another room has already published: only their asset is kept.

    Args:
        kind: the type; its values have `asset_id`, and `digest` unless the asset's digest identifies them.
        load: the value of an asset id.
    """

    def __init__(self, kind: type, load: Callable[[str], Any]) -> None:
        self._kind = kind
        self._load = load
        self.name = f"reference {kind.__module__}.{kind.__qualname__}"

    def accepts(self, annotation: Any, /) -> bool:
        return isinstance(annotation, type) and issubclass(annotation, self._kind)

    def store(self, value: Any, slot: Slot, /) -> Stored:
        if not _is_a(value, self._kind):
            raise slot.refuse(type_name(self._kind), value, "Return the annotated type.")
        asset = slot.graph.get_asset(value.asset_id)
        content = getattr(value, "digest", None) or asset.digest
        return Stored(
            name=slot.name,
            materializer=self.name,
            version=self.version,
            digest=digest([self._kind.__qualname__, content]),
            asset_id=asset.id,
            by_reference=True,
        )

    def load(self, stored: Stored, slot: Slot, /) -> Any:
        self.verify(stored, slot)
        return self._load(stored.asset_id)

    def copy(self, value: Any, /) -> Any:
        return value

    def verify(self, stored: Stored, slot: Slot, /) -> None:
        if slot.graph.find_asset(stored.asset_id) is None:
            raise _gone(stored.name, f"asset {stored.asset_id} is not in the graph")


class Materializers:
    """The materializers of one project, the latest registered first."""

    def __init__(self, known: Sequence[Materializer] | None = None) -> None:
        self._known: list[Materializer] = (
            [FrameMaterializer(), ArrayMaterializer(), BytesMaterializer(), PlainMaterializer()]
            if known is None
            else list(known)
        )

    @property
    def known(self) -> tuple[Materializer, ...]:
        """All of them, in the order in which they are asked."""
        return tuple(self._known)

    def before(self, added: Sequence[Materializer]) -> Materializers:
        """These, with `added` asked before them."""
        return Materializers([*added, *self._known]) if added else self

    def register(self, materializer: Materializer) -> None:
        """Let `materializer` have the first say."""
        self._known.insert(0, materializer)

    def register_reference(self, kind: type, load: Callable[[str], Any]) -> None:
        """Keep values of `kind` as the asset that they name by `asset_id`; `load` finds one by that id."""
        self.register(ReferenceMaterializer(kind, load))

    def choose(self, annotation: Any) -> Materializer:
        """The materializer of outputs annotated so.

        Raises:
            PluginError: a plug-in keeps that type and cannot be used, or is not the only one that does.
        """
        first = next(found for found in self._known if found.accepts(annotation))
        plugin = find_plugin(type_name(annotation))
        if plugin is None:
            return first
        if not isinstance(first, PlainMaterializer):
            raise plugin.refuse(
                f"one materializer of {plugin.name}", f"also {first.name!r}, which is no plug-in's"
            )
        return _made(plugin)

    def origin(self, materializer: Materializer) -> dict[str, str] | None:
        """Whose a materializer is: distribution, version and code of its plug-in; None for one that is no plug-in's."""
        if any(materializer is found for found in self._known):
            return None
        plugin = find_plugin(materializer.name)
        return None if plugin is None else plugin.origin()

    def named(self, stored: Stored) -> Materializer:
        """The materializer that stored a value.

        Raises:
            IntegrityError: there is none of that name and version.
            PluginError: it was a plug-in's, which is not installed or cannot be used.
        """
        for found in self._known:
            if (found.name, found.version) == (stored.materializer, stored.version):
                return found
        plugin = None if stored.plugin is None else find_plugin(stored.materializer)
        if stored.plugin is not None and plugin is None:
            distribution, version = stored.plugin["distribution"], stored.plugin["version"]
            raise MATERIALIZERS.missing(stored.materializer, distribution, version, f"output {stored.name!r}")
        if plugin is not None and plugin.value.version == stored.version:
            return _made(plugin)
        raise _gone(
            stored.name, f"stored as {stored.materializer!r} version {stored.version}, which is unknown here"
        )


def find_plugin(name: str) -> Plugin[type[Materializer]] | None:
    """The plug-in that keeps values of the type called so; None if there is none."""
    return MATERIALIZERS.find(name)


def _made(plugin: Plugin[type[Materializer]]) -> Materializer:
    return plugin.value()


def _misfit(name: str, value: object) -> str | None:
    if not (isinstance(value, type) and issubclass(value, Materializer)):
        return f"{value.__name__}" if isinstance(value, type) else f"a {type(value).__name__}"
    if getattr(value, "name", None) != name:
        return f"one called {getattr(value, 'name', None)!r}"
    value()
    return None


MATERIALIZERS: Final[Group[type[Materializer]]] = Group(
    name="mainspring.materializers",
    noun="materializer",
    contract="a subclass of mainspring.pipelines.materialize.Materializer, made without arguments, whose `name` is "
    "the entry point's",
    misfit=_misfit,
    builtin=lambda: dir(builtins),
)


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


def _is_a(value: Any, kind: type) -> bool:
    return isinstance(value, kind)


def _is(annotation: Any, top: str, name: str) -> bool:
    return (
        isinstance(annotation, type)
        and annotation.__name__ == name
        and annotation.__module__.split(".", 1)[0] == top
    )


def _no_form(value: Any, slot: Slot) -> InputError:
    expected = "plain data, a frame, bytes, or a type that a room has registered, annotated with its own type"
    return slot.refuse(
        expected, value, "Annotate the output with its type, or register a materializer for it."
    )


def _gone(name: str, got: str) -> IntegrityError:
    return IntegrityError(
        expected="a stored output that is whole",
        got=got,
        where=f"output {name!r}",
        hint="Run the pipeline again: the step is executed again and stores it anew.",
    )
