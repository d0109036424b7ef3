"""Alerts as tasks of Salesforce: one each under a unique field of Activity, and none after a person removed it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sync.deps import RunOptions
from sync.fields import fields_export, fields_plan
from tests.flow.checker import assert_sound
from tests.flow.one_crm import SkippingClock, one_crm
from tests.flow.rig import Rig

KEY = "CS_Alert_Key__c"
CREATE = "*/composite/sobjects"
HOUR = 3600.0
FULL = RunOptions(full=True, max_shrink=1.0)


class Org:
    """A rig with Salesforce alone, whose alerts called `red` become tasks."""

    def __init__(self, made: Rig) -> None:
        self.rig, self.clock = made, SkippingClock()
        made.provision()

    def sync(self, *, hours: float = 0, **others: Any) -> Any:
        self.clock.sleep(hours * HOUR)
        return self.rig.sync(FULL, clock=self.clock, **others)

    def tasks(self, *, deleted: bool = False) -> dict[str, dict[str, Any]]:
        """Key → values of the tasks that have one."""
        assert self.rig.crm.salesforce is not None
        table = self.rig.crm.salesforce.org.tables["Task"]
        rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows.values()]
        return {row[KEY]: row for row in rows if row[KEY] and bool(row["IsDeleted"]) is deleted}

    def created(self) -> int:
        """How many tasks were ever made."""
        found = self.rig.journal(at="salesforce")
        return sum(1 for one in found if (one["action"], one["object"], one["property"]) == ("create", "Task", KEY))

    def made(self) -> int:
        """How many tasks the integration user made, with a key or without."""
        found = [one for one in self.rig.journal(at="salesforce") if one["actor"].startswith("api:")]
        return len({one["id"] for one in found if (one["action"], one["object"]) == ("create", "Task")})


@contextmanager
def org(folder: Path, store: str | None = None) -> Iterator[Org]:
    with one_crm(folder, "salesforce", store=store, tasks={"alerts": ["red"]}) as made:
        yield Org(made)


def test_each_alert_becomes_one_task_of_its_account(tmp_path: Path, either_store: str | None) -> None:
    with org(tmp_path, either_store) as it:
        report = it.sync()
        assert report.status == "complete", report.reason
        found = it.tasks()
        assert found
        assert report.drift == 0
        assert report.plan.by_connection["salesforce"].tasks == len(found) == it.created()
        for task in found.values():
            assert task["Subject"].startswith("Health is red: ")
            assert task["WhatId"].startswith("001")
            assert (task["Status"], task["Priority"], task["IsClosed"]) == ("Not Started", "Normal", False)
        it.sync(hours=1)
        assert it.created() == len(found)
        assert_sound(it.rig)


def test_a_lost_answer_makes_no_second_task(tmp_path: Path) -> None:
    with org(tmp_path) as it:
        it.rig.fault(at="salesforce", kind="commit_then_drop", method="POST", path=CREATE)
        report = it.sync()
        made = it.created()
        assert made == len(it.tasks()) > 0
        assert (report.buckets().in_doubt, report.buckets().conflict) == (0, 0)
        it.sync(hours=1)
        assert it.created() == made
        assert_sound(it.rig)


def test_a_task_that_was_deleted_while_its_answer_was_lost_is_not_made_again(tmp_path: Path) -> None:
    with org(tmp_path) as it:
        it.rig.fault(at="salesforce", kind="commit_then_drop", method="POST", path=CREATE)

        def deleting(_seconds: float) -> None:
            for one in it.tasks().values():
                it.rig.person("delete", at="salesforce", object="Task", id=one["Id"])
            it.clock.sleep(_seconds)

        it.sync(sleep=deleting)
        made = it.created()
        assert made == len(it.tasks(deleted=True)) > 0
        it.sync(hours=1)
        it.sync(hours=49)
        assert it.created() == made
        assert it.tasks() == {}
        assert_sound(it.rig)


@pytest.mark.parametrize("field", ["WhatId", KEY])
def test_no_task_is_made_without_its_account_or_its_key(tmp_path: Path, field: str) -> None:
    with org(tmp_path) as it:
        it.rig.person("rules", at="salesforce", object="Task", field=field, message="Not here.")
        report = it.sync()
        assert report.buckets().rejected > 0
        assert it.created() == 0
        assert it.made() == 0
        it.rig.person("rules", at="salesforce")
        it.sync(hours=25)
        assert it.made() == it.created() == len(it.tasks()) > 0
        assert_sound(it.rig)


def test_the_key_is_a_field_of_activity_that_must_be_unique(tmp_path: Path) -> None:
    with org(tmp_path) as it, it.rig.deps() as deps:
        found = {one.property: one.action for one in fields_plan(deps)["salesforce"]}
        assert found[KEY] == "exists"
        of_accounts, of_tasks = fields_export(deps, tmp_path / "package")
        assert list(of_tasks.properties) == [KEY]
        definition = next(one for one in of_tasks.files if one.name == f"{KEY}.field-meta.xml")
        assert definition.parent.parent.name == "Activity"
        assert "<unique>true</unique>" in definition.read_text()
        grants = next(one for one in of_tasks.files if "permissionset" in one.name).read_text()
        assert f"<field>Task.{KEY}</field>" in grants
        assert "<allowCreate>true</allowCreate>" in grants
        assert "<name>EditTask</name>" in grants, "without this right Create and Edit on Task are worth nothing"
        others = next(one for one in of_accounts.files if "permissionset" in one.name).read_text()
        assert "<allowCreate>false</allowCreate>" in others
        assert "userPermissions" not in others
