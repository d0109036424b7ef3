"""Usage readings: what an account used month by month, so that a drop can be told from a low use."""

import sqlalchemy as sa
from alembic import op

from store.types import Words

revision = "0013_readings"
down_revision = "0012_blocks"
branch_labels = None
depends_on = None

FIGURES = ("logins_per_user_week", "features_used", "data_volume", "quantity_used", "users_active")


def upgrade() -> None:
    op.create_table(
        "entity_reading",
        sa.Column("workspace", Words(), nullable=False),
        sa.Column("connection", Words(), nullable=False),
        sa.Column("stream", Words(), nullable=False),
        sa.Column("id", Words(), nullable=False),
        sa.Column("account_ref", Words()),
        sa.Column("read_on", sa.Date()),
        *(sa.Column(name, sa.Double()) for name in FIGURES),
        sa.PrimaryKeyConstraint("workspace", "connection", "stream", "id", name=op.f("pk_entity_reading")),
    )
    op.create_index("ix_entity_reading_account_ref", "entity_reading", ["workspace", "connection", "account_ref"])
