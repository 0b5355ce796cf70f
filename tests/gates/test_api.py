"""Deciding, promoting, refusing: the only way to an alias."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest

import mainspring
from mainspring.errors import RefusedError, UnknownNameError
from mainspring.evaluation import check
from mainspring.gates.api import Gates
from mainspring.gates.spec import Policy, Requirement
from mainspring.lineage import AssetKind, Verdict
from mainspring.models.api import Models

POLICY = Policy(
    environment="production",
    alias="champion",
    require=(
        # These versions name no dataset, so of no rows it is known that they were held out.
        Requirement(kind="check.metric", parameters={"metric": "roc_auc", "at_least": 0.7}, rows="any"),
        Requirement(kind="check.beats", parameters={"against": "champion"}, rows="any", unless_first=True),
    ),
)
CHECKS = [check.metric("roc_auc", at_least=0.7), check.beats("champion")]


@pytest.fixture(scope="session")
def weak(flights):
    """A model that sees one feature only."""
    from sklearn.linear_model import LogisticRegression

    from mainspring.models.model import Model

    return Model(LogisticRegression(), ["wind"], label="late").fit(flights)


def test_a_version_with_its_evidence_is_promoted(graph, models, evaluation, gates, linear, held_out):
    """The alias moves; the move names the decision, the decision its policy and evidence."""
    gates.define(POLICY)
    version = models.register("flight_delay", linear)
    report = evaluation.evaluate(version, held_out, CHECKS)
    decision = gates.promote("production", version)
    assert decision.passed and models.get("flight_delay", "champion") == version
    (move,) = models.alias_history("flight_delay", "champion")
    assert (move.number, move.previous_number, move.decision_id) == (1, None, decision.id)
    upstream = graph.upstream(decision.id).assets
    assert decision.policy_id in upstream and report.results[0].evidence_id in upstream
    assert [event.kind for event in graph.events(kinds=["gate.decided", "alias.moved"])] == [
        "gate.decided",
        "alias.moved",
    ]


def test_a_version_without_evidence_is_held(graph, models, gates, linear):
    """Missing evidence refuses, names the call that would supply it, and is recorded."""
    gates.define(POLICY)
    version = models.register("flight_delay", linear)
    with pytest.raises(RefusedError, match="insufficient_data") as refusal:
        gates.promote("production", version)
    assert "project.evaluation.evaluate" in refusal.value.hint
    assert models.find("flight_delay", "champion") is None
    (decision,) = graph.evidence_for(version.asset_id, kind="gate.decision")
    assert decision.verdict is Verdict.INSUFFICIENT_DATA


def test_a_spoiled_candidate_is_refused_with_every_reason(
    models, evaluation, gates, linear, spoiled, held_out
):
    """Shuffled labels: too low a metric and the champion not beaten, both said; the champion stays."""
    gates.define(POLICY)
    champion, candidate = models.register("flight_delay", linear), models.register("flight_delay", spoiled)
    evaluation.evaluate(champion, held_out, CHECKS)
    gates.promote("production", champion)
    evaluation.evaluate(candidate, held_out, CHECKS)
    with pytest.raises(RefusedError) as refusal:
        gates.promote("production", candidate)
    assert "fail" in refusal.value.got
    assert "roc_auc" in refusal.value.got and "check.beats" in refusal.value.got
    assert models.get("flight_delay", "champion") == champion


def test_a_challenger_must_beat_the_present_champion(models, evaluation, gates, weak, linear, held_out):
    """The better model takes the alias over, and the history keeps both steps."""
    gates.define(POLICY)
    champion, challenger = models.register("flight_delay", weak), models.register("flight_delay", linear)
    evaluation.evaluate(champion, held_out, CHECKS)
    gates.promote("production", champion)
    evaluation.evaluate(challenger, held_out, CHECKS[:1])
    assert gates.decide("production", challenger).verdict is Verdict.INSUFFICIENT_DATA
    evaluation.evaluate(challenger, held_out, CHECKS)
    gates.promote("production", challenger)
    moves = [(move.previous_number, move.number) for move in models.alias_history("flight_delay", "champion")]
    assert moves == [(None, 1), (1, 2)]


def test_deciding_moves_nothing(graph, models, evaluation, gates, linear, held_out):
    """Decide stores the ruling as evidence and leaves the alias alone."""
    gates.define(POLICY)
    version = models.register("flight_delay", linear)
    evaluation.evaluate(version, held_out, CHECKS)
    decision = gates.decide("production", version)
    assert "flight_delay/1 at production: pass" in decision._repr_html_()
    assert decision.passed and models.aliases("flight_delay") == []
    assert graph.evidence_for(version.asset_id, kind="gate.decision")[0].id == decision.id
    assert "waived" in str(decision) and decision.to_dict()["verdict"] == "pass"


def test_promoting_the_champion_again_moves_nothing(models, evaluation, gates, linear, held_out):
    """The same promotion twice is one step."""
    gates.define(POLICY)
    version = models.register("flight_delay", linear)
    evaluation.evaluate(version, held_out, CHECKS)
    assert gates.promote("production", version).passed and gates.promote("production", version).passed
    assert len(models.alias_history("flight_delay")) == 1


def test_rivals_do_not_overtake_each_other_unseen(
    graph, models, evaluation, gates, linear, boosted, held_out
):
    """Two versions that each wait for a free alias: one gets it, the other must then beat it."""
    gates.define(POLICY)
    rivals = [models.register("flight_delay", model) for model in (linear, boosted)]
    for rival in rivals:
        evaluation.evaluate(rival, held_out, CHECKS)
    start, refused = threading.Barrier(2), []

    def promote(version) -> None:
        mine = Gates(graph, Models(graph))
        start.wait()
        try:
            mine.promote("production", version)
        except RefusedError as error:
            refused.append(error)

    threads = [threading.Thread(target=promote, args=(rival,)) for rival in rivals]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1 and "check.beats" in refused[0].got
    assert len(models.alias_history("flight_delay", "champion")) == 1


def test_a_policy_file_becomes_versions_by_content(graph, models, tmp_path):
    """A changed file is the next version; an unchanged one stays the same."""
    gates = Gates(graph, models, tmp_path)
    text = 'alias = "champion"\n[[require]]\nkind = "check.metric"\nwith = { metric = "roc_auc", at_least = 0.7 }\n'
    (tmp_path / "production.toml").write_text(text)
    first, again = gates.policy("production"), gates.policy("production")
    (tmp_path / "production.toml").write_text(text.replace("0.7", "0.8"))
    second = gates.policy("production")
    assert first == again and first.digest != second.digest
    assert [policy.asset_id for policy in gates.history("production")] == [first.asset_id, second.asset_id]
    assert len(graph.find_assets(kind=AssetKind.POLICY)) == 2
    assert gates.environments() == ["production"]


def test_an_unknown_gate_lists_the_known_ones(models, gates, linear):
    """A typing error in the environment is answered; nothing moves."""
    gates.define(POLICY)
    with pytest.raises(UnknownNameError, match="production"):
        gates.promote("prodution", models.register("flight_delay", linear))


def test_no_other_door_leads_to_an_alias(models):
    """The registry's own calls move no alias, and only the gates call the statement that does."""
    calls = [name for name in dir(Models) if not name.startswith("_")]
    assert not [name for name in calls if "alias" in name and name not in {"aliases", "alias_history"}]
    source = Path(mainspring.__file__).parent
    callers = {
        str(path.relative_to(source))
        for path in source.rglob("*.py")
        if re.search(r"\bmove_alias\(|insert\(aliases\)|update\(aliases\)", path.read_text())
    }
    assert callers == {"gates/alias.py", "models/store.py"}
