"""What was computed: evaluations with their explanations, and plans."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Double, Index, Table, UniqueConstraint, text

from store.tables.base import key, metadata, serial, words
from store.types import BIG_ID, Instant, Json, PackedJson

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

# Apart from `evaluation` because explanations are long and score history is read for all accounts at once.
evaluation_detail = Table(
    "evaluation_detail",
    metadata,
    Column("evaluation_id", BIG_ID, primary_key=True, autoincrement=False),
    words("workspace"),
    Column("detail", PackedJson(), nullable=False),
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
)
