"""Alerts as tasks of a CRM: which task stands for which alert, and plans that make records."""

import sqlalchemy as sa
from alembic import op

from store.types import BIG_ID, Instant, Words

revision = "0015_alert_tasks"
down_revision = "0014_external_score"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "alert_task",
        sa.Column("workspace", Words(), nullable=False),
        sa.Column("connection", Words(), nullable=False),
        sa.Column("alert_id", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("object", Words(), nullable=False),
        sa.Column("key", Words(), nullable=False),
        sa.Column("record_id", Words()),
        sa.Column("run_id", Words()),
        sa.Column("made_at", Instant()),
        sa.Column("ended", Words()),
        sa.Column("ended_at", Instant()),
        sa.PrimaryKeyConstraint("workspace", "connection", "alert_id", name=op.f("pk_alert_task")),
        sa.UniqueConstraint("workspace", "connection", "key", name=op.f("uq_alert_task_workspace_connection_key")),
    )
    op.add_column("plan_record", sa.Column("kind", Words(), nullable=False, server_default="update"))
