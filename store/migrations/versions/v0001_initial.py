"""Everything but the unified model."""

import sqlalchemy as sa
from alembic import op

from store.types import BIG_ID, Instant, Json, PackedJson, Words

revision = "0001_initial"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "account_link",
        sa.Column("workspace", Words(), nullable=False),
        sa.Column("connection", Words(), nullable=False),
        sa.Column("object", Words(), nullable=False),
        sa.Column("crm_id", Words(), nullable=False),
        sa.Column("account_id", Words(), nullable=False),
        sa.Column("how", Words(), nullable=False),
        sa.Column("writable", sa.Boolean(), nullable=False),
        sa.Column("linked_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "connection", "object", "crm_id", name=op.f("pk_account_link")),
    )
    op.create_index("ix_account_link_account_id", "account_link", ["workspace", "account_id"])
    op.create_table(
        "audit",
        sa.Column("workspace", Words(), nullable=False),
        sa.Column("seq", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("kind", Words(), nullable=False),
        sa.Column("batch", Words(), nullable=False),
        sa.Column("run_id", Words(), nullable=False),
        sa.Column("connection", Words(), nullable=False),
        sa.Column("object", Words(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("digest", Words(), nullable=False),
        sa.Column("detail", Json(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("prev_hash", Words(), nullable=False),
        sa.Column("hash", Words(), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "seq", name=op.f("pk_audit")),
    )
    op.create_index("ix_audit_batch", "audit", ["workspace", "batch"])
    op.create_index("ix_audit_run", "audit", ["workspace", "run_id", "seq"])
    op.create_table(
        "audit_head",
        sa.Column("workspace", Words(), nullable=False),
        sa.Column("seq", BIG_ID, nullable=False),
        sa.Column("hash", Words(), nullable=False),
        sa.PrimaryKeyConstraint("workspace", name=op.f("pk_audit_head")),
    )
    op.create_table(
        "cursor",
        sa.Column("workspace", Words(), nullable=False),
        sa.Column("connection", Words(), nullable=False),
        sa.Column("stream", Words(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("epoch_id", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.Column("checksum", Words(), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "connection", "stream", name=op.f("pk_cursor")),
    )
    op.create_table(
        "epoch",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("workspace", Words(), nullable=False),
        sa.Column("connection", Words(), nullable=False),
        sa.Column("stream", Words(), nullable=False),
        sa.Column("mode", Words(), nullable=False),
        sa.Column("state", Words(), nullable=False),
        sa.Column("since", Instant()),
        sa.Column("position", Words()),
        sa.Column("high_water", Instant()),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("pages", sa.BigInteger(), nullable=False),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("ended_at", Instant()),
        sa.Column("proof", Json()),
        sa.Column("checksum", Words(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_epoch")),
    )
    op.create_index("ix_epoch_stream", "epoch", ["workspace", "connection", "stream", "id"])
    op.create_index(
        "uq_epoch_open",
        "epoch",
        ["workspace", "connection", "stream"],
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "evaluation",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("workspace", Words(), nullable=False),
        sa.Column("account_id", Words(), nullable=False),
        sa.Column("as_of", Instant(), nullable=False),
        sa.Column("is_current", sa.Boolean(), nullable=False),
        sa.Column("run_id", Words(), nullable=False),
        sa.Column("model_version", Words(), nullable=False),
        sa.Column("values_hash", Words(), nullable=False),
        sa.Column("score", sa.Double()),
        sa.Column("band", Words(), nullable=False),
        sa.Column("stage", Words()),
        sa.Column("outputs", Json(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evaluation")),
        sa.UniqueConstraint("workspace", "account_id", "as_of", name=op.f("uq_evaluation_workspace_account_id_as_of")),
    )
    op.create_index(
        "uq_evaluation_current",
        "evaluation",
        ["workspace", "account_id"],
        unique=True,
        sqlite_where=sa.text("is_current = 1"),
        postgresql_where=sa.text("is_current"),
    )
    op.create_table(
        "evaluation_detail",
        sa.Column("evaluation_id", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("workspace", Words(), nullable=False),
        sa.Column("detail", PackedJson(), nullable=False),
        sa.PrimaryKeyConstraint("evaluation_id", name=op.f("pk_evaluation_detail")),
    )
    op.create_table(
        "identity_review",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("workspace", Words(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", Words(), nullable=False),
        sa.Column("refs", Json(), nullable=False),
        sa.Column("reason", Words(), nullable=False),
        sa.Column("found_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_review")),
    )
    op.create_index("ix_identity_review_workspace", "identity_review", ["workspace", "position"])
    op.create_table(
        "intent",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("workspace", Words(), nullable=False),
        sa.Column("connection", Words(), nullable=False),
        sa.Column("object", Words(), nullable=False),
        sa.Column("record_id", Words(), nullable=False),
        sa.Column("field", Words(), nullable=False),
        sa.Column("property", Words(), nullable=False),
        sa.Column("base", Words()),
        sa.Column("want", Words()),
        sa.Column("seen", Words()),
        sa.Column("because", Words(), nullable=False),
        sa.Column("plan_id", Words(), nullable=False),
        sa.Column("run_id", Words(), nullable=False),
        sa.Column("model_version", Words(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("state", Words(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("batch", Words()),
        sa.Column("token", sa.BigInteger()),
        sa.Column("sent_at", Instant()),
        sa.Column("deadline_at", Instant()),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.Column("reason", Words(), nullable=False),
        sa.Column("code", Words(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_intent")),
    )
    op.create_index("ix_intent_record", "intent", ["workspace", "connection", "object", "record_id", "property"])
    op.create_index("ix_intent_run", "intent", ["workspace", "run_id", "id"])
    op.create_index("ix_intent_work", "intent", ["workspace", "connection", "state", "id"])
    op.create_index(
        "uq_intent_open",
        "intent",
        ["workspace", "connection", "object", "record_id", "property"],
        unique=True,
        sqlite_where=sa.text("state IN ('pending', 'sent', 'in_doubt')"),
        postgresql_where=sa.text("state IN ('pending', 'sent', 'in_doubt')"),
    )
    op.create_table(
        "lease",
        sa.Column("workspace", Words(), nullable=False),
        sa.Column("key", Words(), nullable=False),
        sa.Column("owner", Words()),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "key", name=op.f("pk_lease")),
    )
    op.create_table(
        "ledger",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("workspace", Words(), nullable=False),
        sa.Column("connection", Words(), nullable=False),
        sa.Column("object", Words(), nullable=False),
        sa.Column("record_id", Words(), nullable=False),
        sa.Column("field", Words(), nullable=False),
        sa.Column("property", Words(), nullable=False),
        sa.Column("before", Words()),
        sa.Column("written", Words()),
        sa.Column("run_id", Words(), nullable=False),
        sa.Column("plan_id", Words(), nullable=False),
        sa.Column("model_version", Words(), nullable=False),
        sa.Column("because", Words(), nullable=False),
        sa.Column("written_at", Instant(), nullable=False),
        sa.Column("verified_at", Instant()),
        sa.Column("is_current", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger")),
    )
    op.create_index("ix_ledger_run", "ledger", ["workspace", "run_id", "id"])
    op.create_index(
        "uq_ledger_current",
        "ledger",
        ["workspace", "connection", "object", "record_id", "property"],
        unique=True,
        sqlite_where=sa.text("is_current = 1"),
        postgresql_where=sa.text("is_current"),
    )
    op.create_table(
        "mark",
        sa.Column("workspace", Words(), nullable=False),
        sa.Column("name", Words(), nullable=False),
        sa.Column("value", Json()),
        sa.PrimaryKeyConstraint("workspace", "name", name=op.f("pk_mark")),
    )
    op.create_table(
        "pin",
        sa.Column("workspace", Words(), nullable=False),
        sa.Column("connection", Words(), nullable=False),
        sa.Column("identity", Words(), nullable=False),
        sa.Column("pinned_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "connection", name=op.f("pk_pin")),
    )
    op.create_table(
        "plan",
        sa.Column("key", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("workspace", Words(), nullable=False),
        sa.Column("id", Words()),
        sa.Column("run_id", Words(), nullable=False),
        sa.Column("state", Words(), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        sa.Column("as_of", Instant(), nullable=False),
        sa.Column("framework", Words(), nullable=False),
        sa.Column("model_version", Words(), nullable=False),
        sa.Column("inputs", Json(), nullable=False),
        sa.Column("cost", Json(), nullable=False),
        sa.Column("counts", Json(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_plan")),
        sa.UniqueConstraint("workspace", "id", name=op.f("uq_plan_workspace_id")),
    )
    op.create_table(
        "plan_record",
        sa.Column("plan_key", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("workspace", Words(), nullable=False),
        sa.Column("connection", Words(), nullable=False),
        sa.Column("object", Words(), nullable=False),
        sa.Column("record_id", Words(), nullable=False),
        sa.Column("account_id", Words(), nullable=False),
        sa.Column("changes", Json(), nullable=False),
        sa.Column("held", Json(), nullable=False),
        sa.PrimaryKeyConstraint(
            "plan_key", "workspace", "connection", "object", "record_id", name=op.f("pk_plan_record")
        ),
    )
    op.create_table(
        "quarantine",
        sa.Column("workspace", Words(), nullable=False),
        sa.Column("connection", Words(), nullable=False),
        sa.Column("stream", Words(), nullable=False),
        sa.Column("id", Words(), nullable=False),
        sa.Column("field_name", Words(), nullable=False),
        sa.Column("reason", Words(), nullable=False),
        sa.Column("value", Words(), nullable=False),
        sa.Column("first_seen_at", Instant(), nullable=False),
        sa.Column("last_seen_at", Instant(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "connection", "stream", "id", "field_name", name=op.f("pk_quarantine")),
    )
    op.create_table(
        "quota",
        sa.Column("holder", Words(), nullable=False),
        sa.Column("name", Words(), nullable=False),
        sa.Column("vendor_limit", sa.BigInteger()),
        sa.Column("slots", Json(), nullable=False),
        sa.Column("blocked_until", Instant()),
        sa.Column("resets_at", Instant()),
        sa.PrimaryKeyConstraint("holder", "name", name=op.f("pk_quota")),
    )
    op.create_table(
        "raw_alias",
        sa.Column("workspace", Words(), nullable=False),
        sa.Column("connection", Words(), nullable=False),
        sa.Column("stream", Words(), nullable=False),
        sa.Column("old_id", Words(), nullable=False),
        sa.Column("survivor", Words(), nullable=False),
        sa.Column("merged_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "connection", "stream", "old_id", name=op.f("pk_raw_alias")),
    )
    op.create_index("ix_raw_alias_survivor", "raw_alias", ["workspace", "connection", "stream", "survivor"])
    op.create_table(
        "raw_link",
        sa.Column("workspace", Words(), nullable=False),
        sa.Column("connection", Words(), nullable=False),
        sa.Column("kind", Words(), nullable=False),
        sa.Column("from_id", Words(), nullable=False),
        sa.Column("to_id", Words(), nullable=False),
        sa.Column("label", Words(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("is_primary", sa.Boolean(), nullable=False),
        sa.Column("last_epoch", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "workspace", "connection", "kind", "from_id", "to_id", "label", name=op.f("pk_raw_link")
        ),
    )
    op.create_table(
        "raw_record",
        sa.Column("workspace", Words(), nullable=False),
        sa.Column("connection", Words(), nullable=False),
        sa.Column("stream", Words(), nullable=False),
        sa.Column("id", Words(), nullable=False),
        sa.Column("hash", Words(), nullable=False),
        sa.Column("payload", Json(), nullable=False),
        sa.Column("modified_at", Instant()),
        sa.Column("archived", sa.Boolean(), nullable=False),
        sa.Column("gone", sa.Boolean(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("last_epoch", sa.BigInteger(), nullable=False),
        sa.Column("first_seen_at", Instant(), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "connection", "stream", "id", name=op.f("pk_raw_record")),
    )
    op.create_index("ix_raw_record_seq", "raw_record", ["workspace", "connection", "stream", "seq"], unique=True)
    op.create_table(
        "raw_seq",
        sa.Column("workspace", Words(), nullable=False),
        sa.Column("connection", Words(), nullable=False),
        sa.Column("stream", Words(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "connection", "stream", name=op.f("pk_raw_seq")),
    )
    op.create_table(
        "run",
        sa.Column("workspace", Words(), nullable=False),
        sa.Column("id", Words(), nullable=False),
        sa.Column("command", Words(), nullable=False),
        sa.Column("status", Words(), nullable=False),
        sa.Column("reason", Words()),
        sa.Column("version", Words(), nullable=False),
        sa.Column("as_of", Instant()),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("finished_at", Instant()),
        sa.Column("report", Json()),
        sa.PrimaryKeyConstraint("workspace", "id", name=op.f("pk_run")),
    )
    op.create_index("ix_run_started_at", "run", ["workspace", "started_at"])
