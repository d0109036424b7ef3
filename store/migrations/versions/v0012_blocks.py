"""How healthy accounts were is kept for many of them together; what was kept one by one stays as it is."""

import sqlalchemy as sa
from alembic import op

from store.types import BIG_ID, Words

revision = "0012_blocks"
down_revision = "0011_alerts"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "evaluation_block",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("workspace", Words(), nullable=False),
        sa.Column("accounts", sa.Integer(), nullable=False),
        sa.Column("packed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evaluation_block")),
    )
    op.add_column("evaluation", sa.Column("block_id", BIG_ID))
