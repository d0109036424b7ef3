"""Alerts are kept: raised by one run, answered by people, resolved by a later run."""

import sqlalchemy as sa
from alembic import op

from store.types import BIG_ID, Instant, Words

revision = "0011_alerts"
down_revision = "0010_parents"
branch_labels = None
depends_on = None

STANDS = "state IN ('open', 'acknowledged')"


def upgrade() -> None:
    op.create_table(
        "alert",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        *(sa.Column(name, Words(), nullable=False) for name in ("workspace", "account_id", "alert", "state")),
        *(sa.Column(name, Words(), nullable=False) for name in ("label", "because", "owner")),
        sa.Column("owner_connection", Words()),
        sa.Column("owner_ref", Words()),
        sa.Column("run_id", Words(), nullable=False),
        sa.Column("last_run_id", Words(), nullable=False),
        sa.Column("raised_at", Instant(), nullable=False),
        sa.Column("judged_at", Instant(), nullable=False),
        sa.Column("sla_hours", sa.Integer()),
        sa.Column("due_at", Instant()),
        sa.Column("level", Words()),
        sa.Column("misses", sa.Integer(), nullable=False),
        sa.Column("touched_at", Instant()),
        sa.Column("touch", Words()),
        sa.Column("acknowledged_at", Instant()),
        sa.Column("acknowledged_by", Words()),
        sa.Column("note", Words()),
        sa.Column("escalated_at", Instant()),
        sa.Column("resolved_at", Instant()),
        sa.Column("why", Words()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert")),
    )
    op.create_index(
        "uq_alert_standing",
        "alert",
        ["workspace", "account_id", "alert"],
        unique=True,
        sqlite_where=sa.text(STANDS),
        postgresql_where=sa.text(STANDS),
    )
    op.create_index("ix_alert_account", "alert", ["workspace", "account_id"])
    op.create_index("ix_alert_raised", "alert", ["workspace", "raised_at"])
