"""Who and what was forgotten is known by digests, so that no pull brings it back."""

import sqlalchemy as sa
from alembic import op

from store.types import Instant, Words

revision = "0021_forgotten"
down_revision = "0020_timeline_entries"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "forgotten",
        sa.Column("workspace", Words(), nullable=False),
        sa.Column("kind", Words(), nullable=False),
        sa.Column("digest", Words(), nullable=False),
        sa.Column("words", sa.Integer(), nullable=False),
        sa.Column("salt", Words(), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "kind", "digest", name=op.f("pk_forgotten")),
    )
