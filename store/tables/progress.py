"""How far the work is: runs, epochs, cursors, leases, quotas, pins, quarantined records."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, Table, text

from store.tables.base import key, metadata, serial, words
from store.types import Instant, Json, Words

run = Table(
    "run",
    metadata,
    *key("id"),
    words("command"),
    words("status"),
    words("reason", null=True),
    words("version"),
    Column("as_of", Instant()),
    Column("started_at", Instant(), nullable=False),
    Column("finished_at", Instant()),
    Column("report", Json()),
    Index("ix_run_started_at", "workspace", "started_at"),
)

epoch = Table(
    "epoch",
    metadata,
    serial(),
    words("workspace"),
    words("connection"),
    words("stream"),
    words("mode"),
    words("state"),
    Column("since", Instant()),
    words("position", null=True),
    Column("high_water", Instant()),
    Column("rows", BigInteger(), nullable=False),
    Column("pages", BigInteger(), nullable=False),
    Column("started_at", Instant(), nullable=False),
    Column("ended_at", Instant()),
    Column("proof", Json()),
    words("checksum"),
    Index("ix_epoch_stream", "workspace", "connection", "stream", "id"),
    Index(
        "uq_epoch_open",
        "workspace",
        "connection",
        "stream",
        unique=True,
        sqlite_where=text("state = 'open'"),
        postgresql_where=text("state = 'open'"),
    ),
)

cursor = Table(
    "cursor",
    metadata,
    *key("connection", "stream"),
    Column("at", Instant(), nullable=False),
    Column("epoch_id", BigInteger(), nullable=False),
    Column("updated_at", Instant(), nullable=False),
    words("checksum"),
)

# A range of a stream that is being read again, window by window from `until` down to `since`; all of it from `reached`
# on is read, and of the window that begins at `window_since` everything up to `position`.
backfill = Table(
    "backfill",
    metadata,
    serial(),
    words("workspace"),
    words("connection"),
    words("stream"),
    words("state"),
    Column("since", Instant(), nullable=False),
    Column("until", Instant(), nullable=False),
    Column("asked_until", Instant()),
    Column("reached", Instant(), nullable=False),
    Column("window_since", Instant()),
    words("position", null=True),
    Column("window_rows", BigInteger(), nullable=False),
    Column("windows", BigInteger(), nullable=False),
    Column("pages", BigInteger(), nullable=False),
    Column("rows", BigInteger(), nullable=False),
    Column("expected", BigInteger()),
    Column("started_at", Instant(), nullable=False),
    Column("ended_at", Instant()),
    words("checksum"),
    Index("ix_backfill_stream", "workspace", "connection", "stream", "id"),
)

mark = Table(
    "mark",
    metadata,
    *key("name"),
    Column("value", Json()),
    Column("checksum", Words(), nullable=False, server_default=""),
)

lease = Table(
    "lease",
    metadata,
    *key("key"),
    words("owner", null=True),
    Column("token", BigInteger(), nullable=False),
    Column("expires_at", Instant(), nullable=False),
)

# A quota belongs to its holder in the CRM (app, portal, organisation), not to a workspace: two workspaces on one
# portal draw on the same requests.
quota = Table(
    "quota",
    metadata,
    Column("holder", Words(), primary_key=True),
    Column("name", Words(), primary_key=True),
    Column("vendor_limit", BigInteger()),
    Column("slots", Json(), nullable=False),
    Column("blocked_until", Instant()),
    Column("resets_at", Instant()),
)

pin = Table(
    "pin",
    metadata,
    *key("connection"),
    words("identity"),
    Column("pinned_at", Instant(), nullable=False),
)

quarantine = Table(
    "quarantine",
    metadata,
    *key("connection", "stream", "id", "field_name"),
    words("reason"),
    words("value"),
    Column("first_seen_at", Instant(), nullable=False),
    Column("last_seen_at", Instant(), nullable=False),
    Column("times", Integer(), nullable=False),
)
