"""Tasks of companies against the sandbox portal: made with their company, found by their key, never made twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from connectors.base import Change, Check
from connectors.made import Tasks
from mapping.records import Ref
from mapping.tasks import TASK_KEY
from sandbox.hubspot.auth import ALL_SCOPES, PRIVATE_TOKEN, Token
from sandbox.hubspot.journal import Actor
from tests.contract.hubspot_kit import Box, portal

KEY = "cs_alert_key"
SETTINGS = {"alerts": "all"}


def values(key: str, company: str, **others: str | None) -> dict[str, str | None]:
    given = {
        "hs_task_subject": "Health is red: Blue & Sons",
        "hs_task_body": "Health < 40 & falling.",
        "hs_timestamp": "2026-11-24T12:00:00Z",
        "hs_task_status": "open",
        "hs_task_priority": "normal",
        "hubspot_owner_id": None,
        "company": company,
    }
    return {**given, KEY: key, **others}


@dataclass
class Desk:
    """A portal with the key in it, and the tasks of a connection to it."""

    box: Box
    tasks: Tasks

    def make(self, *changes: Mapping[str, str | None]) -> list[tuple[str, str]]:
        batch = [Change(ref(str(one[KEY])), one, new=True) for one in changes]
        return [(outcome.kind, outcome.code) for outcome in self.tasks.write(batch)]

    def live(self) -> list[Any]:
        return list(self.box.state.portal.stores["tasks"].live.values())


def ref(key: str) -> Ref:
    return Ref("hubspot", "tasks", key)


@contextmanager
def desk(**options: Any) -> Iterator[Desk]:
    with portal(accounts=8, **options) as box:
        tasks = box.connect(tasks=SETTINGS).tasks()
        assert tasks is not None
        provisioner = tasks.fields()
        (key,) = provisioner.apply(provisioner.plan([TASK_KEY]))
        assert (key.property, key.action) == (KEY, "exists"), key.detail
        yield Desk(box, tasks)


@pytest.mark.parametrize("version", ["v3", "2026-09"])
def test_tasks_are_made_with_their_company_and_read_by_key(version: str) -> None:
    with desk() as it:
        tasks = it.box.connect(tasks=SETTINGS, api_version=version).tasks()
        assert tasks is not None
        wanted = [values("kw-1", it.box.live()[0]), values("kw-2", it.box.live()[1], hs_task_priority="high")]
        outcomes = tasks.write([Change(ref(str(one[KEY])), one, new=True) for one in wanted])
        assert [one.kind for one in outcomes] == ["confirmed", "confirmed"]
        seen = tasks.read_values([ref("kw-2"), ref("kw-1"), ref("kw-3")], list(wanted[0]))
        assert [one.missing for one in seen] == [False, False, True]
        assert dict(seen[1].values) == wanted[0]
        assert seen[1].record_id == outcomes[0].record_id
        stored = {one.values[KEY]: one.values for one in it.live()}
        assert stored["kw-1"]["hs_task_body"] == "Health &lt; 40 &amp; falling."
        assert (stored["kw-2"]["hs_task_priority"], stored["kw-2"]["hs_task_type"]) == ("HIGH", "TODO")


def test_a_task_that_is_there_already_is_in_doubt_and_read_by_its_key() -> None:
    with desk() as it:
        company = it.box.live()[0]
        assert it.make(values("kw-1", company)) == [("confirmed", "")]
        assert it.make(values("kw-2", company), values("kw-1", company)) == [
            ("confirmed", ""),
            ("in_doubt", "CONFLICTING_UNIQUE_VALUE"),
        ]
        assert len(it.live()) == 2


def test_a_bad_task_spoils_no_other() -> None:
    with desk() as it:
        company = it.box.live()[0]
        bad = values("kw-1", company, hubspot_owner_id="4711")
        assert [kind for kind, _ in it.make(bad, values("kw-2", company), values("kw-3", "1"))] == [
            "rejected",
            "confirmed",
            "rejected",
        ]
        assert [one.values[KEY] for one in it.live()] == ["kw-2"]


def test_a_task_is_changed_by_its_key_and_one_that_somebody_deleted_is_gone() -> None:
    with desk() as it:
        it.make(values("kw-1", it.box.live()[0]), values("kw-2", it.box.live()[0]))
        other = it.box.connect(tasks=SETTINGS).tasks()
        assert other is not None
        it.box.state.portal.archive("tasks", it.live()[1], Actor("user:ada", "corr"))
        changes = [Change(ref(key), {"hs_task_status": "done"}) for key in ("kw-1", "kw-2")]
        assert [one.kind for one in other.write(changes)] == ["confirmed", "gone"]
        assert it.live()[0].values["hs_task_status"] == "COMPLETED"


def test_a_key_that_is_not_unique_is_in_the_way() -> None:
    with portal(accounts=2) as box:
        connector = box.connect(tasks=SETTINGS)
        tasks = connector.tasks()
        assert tasks is not None
        provisioner = tasks.fields()
        provisioner.apply(provisioner.plan([TASK_KEY]))
        box.state.portal.schemas["tasks"].properties[KEY].unique = False
        (found,) = provisioner.plan([TASK_KEY])
        assert found.action == "conflict"
        assert "same value" in found.detail


def test_doctor_names_the_scope_without_which_no_task_is_made() -> None:
    few = ALL_SCOPES - {"crm.objects.contacts.write"}
    with portal(accounts=2, tokens=(Token(PRIVATE_TOKEN, "private", few),)) as box:
        found = {one.name: one for one in box.connect(tasks=SETTINGS).checks()}
        assert found["read tasks"].status == "ok"
        assert _names(found["make tasks"], "crm.objects.contacts.write")
        assert "make tasks" not in {one.name for one in box.connect().checks()}


def _names(check: Check, scope: str) -> bool:
    return check.status == "error" and scope in f"{check.detail} {check.hint}"
