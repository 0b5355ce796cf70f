"""Wrangling that polars has no one-liner for: plain functions over frames, and fitted values that are plain data.

What is fitted (bounds, fill values, encodings) is a frozen value that round-trips through JSON, so that it can be kept
with a model and applied to a single row of a request exactly as to the training rows:

    bounds = wrangle.fit_bounds(train, ["distance"])
    kept = bounds.model_dump_json()
    wrangle.Bounds.model_validate_json(kept).clip(later)

Fit on the training rows alone: what is fitted on all rows tells the model about those it is tested on.
"""

from mainspring.features.treatment import drop, generalise_to, hash_with
from mainspring.features.wrangle.anonymise import Anonymisation, anonymisation_of, generalise, keyed_hash
from mainspring.features.wrangle.duplicates import deduplicate
from mainspring.features.wrangle.encode import (
    OneHot,
    Ordinal,
    TargetMeans,
    fit_one_hot,
    fit_ordinal,
    fit_target_means,
    target_means_out_of_fold,
)
from mainspring.features.wrangle.impute import Fill, fit_fill
from mainspring.features.wrangle.outliers import Bounds, fit_bounds
from mainspring.features.wrangle.resample import resample

__all__ = [
    "Anonymisation",
    "Bounds",
    "Fill",
    "OneHot",
    "Ordinal",
    "TargetMeans",
    "anonymisation_of",
    "deduplicate",
    "drop",
    "fit_bounds",
    "fit_fill",
    "fit_one_hot",
    "fit_ordinal",
    "fit_target_means",
    "generalise",
    "generalise_to",
    "hash_with",
    "keyed_hash",
    "resample",
    "target_means_out_of_fold",
]
