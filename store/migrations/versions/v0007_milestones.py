"""Milestones that accounts reached.

Accounts are normalised anew by the next run, which finds what their field maps say of milestones.
"""

import sqlalchemy as sa
from alembic import op

from store.types import Words

revision = "0007_milestones"
down_revision = "0006_checksums"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "entity_milestone",
        sa.Column("workspace", Words(), nullable=False),
        sa.Column("connection", Words(), nullable=False),
        sa.Column("stream", Words(), nullable=False),
        sa.Column("id", Words(), nullable=False),
        sa.Column("account_ref", Words()),
        sa.Column("key", Words()),
        sa.Column("due_on", sa.Date()),
        sa.Column("completed_on", sa.Date()),
        sa.PrimaryKeyConstraint("workspace", "connection", "stream", "id", name=op.f("pk_entity_milestone")),
    )
    op.create_index("ix_entity_milestone_account_ref", "entity_milestone", ["workspace", "connection", "account_ref"])
