"""Constructors of expectations, used as `ms.expect.between("temp", -40, 130)`.

Every rule about rows judges only rows where its columns are not null: say `not_null` beside it where a value
must be there. `mostly` is the share of judged rows that must hold. NaN is neither null nor in any range, and
`not_null` takes it for missing. Rules about a column as a whole leave out nulls and, where they compute with numbers,
NaN.

Names of Great Expectations mean the same and take their arguments by name:
`ms.expect.expect_column_values_to_be_between("temp", min_value=-40, max_value=130)`.

`infer` drafts a list of them from a profile, and `as_python` writes a list as code to edit.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from functools import partial

from mainspring.checks.arguments import is_plain, made, refused
from mainspring.checks.great_expectations import GX_KINDS, from_call
from mainspring.checks.infer import as_python, infer
from mainspring.checks.kinds.nulls import not_null, not_null_share, null
from mainspring.checks.kinds.pairs import pair_equal, pair_greater, pair_in_set, row_sum
from mainspring.checks.kinds.ranges import between, decreasing, increasing, length, lengths, z_scores
from mainspring.checks.kinds.sets import (
    distinct_contain_set,
    distinct_equal_set,
    distinct_in_set,
    in_set,
    most_common_in_set,
    not_in_set,
)
from mainspring.checks.kinds.shape import (
    column_count,
    column_count_is,
    column_exists,
    columns_in_order,
    columns_in_set,
    of_type,
    of_types,
    row_count,
    row_count_is,
)
from mainspring.checks.kinds.statistics import (
    kl_divergence,
    maximum,
    mean,
    median,
    minimum,
    quantiles,
    stdev,
    total,
)
from mainspring.checks.kinds.text import (
    date_parseable,
    json_parseable,
    like,
    like_patterns,
    match_regex,
    match_regexes,
    matches,
    not_like,
    not_like_patterns,
    not_match_regex,
    not_match_regexes,
    strftime,
)
from mainspring.checks.kinds.uniqueness import (
    distinct_count,
    distinct_share,
    unique,
    unique_together,
    unique_within_row,
)
from mainspring.checks.rules import find_plugin, get_rule
from mainspring.checks.spec import Expectation, Plain

__all__ = [
    "as_python",
    "between",
    "column_count",
    "column_count_is",
    "column_exists",
    "columns_in_order",
    "columns_in_set",
    "date_parseable",
    "decreasing",
    "distinct_contain_set",
    "distinct_count",
    "distinct_equal_set",
    "distinct_in_set",
    "distinct_share",
    "in_set",
    "increasing",
    "infer",
    "json_parseable",
    "kl_divergence",
    "length",
    "lengths",
    "like",
    "like_patterns",
    "match_regex",
    "match_regexes",
    "matches",
    "maximum",
    "mean",
    "median",
    "minimum",
    "most_common_in_set",
    "not_in_set",
    "not_like",
    "not_like_patterns",
    "not_match_regex",
    "not_match_regexes",
    "not_null",
    "not_null_share",
    "null",
    "of",
    "of_type",
    "of_types",
    "pair_equal",
    "pair_greater",
    "pair_in_set",
    "quantiles",
    "row_count",
    "row_count_is",
    "row_sum",
    "stdev",
    "strftime",
    "total",
    "unique",
    "unique_together",
    "unique_within_row",
    "z_scores",
]


def of(
    kind: str,
    *columns: str,
    severity: str = "critical",
    mostly: float = 1.0,
    row_condition: str | None = None,
    **parameters: Plain | list[Plain] | tuple[Plain, ...],
) -> Expectation:
    """An expectation of a kind that a plug-in adds: `of("multiple_of", "seats", by=5)`.

    Args:
        kind: the plug-in's name in the group `mainspring.expectations`.
        columns: the columns that it reads.
        severity: "critical" fails a validation, "warning" and "info" are only told.
        mostly: share of the judged rows that must hold, in (0, 1].
        row_condition: which rows are judged; None = all.
        parameters: the rule's own, as its plug-in documents them: plain values, or lists of them.

    Raises:
        UnknownNameError: no installed plug-in adds that kind.
        PluginError: the plug-in cannot be used.
        InputError: a parameter is not plain, or is not what the rule takes.
    """
    where = f"expect.of({kind!r})"
    plugin = find_plugin(kind)
    options = {"severity": severity, "mostly": mostly, "row_condition": row_condition}
    made_of = made(kind, columns, {}, options, distribution=None if plugin is None else plugin.distribution)
    rule = get_rule(made_of)
    if plugin is None:
        raise refused("a kind that a plug-in adds", f"{kind!r}, which is ours", where, f"Use expect.{kind}.")
    if rule.breaks is not None and not columns:
        raise refused("the columns that the rule reads", "none", where, "Name them behind the kind.")
    for name, value in parameters.items():
        for item in value if isinstance(value, list | tuple) else (value,):
            if not is_plain(item):
                raise refused("plain finite values", repr(item), f"{where}, {name}", "Give numbers or text.")
    expectation = Expectation.model_validate({**made_of.model_dump(), "parameters": parameters})
    if rule.check is not None:
        rule.check(expectation)
    return expectation


def __getattr__(name: str) -> Callable[..., Expectation]:
    if name not in GX_KINDS:
        near = difflib.get_close_matches(name, __dir__(), n=1)
        hint = f"Did you mean {near[0]!r}?" if near else "dir(mainspring.expect) lists them."
        raise AttributeError(f"there is no expectation {name!r}. {hint}")
    return partial(from_call, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *GX_KINDS})
