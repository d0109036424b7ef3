"""Every table of the store, by topic; importing this package fills `metadata`."""

from store.tables.base import metadata
from store.tables.entities import ENTITY_TABLES, account_link, identity_review
from store.tables.progress import backfill, cursor, epoch, lease, mark, pin, quarantine, quota, run
from store.tables.pulled import raw_alias, raw_link, raw_record, raw_seq
from store.tables.results import evaluation, evaluation_detail, plan, plan_record
from store.tables.writes import audit, audit_head, failure, intent, ledger, resolution

__all__ = [
    "ENTITY_TABLES",
    "account_link",
    "audit",
    "audit_head",
    "backfill",
    "cursor",
    "epoch",
    "evaluation",
    "evaluation_detail",
    "failure",
    "identity_review",
    "intent",
    "lease",
    "ledger",
    "mark",
    "metadata",
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
]
