"""The children of a parent account are found without reading all accounts."""

from alembic import op

revision = "0010_parents"
down_revision = "0009_identity_decisions"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_entity_account_parent_ref", "entity_account", ["workspace", "connection", "parent_ref"])
