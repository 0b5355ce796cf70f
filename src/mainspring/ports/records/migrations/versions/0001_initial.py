"""The first schema: every room's tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "alerts",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("monitor", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("deployment", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("subject_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("start_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("end_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("message", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("raised_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
        sa.UniqueConstraint(
            "project_id",
            "monitor",
            "start_us",
            "end_us",
            name=op.f("uq_alerts_project_id_monitor_start_us_end_us"),
        ),
    )
    op.create_table(
        "assets",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("attributes", sa.JSON(none_as_null=True), autoincrement=False, nullable=False),
        sa.Column("execution_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("created_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assets")),
    )
    op.create_index(op.f("ix_assets_digest"), "assets", ["digest"], unique=False)
    op.create_index(op.f("ix_assets_execution_id"), "assets", ["execution_id"], unique=False)
    op.create_index(
        op.f("ix_assets_project_id_kind_name_created_us"),
        "assets",
        ["project_id", "kind", "name", "created_us"],
        unique=False,
    )
    op.create_table(
        "deployment_revisions",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("deployment", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("model", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("model_version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("version_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("package_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("view", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("view_version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("view_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("cause", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("restores", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("reason", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("actor", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("created_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deployment_revisions")),
        sa.UniqueConstraint(
            "project_id",
            "deployment",
            "number",
            name=op.f("uq_deployment_revisions_project_id_deployment_number"),
        ),
    )
    op.create_table(
        "event_cursors",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("reader", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("place", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("project_id", "reader", name=op.f("pk_event_cursors")),
    )
    op.create_table(
        "events",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column(
            "seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("schema_version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("subject", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("execution", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("actor", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("on_behalf_of", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("occurred_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("recorded_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("payload", sa.JSON(none_as_null=True), autoincrement=False, nullable=False),
        sa.Column("sha256", sa.Text(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_events")),
        sa.UniqueConstraint("id", name=op.f("uq_events_id")),
    )
    op.create_index(
        op.f("ix_events_project_id_kind_seq"), "events", ["project_id", "kind", "seq"], unique=False
    )
    op.create_index(op.f("ix_events_project_id_seq"), "events", ["project_id", "seq"], unique=False)
    op.create_index(op.f("ix_events_subject"), "events", ["subject"], unique=False)
    op.create_table(
        "evidence",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("subject_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("verdict", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("figures", sa.JSON(none_as_null=True), autoincrement=False, nullable=False),
        sa.Column("trigger", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("bound", sa.JSON(none_as_null=True), autoincrement=False, nullable=False),
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
        sa.Column("parameters", sa.JSON(none_as_null=True), autoincrement=False, nullable=False),
        sa.Column("occurred_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("started_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("finished_us", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("fence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("error", sa.Text(), autoincrement=False, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_executions")),
    )
    op.create_index(op.f("ix_executions_parent_id"), "executions", ["parent_id"], unique=False)
    op.create_index(
        op.f("ix_executions_project_id_kind_started_us"),
        "executions",
        ["project_id", "kind", "started_us"],
        unique=False,
    )
    op.create_index(
        op.f("ix_executions_project_id_state"), "executions", ["project_id", "state"], unique=False
    )
    op.create_table(
        "experiments",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("created_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_experiments")),
        sa.UniqueConstraint("project_id", "name", name=op.f("uq_experiments_project_id_name")),
        sa.UniqueConstraint("project_id", "number", name=op.f("uq_experiments_project_id_number")),
    )
    op.create_table(
        "feature_commits",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("group_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("ticket", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("token", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("asset_id", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("n_rows", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("n_deletes", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("n_failed", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("verdict", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("min_event_us", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("max_event_us", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("published_us", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.PrimaryKeyConstraint("group_id", "ticket", name=op.f("pk_feature_commits")),
        sa.UniqueConstraint("group_id", "number", name=op.f("uq_feature_commits_group_id_number")),
        sa.UniqueConstraint("group_id", "token", name=op.f("uq_feature_commits_group_id_token")),
    )
    op.create_index(op.f("ix_feature_commits_asset_id"), "feature_commits", ["asset_id"], unique=False)
    op.create_table(
        "feature_groups",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("group_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("revision", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("keys", sa.JSON(none_as_null=True), autoincrement=False, nullable=False),
        sa.Column("event_time", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("known_time", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("online", sa.Boolean(), autoincrement=False, nullable=False),
        sa.Column("ttl_s", sa.Double(), autoincrement=False, nullable=True),
        sa.Column("source_delay_s", sa.Double(), autoincrement=False, nullable=False),
        sa.Column("on_failure", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("columns", sa.JSON(none_as_null=True), autoincrement=False, nullable=True),
        sa.Column("expectations", sa.JSON(none_as_null=True), autoincrement=False, nullable=False),
        sa.Column("description", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("owner", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("created_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("group_id", name=op.f("pk_feature_groups")),
        sa.UniqueConstraint(
            "project_id", "name", "version", name=op.f("uq_feature_groups_project_id_name_version")
        ),
    )
    op.create_table(
        "feature_views",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("view_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("parts", sa.JSON(none_as_null=True), autoincrement=False, nullable=False),
        sa.Column("label", sa.JSON(none_as_null=True), autoincrement=False, nullable=True),
        sa.Column("on_demand", sa.JSON(none_as_null=True), autoincrement=False, nullable=False),
        sa.Column("spine_time", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("description", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("created_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("view_id", name=op.f("pk_feature_views")),
        sa.UniqueConstraint(
            "project_id", "name", "version", name=op.f("uq_feature_views_project_id_name_version")
        ),
    )
    op.create_table(
        "findings",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("monitor", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("monitor_revision", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("deployment", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("subject_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("start_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("end_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("as_of_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("n_rows", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("n_known", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("n_clusters", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("n_positives", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("predicted_all", sa.Double(), autoincrement=False, nullable=True),
        sa.Column("observed", sa.Double(), autoincrement=False, nullable=True),
        sa.Column("predicted", sa.Double(), autoincrement=False, nullable=True),
        sa.Column("gap", sa.JSON(none_as_null=True), autoincrement=False, nullable=False),
        sa.Column("standard_error", sa.Double(), autoincrement=False, nullable=True),
        sa.Column("p_value", sa.Double(), autoincrement=False, nullable=True),
        sa.Column("alpha", sa.Double(), autoincrement=False, nullable=False),
        sa.Column("min_effect", sa.Double(), autoincrement=False, nullable=False),
        sa.Column("roc_auc", sa.JSON(none_as_null=True), autoincrement=False, nullable=False),
        sa.Column("brier", sa.JSON(none_as_null=True), autoincrement=False, nullable=False),
        sa.Column("drifts", sa.JSON(none_as_null=True), autoincrement=False, nullable=False),
        sa.Column("versions", sa.JSON(none_as_null=True), autoincrement=False, nullable=False),
        sa.Column("verdict", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("reason", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("alerted", sa.Boolean(), autoincrement=False, nullable=False),
        sa.Column("created_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_findings")),
    )
    op.create_index(
        op.f("ix_findings_project_id_monitor_start_us"),
        "findings",
        ["project_id", "monitor", "start_us"],
        unique=False,
    )
    op.create_table(
        "links",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("execution_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("direction", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("role", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("asset_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("attributes", sa.JSON(none_as_null=True), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("execution_id", "direction", "role", "asset_id", name=op.f("pk_links")),
    )
    op.create_index(
        op.f("ix_links_asset_id_direction_execution_id"),
        "links",
        ["asset_id", "direction", "execution_id"],
        unique=False,
    )
    op.create_table(
        "metric_points",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column(
            "seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("run_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("step", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("value", sa.Double(), autoincrement=False, nullable=False),
        sa.Column("logged_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_metric_points")),
    )
    op.create_index(
        op.f("ix_metric_points_run_id_key_step"), "metric_points", ["run_id", "key", "step"], unique=False
    )
    op.create_table(
        "model_alias_moves",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("alias", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("previous_number", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("decision_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("execution_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("moved_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_alias_moves")),
    )
    op.create_index(
        op.f("ix_model_alias_moves_project_id_name_alias_moved_us"),
        "model_alias_moves",
        ["project_id", "name", "alias", "moved_us"],
        unique=False,
    )
    op.create_table(
        "model_aliases",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("alias", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("decision_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("moved_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("project_id", "name", "alias", name=op.f("pk_model_aliases")),
    )
    op.create_table(
        "model_packages",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("format", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("files", sa.JSON(none_as_null=True), autoincrement=False, nullable=False),
        sa.Column("signature", sa.JSON(none_as_null=True), autoincrement=False, nullable=False),
        sa.Column("created_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_packages")),
    )
    op.create_index(
        op.f("ix_model_packages_project_id_digest"), "model_packages", ["project_id", "digest"], unique=False
    )
    op.create_table(
        "model_versions",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("asset_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("package_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("package_digest", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("dataset_id", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("dataset_digest", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("run_id", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("metadata", sa.JSON(none_as_null=True), autoincrement=False, nullable=False),
        sa.Column("created_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("project_id", "name", "number", name=op.f("pk_model_versions")),
        sa.UniqueConstraint("asset_id", name=op.f("uq_model_versions_asset_id")),
    )
    op.create_index(op.f("ix_model_versions_package_id"), "model_versions", ["package_id"], unique=False)
    op.create_index(op.f("ix_model_versions_run_id"), "model_versions", ["run_id"], unique=False)
    op.create_table(
        "monitors",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("revision", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("deployment", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("false_alarms_per_year", sa.Double(), autoincrement=False, nullable=False),
        sa.Column("looks_per_year", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("min_effect", sa.Double(), autoincrement=False, nullable=False),
        sa.Column("min_effect_source", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("label_delay_s", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("min_coverage", sa.Double(), autoincrement=False, nullable=False),
        sa.Column("min_clusters", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("min_events", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("time_zone", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("cluster", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("reference", sa.JSON(none_as_null=True), autoincrement=False, nullable=False),
        sa.Column("dataset_id", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("created_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_monitors")),
        sa.UniqueConstraint(
            "project_id", "name", "revision", name=op.f("uq_monitors_project_id_name_revision")
        ),
    )
    op.create_table(
        "outcomes",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("deployment", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("prediction_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("value", sa.Double(), autoincrement=False, nullable=False),
        sa.Column("known_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("received_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("execution_id", sa.Text(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint(
            "prediction_id", "deployment", "project_id", "known_us", name=op.f("pk_outcomes")
        ),
    )
    op.create_table(
        "pipeline_cache",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("execution_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("step", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("fields", sa.JSON(none_as_null=True), autoincrement=False, nullable=False),
        sa.Column("outputs", sa.JSON(none_as_null=True), autoincrement=False, nullable=False),
        sa.Column("created_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("execution_id", name=op.f("pk_pipeline_cache")),
    )
    op.create_index(
        op.f("ix_pipeline_cache_project_id_key_created_us"),
        "pipeline_cache",
        ["project_id", "key", "created_us"],
        unique=False,
    )
    op.create_index(
        op.f("ix_pipeline_cache_project_id_step_created_us"),
        "pipeline_cache",
        ["project_id", "step", "created_us"],
        unique=False,
    )
    op.create_table(
        "pipeline_requests",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("trigger", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("event_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("event_seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("subject", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("pipeline", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("state", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("run_id", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("process", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("error", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("requested_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pipeline_requests")),
        sa.UniqueConstraint(
            "project_id",
            "trigger",
            "event_seq",
            name=op.f("uq_pipeline_requests_project_id_trigger_event_seq"),
        ),
    )
    op.create_index(
        op.f("ix_pipeline_requests_project_id_state_event_seq"),
        "pipeline_requests",
        ["project_id", "state", "event_seq"],
        unique=False,
    )
    op.create_table(
        "pipeline_runs",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("pipeline", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("plan", sa.JSON(none_as_null=True), autoincrement=False, nullable=False),
        sa.Column("request_id", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("process", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("created_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pipeline_runs")),
    )
    op.create_index(
        op.f("ix_pipeline_runs_project_id_pipeline_created_us"),
        "pipeline_runs",
        ["project_id", "pipeline", "created_us"],
        unique=False,
    )
    op.create_index(op.f("ix_pipeline_runs_request_id"), "pipeline_runs", ["request_id"], unique=False)
    op.create_table(
        "pipeline_steps",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("ordinal", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("node", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("step", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("execution_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("producer_id", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("state", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("reason", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("seconds", sa.Double(), autoincrement=False, nullable=False),
        sa.Column("outputs", sa.JSON(none_as_null=True), autoincrement=False, nullable=False),
        sa.Column("notes", sa.JSON(none_as_null=True), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "ordinal", name=op.f("pk_pipeline_steps")),
    )
    op.create_index(op.f("ix_pipeline_steps_execution_id"), "pipeline_steps", ["execution_id"], unique=False)
    op.create_table(
        "pipeline_triggers",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("event_kind", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("pipeline", sa.Text(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("project_id", "name", name=op.f("pk_pipeline_triggers")),
    )
    op.create_table(
        "policies",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("asset_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("environment", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("policy", sa.JSON(none_as_null=True), autoincrement=False, nullable=False),
        sa.Column("created_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("asset_id", name=op.f("pk_policies")),
    )
    op.create_index(
        op.f("ix_policies_project_id_environment_created_us"),
        "policies",
        ["project_id", "environment", "created_us"],
        unique=False,
    )
    op.create_table(
        "rollouts",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("deployment", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("champion_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("candidate", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("candidate_version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("candidate_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("created_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rollouts")),
    )
    op.create_index(
        op.f("ix_rollouts_project_id_deployment"), "rollouts", ["project_id", "deployment"], unique=False
    )
    op.create_table(
        "run_artifacts",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("sha256", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("asset_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("logged_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "name", name=op.f("pk_run_artifacts")),
    )
    op.create_table(
        "run_params",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("value", sa.JSON(none_as_null=True), autoincrement=False, nullable=False),
        sa.Column("digest", sa.Text(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "key", name=op.f("pk_run_params")),
    )
    op.create_table(
        "runs",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("experiment", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("parent_id", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("asset_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("tags", sa.JSON(none_as_null=True), autoincrement=False, nullable=False),
        sa.Column("environment", sa.JSON(none_as_null=True), autoincrement=False, nullable=False),
        sa.Column("created_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
        sa.UniqueConstraint(
            "project_id", "experiment", "number", name=op.f("uq_runs_project_id_experiment_number")
        ),
    )
    op.create_index(op.f("ix_runs_asset_id"), "runs", ["asset_id"], unique=False)
    op.create_index(op.f("ix_runs_project_id_created_us"), "runs", ["project_id", "created_us"], unique=False)
    op.create_table(
        "serving_contexts",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("deployment", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("revision_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("table", sa.JSON(none_as_null=True), autoincrement=False, nullable=False),
        sa.Column("created_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_serving_contexts")),
        sa.UniqueConstraint(
            "project_id", "deployment", "epoch", name=op.f("uq_serving_contexts_project_id_deployment_epoch")
        ),
    )
