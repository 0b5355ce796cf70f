"""The section of the page about one prediction walked back, and one correction walked forward."""

from __future__ import annotations

import html
import itertools

from mainspring.workflows.demo.explain import Explained, Touched
from mainspring.workflows.demo.page import Section, code, figure, heading, paragraph, table, tag
from mainspring.workflows.demo.report.ancestry import ancestry
from mainspring.workflows.demo.world import World


def section(world: World, explained: Explained, touched: Touched | None) -> Section:
    """Where the prediction came from, and what the corrected weather touched."""
    blocks = [
        paragraph(_story(explained)),
        figure(
            ancestry(world, explained),
            "Read from the right: the answer, what was deployed and which rows were read, the model and "
            "its gate, the run, the data that it learnt from.",
            scroll=True,
        ),
        paragraph(
            f"Its {explained.recomputed} features were computed again from only the rows that lineage names: "
            + (
                tag("all equal to the logged ones", "good")
                if explained.honest
                else tag("not equal to the logged ones", "bad")
            )
        ),
        _features(explained),
    ]
    return Section("One prediction, and one correction", blocks + (_forward(touched) if touched else []))


def _story(explained: Explained) -> str:
    values, late = explained.values, explained.log.get("outcome")
    came = "never arrived, so nobody will know" if late is None else "was late" if late else "was on time"
    return (
        f"Prediction {code(explained.prediction_id)}, made at {html.escape(str(values['now']))}: "
        f"{values['prediction']:.3f}. The flight {came}. "
        f"All that it hangs on, {len(explained.origin.graph)} assets, is one query away: "
        f"{code('mainspring lineage upstream ' + explained.prediction_id)}."
    )


def _features(explained: Explained) -> str:
    """Two features a row, as they were logged."""
    shown = [[name, _shown(value)] for name, value in explained.values["features"].items()]
    pairs = itertools.zip_longest(shown[::2], shown[1::2], fillvalue=["", ""])
    return table(["feature", "logged", "feature", "logged"], [left + right for left, right in pairs], [1, 3])


def _forward(touched: Touched) -> list[str]:
    numbers = ", ".join(str(number) for number in touched.versions) or "none"
    return [
        heading("Forward from the corrected weather"),
        paragraph(
            "On 22 May one hour of weather was sent again, because JFK's wind speed was missing: "
            f"commit {touched.number} of {code('weather')}. It gave values to "
            f"<b>{touched.direct:,}</b> predictions. Model versions {numbers} learnt from it; with "
            f"what they predicted it touched <b>{touched.all:,}</b> predictions. "
            + (
                "A search of the whole log finds the same ones."
                if touched.honest
                else "A search of the whole log finds OTHER ones."
            )
        ),
        paragraph(code("mainspring lineage downstream " + touched.commit_id)),
    ]


def _shown(value: object) -> str:
    if value is None:
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
