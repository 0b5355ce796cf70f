"""What a validation found, in the JSON of Great Expectations' results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from mainspring.checks.great_expectations import to_gx
from mainspring.checks.kind import KINDS
from mainspring.checks.rules import get_rule
from mainspring.checks.spec import Result, Validation
from mainspring.lineage.spec import Verdict

N_EXAMPLES: Final = 20
"""So many examples Great Expectations shows: validate with as many for lists as long as its own."""

_NO_EXCEPTION: Final = {"raised_exception": False, "exception_traceback": None, "exception_message": None}
_HOLDS_OF_NOTHING: Final = ("distinct_in_set",)


def to_gx_result(validation: Validation, suite_name: str = "") -> dict[str, Any]:
    """The validation as `ExpectationSuiteValidationResult.to_json_dict()` has it, in the form SUMMARY.

    `success` is what Great Expectations says: rows of which none can be judged hold, a statistic of no values does not.
    Our own answer stands beside it, in each result's `meta` as `mainspring.verdict`. Positions of rows and the batch's
    own keys are left out.

    Args:
        suite_name: as `suite_name` of the result; "" = the suite had none.

    Raises:
        InputError: an expectation is of a kind that a plug-in adds.
    """
    results = [_result(result) for result in validation.results]
    n_held = sum(result["success"] for result in results)
    return {
        "success": n_held == len(results),
        "results": results,
        "suite_name": suite_name,
        "suite_parameters": {},
        "statistics": {
            "evaluated_expectations": len(results),
            "successful_expectations": n_held,
            "unsuccessful_expectations": len(results) - n_held,
            "success_percent": 100.0 * n_held / len(results) if results else None,
        },
        "meta": {"mainspring": {"verdict": validation.verdict.value}},
        "id": None,
    }


def _result(result: Result) -> dict[str, Any]:
    about_rows = get_rule(result.expectation).breaks is not None
    is_vacuous = about_rows or result.expectation.kind in _HOLDS_OF_NOTHING
    held = result.verdict is Verdict.PASS or (result.verdict is Verdict.INSUFFICIENT_DATA and is_vacuous)
    return {
        "success": held,
        "expectation_config": to_gx(result.expectation),
        "result": _of_rows(result) if about_rows else _of_whole(result),
        "meta": {"mainspring": {"verdict": result.verdict.value}},
        "exception_info": dict(_NO_EXCEPTION),
    }


def _of_rows(result: Result) -> dict[str, Any]:
    percent_total = _percent(result.n_failed, result.n_rows)
    judges_nulls = KINDS[result.expectation.kind].rule.judges_nulls
    percent = percent_total if judges_nulls else _percent(result.n_failed, result.n_judged)
    missing = {
        "missing_count": result.n_null,
        "missing_percent": _percent(result.n_null, result.n_rows),
        "unexpected_percent_total": percent_total,
        "unexpected_percent_nonmissing": percent,
    }
    return {
        "element_count": result.n_rows,
        "unexpected_count": result.n_failed,
        "unexpected_percent": percent,
        "partial_unexpected_list": list(result.examples),
        **({} if judges_nulls else missing),
        "partial_unexpected_counts": _counts(result.examples),
    }


def _counts(examples: Sequence[Any]) -> list[dict[str, Any]]:
    """How often each value is among the examples, the most frequent first."""
    values = [tuple(each.values()) if isinstance(each, dict) else each for each in examples]
    counted = sorted(Counter(values).items(), key=lambda item: -item[1])
    return [{"value": list(value) if isinstance(value, tuple) else value, "count": n} for value, n in counted]


def _percent(part: int, whole: int) -> float | None:
    return 100.0 * part / whole if whole else None


def _of_whole(result: Result) -> dict[str, Any]:
    return {"observed_value": result.observed, **({"details": result.details} if result.details else {})}
