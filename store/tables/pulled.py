"""What was pulled: records as the CRM gave them, associations, merged ids."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table

from store.tables.base import key, metadata, words
from store.types import Instant, Json

raw_record = Table(
    "raw_record",
    metadata,
    *key("connection", "stream", "id"),
    words("hash"),
    Column("payload", Json(), nullable=False),
    Column("modified_at", Instant()),
    Column("archived", Boolean(), nullable=False),
    Column("gone", Boolean(), nullable=False),
    Column("seq", BigInteger(), nullable=False),
    Column("last_epoch", BigInteger(), nullable=False),
    Column("first_seen_at", Instant(), nullable=False),
    Column("changed_at", Instant(), nullable=False),
    Index("ix_raw_record_seq", "workspace", "connection", "stream", "seq", unique=True),
)

raw_link = Table(
    "raw_link",
    metadata,
    *key("connection", "kind", "from_id", "to_id", "label"),
    Column("ordinal", Integer(), nullable=False),
    Column("is_primary", Boolean(), nullable=False),
    Column("last_epoch", BigInteger(), nullable=False),
)

raw_alias = Table(
    "raw_alias",
    metadata,
    *key("connection", "stream", "old_id"),
    words("survivor"),
    Column("merged_at", Instant(), nullable=False),
    Index("ix_raw_alias_survivor", "workspace", "connection", "stream", "survivor"),
)

raw_seq = Table(
    "raw_seq",
    metadata,
    *key("connection", "stream"),
    Column("value", BigInteger(), nullable=False),
)
