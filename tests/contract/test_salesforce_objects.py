"""What else an org knows: the first win of an opportunity, calls, families of accounts, and what may be absent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.base import StreamMap
from connectors.errors import SchemaDrift
from connectors.salesforce.history import FIRST_WON
from tests.contract.salesforce_org import Org, org, pull, records, shipped_map, stream

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
HISTORY = "OpportunityHistory"


def won(one: Org, closed: str) -> str:
    """An opportunity won on one day and moved on since, as its history has it."""
    account = min(one.live("Account"))
    values = {"Name": "Big", "AccountId": account, "StageName": "Closed Won", "CloseDate": closed}
    deal = str(one.post("create", {"object": "Opportunity", "properties": values})["id"])
    for stage in ("Negotiation/Review", "Closed Won"):
        one.post("edit", {"object": "Opportunity", "id": deal, "properties": {"StageName": stage}})
    return deal


def asked_for_history(one: Org) -> int:
    """How many history rows were handed out, at least: queries are told apart by what they ask for."""
    return int(one.state.stats.by_route["GET /services/data/v62.0/query"])


@pytest.mark.parametrize("pull_settings", [{}, {"bulk_from": 0, "rows_a_page": 7}])
@pytest.mark.parametrize("since", [None, LONG_AGO])
def test_an_opportunity_that_moved_on_was_won_when_its_history_says(
    pull_settings: dict[str, Any], since: datetime | None
) -> None:
    born = datetime.now(UTC).replace(microsecond=0)
    moment = [born - timedelta(days=30)]
    with org(clock=lambda: moment[0]) as one:
        deal = won(one, (born - timedelta(days=30)).date().isoformat())
        moment[0] = born
        one.post("edit", {"object": "Opportunity", "id": deal, "properties": {"StageName": "Negotiation/Review"}})
        one.post("edit", {"object": "Opportunity", "id": deal, "properties": {"StageName": "Closed Won"}})
        found = records(pull(one.connector(pull=pull_settings), "opportunities", since=since))
        first = (born - timedelta(days=30)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        assert found[deal].properties[FIRST_WON] == first
        assert found[deal].properties["LastStageChangeDate"] > first
        others = [one for key, one in found.items() if key != deal]
        assert all(FIRST_WON in other.properties for other in others)


def test_an_opportunity_won_on_its_close_date_costs_no_query() -> None:
    with org() as one:
        connector = one.connector()
        connector.streams()
        one.state.stats.by_route.clear()
        found = records(pull(connector, "opportunities"))
        unsure = [record for record in found.values() if record.properties[FIRST_WON]]
        assert not unsure
        assert asked_for_history(one) == 1, "the opportunities themselves"


@pytest.mark.parametrize("missing", ["hidden", "refused", "absent"])
def test_without_history_the_fields_of_the_opportunity_have_to_do(missing: str) -> None:
    options = {"without_objects": (HISTORY,)} if missing == "absent" else {}
    with org(**options) as one:
        if missing == "hidden":
            one.post("hide", {"object": HISTORY, "field": "StageName"})
        connector = one.connector()
        streams = {each.name: each for each in connector.streams()}
        assert (FIRST_WON in streams["opportunities"].properties) is (missing == "refused")
        assert "closed_won_at" not in connector.not_connected().get("opportunities", ())
        deal = won(one, "2020-01-01")
        if missing == "refused":
            one.post("hide", {"object": HISTORY, "field": "StageName"})
        found = records(pull(connector, "opportunities"))
        assert found[deal].properties["LastStageChangeDate"]
        assert not found[deal].properties.get(FIRST_WON)


def test_tasks_are_calls_only_where_they_say_so() -> None:
    with org() as one:
        account = min(one.live("Account"))
        call = {
            "Subject": "Call",
            "WhatId": account,
            "TaskSubtype": "Call",
            "CallType": "Outbound",
            "ActivityDate": None,
        }
        wanted = one.post("create", {"object": "Task", "properties": call | {"CallDurationInSeconds": 300}})["id"]
        one.post("create", {"object": "Task", "properties": {"Subject": "To do", "WhatId": account}})
        connector = one.connector()
        for since in (None, LONG_AGO):
            found = records(pull(connector, "tasks", since=since))
            assert set(found) == {wanted}
            assert found[wanted].properties["CallDurationInSeconds"] == 300
        one.post("delete", {"object": "Task", "id": wanted})
        assert records(pull(connector, "tasks", since=LONG_AGO))[wanted].archived
        assert records(pull(connector, "tasks")) == {}


@pytest.mark.parametrize(
    ("objects", "streams"),
    [
        (("Contract",), {"contracts"}),
        (("Event",), {"events", "events>contacts"}),
        (("Task",), {"tasks"}),
        (("OpportunityHistory",), set()),
        (("EventRelation",), set()),
        (("CurrencyType",), set()),
        (("Contract", "Event", "Task", "OpportunityHistory", "CurrencyType"), {"contracts", "events", "tasks"}),
    ],
)
def test_an_org_without_an_optional_object_is_pulled_without_it(objects: tuple[str, ...], streams: set[str]) -> None:
    with org() as one:
        everything = {stream.name for stream in one.connector().streams()}
    with org(without_objects=objects) as one:
        connector = one.connector()
        left = {stream.name for stream in connector.streams()}
        assert everything - left >= streams
        assert everything - left <= streams | {"events>contacts"}
        assert all(
            pull(connector, stream.name)[-1].complete for stream in connector.streams() if stream.kind != "links"
        )
        said = {check.name: check.status for check in connector.checks()}
        assert "error" not in said.values()
        assert {name.removeprefix("fields of ") for name in said if name.startswith("fields of ")} >= streams - {
            "events>contacts"
        }


def test_tasks_without_a_subtype_count_as_absent() -> None:
    with org() as one:
        one.post("hide", {"object": "Task", "field": "TaskSubtype"})
        assert "tasks" not in {stream.name for stream in one.connector().streams()}


def test_families_may_be_circular_or_half_hidden() -> None:
    with org() as one:
        first, second, third = sorted(one.live("Account"))[:3]
        for child, parent in ((first, second), (second, first), (third, third)):
            table = one.state.org.tables["Account"]
            row = list(table.rows[child])
            row[table.columns["ParentId"]] = parent
            table.put(row)
        found = records(pull(one.connector()))
        assert [found[one].properties["ParentId"] for one in (first, second, third)] == [second, first, third]


def test_a_single_currency_org_has_no_currency_field_and_is_no_worse_for_it() -> None:
    with org(multi_currency=False) as one:
        connector = one.connector()
        assert "currency" in connector.not_connected()["accounts"]
        assert pull(connector)[-1].complete
    with org() as one:
        assert all(record.properties["CurrencyIsoCode"] for record in records(pull(one.connector())).values())


def test_a_person_account_is_an_account_with_a_name() -> None:
    """Salesforce fills Name of a person account from its parts, and its address of mail is nobody's domain."""
    accounts = shipped_map()["accounts"]
    assert {"Name", "Website"} <= set(accounts.properties)
    assert not any("Person" in prop or prop in {"FirstName", "LastName"} for prop in accounts.properties)
    with org() as one:
        person = one.post("create", {"object": "Account", "properties": {"Name": "Kim Larsen"}})["id"]
        wanting = StreamMap("account", ("Name",), {"IsPersonAccount": ("reference_status",)})
        connector = one.connector({"accounts": wanting})
        assert records(pull(connector))[person].properties["Name"] == "Kim Larsen"
        assert connector.not_connected() == {"accounts": ("reference_status",)}


