"""The health score that another system computes by itself, to be shown beside ours."""

import sqlalchemy as sa
from alembic import op

revision = "0014_external_score"
down_revision = "0013_readings"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("entity_account", sa.Column("external_score", sa.Double()))
