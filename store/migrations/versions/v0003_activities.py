"""Calls and survey answers."""

import sqlalchemy as sa
from alembic import op

from store.types import Instant, Words

revision = "0003_activities"
down_revision = "0002_entities"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "entity_call",
        sa.Column("workspace", Words(), nullable=False),
        sa.Column("connection", Words(), nullable=False),
        sa.Column("stream", Words(), nullable=False),
        sa.Column("id", Words(), nullable=False),
        sa.Column("account_ref", Words()),
        sa.Column("title", Words()),
        sa.Column("starts_at", Instant()),
        sa.Column("duration", sa.Double()),
        sa.Column("direction", Words()),
        sa.Column("outcome", Words()),
        sa.Column("owner_ref", Words()),
        sa.Column("created_at", Instant()),
        sa.Column("updated_at", Instant()),
        sa.PrimaryKeyConstraint("workspace", "connection", "stream", "id", name=op.f("pk_entity_call")),
    )
    op.create_index("ix_entity_call_account_ref", "entity_call", ["workspace", "connection", "account_ref"])
    op.create_table(
        "entity_survey",
        sa.Column("workspace", Words(), nullable=False),
        sa.Column("connection", Words(), nullable=False),
        sa.Column("stream", Words(), nullable=False),
        sa.Column("id", Words(), nullable=False),
        sa.Column("account_ref", Words()),
        sa.Column("contact_ref", Words()),
        sa.Column("type", Words()),
        sa.Column("score", sa.Double()),
        sa.Column("scale_min", sa.Double()),
        sa.Column("scale_max", sa.Double()),
        sa.Column("answered_at", Instant()),
        sa.Column("updated_at", Instant()),
        sa.PrimaryKeyConstraint("workspace", "connection", "stream", "id", name=op.f("pk_entity_survey")),
    )
    op.create_index("ix_entity_survey_account_ref", "entity_survey", ["workspace", "connection", "account_ref"])
