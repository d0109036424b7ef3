"""What was computed: evaluations with how healthy accounts were, alerts, and plans."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Double, Index, Integer, Table, UniqueConstraint, text

from store.tables.base import key, metadata, serial, words
from store.types import BIG_ID, Instant, Json, PackedFrame, PackedJson

# Append-only by (account, as_of); a row stands until the next one, so nothing is stored while nothing changes.
evaluation = Table(
    "evaluation",
    metadata,
    serial(),
    words("workspace"),
    words("account_id"),
    Column("as_of", Instant(), nullable=False),
    Column("is_current", Boolean(), nullable=False),
    words("run_id"),
    words("model_version"),
    words("values_hash"),
    Column("score", Double()),
    words("band"),
    words("stage", null=True),
    Column("outputs", Json(), nullable=False),
    Column("block_id", BIG_ID),
    UniqueConstraint("workspace", "account_id", "as_of"),
    Index(
        "uq_evaluation_current",
        "workspace",
        "account_id",
        unique=True,
        sqlite_where=text("is_current = 1"),
        postgresql_where=text("is_current"),
    ),
)

# How healthy many accounts were (`mapping.kept`); `accounts` counts the evaluations that point here.
evaluation_block = Table(
    "evaluation_block",
    metadata,
    serial(),
    words("workspace"),
    Column("accounts", Integer(), nullable=False),
    Column("packed", PackedFrame(), nullable=False),
)

# What stood in the place of blocks before there were any; nothing is added.
evaluation_detail = Table(
    "evaluation_detail",
    metadata,
    Column("evaluation_id", BIG_ID, primary_key=True, autoincrement=False),
    words("workspace"),
    Column("detail", PackedJson(), nullable=False),
)

ALERT_STANDS = "state IN ('open', 'acknowledged')"

# Runs write what they find; `acknowledged_at`, `acknowledged_by` and `note` belong to people, who may come at any time.
alert = Table(
    "alert",
    metadata,
    serial(),
    words("workspace"),
    words("account_id"),
    words("alert"),
    words("state"),
    words("label"),
    words("because"),
    words("owner"),
    words("owner_connection", null=True),
    words("owner_ref", null=True),
    words("run_id"),
    words("last_run_id"),
    Column("raised_at", Instant(), nullable=False),
    Column("judged_at", Instant(), nullable=False),
    Column("sla_hours", Integer()),
    Column("due_at", Instant()),
    words("level", null=True),
    Column("misses", Integer(), nullable=False),
    Column("touched_at", Instant()),
    words("touch", null=True),
    Column("acknowledged_at", Instant()),
    words("acknowledged_by", null=True),
    words("note", null=True),
    Column("escalated_at", Instant()),
    Column("resolved_at", Instant()),
    words("why", null=True),
    # At most one alert of a kind stands on an account.
    Index(
        "uq_alert_standing",
        "workspace",
        "account_id",
        "alert",
        unique=True,
        sqlite_where=text(ALERT_STANDS),
        postgresql_where=text(ALERT_STANDS),
    ),
    Index("ix_alert_account", "workspace", "account_id"),
    Index("ix_alert_raised", "workspace", "raised_at"),
    Index("ix_alert_resolved", "workspace", "resolved_at"),
)

# The task that stands for an alert in a CRM: by `key` it is found there, whatever became of the request for it.
alert_task = Table(
    "alert_task",
    metadata,
    *key("connection"),
    Column("alert_id", BIG_ID, primary_key=True, autoincrement=False),
    words("object"),
    words("key"),
    words("record_id", null=True),
    words("run_id", null=True),
    Column("made_at", Instant()),
    words("ended", null=True),
    Column("ended_at", Instant()),
    UniqueConstraint("workspace", "connection", "key"),
)

# The entry on a timeline about a fall of an account's health, which the evaluation of `as_of` saw.
timeline_entry = Table(
    "timeline_entry",
    metadata,
    *key("connection", "key"),
    words("account_id"),
    words("object"),
    Column("as_of", Instant(), nullable=False),
    words("record_id", null=True),
    words("run_id", null=True),
    Column("made_at", Instant()),
)

plan = Table(
    "plan",
    metadata,
    Column("key", BIG_ID, primary_key=True, autoincrement=True),
    words("workspace"),
    words("id", null=True),
    words("run_id"),
    words("state"),
    Column("made_at", Instant(), nullable=False),
    Column("as_of", Instant(), nullable=False),
    words("framework"),
    words("model_version"),
    Column("inputs", Json(), nullable=False),
    Column("cost", Json(), nullable=False),
    Column("counts", Json(), nullable=False),
    UniqueConstraint("workspace", "id"),
)

plan_record = Table(
    "plan_record",
    metadata,
    Column("plan_key", BIG_ID, primary_key=True, autoincrement=False),
    *key("connection", "object", "record_id"),
    words("account_id"),
    Column("changes", Json(), nullable=False),
    Column("held", Json(), nullable=False),
    words("kind", default="update"),
)
