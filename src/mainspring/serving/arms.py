"""One arm in memory: the view's online reader and the loaded model."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from mainspring.errors import InputError
from mainspring.features.api import Features
from mainspring.features.view import FeatureView
from mainspring.models.api import Models
from mainspring.models.spec import ModelVersion
from mainspring.serving.columns import FIXED
from mainspring.serving.given import check_keys
from mainspring.serving.predictor import Looked
from mainspring.serving.weights import Arm


def describe_arm(name: str, version: ModelVersion, view: FeatureView) -> Arm:
    """The arm that `version`, fed by `view`, is in a weight table; `name` is `champion` or `shadow`.

    Raises:
        InputError: a feature has a name that the prediction log uses itself.
    """
    spec = view.spec
    taken = [feature for feature in spec.features if feature in FIXED]
    if taken:
        raise InputError(
            expected="features whose names the prediction log does not use itself",
            got=", ".join(taken),
            where=f"view {spec.name!r} version {spec.version}",
            hint="Select the column with a prefix, or rename it.",
        )
    return Arm(
        name=name,
        weight=1.0 if name == "champion" else 0.0,
        model=version.name,
        version=version.number,
        version_id=version.asset_id,
        package_id=version.package_id,
        view=spec.name,
        view_version=spec.version,
        view_id=spec.view_id,
        features=tuple(spec.features),
        groups=tuple(selection.side for selection in spec.selections),
    )


class OnlineArm:
    """Looks features up online and scores one row.

    Raises:
        InputError: the model needs a feature that the view does not have.
    """

    def __init__(self, arm: Arm, models: Models, features: Features) -> None:
        view = features.get_view(arm.view, arm.view_version)
        self._model = models.load(models.get(arm.model, arm.version), served=True)
        self._reader = view.online()
        self._features = arm.features
        self._groups = arm.groups
        missing = [name for name in self._model.signature.features if name not in arm.features]
        if missing:
            raise InputError(
                expected=f"a view with every feature of {arm.model}/{arm.version}",
                got=f"view {arm.view!r} version {arm.view_version} without {', '.join(missing)}",
                where=f"deployment of {arm.model}/{arm.version}",
                hint="Deploy with the view that the model was trained on.",
            )

    def anonymised(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """What may be logged of keys or a request: as the view's groups keep their keys."""
        return self._reader.anonymised(given)

    def look_up(self, keys: Mapping[str, Any], request: Mapping[str, Any], now: datetime) -> Looked:
        """The features as they are at `now`, with the commit, event time and key of every group's value."""
        check_keys({**request, **keys}, self._reader.key_columns)
        vector = self._reader.read(keys, request, now)
        values, groups = vector.values, self._groups
        return Looked(
            values,
            tuple([values[name] for name in self._features]),
            tuple([vector.status[group] for group in groups]),
            tuple([vector.commits[group] for group in groups]),
            tuple([vector.assets[group] for group in groups]),
            tuple([vector.event_us[group] for group in groups]),
            tuple([vector.keys[group] for group in groups]),
        )

    def score(self, values: Mapping[str, Any]) -> float:
        """The model's answer for one row."""
        return float(self._model.predict_row(values))
