"""How pipelines keep a fitted model between steps: as plain data, like a package."""

from __future__ import annotations

import io
from typing import Any

import cbor2
import polars as pl

from mainspring.models import formats
from mainspring.models.encoding import encode
from mainspring.models.model import Model
from mainspring.models.spec import Signature
from mainspring.pipelines.materialize import Materializer, Slot
from mainspring.pipelines.spec import Stored
from mainspring.types import digest


class ModelMaterializer(Materializer):
    """Fitted models. Equal models have equal digests, so that what follows an equal training is not run again."""

    name = "model"

    def accepts(self, annotation: Any, /) -> bool:
        return annotation is Model

    def store(self, value: Any, slot: Slot, /) -> Stored:
        if not isinstance(value, Model):
            raise slot.refuse("a mainspring Model", value, "Return ms.Model(...).fit(frame).")
        signature = value.fitted_signature()
        example = value.example if value.example is not None else pl.DataFrame()
        estimator = formats.dump(value.estimator, "skops")
        buffer = io.BytesIO()
        example.write_ipc(buffer)
        data = cbor2.dumps([signature.model_dump(mode="json"), estimator, buffer.getvalue()])
        # The example is identified by what the estimator is given, not by how a file spells it.
        content = digest([signature.model_dump(mode="json"), estimator, encode(example, signature).tobytes()])
        return slot.keep(self, data, content)

    def load(self, stored: Stored, slot: Slot, /) -> Model:
        described, estimator, example = cbor2.loads(slot.read(stored))
        signature = Signature.model_validate(described)
        return Model.restored(formats.load(estimator, "skops"), signature, pl.read_ipc(io.BytesIO(example)))

    def copy(self, _value: Any, /) -> Any:
        return None
