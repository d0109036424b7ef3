"""How far a backfill is."""

import sqlalchemy as sa
from alembic import op

from store.types import BIG_ID, Instant, Words

revision = "0004_backfill"
down_revision = "0003_activities"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "backfill",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("workspace", Words(), nullable=False),
        sa.Column("connection", Words(), nullable=False),
        sa.Column("stream", Words(), nullable=False),
        sa.Column("state", Words(), nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.Column("until", Instant(), nullable=False),
        sa.Column("asked_until", Instant()),
        sa.Column("reached", Instant(), nullable=False),
        sa.Column("window_since", Instant()),
        sa.Column("position", Words()),
        sa.Column("window_rows", sa.BigInteger(), nullable=False),
        sa.Column("windows", sa.BigInteger(), nullable=False),
        sa.Column("pages", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("expected", sa.BigInteger()),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("ended_at", Instant()),
        sa.Column("checksum", Words(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backfill")),
    )
    op.create_index("ix_backfill_stream", "backfill", ["workspace", "connection", "stream", "id"])
