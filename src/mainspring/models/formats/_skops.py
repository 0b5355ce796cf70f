"""skops: a zip of plain data from which only listed types are built.

The list is ours. A list inside the artifact would let a hostile file vouch for itself.
"""

from __future__ import annotations

import io
import json
import stat
import zipfile
from collections.abc import Iterator
from typing import Any, Final

from mainspring.errors import InputError, IntegrityError, MissingExtraError, RefusedError
from mainspring.tracking.artifacts.locations import Member, check_members

TRUSTED_TYPES: Final = (
    "functools.partial",
    "numpy.dtype",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.utils.validation.check_array",
)
"""Beyond what skops trusts by itself. `functools.partial` only ever around `check_array`: see `_audit`."""

_PARTIAL_OF: Final = "sklearn.utils.validation.check_array"


def dump(estimator: Any) -> bytes:
    """The estimator as skops bytes, proven to load again under our list.

    The same estimator gives the same bytes, in whatever process: training that repeats gives an equal package.

    Raises:
        InputError: it holds types that loading would refuse.
    """
    data = _canonical(_io().dumps(estimator))
    unknown = untrusted(data)
    if unknown:
        raise InputError(
            expected="an estimator made of scikit-learn's, numpy's and scipy's own types",
            got=f"also {', '.join(unknown)}",
            where="models.register, format 'skops'",
            hint="Build it from those; or register with stored_as='pickle' and load it by an explicit digest.",
        )
    return data


def load(data: bytes) -> Any:
    """The estimator; nothing outside our list is imported or built.

    Raises:
        RefusedError: other types are inside.
        IntegrityError: it is no skops file.
        InputError: it would unpack to more than it may, or to elsewhere.
    """
    unknown = untrusted(data)
    if unknown:
        raise RefusedError(
            expected="audited types only",
            got=f"also {', '.join(unknown)}",
            where="a model in skops format",
            hint="Do not load it. Train the model again from its recorded run, with estimators that are audited.",
        )
    return _io().loads(data, trusted=list(TRUSTED_TYPES))


def untrusted(data: bytes) -> list[str]:
    """Names of types in the file that are not on the list, sorted; empty if it may be loaded.

    Raises:
        IntegrityError: it is no skops file.
        InputError: it would unpack to more than it may, or to elsewhere.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        check_members(_members(archive), "a model in skops format")
        schema = json.loads(archive.read("schema.json"))
        found = set(_io().get_untrusted_types(data=data)) - set(TRUSTED_TYPES)
    except (zipfile.BadZipFile, KeyError, json.JSONDecodeError) as error:
        raise IntegrityError(
            expected="a skops file: a zip with schema.json",
            got=f"{type(error).__name__}: {error}",
            where="a model in skops format",
            hint="The file is damaged; restore it from a backup, or train the model again.",
        ) from error
    return sorted(found | set(_audit(schema)))


def _members(archive: zipfile.ZipFile) -> Iterator[Member]:
    for entry in archive.infolist():
        kind = stat.S_IFMT(entry.external_attr >> 16)
        is_plain = kind in {0, stat.S_IFREG, stat.S_IFDIR}
        yield Member(entry.filename, entry.file_size, entry.compress_size, is_plain)


def _canonical(data: bytes) -> bytes:
    """The same file without what differs from process to process: memory addresses and the time of day."""
    archive = zipfile.ZipFile(io.BytesIO(data))
    schema = json.loads(archive.read("schema.json"))
    numbers: dict[int, int] = {}
    files: dict[str, str] = {}
    _renumber(schema, numbers, files)
    contents = {files.get(name, name): archive.read(name) for name in archive.namelist()}
    contents["schema.json"] = json.dumps(schema, separators=(",", ":")).encode()
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as target:
        for name in sorted(contents):
            # The default date of ZipInfo is the zip format's first day.
            entry = zipfile.ZipInfo(name)
            target.writestr(entry, contents[name], zipfile.ZIP_DEFLATED, compresslevel=1)
    return written.getvalue()


def _renumber(node: object, numbers: dict[int, int], files: dict[str, str]) -> None:
    """Replace memory addresses, and the file names made of them, by the order in which they appear."""
    if isinstance(node, dict):
        if "__id__" in node:
            node["__id__"] = numbers.setdefault(node["__id__"], len(numbers) + 1)
        if node.get("__loader__") and isinstance(node.get("file"), str):
            name, _, suffix = node["file"].rpartition(".")
            node["file"] = files.setdefault(f"{name}.{suffix}", f"{len(files) + 1}.{suffix}")
        for inner in node.values():
            _renumber(inner, numbers, files)
    elif isinstance(node, list):
        for inner in node:
            _renumber(inner, numbers, files)


def _audit(node: object) -> Iterator[str]:
    """Partial applications of anything but the one function that scikit-learn's trees hold.

    The loader decides what a node becomes, whatever class the node claims; so the loader is what is looked at.
    """
    if isinstance(node, dict):
        if node.get("__loader__") == "PartialNode":
            function = node["content"]["func"]
            name = f"{function.get('__module__')}.{function.get('__class__')}"
            if name != _PARTIAL_OF or function.get("__loader__") != "FunctionNode":
                yield f"functools.partial of {name}"
        for inner in node.values():
            yield from _audit(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from _audit(inner)


def _io() -> Any:
    try:
        from skops import io as skops_io
    except ImportError as error:
        raise MissingExtraError.of("skops", "sklearn", where="models") from error
    return skops_io
