"""What has to be told to people outside, and how far each message is."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, Table, UniqueConstraint, text

from store.tables.base import metadata, serial, words
from store.types import BIG_ID, Instant

NOT_SETTLED = "state IN ('waiting', 'sending')"

# One row for each change of an alert (`alert_id`) or of how runs end (`about`) and channel; what is told is read anew
# from the alert or the run, so that no text of a CRM is kept twice. Rows that go out together have one `message`.
notification = Table(
    "notification",
    metadata,
    serial(),
    words("workspace"),
    words("channel"),
    Column("alert_id", BIG_ID, nullable=False),
    words("about"),
    words("change"),
    Column("critical", Boolean(), nullable=False),
    words("state"),
    words("message", null=True),
    Column("noted_at", Instant(), nullable=False),
    Column("next_at", Instant(), nullable=False),
    Column("attempts", Integer(), nullable=False),
    Column("lost", Integer(), nullable=False),
    Column("claimed_at", Instant()),
    Column("settled_at", Instant()),
    words("error", null=True),
    # A change is told once to a channel, whoever notes it.
    UniqueConstraint("workspace", "alert_id", "about", "channel", "change"),
    Index(
        "ix_notification_open",
        "workspace",
        "channel",
        "id",
        sqlite_where=text(NOT_SETTLED),
        postgresql_where=text(NOT_SETTLED),
    ),
)
