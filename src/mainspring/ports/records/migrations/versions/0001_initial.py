"""The first schema: every room's tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "assets",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.Text(), autoincrement=False, nullable=False),
        sa.Column(
            "attributes",
            sa.JSON(none_as_null=True),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("execution_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("created_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assets")),
    )
    op.create_index(op.f("ix_assets_digest"), "assets", ["digest"], unique=False)
    op.create_index(
        op.f("ix_assets_execution_id"), "assets", ["execution_id"], unique=False
    )
    op.create_index(
        op.f("ix_assets_project_id_kind_name_created_us"),
        "assets",
        ["project_id", "kind", "name", "created_us"],
        unique=False,
    )
    op.create_table(
        "events",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), autoincrement=False, nullable=False),
        sa.Column(
            "schema_version", sa.BigInteger(), autoincrement=False, nullable=False
        ),
        sa.Column("subject", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("execution", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("actor", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("on_behalf_of", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("occurred_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("recorded_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "payload", sa.JSON(none_as_null=True), autoincrement=False, nullable=False
        ),
        sa.Column("sha256", sa.Text(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_events")),
        sa.UniqueConstraint("id", name=op.f("uq_events_id")),
    )
    op.create_index(
        op.f("ix_events_project_id_kind_seq"),
        "events",
        ["project_id", "kind", "seq"],
        unique=False,
    )
    op.create_index(
        op.f("ix_events_project_id_seq"), "events", ["project_id", "seq"], unique=False
    )
    op.create_index(op.f("ix_events_subject"), "events", ["subject"], unique=False)
    op.create_table(
        "evidence",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("subject_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("verdict", sa.Text(), autoincrement=False, nullable=False),
        sa.Column(
            "figures", sa.JSON(none_as_null=True), autoincrement=False, nullable=False
        ),
        sa.Column("trigger", sa.Text(), autoincrement=False, nullable=False),
        sa.Column(
            "bound", sa.JSON(none_as_null=True), autoincrement=False, nullable=False
        ),
        sa.Column("actor", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("created_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("expires_us", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence")),
    )
    op.create_index(
        op.f("ix_evidence_subject_id_kind_created_us"),
        "evidence",
        ["subject_id", "kind", "created_us"],
        unique=False,
    )
    op.create_table(
        "executions",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("parent_id", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("kind", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("state", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("actor", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("on_behalf_of", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("code_commit", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("code_dirty", sa.Boolean(), autoincrement=False, nullable=True),
        sa.Column("code_digest", sa.Text(), autoincrement=False, nullable=False),
        sa.Column(
            "parameters",
            sa.JSON(none_as_null=True),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("occurred_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("started_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("finished_us", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("fence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("error", sa.Text(), autoincrement=False, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_executions")),
    )
    op.create_index(
        op.f("ix_executions_parent_id"), "executions", ["parent_id"], unique=False
    )
    op.create_index(
        op.f("ix_executions_project_id_kind_started_us"),
        "executions",
        ["project_id", "kind", "started_us"],
        unique=False,
    )
    op.create_index(
        op.f("ix_executions_project_id_state"),
        "executions",
        ["project_id", "state"],
        unique=False,
    )
    op.create_table(
        "links",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("execution_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("direction", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("role", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("asset_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column(
            "attributes",
            sa.JSON(none_as_null=True),
            autoincrement=False,
            nullable=False,
        ),
        sa.PrimaryKeyConstraint(
            "execution_id", "direction", "role", "asset_id", name=op.f("pk_links")
        ),
    )
    op.create_index(
        op.f("ix_links_asset_id_direction_execution_id"),
        "links",
        ["asset_id", "direction", "execution_id"],
        unique=False,
    )
