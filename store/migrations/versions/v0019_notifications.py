"""What has to be told to people outside is kept until it is told; alerts that were resolved lately are found."""

import sqlalchemy as sa
from alembic import op

from store.types import BIG_ID, Instant, Words

revision = "0019_notifications"
down_revision = "0016_sponsor"
branch_labels = None
depends_on = None

NOT_SETTLED = "state IN ('waiting', 'sending')"


def upgrade() -> None:
    op.create_table(
        "notification",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("workspace", Words(), nullable=False),
        sa.Column("channel", Words(), nullable=False),
        sa.Column("alert_id", BIG_ID, nullable=False),
        sa.Column("about", Words(), nullable=False),
        sa.Column("change", Words(), nullable=False),
        sa.Column("critical", sa.Boolean(), nullable=False),
        sa.Column("state", Words(), nullable=False),
        sa.Column("message", Words()),
        sa.Column("noted_at", Instant(), nullable=False),
        sa.Column("next_at", Instant(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lost", sa.Integer(), nullable=False),
        sa.Column("claimed_at", Instant()),
        sa.Column("settled_at", Instant()),
        sa.Column("error", Words()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notification")),
        sa.UniqueConstraint(
            "workspace",
            "alert_id",
            "about",
            "channel",
            "change",
            name=op.f("uq_notification_workspace_alert_id_about_channel_change"),
        ),
    )
    op.create_index(
        "ix_notification_open",
        "notification",
        ["workspace", "channel", "id"],
        sqlite_where=sa.text(NOT_SETTLED),
        postgresql_where=sa.text(NOT_SETTLED),
    )
    op.create_index("ix_alert_resolved", "alert", ["workspace", "resolved_at"])
