"""Calls to action against the sandbox tenant: found by a key of ours, and compared with its picklists."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from connectors.base import Change, Outcome
from connectors.errors import SchemaDrift
from connectors.gainsight.cockpit import OBJECT, PATH, GainsightTasks
from mapping.records import Ref
from mapping.tasks import TASK_KEY
from sandbox.gainsight.options import INTEGRATION_EMAIL
from tests.contract.gainsight_tenant import Tenant, tenant

KEY, REASON = "CS_Alert_Key__gc", "Usage Drop"


@pytest.fixture
def gs() -> Iterator[Tenant]:
    with tenant() as one:
        one.post("field", {"object": OBJECT, "name": KEY, "type": "STRING", "length": 64})
        yield one


def tasks(gs: Tenant, **changes: Any) -> GainsightTasks:
    found = gs.connector(tasks={"alerts": "all", "reason": REASON, **changes}).tasks()
    assert isinstance(found, GainsightTasks)
    return found


def ref(key: str) -> Ref:
    return Ref("gainsight", OBJECT, key)


def change(gs: Tenant, key: str, **others: str | None) -> Change:
    values = {
        "Name": "Health is red: Blue & Sons",
        "CompanyId": min(gs.rows()),
        "OwnerId": gs.state.tenant.integration_user,
        "DueDate": "2026-11-24",
        "priority": "normal",
        "status": "open",
        "Comments": "Health < 40 & falling.",
        KEY: key,
    }
    return Change(ref(key), {**values, **others}, new=True)


def live(gs: Tenant) -> dict[str, dict[str, Any]]:
    return {str(row[KEY]): row for row in gs.rows(OBJECT).values() if row.get(KEY)}


def kinds(outcomes: list[Outcome]) -> list[tuple[str, str]]:
    return [(one.kind, one.code) for one in outcomes]


def test_a_call_is_made_and_shows_what_was_written(gs: Tenant) -> None:
    one, new = tasks(gs), change(gs, "kw-1")
    (outcome,) = one.write([new])
    row = live(gs)["kw-1"]
    assert (outcome.kind, outcome.record_id) == ("confirmed", row["Gsid"])
    assert row["Comments"] == "Health &lt; 40 &amp; falling."
    seen, missing = one.read_values([ref("kw-1"), ref("kw-2")], list(new.values))
    assert seen.values == dict(new.values)
    assert (missing.missing, missing.record_id) == (True, None)
    assert one.write_cost(50, 0) == 4


def test_a_change_finds_its_call_by_the_key(gs: Tenant) -> None:
    tasks(gs).write([change(gs, "kw-1")])
    (outcome,) = tasks(gs).write([Change(ref("kw-1"), {"status": "done", "priority": "high"})])
    assert outcome.kind == "confirmed"
    (seen,) = tasks(gs).read_values([ref("kw-1")], ["status", "priority"])
    assert seen.values == {"status": "done", "priority": "high"}
    assert live(gs)["kw-1"]["IsClosed"] is True


def test_every_status_that_closes_a_call_is_done(gs: Tenant) -> None:
    one = tasks(gs)
    one.write([change(gs, "kw-1")])
    gs.post("edit", {"object": OBJECT, "id": live(gs)["kw-1"]["Gsid"], "properties": {"StatusId": "Closed Invalid"}})
    (seen,) = one.read_values([ref("kw-1")], ["status"])
    assert seen.values == {"status": "done"}


def test_a_deleted_call_is_told_with_its_id_and_no_change_goes_to_it(gs: Tenant) -> None:
    one = tasks(gs)
    one.write([change(gs, "kw-1")])
    gsid = live(gs)["kw-1"]["Gsid"]
    gs.post("delete", {"object": OBJECT, "id": gsid})
    (seen,) = one.read_values([ref("kw-1")], ["status"])
    assert (seen.missing, seen.record_id) == (True, gsid)
    assert kinds(one.write([Change(ref("kw-1"), {"status": "done"})])) == [("gone", "GSOBJ_1011")]


def test_some_of_a_request_may_be_made_and_others_refused(gs: Tenant) -> None:
    lost = max(gs.rows())
    gs.post("delete", {"object": "Company", "id": lost})
    batch = [change(gs, "kw-1"), change(gs, "kw-2", CompanyId=lost), change(gs, "kw-3", DueDate=None),
             change(gs, "kw-4", OwnerId=None), change(gs, "kw-5")]  # fmt: skip
    outcomes = tasks(gs).write(batch)
    assert [one.kind for one in outcomes] == ["confirmed", "rejected", "rejected", "rejected", "confirmed"]
    assert [one.code for one in outcomes[1:4]] == ["GSOBJ_1004", "COCKPIT_9700", "NO_OWNER"]
    assert "(CompanyId)" in outcomes[1].reason
    assert "(DueDate)" in outcomes[2].reason
    assert set(live(gs)) == {"kw-1", "kw-5"}
    assert gs.state.stats.by_route[f"POST {PATH}"] == 1


def test_an_answer_that_is_lost_leaves_all_of_its_calls_in_doubt(gs: Tenant) -> None:
    one = tasks(gs)
    gs.fault("commit_then_drop", PATH, method="POST")
    assert {outcome.kind for outcome in one.write([change(gs, "kw-1"), change(gs, "kw-2")])} == {"in_doubt"}
    assert [seen.missing for seen in one.read_values([ref("kw-1"), ref("kw-2")], ["status"])] == [False, False]
    assert one.settles_after >= 600


def test_a_tenant_that_drops_the_key_gets_no_more_calls_than_one_request_made(gs: Tenant) -> None:
    one = tasks(gs)
    gs.post("options", {"cockpit_fields": False})
    assert kinds(one.write([change(gs, "kw-1")])) == [("confirmed", "")]
    assert kinds(one.write([change(gs, "kw-2")])) == [("rejected", "NO_KEY")]
    assert gs.state.stats.by_route[f"POST {PATH}"] == 1


@pytest.mark.parametrize(
    ("tasks_", "says"),
    [
        ({"reason": "Nonsense"}, "tasks.reason: Gainsight has no 'Nonsense' among its CTA_REASON"),
        ({"priority": {"normal": "Meh"}}, "tasks.priority.normal: Gainsight has no 'Meh'"),
    ],
)
def test_a_name_that_the_tenant_does_not_have_is_named_with_those_that_it_has(
    gs: Tenant, tasks_: dict[str, Any], says: str
) -> None:
    one = gs.connector(tasks={"alerts": "all", "reason": REASON, **tasks_})
    with pytest.raises(SchemaDrift) as raised:
        one.streams()
    assert says in str(raised.value)
    assert "Choose one of what it has: " in raised.value.hint


def test_an_item_that_was_retired_is_none(gs: Tenant) -> None:
    gs.post("picklist", {"category": "CTA_STATUS", "retire": "Work In Progress"})
    with pytest.raises(SchemaDrift, match=r"status\.in_progress"):
        tasks(gs).check()


def test_the_key_is_listed_for_the_admin_until_it_is_there(gs: Tenant) -> None:
    (there,) = tasks(gs).fields().plan([TASK_KEY])
    assert (there.action, there.property) == ("exists", KEY)
    gs.post("field", {"object": OBJECT, "name": KEY, "remove": True})
    (missing,) = tasks(gs).fields().plan([TASK_KEY])
    assert missing.action == "by_hand"
    assert OBJECT in tasks(gs).fields().use


def test_the_fallback_owner_is_found_by_address(gs: Tenant) -> None:
    assert tasks(gs).fallback_owner() is None
    assert tasks(gs, fallback_owner=INTEGRATION_EMAIL).fallback_owner() == gs.state.tenant.integration_user
