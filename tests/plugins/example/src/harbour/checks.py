"""An expectation: `ms.expect.of("multiple_of", "seats", by=5)`."""

import polars as pl

from mainspring.checks.rules import Rule
from mainspring.checks.spec import Expectation
from mainspring.errors import InputError


def _breaks(expectation: Expectation, _schema: pl.Schema) -> pl.Expr:
    (column,) = expectation.columns
    return pl.col(column) % expectation.parameters["by"] != 0


def _check(expectation: Expectation) -> None:
    by = expectation.parameters.get("by")
    if (
        len(expectation.columns) != 1
        or set(expectation.parameters) != {"by"}
        or not isinstance(by, int)
        or by < 1
    ):
        raise InputError(
            expected="one column, and by= as a whole number above 0",
            got=expectation.name,
            where="expectation multiple_of",
            hint='Write expect.of("multiple_of", "seats", by=5).',
        )


multiple_of = Rule(breaks=_breaks, check=_check)
