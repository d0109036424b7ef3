"""Tasks of accounts against the sandbox org: defined on Activity, found by their key, never made twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests

from connectors.base import Change
from connectors.made import Tasks
from mapping.records import Ref
from mapping.tasks import TASK_KEY
from tests.contract.salesforce_org import Org, org

KEY = "CS_Alert_Key__c"


def ref(key: str) -> Ref:
    return Ref("salesforce", "Task", key)


@dataclass
class Desk:
    """An org with the key in it, and the tasks of a connection to it."""

    org: Org
    tasks: Tasks

    def make(self, *keys: str) -> list[tuple[str, str]]:
        account = min(self.org.live("Account"))
        batch = [Change(ref(key), values(key, account), new=True) for key in keys]
        return [(outcome.kind, outcome.code) for outcome in self.tasks.write(batch)]

    def own(self) -> dict[str, dict[str, Any]]:
        """Key → values of the tasks that have one, deleted ones too."""
        table = self.org.state.org.tables["Task"]
        rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows.values()]
        return {str(row[KEY]): row for row in rows if row[KEY]}

    def person(self, verb: str, key: str, **more: Any) -> None:
        self.org.post(verb, {"object": "Task", "id": self.own()[key]["Id"], **more})


def values(key: str, account: str) -> dict[str, str | None]:
    return {
        "Subject": "Health is red: Blue & Sons",
        "WhatId": account,
        "OwnerId": None,
        "ActivityDate": "2026-11-24",
        "Priority": "normal",
        "Status": "open",
        "Description": "Health < 40 & falling.",
        KEY: key,
    }


@contextmanager
def desk() -> Iterator[Desk]:
    with org() as one:
        tasks = one.connector(tasks={"alerts": "all"}).tasks()
        assert tasks is not None
        provisioner = tasks.fields()
        (key,) = provisioner.apply(provisioner.plan([TASK_KEY]))
        assert (key.property, key.action) == (KEY, "exists"), key.detail
        yield Desk(one, tasks)


def test_the_key_is_defined_on_activity_and_granted_on_task() -> None:
    with desk() as it:
        for name in ("Task", "Event"):
            found = it.org.state.org.tables[name].kind.fields[KEY]
            assert (found.unique, found.external_id) == (True, True)
        permissions = it.org.state.org.tables["FieldPermissions"]
        granted = {str(row[permissions.columns["Field"]]) for row in permissions.rows.values()}
        assert f"Task.{KEY}" in granted


def test_the_sandbox_takes_no_field_of_task_itself() -> None:
    with desk() as it:
        session = it.org.connector()
        token = session._client.grant()
        body = {"FullName": "Task.Other__c", "Metadata": {"label": "Other", "type": "Text", "length": 20}}
        url = f"{it.org.url}/services/data/v62.0/tooling/sobjects/CustomField"
        answer = requests.post(url, json=body, headers={"Authorization": f"Bearer {token.token}"}, timeout=30)
        assert answer.status_code == 400
        assert answer.json()[0]["errorCode"] == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"


def test_tasks_are_made_and_read_by_key() -> None:
    with desk() as it:
        account = min(it.org.live("Account"))
        assert it.make("kw-1", "kw-2") == [("confirmed", ""), ("confirmed", "")]
        seen = it.tasks.read_values([ref("kw-2"), ref("kw-9")], list(values("kw-2", account)))
        assert [one.missing for one in seen] == [False, True]
        expected = values("kw-2", account)
        del expected["OwnerId"]
        assert {name: seen[0].values[name] for name in expected} == expected
        assert seen[0].record_id == it.own()["kw-2"]["Id"]
        assert it.tasks.write([Change(ref("kw-2"), {"Status": "done", "Priority": "high"})])[0].kind == "confirmed"
        assert (it.own()["kw-2"]["Status"], it.own()["kw-2"]["Priority"]) == ("Completed", "High")


def test_a_task_that_is_there_already_is_in_doubt_and_a_deleted_one_is_told() -> None:
    with desk() as it:
        it.make("kw-1")
        assert it.make("kw-2", "kw-1") == [("confirmed", ""), ("in_doubt", "DUPLICATE_VALUE")]
        it.person("delete", "kw-1")
        (seen,) = it.tasks.read_values([ref("kw-1")], [KEY])
        assert (seen.missing, seen.record_id) == (True, it.own()["kw-1"]["Id"])
        assert it.tasks.write([Change(ref("kw-1"), {"Status": "done"})])[0].kind == "gone"


def test_an_owner_who_left_is_what_salesforce_refuses_and_not_the_task() -> None:
    with desk() as it:
        users = it.org.state.org.tables["User"]
        users.rows[max(users.rows)][users.columns["IsActive"]] = False
        given = values("kw-1", min(it.org.live("Account"))) | {"OwnerId": max(users.rows)}
        (outcome,) = it.tasks.write([Change(ref("kw-1"), given, new=True)])
        assert (outcome.kind, outcome.code, outcome.property) == ("rejected", "INACTIVE_OWNER_OR_USER", "OwnerId")
        assert it.own() == {}


def test_any_status_that_closes_a_task_is_done() -> None:
    with desk() as it:
        it.make("kw-1")
        table = it.org.state.org.tables["Task"]
        row = table.rows[it.own()["kw-1"]["Id"]]
        row[table.columns["Status"]], row[table.columns["IsClosed"]] = "Won", True
        (seen,) = it.tasks.read_values([ref("kw-1")], ["Status"])
        assert seen.values["Status"] == "done"


def test_doctor_says_whether_tasks_may_be_made() -> None:
    with desk() as it:
        found = {one.name: one.status for one in it.org.connector(tasks={"alerts": "all"}).checks()}
        assert found["tasks"] == "ok"
        it.org.state.org.tables["Task"].kind.createable = False
        found = {one.name: one.status for one in it.org.connector(tasks={"alerts": "all"}).checks()}
        assert found["tasks"] == "error"
        assert "tasks" not in {one.name for one in it.org.connector().checks()}
