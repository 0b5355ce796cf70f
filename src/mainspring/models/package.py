"""A package: the files of one trained model, content-addressed, checked when it is loaded.

The layout is a folder as MLflow writes it: `MLmodel`, the estimator, `signature.json`, `requirements.txt`,
`input_example.json`; and with them `manifest.json`, which names every file by its digest. The digest of the
manifest is the digest of the package: with it and the blobs alone a server can load the model, no database.
"""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mainspring.errors import InputError, IntegrityError, StateError, UnknownNameError
from mainspring.features.schema import STORAGE
from mainspring.models import formats
from mainspring.models.encoding import row_encoder
from mainspring.models.fast import RowPath, row_path
from mainspring.models.model import Model, predict
from mainspring.models.requirements import requirements
from mainspring.models.spec import Column, PackageFile, Signature
from mainspring.ports._disk import make_folder, refusals
from mainspring.ports.blobs import Blobs

MANIFEST: Final = "manifest.json"
_JSON_KINDS: Final = ("int64", "float64", "bool", "string")
TOLERANCE: Final = 1e-9
"""How far an example's prediction may lie from the stored one: another machine's rounding, nothing more."""


@dataclass(frozen=True)
class PackageContent:
    """A package that lies in the blobs and is not yet known to the records.

    Attributes:
        digest: of the manifest.
        files: by path, the manifest left out.
    """

    digest: str
    format: str
    files: dict[str, PackageFile]
    signature: Signature


class LoadedModel:
    """A model that can predict. It has verified itself: see `load_package`. Threads may share it.

    Attributes:
        digest: the package's digest.
        signature: what it takes and gives.
        row_path: how single rows are predicted: "forest", "linear" or "estimator".
        estimator: the fitted scikit-learn estimator.
    """

    def __init__(self, digest: str, signature: Signature, estimator: Any) -> None:
        self.digest = digest
        self.signature = signature
        self.estimator = estimator
        path: RowPath = row_path(estimator, signature.task)
        self.row_path = path.name
        self._predict_row = path.predict
        self._encode_row: Callable[[Mapping[str, Any]], list[float]] = row_encoder(signature)

    def predict(self, rows: object) -> NDArray[np.float64]:
        """One number a row, (n,): the probability of label 1, or the value.

        Raises:
            UnknownNameError: a feature is missing.
            InputError: a feature has another type than in training, or holds an infinity.
        """
        return predict(self.estimator, self.signature, rows)

    def predict_row(self, values: Mapping[str, Any]) -> float:
        """The same for one row: values by feature name; further names are ignored. Tens of microseconds.

        Raises:
            UnknownNameError: a feature is missing (a null is None, and is there).
            InputError: a feature has another type than in training, or is infinite.
        """
        return self._predict_row(self._encode_row(values))

    def __repr__(self) -> str:
        return f"LoadedModel({type(self.estimator).__name__}, {self.digest[:12]}, rows by {self.row_path})"


def store_package(
    model: Model,
    blobs: Blobs,
    *,
    format_name: str = "skops",
    extra_files: Mapping[str, bytes] | None = None,
) -> PackageContent:
    """Write a fitted model's files to the blobs; durable when it returns. Equal models give equal digests.

    Raises:
        StateError: the model is not fitted.
        InputError: the format cannot hold it safely, or the model does not answer its own example.
    """
    kind, plugin = formats.get_format(format_name), formats.find_plugin(format_name)
    signature = model.fitted_signature()
    origin = None if plugin is None else plugin.origin()
    needed = requirements(
        ["polars", type(model.estimator).__module__], ["skops" if plugin is None else plugin.distribution]
    )
    made = {
        kind.file_name: formats.dump(model.estimator, format_name),
        "signature.json": signature.model_dump_json(indent=1).encode(),
        "requirements.txt": ("\n".join(needed) + "\n").encode(),
        "input_example.json": _example(model).encode(),
        **(extra_files or {}),
    }
    made["MLmodel"] = _describe(signature, format_name, kind.file_name, sum(map(len, made.values()))).encode()
    files = {}
    for path, data in sorted(made.items()):
        blob = blobs.put(data)
        files[path] = PackageFile(sha256=blob.sha256, size_bytes=blob.size_bytes)
    manifest: dict[str, Any] = {
        "format": format_name,
        "files": {path: file.model_dump() for path, file in files.items()},
        **({} if origin is None else {"plugin": origin}),
    }
    stored = blobs.put(json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode())
    return PackageContent(stored.sha256, format_name, files, signature)


def load_package(blobs: Blobs, digest: str, trust: Collection[str] = ()) -> LoadedModel:
    """The model of a package, verified: every file against its digest, then the example's predictions.

    Args:
        digest: the package's digest.
        trust: SHA-256 of pickles that may run.

    Raises:
        IntegrityError: a file is missing or damaged, or the example rows are answered differently.
        RefusedError: the package holds types that are not audited, or a pickle nobody vouched for.
        PluginError: it is in the format of a plug-in that is not installed, or cannot be used.
    """
    manifest = json.loads(_bytes(blobs, digest, MANIFEST))
    files = {path: PackageFile(**file) for path, file in manifest["files"].items()}
    data = {path: _bytes(blobs, file.sha256, path) for path, file in files.items()}
    signature = Signature.model_validate_json(data["signature.json"])
    name = manifest["format"]
    _check_plugin(name, manifest.get("plugin"), digest)
    estimator = formats.load(data[formats.get_format(name).file_name], name, trust)
    loaded = LoadedModel(digest, signature, estimator)
    _check_example(loaded, json.loads(data["input_example.json"]))
    return loaded