STEPS = {"milestones": StreamMap("milestone", ("AccountId", "Subject", "ActivityDate", "CompletedDateTime"))}
TASKS = {"object": "Task", "where": "TaskSubtype = 'Task'"}


@pytest.mark.parametrize("pull_settings", [{}, {"bulk_from": 0, "rows_a_page": 7}])
def test_milestones_are_the_records_of_an_object_that_the_settings_choose(pull_settings: dict[str, Any]) -> None:
    with org() as one:
        account = min(one.live("Account"))
        one.post("create", {"object": "Task", "properties": {"Subject": "Call", "TaskSubtype": "Call"}})
        step = {"Subject": "Kick-off held", "WhatId": account, "ActivityDate": "2026-03-20"}
        made = one.post("create", {"object": "Task", "properties": step})["id"]
        connector = one.connector(STEPS, milestones=TASKS, pull=pull_settings)
        found = records(pull(connector, "milestones"))
        assert set(found) == {made}
        assert found[made].properties["AccountId"] == account
        assert not found[made].properties["CompletedDateTime"]
        one.post("edit", {"object": "Task", "id": made, "properties": {"Status": "Completed"}})
        assert records(pull(connector, "milestones", since=LONG_AGO))[made].properties["CompletedDateTime"]


def test_what_is_no_milestone_any_more_is_not_looked_up_as_one() -> None:
    with org() as one:
        step = {"Subject": "Kick-off held", "WhatId": min(one.live("Account")), "ActivityDate": "2026-03-20"}
        made = one.post("create", {"object": "Task", "properties": step})["id"]
        for wanted, there in ((TASKS, {made}), (TASKS | {"where": "TaskSubtype = 'Call'"}, set())):
            connector = one.connector(STEPS, milestones=wanted)
            assert records(list(connector.lookup(stream(connector, "milestones"), [made]))).keys() == there


def test_an_object_of_milestones_that_is_not_there_is_a_mistake_and_none_is_none() -> None:
    with org() as one:
        assert "milestones" not in {stream.name for stream in one.connector().streams()}
        connector = one.connector(STEPS, milestones={"object": "Onboarding_Step__c"})
        with pytest.raises(SchemaDrift, match="The org has no object Onboarding_Step__c"):
            connector.streams()
