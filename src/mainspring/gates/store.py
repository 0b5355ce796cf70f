"""The gates' SQL table, and the statements that read and write it."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select

from mainspring.gates.spec import StoredPolicy
from mainspring.ports.records.schema import row, table, value

policies = table(
    "policies", StoredPolicy, key=["asset_id"], indexes=[["project_id", "environment", "created_us"]]
)


def add_policy(connection: Connection, policy: StoredPolicy, project_id: str) -> None:
    """Insert a version of a policy."""
    connection.execute(insert(policies).values(row(policy, project_id)))


def find_policy(connection: Connection, project_id: str, environment: str) -> StoredPolicy | None:
    """The version in force: the newest of that environment."""
    query = (
        select(policies)
        .where(policies.c.project_id == project_id, policies.c.environment == environment)
        .order_by(policies.c.created_us.desc(), policies.c.asset_id.desc())
        .limit(1)
    )
    found = connection.execute(query).mappings().one_or_none()
    return None if found is None else value(StoredPolicy, found)


def list_policies(connection: Connection, project_id: str) -> list[StoredPolicy]:
    """All versions of all policies, by environment, oldest first."""
    query = select(policies).where(policies.c.project_id == project_id)
    query = query.order_by(policies.c.environment, policies.c.created_us, policies.c.asset_id)
    return [value(StoredPolicy, found) for found in connection.execute(query).mappings()]
