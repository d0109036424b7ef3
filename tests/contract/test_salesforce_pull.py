"""Pulling from the sandbox org by REST: nothing missed, nothing taken for granted."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from connectors.base import Page, StreamMap, Window
from connectors.errors import BadAnswer, CredentialsError, QuotaExhausted, RetryLater, SchemaDrift
from tests.contract.salesforce_org import gather, live_ids, org, pull, records, shipped_map, stream

OBJECTS = {
    "accounts": "Account",
    "opportunities": "Opportunity",
    "cases": "Case",
    "contracts": "Contract",
    "events": "Event",
}


@pytest.mark.parametrize("flow", ["jwt", "client_credentials", "password"])
def test_each_flow_logs_in(flow: str) -> None:
    with org() as one:
        assert one.connector(auth=one.auth(flow)).identity().startswith("00D")


def test_wrong_credentials_say_so_and_nothing_else_happens() -> None:
    with org() as one:
        broken = one.connector(auth=one.auth(consumer_secret="wrong"))
        with pytest.raises(CredentialsError, match="refused the login"):
            broken.identity()
        checks = broken.checks()
        assert [(check.name, check.status) for check in checks] == [("credentials", "error")]


@pytest.mark.parametrize("version", ["58.0", "62.0", "66.0"])
def test_api_versions_need_no_soap(version: str) -> None:
    with org() as one:
        assert pull(one.connector(api_version=version, auth=one.auth("password")))[-1].complete


def test_a_full_pull_has_every_live_record_of_every_stream() -> None:
    with org(batch_size=20) as one:
        connector = one.connector()
        for name, target in OBJECTS.items():
            pages = pull(connector, name)
            assert live_ids(pages) == one.live(target), name
            assert pages[-1].expected == sum(len(page.records) for page in pages)


def test_reference_streams_carry_unified_names() -> None:
    with org() as one:
        connector = one.connector()
        owners, stages = records(pull(connector, "owners")), records(pull(connector, "stages"))
        assert set(owners) == one.live("User")
        assert all(set(owner.properties) == {"name", "email", "active"} for owner in owners.values())
        won = stages["Closed Won"].properties
        assert (won["object"], won["is_closed"], won["is_won"], won["probability"]) == ("deal", True, True, 1.0)


def test_attendees_are_the_contacts_of_events() -> None:
    with org() as one:
        connector = one.connector()
        events = sorted(one.live("Event"))
        pages = list(connector.pages(stream(connector, "events>contacts"), Window(), events))
        table = one.state.org.tables["EventRelation"]
        event, relation, what = (table.columns[name] for name in ("EventId", "RelationId", "IsWhat"))
        truth = {
            (row[event], row[relation])
            for row in table.rows.values()
            if row[event] in events and not row[what] and str(row[relation]).startswith("003")
        }
        assert {(link.from_id, link.to_id) for page in pages for link in page.links} == truth
        assert truth


def test_a_pull_resumes_from_every_page_it_gave() -> None:
    with org(batch_size=9) as one:
        connector = one.connector()
        for since in (None, datetime(2000, 1, 1, tzinfo=UTC)):
            pages = pull(connector, since=since)
            whole = records(pages)
            for number, page in enumerate(pages[:-1], 1):
                rest = pull(connector, since=since, position=page.position)
                assert records(pages[:number]) | records(rest) == whole
                assert rest[-1].expected == pages[-1].expected


def test_a_locator_that_expires_costs_a_new_query_and_no_row() -> None:
    with org(batch_size=9) as one:
        body = [{"errorCode": "INVALID_QUERY_LOCATOR", "message": "invalid query locator"}]
        one.fault("status", "*/query/0r8*", status=400, body=body, times=0)
        assert live_ids(pull(one.connector())) == one.live("Account")


def test_increments_bring_edits_deletions_and_merges() -> None:
    with org() as one:
        connector = one.connector()
        first = pull(connector)
        edited, deleted, winner, loser, *_ = sorted(one.live("Account"))
        one.post("edit", {"object": "Account", "id": edited, "properties": {"Industry": "Changed"}})
        one.post("delete", {"object": "Account", "id": deleted})
        one.post("merge", {"object": "Account", "id": winner, "other": loser})
        since = first[-1].high_water
        assert since is not None
        found = records(pull(connector, since=since))
        assert found[edited].properties["Industry"] == "Changed"
        assert found[deleted].archived
        assert found[deleted].merged_into is None
        assert (found[loser].archived, found[loser].merged_into) == (True, winner)


def test_a_full_pull_knows_merged_records_by_their_survivor() -> None:
    with org() as one:
        winner, loser, *_ = sorted(one.live("Account"))
        one.post("merge", {"object": "Account", "id": winner, "other": loser})
        assert records(pull(one.connector()))[loser].merged_into == winner


def test_hard_deletes_show_in_the_reconciliation_only() -> None:
    with org() as one:
        connector = one.connector()
        first = pull(connector)
        gone = min(one.live("Account"))
        one.post("delete", {"object": "Account", "id": gone, "hard": True})
        since = first[-1].high_water
        assert since is not None
        assert gone not in records(pull(connector, since=since))
        ids = list(connector.all_ids(stream(connector, "accounts")))
        assert set(ids) == one.live("Account")
        assert len(ids) == len(set(ids))


def test_high_water_is_the_servers_time_without_the_overlap() -> None:
    with org() as one:
        one.clock.sleep(7200)  # our own clock is two hours fast
        page = pull(one.connector(pull={"overlap_minutes": 10}))[-1]
        assert page.high_water is not None
        assert abs((page.high_water + timedelta(minutes=10) - datetime.now(UTC)).total_seconds()) < 60


@pytest.mark.parametrize("kind", ["503", "500", "429", "420", "html_200", "truncated_json", "drop", "concurrent"])
def test_a_moment_of_trouble_costs_a_retry_and_no_row(kind: str) -> None:
    with org(batch_size=20) as one:
        connector = one.connector()
        connector.streams()
        one.fault(kind, "/services/data/v*/query*", nth=2)
        assert live_ids(pull(connector)) == one.live("Account")
        usage = connector.usage()
        assert usage.retried == 1


@pytest.mark.parametrize("kind", ["503", "html_200", "truncated_json"])
def test_trouble_that_stays_ends_the_pull_without_completing_it(kind: str) -> None:
    with org(batch_size=20) as one:
        connector = one.connector()
        connector.streams()
        one.fault(kind, "/services/data/v*/query*", nth=2, times=0)
        pages: list[Page] = []
        with pytest.raises((RetryLater, BadAnswer)):
            gather(connector, "accounts", pages)
        assert pages
        assert not any(page.complete for page in pages)


def test_sessions_that_end_mid_pull_are_renewed() -> None:
    with org(batch_size=9) as one:
        connector = one.connector()
        connector.streams()
        pages = pull(connector, after_page=lambda _n, _p: one.post("sessions", {"action": "expire"}))
        assert live_ids(pages) == one.live("Account")


def test_the_daily_quota_ends_the_pull_and_the_next_one_goes_on() -> None:
    with org(batch_size=9) as one:
        connector = one.connector()
        connector.streams()
        one.fault("daily", "/services/data/v*/query*", nth=3, times=0)
        pages: list[Page] = []
        with pytest.raises(QuotaExhausted):
            gather(connector, "accounts", pages)
        one.state.faults.clear()
        rest = pull(one.connector(), position=pages[-1].position)
        assert live_ids(pages) | live_ids(rest) == one.live("Account")


def test_the_reserve_is_left_to_other_apps() -> None:
    with org(daily_limit=100, used_today=75) as one:
        connector = one.connector(limits={"reserve": 0.2})
        with pytest.raises(QuotaExhausted):
            [pull(connector, name) for name in OBJECTS]
        assert one.state.usage.used <= 81


def test_hidden_custom_fields_are_not_connected_and_others_are_drift() -> None:
    with org() as one:
        one.post("hide", {"object": "Account", "field": "ARR__c"})
        connector = one.connector()
        assert "arr" in connector.not_connected()["accounts"]
        assert "ARR__c" not in stream(connector, "accounts").properties
        explicit = replace(shipped_map()["accounts"], explicit=frozenset({"ARR__c"}))
        with pytest.raises(SchemaDrift, match="ARR__c"):
            one.connector({"accounts": explicit}).streams()
        one.post("hide", {"object": "Account", "field": "Industry"})
        with pytest.raises(SchemaDrift, match="Industry"):
            one.connector().streams()


def test_a_field_hidden_mid_pull_is_drift_not_null() -> None:
    with org(batch_size=9) as one:
        connector = one.connector()
        accounts = stream(connector, "accounts")
        one.post("hide", {"object": "Account", "field": "ARR__c"})
        with pytest.raises(SchemaDrift, match="ARR__c"):
            list(connector.pages(accounts, Window()))


def test_a_misspelt_field_is_answered_with_the_orgs_spelling() -> None:
    with org() as one:
        wrong = StreamMap("account", ("name",), explicit=frozenset({"name"}))
        with pytest.raises(SchemaDrift, match="name is spelled Name"):
            one.connector({"accounts": wrong}).streams()


def test_an_org_without_contracts_goes_on_without_them() -> None:
    with org() as one:
        body = [{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}]
        one.fault("status", "*/sobjects/Contract/describe", status=404, body=body, times=0)
        connector = one.connector()
        assert "contracts" not in {found.name for found in connector.streams()}
        assert "arr" in connector.not_connected()["contracts"]
        assert pull(connector)[-1].complete


def test_an_org_without_currencies_has_no_currency_field() -> None:
    with org(multi_currency=False) as one:
        connector = one.connector()
        assert "currency" in connector.not_connected()["accounts"]
        assert live_ids(pull(connector)) == one.live("Account")


def test_an_increment_without_changes_takes_two_calls() -> None:
    with org() as one:
        connector = one.connector()
        accounts = stream(connector, "accounts")
        before = connector.usage().requests
        list(connector.pages(accounts, Window(since=datetime.now(UTC) - timedelta(minutes=10))))
        assert connector.usage().requests - before == 1, "beside the description that opened the connection"


def test_doctor_finds_nothing_wrong_in_a_good_org() -> None:
    with org(override_fields=True) as one:
        checks = one.connector().checks()
        assert {check.status for check in checks} == {"ok"}
        assert {"credentials", "clock", "quota", "objects", "write access"} <= {check.name for check in checks}


def test_doctor_warns_of_a_low_quota_and_missing_fields() -> None:
    with org(daily_limit=1000, used_today=780) as one:
        checks = {check.name: check for check in one.connector().checks()}
        assert checks["quota"].status == "warning"
        assert checks["fields of accounts"].status == "warning"
        assert all(check.hint for check in checks.values() if check.status != "ok")


def test_a_window_with_an_end_has_its_rows_counts_them_and_proves_itself() -> None:
    with org(batch_size=9) as one:
        connector = one.connector()
        doomed = min(one.live("Account"))
        one.post("delete", {"object": "Account", "id": doomed})
        whole = records(pull(connector, since=datetime(2000, 1, 1, tzinfo=UTC)))
        moments = sorted(record.modified_at for record in whole.values() if record.modified_at is not None)
        since, until = moments[3], moments[-4]
        inside = {found for found, record in whole.items() if since <= (record.modified_at or until) <= until}
        window = Window(since=since, until=until)
        accounts = stream(connector, "accounts")
        pages = list(connector.pages(accounts, window))
        assert set(records(pages)) == inside
        assert 0 < len(inside) < len(whole)
        assert pages[-1].expected == len(inside) == connector.count(accounts, window)
        for number, page in enumerate(pages[:-1], 1):
            rest = list(connector.pages(accounts, replace(window, position=page.position)))
            assert set(records(pages[:number])) | set(records(rest)) == inside
        assert connector.count(accounts, replace(window, until=None)) is None


def test_a_count_that_salesforce_does_not_give_is_unknown() -> None:
    with org() as one:
        connector = one.connector()
        accounts = stream(connector, "accounts")
        body = [{"errorCode": "OPERATION_TOO_LARGE", "message": "too many rows"}]
        one.fault("status", "*/query*", status=400, body=body, times=0)
        assert (
            connector.count(accounts, Window(datetime(2000, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)))
            is None
        )
