"""What a task says, and the key under which it is made."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from mapping.alert_life import Life
from mapping.records import ValueType
from mapping.tasks import TASK_KEY, followed_values, task_fields, task_key, task_values

RAISED = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
LIFE = Life(RAISED, RAISED, RAISED + timedelta(hours=48))


def told(life: Life = LIFE, *, whole_days: bool = False, zone: str = "Europe/Copenhagen", label: str = "Red"):
    return task_values(
        life, label=label, because="health is red", meaning="Call.", account="Blue", zone=zone, whole_days=whole_days
    )


def test_a_key_is_the_same_whenever_it_is_asked_for_and_another_for_each_alert() -> None:
    given = ("default", 7, "red", "hubspot:1", RAISED)
    others = [("x", *given[1:]), ("default", 8, *given[2:]), (*given[:3], "hubspot:2", RAISED)]
    others += [(*given[:2], "blue", *given[3:]), (*given[:4], RAISED + timedelta(microseconds=1))]
    assert task_key(*given) == task_key(*given)
    assert len({task_key(*one) for one in (given, *others)}) == 6
    assert len(task_key(*given)) <= TASK_KEY.length


def test_a_task_says_why_what_to_do_and_until_when_in_the_tenants_time() -> None:
    found = told()
    assert found["task_subject"] == "Red: Blue"
    assert found["task_due"] == "2026-11-22T23:30:00Z"
    assert found["task_body"] == (
        "Health is red. Call. Raised by Keepwell on 2026-11-21 00:30 Europe/Copenhagen. To be answered by "
        "2026-11-23 00:30."
    )
    assert told(whole_days=True)["task_due"] == "2026-11-23"
    assert told(whole_days=True, zone="UTC")["task_due"] == "2026-11-22"


def test_without_a_deadline_it_is_due_at_once_or_on_no_day() -> None:
    life = replace(LIFE, due_at=None)
    assert told(life)["task_due"] == "2026-11-20T23:30:00Z"
    assert told(life, whole_days=True)["task_due"] is None
    assert "answered" not in str(told(life)["task_body"])


def test_long_names_fit() -> None:
    assert len(str(told(label="x" * 400)["task_subject"])) == 255


def test_status_and_priority_follow_the_alert() -> None:
    later = RAISED + timedelta(hours=50)
    assert followed_values(LIFE) == {"task_status": "open", "task_priority": "normal"}
    assert followed_values(replace(LIFE, acknowledged_at=later))["task_status"] == "in_progress"
    assert followed_values(replace(LIFE, touched_at=later))["task_status"] == "in_progress"
    assert followed_values(replace(LIFE, resolved_at=later))["task_status"] == "done"
    assert followed_values(replace(LIFE, escalated_at=later))["task_priority"] == "high"


def test_a_day_is_a_day_and_an_instant_an_instant() -> None:
    kinds = [{one.name: one.type for one in task_fields(whole_days=days)}["task_due"] for days in (True, False)]
    assert kinds == [ValueType.DATE, ValueType.DATETIME]
