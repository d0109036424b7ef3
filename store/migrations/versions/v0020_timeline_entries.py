"""Entries on timelines about falls of health: which one stands for which fall."""

import sqlalchemy as sa
from alembic import op

from store.types import Instant, Words

revision = "0020_timeline_entries"
down_revision = "0019_notifications"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "timeline_entry",
        sa.Column("workspace", Words(), nullable=False),
        sa.Column("connection", Words(), nullable=False),
        sa.Column("key", Words(), nullable=False),
        sa.Column("account_id", Words(), nullable=False),
        sa.Column("object", Words(), nullable=False),
        sa.Column("as_of", Instant(), nullable=False),
        sa.Column("record_id", Words()),
        sa.Column("run_id", Words()),
        sa.Column("made_at", Instant()),
        sa.PrimaryKeyConstraint("workspace", "connection", "key", name=op.f("pk_timeline_entry")),
    )
