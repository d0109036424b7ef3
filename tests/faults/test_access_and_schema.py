"""Rows 10–13, 19, 20, 45 and 46 of the fault table: tokens, scopes, what the CRM shows, and which CRM it is."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import delete, select

from store import pins
from store.tables import pin, raw_alias
from sync.deps import RunOptions
from sync.engine import run_plan
from tests.faults.kit import Trouble
from tests.flow.one_crm import one_crm


def test_row_10_a_token_that_expires_in_the_middle_is_renewed_once(crm: Trouble) -> None:
    _renewable(crm)
    crm.fault("unauthorized", times=1)
    crm.assert_whole(crm.pull())
    assert crm.struck() == 1


def test_row_10_a_token_that_stays_refused_ends_the_run(crm: Trouble) -> None:
    _renewable(crm)
    crm.fault("unauthorized", times=0)
    crm.assert_stopped(crm.plan(), "failed", 6)
    crm.heal()
    crm.assert_whole(crm.pull())


def _renewable(crm: Trouble) -> None:
    if crm.vendor == "hubspot":
        app = crm.made.crm.hubspot_oauth
        crm.connect(
            access_token=None,
            oauth={
                "client_id": app.client_id,
                "client_secret": app.client_secret,
                "refresh_token": app.refresh_token,
            },
        )
        return
    access = crm.made.crm.salesforce_access
    assert access is not None
    auth = {
        "flow": "client_credentials",
        "consumer_key": access.consumer_key,
        "consumer_secret": access.consumer_secret,
    }
    crm.connect(auth=auth, login_url=crm.made.crm.salesforce_url)


def test_row_12_hubspot_a_scope_that_is_taken_away_in_the_middle_stops_the_run(hubspot: Trouble) -> None:
    hubspot.fault("forbidden", times=0)
    report = hubspot.plan()
    hubspot.assert_stopped(report, "failed", 6)
    assert "scope" in f"{report.reason} {report.hint}"
    hubspot.heal()
    hubspot.assert_whole(hubspot.pull())


def test_row_12_salesforce_a_field_that_is_hidden_in_the_middle_is_no_null(salesforce: Trouble) -> None:
    assert salesforce.made.crm.salesforce is not None
    access = salesforce.made.crm.salesforce.org.access
    try:
        with salesforce.proxy() as between:
            between.meanwhile("query.*FROM.Case", lambda: access.restrict("Case", "Subject"))
            report = salesforce.plan()
        salesforce.assert_stopped(report, "failed", 2)
        assert "Subject" in str(report.reason)
        assert "cases" not in salesforce.sealed()
    finally:
        access._restricted.discard(("Case", "Subject"))
    salesforce.assert_whole(salesforce.pull())


def test_row_20_hubspot_a_property_that_is_deleted_in_the_middle_is_no_null(hubspot: Trouble) -> None:
    properties = hubspot.made.crm.hubspot.portal.schemas["tickets"].properties
    gone = properties["subject"]
    try:
        with hubspot.proxy() as between:
            between.meanwhile("GET /crm/v3/objects/tickets.*after=", lambda: properties.pop("subject"))
            report = hubspot.plan()
        hubspot.assert_stopped(report, "failed", 2)
        assert "subject" in str(report.reason)
        assert "tickets" not in hubspot.sealed()
    finally:
        properties["subject"] = gone
    hubspot.assert_whole(hubspot.pull())


def test_row_20_a_property_that_is_gone_at_the_start_is_drift(crm: Trouble) -> None:
    """What the configuration names must be there; what only the shipped map knows is reported as not connected."""
    explicit = {"hubspot": "no_such_property", "salesforce": "No_Such_Field__c"}[crm.name]
    stream = {"hubspot": "companies", "salesforce": "accounts"}[crm.name]
    settings = crm.made.settings
    crm.made.settings = settings.model_copy(update={"fields": {crm.name: {stream: {"arr": {"property": explicit}}}}})
    report = crm.plan()
    crm.assert_stopped(report, "failed", 2)
    assert explicit in str(report.reason)


def test_row_19_a_merge_is_told_and_the_loser_is_no_account_any_more(crm: Trouble) -> None:
    crm.assert_whole(crm.pull())
    name = {"hubspot": "companies", "salesforce": "Account"}[crm.name]
    stream = {"hubspot": "companies", "salesforce": "accounts"}[crm.name]
    keeper, loser = sorted(crm.truth()[stream])[-2:]
    survivor = str(crm.made.person("merge", at=crm.name, object=name, id=keeper, other=loser)["id"])
    crm.assert_whole(crm.pull())
    with crm.made.deps() as deps, deps.store.read() as c:
        told = {row.old_id: row.survivor for row in c.execute(select(raw_alias))}
    assert told[loser] == survivor


def test_row_45_answers_of_another_customer_stop_the_run_before_anything_is_read(crm: Trouble) -> None:
    crm.assert_whole(crm.pull())
    other = {"hubspot": "1000001", "salesforce": "00DkW000000000zUAA"}[crm.name]
    with crm.made.deps() as deps, deps.store.write() as c:
        c.execute(delete(pin))
        pins.verify(c, deps.workspace, crm.name, other, deps.clock.now())
    kept = crm.cursors()
    report = crm.plan()
    assert (report.status, report.exit_code) == ("failed", 6)
    assert other in str(report.reason)
    assert report.pull == {}
    assert crm.cursors() == kept


def test_row_46_salesforce_an_org_that_shows_a_fifth_less_is_refused_until_somebody_agrees(tmp_path: Path) -> None:
    """The same for HubSpot is in `tests/flow/test_guarded.py`."""
    with one_crm(tmp_path, "salesforce", accounts=20) as made:
        made.provision()
        crm = Trouble(made, "salesforce")
        assert crm.plan().status == "complete"
        accounts = sorted(crm.truth()["accounts"])
        for record in accounts[: len(accounts) // 3]:
            made.person("delete", at="salesforce", object="Account", id=record)
        refused = crm.plan()
        assert (refused.status, refused.exit_code) == ("refused", 5)
        assert "--max-shrink" in str(refused.reason)
        agreed = made.run(lambda deps: run_plan(deps, RunOptions(max_shrink=1.0)))
        assert agreed.status == "complete", agreed.reason
