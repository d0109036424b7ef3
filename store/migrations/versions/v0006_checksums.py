"""Marks get a checksum: they say how far the work is, and one that was damaged must not be believed.

A record that we wrote to has the same word for a hash as one that is doubted, so that a check knows both.
"""

import sqlalchemy as sa
from alembic import op

from store.sql import digest
from store.types import Json, Words

revision = "0006_checksums"
down_revision = "0005_repair"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("mark", sa.Column("checksum", Words(), nullable=False, server_default=""))
    mark = sa.table(
        "mark",
        sa.column("workspace", Words()),
        sa.column("name", Words()),
        sa.column("value", Json()),
        sa.column("checksum", Words()),
    )
    connection = op.get_bind()
    connection.execute(sa.text("UPDATE raw_record SET hash = 'doubted' WHERE hash = 'written'"))
    sealed = [
        {"its_workspace": row.workspace, "its_name": row.name, "sum": digest(1, row.workspace, row.name, row.value)}
        for row in connection.execute(sa.select(mark.c.workspace, mark.c.name, mark.c.value))
    ]
    here = sa.and_(mark.c.workspace == sa.bindparam("its_workspace"), mark.c.name == sa.bindparam("its_name"))
    if sealed:
        connection.execute(sa.update(mark).where(here).values(checksum=sa.bindparam("sum")), sealed)
