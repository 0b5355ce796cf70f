"""What the tables have beyond those of version 0.1.0. Written by scripts/write_migration.py."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None
FILLS = {
    "feature_groups.tags": "'[]'",
    "feature_groups.treated": "'[]'",
    "runs.execution_id": '"id"',
    "experiments.tags": "'{}'",
}


def upgrade() -> None:
    op.create_table(
        "artifact_parts",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("upload_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sha256", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("put_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("upload_id", "number", name=op.f("pk_artifact_parts")),
    )
    op.create_table(
        "artifact_uploads",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("run_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("n_parts", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("began_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("touched_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_artifact_uploads")),
    )
    with op.batch_alter_table("artifact_uploads", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_artifact_uploads_project_id_touched_us"),
            ["project_id", "touched_us"],
            unique=False,
        )
        batch_op.create_index(batch_op.f("ix_artifact_uploads_run_id"), ["run_id"], unique=False)

    op.create_table(
        "feature_editions",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("group_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("ticket", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("execution_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("n_rows", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("is_done", sa.Boolean(), autoincrement=False, nullable=False),
        sa.Column("made_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("group_id", "ticket", "execution_id", name=op.f("pk_feature_editions")),
    )
    op.create_table(
        "feature_events",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("group_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("event_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("batch_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("ordinal", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("group_id", "event_id", name=op.f("pk_feature_events")),
    )
    op.create_table(
        "feature_pushes",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("group_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("batch_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("ordinal", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("n_rows", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("is_closed", sa.Boolean(), autoincrement=False, nullable=False),
        sa.Column("pushed_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("rows", sa.LargeBinary(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("batch_id", "ordinal", name=op.f("pk_feature_pushes")),
    )
    with op.batch_alter_table("feature_pushes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_feature_pushes_group_id"), ["group_id"], unique=False)

    op.create_table(
        "leases",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("holder", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("token", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ttl_s", sa.Double(), autoincrement=False, nullable=False),
        sa.Column("taken_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("renewed_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("suspected_us", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.PrimaryKeyConstraint("project_id", "subject", name=op.f("pk_leases")),
    )
    op.create_table(
        "log_cuts",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("execution_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("deployment", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("part", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("before_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("reason", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("actor", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("n_rows", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("n_days", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("cut_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("execution_id", name=op.f("pk_log_cuts")),
    )
    with op.batch_alter_table("log_cuts", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_log_cuts_project_id_deployment_part"),
            ["project_id", "deployment", "part"],
            unique=False,
        )

    op.create_table(
        "marks",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("noun", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("part_of", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("reason", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("actor", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("execution_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("marked_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("project_id", "kind", "subject_id", name=op.f("pk_marks")),
    )
    with op.batch_alter_table("marks", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_marks_subject_id"), ["subject_id"], unique=False)

    op.create_table(
        "names",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("noun", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("lasting", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("is_current", sa.Boolean(), autoincrement=False, nullable=False),
        sa.Column("actor", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("execution_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("named_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("project_id", "noun", "name", name=op.f("pk_names")),
    )
    with op.batch_alter_table("names", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_names_project_id_noun_lasting"), ["project_id", "noun", "lasting"], unique=False
        )

    op.create_table(
        "run_datasets",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("asset_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("source_type", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("source", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("schema_text", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("profile", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("content", sa.Text(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("asset_id", name=op.f("pk_run_datasets")),
        sa.UniqueConstraint("project_id", "content", name=op.f("uq_run_datasets_project_id_content")),
    )
    op.create_table(
        "run_inputs",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("asset_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("tags", sa.JSON(none_as_null=True), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "asset_id", name=op.f("pk_run_inputs")),
    )
    op.create_table(
        "stores",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("stores_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("settled", sa.Boolean(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("project_id", name=op.f("pk_stores")),
    )
    with op.batch_alter_table("experiments", schema=None) as batch_op:
        batch_op.add_column(sa.Column("artifact_location", sa.Text(), autoincrement=False, nullable=True))
        batch_op.add_column(sa.Column("tags", sa.JSON(none_as_null=True), nullable=True))
        batch_op.add_column(sa.Column("updated_us", sa.BigInteger(), autoincrement=False, nullable=True))

    op.execute('UPDATE "experiments" SET "tags" = \'{}\'')
    with op.batch_alter_table("experiments", schema=None) as batch_op:
        batch_op.alter_column("tags", existing_type=sa.JSON(none_as_null=True), nullable=False)

    with op.batch_alter_table("feature_commits", schema=None) as batch_op:
        batch_op.add_column(sa.Column("given_digest", sa.Text(), autoincrement=False, nullable=True))
        batch_op.add_column(sa.Column("early_event_us", sa.BigInteger(), autoincrement=False, nullable=True))
        batch_op.add_column(sa.Column("late_event_us", sa.BigInteger(), autoincrement=False, nullable=True))

    with op.batch_alter_table("feature_groups", schema=None) as batch_op:
        batch_op.add_column(sa.Column("tags", sa.JSON(none_as_null=True), nullable=True))
        batch_op.add_column(sa.Column("jurisdiction", sa.Text(), autoincrement=False, nullable=True))
        batch_op.add_column(
            sa.Column("deprecation", sa.JSON(none_as_null=True), autoincrement=False, nullable=True)
        )
        batch_op.add_column(sa.Column("treated", sa.JSON(none_as_null=True), nullable=True))
        batch_op.add_column(
            sa.Column("drift", sa.JSON(none_as_null=True), autoincrement=False, nullable=True)
        )

    op.execute('UPDATE "feature_groups" SET "tags" = \'[]\'')
    with op.batch_alter_table("feature_groups", schema=None) as batch_op:
        batch_op.alter_column("tags", existing_type=sa.JSON(none_as_null=True), nullable=False)

    op.execute('UPDATE "feature_groups" SET "treated" = \'[]\'')
    with op.batch_alter_table("feature_groups", schema=None) as batch_op:
        batch_op.alter_column("treated", existing_type=sa.JSON(none_as_null=True), nullable=False)

    with op.batch_alter_table("feature_views", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("condition", sa.JSON(none_as_null=True), autoincrement=False, nullable=True)
        )
        batch_op.add_column(
            sa.Column("transforms", sa.JSON(none_as_null=True), autoincrement=False, nullable=True)
        )

    with op.batch_alter_table("metric_points", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_metric_points_run_id_key_step"))
        batch_op.create_index(
            batch_op.f("ix_metric_points_run_id_key_step_logged_us"),
            ["run_id", "key", "step", "logged_us"],
            unique=False,
        )

    with op.batch_alter_table("runs", schema=None) as batch_op:
        batch_op.add_column(sa.Column("execution_id", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("status", sa.Text(), autoincrement=False, nullable=True))
        batch_op.add_column(sa.Column("user_id", sa.Text(), autoincrement=False, nullable=True))
        batch_op.add_column(sa.Column("begun_us", sa.BigInteger(), autoincrement=False, nullable=True))
        batch_op.add_column(sa.Column("ended_us", sa.BigInteger(), autoincrement=False, nullable=True))
        batch_op.alter_column("environment", existing_type=sa.JSON(none_as_null=True), nullable=True)

    op.execute('UPDATE "runs" SET "execution_id" = "id"')
    with op.batch_alter_table("runs", schema=None) as batch_op:
        batch_op.alter_column("execution_id", existing_type=sa.Text(), nullable=False)
