"""Figures of adoption, goals and delivery.

Accounts are normalised anew by the next run, which finds what their field maps say of these.
"""

import sqlalchemy as sa
from alembic import op

from store.types import Money

revision = "0008_adoption"
down_revision = "0007_milestones"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in (
        "quantity_used",
        "quantity_licensed",
        "users_active",
        "users_licensed",
        "users_provisioned",
        "users_activated",
        "leads_achieved",
        "leads_goal",
        "sales_achieved",
        "sales_goal",
        "executives_engaged",
    ):
        op.add_column("entity_account", sa.Column(name, sa.Double()))
    op.add_column("entity_account", sa.Column("last_activity_at", sa.Date()))
    op.add_column("entity_account", sa.Column("delivery_budget", Money()))
    op.add_column("entity_account", sa.Column("delivery_cost", Money()))
