"""Gates as users call them: define a policy, decide, promote."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mainspring.errors import InputError, RefusedError, UnknownNameError
from mainspring.gates import plan, store
from mainspring.gates.alias import OvertakenError, place_alias, until_not_overtaken
from mainspring.gates.decision import DECISION_KIND
from mainspring.gates.spec import Decision, Policy, Ruling, StoredPolicy
from mainspring.lineage import AssetKind, Graph, Publication, Verdict
from mainspring.models.api import Models
from mainspring.models.spec import AliasMove, ModelVersion, check_version
from mainspring.types import new_id


class Gates:
    """The gates of one project: the only way to an alias. Threads may share it.

    Policies come from `define`, and from the TOML files of a folder: a file that was changed becomes the next
    version of its policy when it is next asked.
    """

    def __init__(self, graph: Graph, models: Models, folder: str | Path | None = None) -> None:
        self._graph = graph
        self._models = models
        self._folder = None if folder is None else Path(folder)

    def define(self, policy: Policy) -> StoredPolicy:
        """Put a policy in force; an unchanged one stays the version that it is.

        Raises:
            InputError: it is something else, such as its name.
        """
        if not isinstance(policy, Policy):
            raise InputError.of_kind(
                "a policy",
                policy,
                "gates.define",
                "Read one: Policy.from_toml(path), of mainspring.gates.spec.",
            )
        with self._graph.records.read() as connection:
            present = store.find_policy(connection, self._graph.project_id, policy.environment)
        if present is not None and present.digest == policy.digest:
            return present
        with self._graph.execution("define_policy", policy.environment) as work:
            asset = work.add(
                AssetKind.POLICY,
                policy.environment,
                digest=policy.digest,
                attributes=policy.model_dump(mode="json", by_alias=True),
            )
            stored = StoredPolicy(
                asset_id=asset.id,
                environment=policy.environment,
                digest=policy.digest,
                policy=policy,
                created_at=asset.created_at,
            )
            work.event(
                "policy.defined", asset.id, {"environment": policy.environment, "digest": policy.digest}
            )
            work.write(lambda connection: store.add_policy(connection, stored, self._graph.project_id))
        return stored

    def policy(self, environment: str) -> StoredPolicy:
        """The policy in force.

        Raises:
            UnknownNameError: that environment has none.
            InputError: its file is no policy.
        """
        file = None if self._folder is None else self._folder / f"{environment}.toml"
        if file is not None and file.exists():
            return self.define(Policy.from_toml(file))
        with self._graph.records.read() as connection:
            found = store.find_policy(connection, self._graph.project_id, environment)
        if found is None:
            raise UnknownNameError.of("gate", environment, self.environments(), where="gates")
        return found

    def environments(self) -> list[str]:
        """Names of gates that have a policy."""
        files = [] if self._folder is None else [file.stem for file in self._folder.glob("*.toml")]
        with self._graph.records.read() as connection:
            stored = store.list_policies(connection, self._graph.project_id)
        return sorted({*files, *(policy.environment for policy in stored)})

    def history(self, environment: str) -> list[StoredPolicy]:
        """All versions of the policy of an environment, oldest first."""
        with self._graph.records.read() as connection:
            found = store.list_policies(connection, self._graph.project_id)
        return [policy for policy in found if policy.environment == environment]

    def decide(self, environment: str, version: ModelVersion) -> Decision:
        """Rule on a version by the policy and the evidence there is, and store the ruling as evidence.

        Raises:
            InputError: `version` is something else, such as its name.
            UnknownNameError: that environment has no policy.
        """
        check_version(version, "gates.decide")
        policy = self.policy(environment)
        ruling, holders = self._rule(policy, version)
        with self._graph.execution("decide", f"{environment}: {version}") as work:
            return self._record(work, policy, version, ruling, holders)

    def require(self, environment: str, version: ModelVersion) -> Decision:
        """Rule, and store the ruling; no alias moves. A deployment asks this before it changes what it serves.

        Raises:
            InputError: `version` is something else, such as its name.
            UnknownNameError: that environment has no policy.
            RefusedError: the ruling does not pass; it lists every reason and what would supply what is missing.
        """
        decision = self.decide(environment, version)
        if not decision.passed:
            raise _refused(decision)
        return decision

    def check_fresh(self, decision: Decision) -> None:
        """Refuse to act on a ruling (decision) that an alias of the model has moved since.

        Raises:
            OvertakenError: one has.
        """
        if self._holders(decision.version_name) != decision.holders:
            raise OvertakenError

    def promote(self, environment: str, version: ModelVersion) -> Decision:
        """Rule, and if the ruling passes put the gate's alias on the version, in one transaction.

        A refusal is stored too. Promoting the version that already carries the alias changes nothing more.

        Raises:
            InputError: `version` is something else, such as its name.
            UnknownNameError: that environment has no policy.
            RefusedError: the ruling does not pass; it lists every reason and what would supply what is missing.
        """
        check_version(version, "gates.promote")
        policy = self.policy(environment)

        def attempt() -> Decision:
            ruling, holders = self._rule(policy, version)
            if ruling.verdict is not Verdict.PASS:
                with self._graph.execution("decide", f"{environment}: {version}") as work:
                    decision = self._record(work, policy, version, ruling, holders)
                raise _refused(decision)
            return self._move(policy, version, ruling, holders)

        return until_not_overtaken(attempt, f"alias {policy.policy.alias!r} of model {version.name!r}")

    def _holders(self, name: str) -> dict[str, int]:
        """Which version carries each alias of a model."""
        return {alias.alias: alias.number for alias in self._models.aliases(name)}

    def _rule(self, policy: StoredPolicy, version: ModelVersion) -> tuple[Ruling, Mapping[str, int]]:
        """The ruling, and the numbers that carry the model's aliases as it was made."""
        evidence = self._graph.evidence_for(version.asset_id, version.package_id)
        numbers = self._holders(version.name)
        holders = {
            alias: self._models.get(version.name, number).asset_id for alias, number in numbers.items()
        }
        # A version that carries the alias is not asked to beat itself.
        if holders.get(policy.policy.alias) == version.asset_id:
            holders = {alias: holder for alias, holder in holders.items() if holder != version.asset_id}
        ruling = plan.decide(policy.policy, evidence, self._graph.clock.now(), holders, str(version))
        return ruling, numbers

    def _record(
        self,
        work: Publication,
        policy: StoredPolicy,
        version: ModelVersion,
        ruling: Ruling,
        holders: Mapping[str, int],
    ) -> Decision:
        """The ruling as evidence on the version, bound to the policy and to what it rests on."""
        for reason in ruling.reasons:
            if reason.evidence_id is not None:
                work.use(reason.evidence_id, role="evidence")
        stored = work.evidence(
            version.asset_id,
            DECISION_KIND,
            name=f"{policy.environment} gate",
            verdict=ruling.verdict,
            figures={
                "environment": policy.environment,
                "alias": policy.policy.alias,
                "policy_digest": policy.digest,
                "holders": dict(holders),
                "reasons": [reason.model_dump(mode="json") for reason in ruling.reasons],
            },
            trigger="gate",
            bound={"policy": policy.asset_id},
        )
        work.event(
            "gate.decided",
            version.asset_id,
            {
                "environment": policy.environment,
                "name": version.name,
                "number": version.number,
                "verdict": ruling.verdict.value,
                "decision": stored.id,
            },
        )
        return Decision(
            id=stored.id,
            environment=policy.environment,
            alias=policy.policy.alias,
            policy_id=policy.asset_id,
            policy_digest=policy.digest,
            version_name=version.name,
            version_number=version.number,
            version_asset_id=version.asset_id,
            verdict=ruling.verdict,
            reasons=ruling.reasons,
            holders=dict(holders),
            decided_at=stored.created_at,
        )

    def _move(
        self, policy: StoredPolicy, version: ModelVersion, ruling: Ruling, holders: Mapping[str, int]
    ) -> Decision:
        """Store the passing ruling and move the alias, both or neither."""
        alias = policy.policy.alias
        with self._graph.execution("promote", f"{policy.environment}: {version}") as work:
            decision = self._record(work, policy, version, ruling, holders)
            if holders.get(alias) == version.number:
                return decision
            move = AliasMove(
                id=new_id(),
                name=version.name,
                alias=alias,
                number=version.number,
                previous_number=holders.get(alias),
                decision_id=decision.id,
                execution_id=work.id,
                moved_at=decision.decided_at,
            )
            place_alias(self._graph, work, move, version.asset_id, holders)
        return decision


def _refused(decision: Decision) -> RefusedError:
    missing = [reason.supply for reason in decision.reasons if reason.supply]
    failed = [reason.text for reason in decision.reasons if reason.verdict is not Verdict.PASS]
    return RefusedError(
        expected=f"a version that passes the {decision.environment} gate",
        got=f"{decision.verdict.value}: " + "; ".join(failed),
        where=f"{decision.version_name}/{decision.version_number}",
        hint="To supply what is missing: " + " and ".join(missing)
        if missing
        else "Nothing is missing: the version failed. Train a better one.",
    )