def export_package(blobs: Blobs, digest: str, folder: str | Path) -> Path:
    """Write the files of a package into a new folder, `manifest.json` among them.

    Raises:
        StateError: the folder holds something already.
        AccessError, UnavailableError: it cannot be made or written.
    """
    target = Path(folder)
    with refusals(target):
        return _exported(blobs, digest, target)


def _exported(blobs: Blobs, digest: str, target: Path) -> Path:
    if target.exists() and any(target.iterdir()):
        raise StateError(
            expected="an empty or new folder",
            got=f"{target} holds files",
            where="export of a model package",
            hint="Choose another folder.",
        )
    make_folder(target)
    manifest = _bytes(blobs, digest, MANIFEST)
    (target / MANIFEST).write_bytes(manifest)
    for path, file in json.loads(manifest)["files"].items():
        (target / path).write_bytes(_bytes(blobs, file["sha256"], path))
    return target


def _bytes(blobs: Blobs, sha256: str, path: str) -> bytes:
    try:
        return blobs.get(sha256)
    except UnknownNameError as error:
        raise IntegrityError(
            expected=f"the file {path} of a model package",
            got=f"no blob {sha256}",
            where="models.load",
            hint="Restore the blobs from a backup, or register the model again from its run.",
        ) from error


def _check_plugin(name: str, origin: Mapping[str, str] | None, digest: str) -> None:
    """Refuse a package whose format is that of a distribution which is not installed here."""
    if origin is None:
        return
    plugin = formats.find_plugin(name)
    if plugin is None or plugin.distribution != origin["distribution"]:
        where = f"model package {digest[:12]}"
        raise formats.PLUGINS.missing(name, origin["distribution"], origin["version"], where)


def _example(model: Model) -> str:
    frame = model.example
    if frame is None or frame.is_empty():
        raise InputError(
            expected="a model that remembers rows of its training",
            got="no example rows",
            where="models.register",
            hint="Fit with Model.fit(frame).",
        )
    types = _example_types(model.fitted_signature())
    plain = frame.with_columns(pl.col(name).cast(kind) for name, kind in types.items())
    # A NaN means the same as a null to a model, and JSON has only the latter.
    rows = plain.fill_nan(None).to_dicts()
    return json.dumps({"rows": rows, "predictions": model.predict(plain).tolist()}, allow_nan=False)


def _check_example(loaded: LoadedModel, example: Mapping[str, Any]) -> None:
    frame = pl.DataFrame(example["rows"], schema_overrides=_example_types(loaded.signature))
    expected = np.array(example["predictions"])
    answers = {
        "a frame": loaded.predict(frame),
        "single rows": np.array([loaded.predict_row(values) for values in frame.to_dicts()]),
    }
    for way, found in answers.items():
        worst = float(np.max(np.abs(found - expected))) if len(found) == len(expected) else math.inf
        if not worst <= TOLERANCE:
            raise IntegrityError(
                expected=f"the stored predictions of {len(expected)} example rows, to within {TOLERANCE}",
                got=f"a difference of {worst:.3g}, asked by {way}",
                where=f"model package {loaded.digest[:12]}",
                hint="Install the versions in its requirements.txt; if they are, do not use this package.",
            )


def _example_types(signature: Signature) -> dict[str, Any]:
    """The Polars types that hold what is given to the model, and survive JSON."""
    made = signature.transformations
    if made is None:
        return {column.name: _example_type(column) for column in signature.columns}
    for name, kind in zip(made.inputs, made.kinds, strict=True):
        if kind not in _JSON_KINDS:
            raise InputError(
                expected="features of numbers, booleans and text",
                got=f"type {kind}",
                where=f"feature {name!r} of a model",
                hint="Make a number of it by an on-demand feature; leave the column out of the view's features.",
            )
    return {name: STORAGE[kind] for name, kind in zip(made.inputs, made.kinds, strict=True)}


def _example_type(column: Column) -> Any:
    """The Polars type that holds the column's values and survives JSON."""
    if column.categories is None:
        return pl.Boolean if column.dtype == "Boolean" else pl.Float64
    return {int: pl.Int64, bool: pl.Boolean}.get(type(next(iter(column.categories), "")), pl.String)


def _describe(signature: Signature, format_name: str, file_name: str, size_bytes: int) -> str:
    """The folder's description. It holds neither name nor time: the same model is the same package."""
    texts = {column.name for column in signature.columns if column.dtype == "String"}
    if signature.transformations is not None:
        kinds = zip(signature.transformations.inputs, signature.transformations.kinds, strict=True)
        texts = {name for name, kind in kinds if kind == "string"}
    columns = [
        {"name": name, "type": "string" if name in texts else "double", "required": True}
        for name in signature.features
    ]
    return _yaml(
        {
            "artifact_path": "model",
            "model_size_bytes": size_bytes,
            "flavors": {
                "mainspring": {
                    "data": file_name,
                    "serialization_format": format_name,
                    "mainspring_version": metadata.version("mainspring"),
                    "python_version": platform.python_version(),
                    "sklearn_version": metadata.version("scikit-learn"),
                }
            },
            "signature": {
                "inputs": json.dumps(columns),
                "outputs": json.dumps([{"name": signature.label, "type": "double"}]),
            },
            "saved_input_example_info": {"artifact_path": "input_example.json", "type": "mainspring"},
        }
    )


def _yaml(values: Mapping[str, Any], indent: str = "") -> str:
    """Nested mappings of plain values as YAML; scalars as JSON, which YAML reads."""
    lines = ""
    for key, value in values.items():
        nested = isinstance(value, Mapping)
        lines += f"{indent}{key}:" + (
            "\n" + _yaml(value, indent + "  ") if nested else f" {json.dumps(value)}\n"
        )
    return lines
