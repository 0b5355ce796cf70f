"""Transformations that depend on the model: fitted on the training rows alone, frozen, and applied alike to any row.

    view = features.view(..., transforms=[
        ms.transform.impute("wind", how="median"),
        ms.transform.standardise("wind", "distance"),
        ms.transform.one_hot("carrier"),
    ])
    data = view.training_dataset(spine, split=...)
    model = ms.Model(estimator, features=data.features, transformations=data.transformations)

They are declared with the view, in their order; each is fitted on what those before it made of the part `train`. What
was fitted is plain JSON that is stored with the training dataset and goes with the model: serving applies exactly it.
"""

from mainspring.features.transform.apply import apply, row_function
from mainspring.features.transform.declare import clip, custom, impute, one_hot, ordinal, standardise
from mainspring.features.transform.fit import fit

__all__ = ["apply", "clip", "custom", "fit", "impute", "one_hot", "ordinal", "row_function", "standardise"]
