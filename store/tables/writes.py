"""What was written: the outbox of intents, the ledger of values, what was refused or decided, the audit chain."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table, text

from store.tables.base import key, metadata, serial, words
from store.types import BIG_ID, Instant, Json

OPEN_WHERE = "state IN ('pending', 'sent', 'in_doubt')"

intent = Table(
    "intent",
    metadata,
    serial(),
    words("workspace"),
    words("connection"),
    words("object"),
    words("record_id"),
    words("field"),
    words("property"),
    words("base", null=True),
    words("want", null=True),
    words("seen", null=True),
    words("because"),
    words("plan_id"),
    words("run_id"),
    words("model_version"),
    Column("seq", BigInteger(), nullable=False),
    words("state"),
    Column("attempt", Integer(), nullable=False),
    words("batch", null=True),
    Column("token", BigInteger()),
    Column("sent_at", Instant()),
    Column("deadline_at", Instant()),
    Column("changed_at", Instant(), nullable=False),
    words("reason"),
    words("code"),
    words("undoes", null=True),
    # At most one open intent a (record, property): the same value can never be on its way twice.
    Index(
        "uq_intent_open",
        "workspace",
        "connection",
        "object",
        "record_id",
        "property",
        unique=True,
        sqlite_where=text(OPEN_WHERE),
        postgresql_where=text(OPEN_WHERE),
    ),
    Index("ix_intent_record", "workspace", "connection", "object", "record_id", "property"),
    Index("ix_intent_run", "workspace", "run_id", "id"),
    Index("ix_intent_work", "workspace", "connection", "state", "id"),
)

ledger = Table(
    "ledger",
    metadata,
    serial(),
    words("workspace"),
    words("connection"),
    words("object"),
    words("record_id"),
    words("field"),
    words("property"),
    words("before", null=True),
    words("written", null=True),
    words("run_id"),
    words("plan_id"),
    words("model_version"),
    words("because"),
    Column("written_at", Instant(), nullable=False),
    Column("verified_at", Instant()),
    Column("is_current", Boolean(), nullable=False),
    words("undoes", null=True),
    Index(
        "uq_ledger_current",
        "workspace",
        "connection",
        "object",
        "record_id",
        "property",
        unique=True,
        sqlite_where=text("is_current = 1"),
        postgresql_where=text("is_current"),
    ),
    # In the order in which a run is undone: record by record.
    Index("ix_ledger_run", "workspace", "run_id", "connection", "object", "record_id", "property", "id"),
)

# Values that the CRM refused when they were last sent; a row goes when the value gets there or is not wanted any more.
failure = Table(
    "failure",
    metadata,
    *key("connection", "object", "record_id", "property"),
    words("field"),
    words("want", null=True),
    words("reason"),
    words("code"),
    words("run_id"),
    Column("first_at", Instant(), nullable=False),
    Column("last_at", Instant(), nullable=False),
    Column("attempts", Integer(), nullable=False),
    Column("due_at", Instant(), nullable=False),
)

# What a person decided about a held value; it holds as long as the CRM shows `seen`.
resolution = Table(
    "resolution",
    metadata,
    *key("connection", "object", "record_id", "property"),
    words("verdict"),
    words("seen", null=True),
    Column("made_at", Instant(), nullable=False),
)

audit = Table(
    "audit",
    metadata,
    *key(),
    Column("seq", BIG_ID, primary_key=True, autoincrement=False),
    words("kind"),
    words("batch"),
    words("run_id"),
    words("connection"),
    words("object"),
    Column("count", Integer(), nullable=False),
    words("digest"),
    Column("detail", Json(), nullable=False),
    Column("at", Instant(), nullable=False),
    words("prev_hash"),
    words("hash"),
    Index("ix_audit_batch", "workspace", "batch"),
    Index("ix_audit_run", "workspace", "run_id", "seq"),
)

# The end of each chain; its row is locked while an entry is appended, so that the chain cannot fork.
audit_head = Table(
    "audit_head",
    metadata,
    *key(),
    Column("seq", BIG_ID, nullable=False),
    words("hash"),
)
