"""What people decided about who is who."""

import sqlalchemy as sa
from alembic import op

from store.types import Instant, Json, Words

revision = "0009_identity_decisions"
down_revision = "0008_adoption"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "identity_decision",
        sa.Column("workspace", Words(), nullable=False),
        sa.Column("id", Words(), nullable=False),
        sa.Column("kind", Words(), nullable=False),
        sa.Column("refs", Json(), nullable=False),
        sa.Column("reason", Words(), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        sa.Column("taken_back_at", Instant()),
        sa.PrimaryKeyConstraint("workspace", "id", name=op.f("pk_identity_decision")),
    )
