"""Values that a CRM refused, what people decided about held values, and which run a write takes back."""

import sqlalchemy as sa
from alembic import op

from store.types import Instant, Words

revision = "0005_repair"
down_revision = "0004_backfill"
branch_labels = None
depends_on = None


def _property() -> list[sa.Column[str]]:
    names = ("workspace", "connection", "object", "record_id", "property")
    return [sa.Column(name, Words(), nullable=False) for name in names]


def upgrade() -> None:
    op.create_table(
        "failure",
        *_property(),
        sa.Column("field", Words(), nullable=False),
        sa.Column("want", Words()),
        sa.Column("reason", Words(), nullable=False),
        sa.Column("code", Words(), nullable=False),
        sa.Column("run_id", Words(), nullable=False),
        sa.Column("first_at", Instant(), nullable=False),
        sa.Column("last_at", Instant(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "connection", "object", "record_id", "property", name=op.f("pk_failure")),
    )
    op.create_table(
        "resolution",
        *_property(),
        sa.Column("verdict", Words(), nullable=False),
        sa.Column("seen", Words()),
        sa.Column("made_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint(
            "workspace", "connection", "object", "record_id", "property", name=op.f("pk_resolution")
        ),
    )
    op.add_column("intent", sa.Column("undoes", Words()))
    op.add_column("ledger", sa.Column("undoes", Words()))
    op.drop_index("ix_ledger_run", "ledger")
    op.create_index(
        "ix_ledger_run", "ledger", ["workspace", "run_id", "connection", "object", "record_id", "property", "id"]
    )
