"""What the task of an alert says: its fields, and their values from what is known of the alert."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from zoneinfo import ZoneInfo

from mapping.alert_life import Life, State
from mapping.records import FieldSpec, ValueType

TASK_KEY = FieldSpec(
    "alert_key",
    ValueType.TEXT,
    "Keepwell alert key",
    "The alert that this task stands for; Keepwell finds the task by it, so leave it as it is.",
    length=64,
    unique=True,
)
"""The only property of a task that a CRM does not have by itself."""
DONE = "done"
_STATUS: Mapping[State, str] = MappingProxyType({"open": "open", "acknowledged": "in_progress", "resolved": DONE})
_TEXT = 1_000
STATUS_FIELD, PRIORITY_FIELD, OWNER_FIELD, ACCOUNT_FIELD = "task_status", "task_priority", "task_owner", "task_account"
SUBJECT_FIELD, BODY_FIELD, DUE_FIELD = "task_subject", "task_body", "task_due"
FOLLOWED = (STATUS_FIELD, PRIORITY_FIELD)
"""What changes with the alert; everything else is set once, when the task is made."""


def task_fields(*, whole_days: bool) -> tuple[FieldSpec, ...]:
    """The fields of a task in the order in which they are shown; `whole_days` where a CRM has no time of the day."""
    states = (("open", "Open"), ("in_progress", "In progress"), (DONE, "Done"))
    due = ValueType.DATE if whole_days else ValueType.DATETIME
    return (
        FieldSpec(SUBJECT_FIELD, ValueType.TEXT, "Subject", "The alert and the account."),
        FieldSpec(ACCOUNT_FIELD, ValueType.TEXT, "Account", "The account's record."),
        FieldSpec(OWNER_FIELD, ValueType.TEXT, "Owner", "Who has to answer the alert."),
        FieldSpec(DUE_FIELD, due, "Due", "By when the alert has to be answered."),
        FieldSpec(PRIORITY_FIELD, ValueType.ENUM, "Priority", "High once nobody answered in time.",
                  options=(("normal", "Normal"), ("high", "High"))),
        FieldSpec(STATUS_FIELD, ValueType.ENUM, "Status", "In progress once answered, done once resolved.",
                  options=states),
        FieldSpec(BODY_FIELD, ValueType.TEXT, "Text", "Why the alert was raised.", length=_TEXT),
        TASK_KEY,
    )  # fmt: skip


def task_key(workspace: str, alert_id: int, alert: str, account_id: str, raised_at: datetime) -> str:
    """The key of an alert's task: the same however often it is asked for, and no other alert's of any store."""
    text = "\0".join((workspace, str(alert_id), alert, account_id, raised_at.isoformat()))
    return f"kw-{hashlib.blake2b(text.encode(), digest_size=12).hexdigest()}"


def followed_values(life: Life) -> dict[str, str | None]:
    """The values that change with the alert."""
    return {STATUS_FIELD: _STATUS[life.state], PRIORITY_FIELD: "normal" if life.escalated_at is None else "high"}


def task_values(
    life: Life,
    *,
    label: str,
    because: str,
    meaning: str,
    account: str,
    zone: str,
    whole_days: bool,
    always_due: bool = False,
) -> dict[str, str | None]:
    """Canonical values of a new task, without its key, account and owner.

    `meaning` is what the framework says that is to be done. An alert without a deadline is due at once where a CRM
    wants a time, or `always_due` a day, and has no day otherwise.
    """
    due = life.due_at or (None if whole_days and not always_due else life.raised_at)
    shown = None if due is None else due.astimezone(ZoneInfo(zone)).date().isoformat() if whole_days else _instant(due)
    raised = life.raised_at.astimezone(ZoneInfo(zone))
    reason = f"{because[:1].upper()}{because[1:].rstrip('.')}."
    text = f"{reason} {meaning} Raised by Keepwell on {raised:%Y-%m-%d %H:%M} {zone}."
    if life.due_at is not None:
        text += f" To be answered by {life.due_at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}."
    return {
        SUBJECT_FIELD: f"{label}: {account}"[:255].strip(),
        DUE_FIELD: shown,
        BODY_FIELD: " ".join(text.split())[:_TEXT].strip(),
        **followed_values(life),
    }


def _instant(moment: datetime) -> str:
    return moment.astimezone(ZoneInfo("UTC")).strftime("%Y-%m-%dT%H:%M:%SZ")
