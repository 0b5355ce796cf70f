"""Unequal classes, made equal by drawing rows again or leaving rows out."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Literal

import numpy as np
import polars as pl

from mainspring.errors import InputError
from mainspring.features.wrangle.refuse import frame_with


def resample(
    frame: object,
    label: str,
    *,
    how: Literal["over", "under"],
    seed: int,
    ratio: float = 1.0,
) -> pl.DataFrame:
    """Rows in which every class has at least `ratio` times as many rows as the largest one.

    For training rows alone: a model that is trained on them gives probabilities of a world in which the classes are
    that common; correct them for the real one (Elkan, The Foundations of Cost-Sensitive Learning, 2001, theorem 2).

    Args:
        frame: the rows. The order of the result is theirs; with "over" the repeated ones follow, class by class.
        label: the column of the class.
        how: "over" keeps every row and draws rows of small classes again, with replacement; "under" leaves out rows of
            large classes, drawn without replacement.
        seed: the same rows and seed give the same result.
        ratio: in (0, 1]; 1 = equal classes.

    Raises:
        UnknownNameError: there is no such column.
        InputError: a label is null, there are fewer than two classes, or the ratio lies outside.
    """
    frame = frame_with(frame, [label], "resample")
    _check(frame, label, ratio)
    if how not in {"over", "under"}:
        raise InputError(
            expected="'over' or 'under'",
            got=repr(how),
            where="resample",
            hint="'over' draws rows of small classes again, 'under' leaves rows of large ones out.",
        )
    random = np.random.default_rng(seed)
    classes = frame.get_column(label)
    places = {
        value: np.flatnonzero((classes == value).to_numpy())
        for value in classes.unique(maintain_order=True).sort()
    }
    # As it is written: 0.07 of 100 are 7, and a little more in binary.
    share = Fraction(str(ratio))
    sizes = [len(rows) for rows in places.values()]
    if how == "over":
        wanted = math.ceil(share * max(sizes))
        drawn = [random.choice(rows, wanted - len(rows)) for rows in places.values() if len(rows) < wanted]
        return _at(frame, np.concatenate([np.arange(frame.height), *drawn]))
    wanted = math.floor(min(sizes) / share)
    kept = [random.choice(rows, min(wanted, len(rows)), replace=False) for rows in places.values()]
    return _at(frame, np.sort(np.concatenate(kept)))


def _at(frame: pl.DataFrame, places: np.ndarray) -> pl.DataFrame:
    return frame.select(pl.all().gather(pl.Series(places)))


def _check(frame: pl.DataFrame, label: str, ratio: float) -> None:
    if not 0 < ratio <= 1:
        raise InputError(
            expected="a ratio above 0 and at most 1",
            got=repr(ratio),
            where="resample",
            hint="1 makes classes equal.",
        )
    classes = frame.get_column(label)
    if classes.null_count() or classes.n_unique() < 2:
        got = f"{classes.null_count()} nulls" if classes.null_count() else f"{classes.n_unique()} class"
        raise InputError(
            expected="two or more classes and no null",
            got=got,
            where=f"resample, column {label!r}",
            hint="Drop rows without a label first.",
        )
