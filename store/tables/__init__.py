"""Every table of the store, by topic; importing this package fills `metadata`."""

from store.tables.base import metadata
from store.tables.delivery import notification
from store.tables.entities import ENTITY_TABLES, account_link, identity_decision, identity_review
from store.tables.forgotten import forgotten
from store.tables.progress import backfill, cursor, epoch, lease, mark, pin, quarantine, quota, run
from store.tables.pulled import raw_alias, raw_link, raw_record, raw_seq
from store.tables.results import (
    alert,
    alert_task,
    evaluation,
    evaluation_block,
    evaluation_detail,
    plan,
    plan_record,
    timeline_entry,
)
from store.tables.writes import audit, audit_head, failure, intent, ledger, resolution

__all__ = [
    "ENTITY_TABLES",
    "account_link",
    "alert",
    "alert_task",
    "audit",
    "audit_head",
    "backfill",
    "cursor",
    "epoch",
    "evaluation",
    "evaluation_block",
    "evaluation_detail",
    "failure",
    "forgotten",
    "identity_decision",
    "identity_review",
    "intent",
    "lease",
    "ledger",
    "mark",
    "metadata",
    "notification",
    "pin",
    "plan",
    "plan_record",
    "quarantine",
    "quota",
    "raw_alias",
    "raw_link",
    "raw_record",
    "raw_seq",
    "resolution",
    "run",
    "timeline_entry",
]
