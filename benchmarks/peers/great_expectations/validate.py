"""Run by the peer's interpreter: validates frames with Great Expectations.

Reads on stdin {"frames": [{column: {"type": …, "values": […]}} or {"csv": path}], "suites": [[config]], "repeats": n},
one suite a frame; writes [{"results": […], "seconds": […]}], results in the order of the configs.
"""

from __future__ import annotations

import json
import math
import sys
import time
from typing import Any

import great_expectations as gx
import pandas as pd
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

TYPES = {"float": "float64", "int": "int64", "bool": "bool", "str": "object"}


def main() -> None:
    task = json.load(sys.stdin)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("pandas").add_dataframe_asset("frame")
    definition = asset.add_batch_definition_whole_dataframe("whole")
    out = []
    for columns, configs in zip(task["frames"], task["suites"], strict=True):
        out.append(validate(definition, read(columns), configs, task.get("repeats", 1)))
    json.dump(out, sys.stdout, allow_nan=False)


def read(columns: dict[str, Any]) -> pd.DataFrame:
    if "csv" in columns:
        return pd.read_csv(columns["csv"])
    return pd.DataFrame(
        {name: pd.Series(each["values"], dtype=TYPES[each["type"]]) for name, each in columns.items()}
    )


def validate(
    definition: Any, frame: pd.DataFrame, configs: list[dict[str, Any]], repeats: int
) -> dict[str, Any]:
    expectations = []
    for place, config in enumerate(configs):
        # Results come in another order than the expectations: the place goes along in the meta.
        known = {**config, "meta": {"place": place}}
        try:
            expectations.append(ExpectationConfiguration(**known).to_domain_obj())
        except ValueError as error:
            raise SystemExit(f"{config}: {error}") from error
    suite = gx.ExpectationSuite(name="suite", expectations=expectations)
    seconds = []
    for _ in range(repeats):
        batch = definition.get_batch(batch_parameters={"dataframe": frame})
        began_s = time.perf_counter()
        found = batch.validate(suite, result_format="SUMMARY")
        seconds.append(time.perf_counter() - began_s)
    results = json.loads(json.dumps(found.to_json_dict(), default=_plain))["results"]
    results.sort(key=lambda result: result["expectation_config"]["meta"]["place"])
    return {"results": [_finite(result) for result in results], "seconds": seconds}


def _plain(value: Any) -> Any:
    """Scalars of numpy, which their JSON leaves in."""
    return value.item() if hasattr(value, "item") else str(value)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value


if __name__ == "__main__":
    main()
