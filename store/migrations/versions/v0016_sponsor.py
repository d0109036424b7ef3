"""The executive sponsor of an account, of whom no one should have more than a few."""

import sqlalchemy as sa
from alembic import op

from store.types import Words

revision = "0016_sponsor"
down_revision = "0015_alert_tasks"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("entity_account", sa.Column("sponsor_ref", Words()))
