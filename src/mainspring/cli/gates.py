"""`mainspring gates`: policies, rulings, promotion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from mainspring.cli._options import In, Json, model_reference, noun, opened
from mainspring.cli._output import print_json, print_rows

if TYPE_CHECKING:
    from mainspring.gates.spec import Reason

app = noun("Gates: what a version must show to go live.")
Environment = Annotated[
    str, typer.Argument(metavar="ENVIRONMENT", help="The gate's name, such as production.")
]
Model = Annotated[str, typer.Argument(metavar="MODEL", help="NAME/NUMBER or NAME/ALIAS.")]


@app.command("list")
def list_policies(project: In = None, json: Json = False) -> None:
    """The policy in force of every gate."""
    with opened(project) as found:
        policies = [found.gates.policy(name) for name in found.gates.environments()]
    rows = [
        {
            **stored.model_dump(mode="json"),
            "alias": stored.policy.alias,
            "requires": [str(requirement) for requirement in stored.policy.require],
        }
        for stored in policies
    ]
    print_rows(rows, ["environment", "alias", "requires", "digest"], as_json=json, none="No policies yet.")


@app.command("decide")
def decide(environment: Environment, model: Model, project: In = None, json: Json = False) -> None:
    """Rule on a version by policy and evidence; exit code 3 unless it passes."""
    with opened(project) as found:
        decision = found.gates.decide(environment, found.models.get(*model_reference(model)))
    if json:
        print_json(decision)
    else:
        typer.echo(
            f"{decision.version_name}/{decision.version_number} at {environment}: {decision.verdict.value}"
        )
        print_rows(decision.reasons, ["verdict", "text"], as_json=False, none="No reasons.")
        _print_supply(decision.reasons)
    if decision.verdict.value != "pass":
        raise typer.Exit(3)


def _print_supply(reasons: Sequence[Reason]) -> None:
    """What would make the missing evidence, each on a line of its own, to be copied whole."""
    supply = dict.fromkeys(reason.supply for reason in reasons if reason.supply)
    if supply:
        typer.echo("\nTo supply what is missing:")
    for command in supply:
        typer.echo(f"  {command}")


@app.command("promote")
def promote(environment: Environment, model: Model, project: In = None, json: Json = False) -> None:
    """Rule, and if it passes move the gate's alias to the version; a refusal is an error."""
    with opened(project) as found:
        decision = found.gates.promote(environment, found.models.get(*model_reference(model)))
    if json:
        print_json(decision)
    else:
        typer.echo(f"{decision.version_name}/{decision.version_number} is {decision.alias} of {environment}")


@app.command("history")
def history(environment: Environment, project: In = None, json: Json = False) -> None:
    """Every version of a gate's policy, oldest first."""
    with opened(project) as found:
        rows = found.gates.history(environment)
    print_rows(rows, ["environment", "digest", "created_at", "asset_id"], as_json=json, none="No policy yet.")
