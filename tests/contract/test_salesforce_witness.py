"""Who changed a value last, asked of the org: beyond what every connector must do."""

from __future__ import annotations

from connectors.base import Change
from mapping.records import Ref
from tests.contract.salesforce_org import org

SESSION = "00Dxx!a.session.that.does.not.end"
FIELDS = ["NumberOfEmployees", "AnnualRevenue"]


def test_salesforce_tells_of_the_record_and_costs_one_call_for_many() -> None:
    with org() as one:
        connector = one.connector()
        refs = [Ref("salesforce", "Account", record) for record in sorted(one.live("Account"))]
        ours, theirs = refs[:2]
        connector.write([Change(ours, {"NumberOfEmployees": "91"})])
        one.post("edit", {"object": "Account", "id": theirs.id, "properties": {"NumberOfEmployees": 92}})
        connector.last_changes([ours], FIELDS)
        before = connector.usage().requests
        told = {(change.ref, change.property): change for change in connector.last_changes(refs, FIELDS)}
        assert connector.usage().requests - before == 1
        assert {(change.of, change.kind, change.value) for change in told.values()} == {("record", "user", None)}
        assert [told[ours, name].by for name in FIELDS] == ["ours", "ours"]  # although only one was written
        assert [told[theirs, name].by for name in FIELDS] == ["somebody", "somebody"]
        assert told[theirs, FIELDS[0]].who == one.state.person()


def test_without_knowing_who_is_logged_in_nothing_is_ours_nor_anybodys() -> None:
    with org(session_ids=(SESSION,)) as one:
        auth = {"flow": "token", "access_token": SESSION, "instance_url": one.url}
        connector = one.connector(auth=auth)
        ref = Ref("salesforce", "Account", min(one.live("Account")))
        connector.write([Change(ref, {"NumberOfEmployees": "91"})])
        assert [change.by for change in connector.last_changes([ref], FIELDS)] == ["ours", "ours"]

        one.fault("status", "/services/oauth2/userinfo", status=200, body={"name": "Ada"}, times=0)
        told = one.connector(auth=auth).last_changes([ref], FIELDS)
        assert {(change.by, change.at is not None) for change in told} == {("unknown", True)}


def test_of_what_is_no_id_nothing_is_told_and_nothing_asked() -> None:
    with org() as one:
        connector = one.connector()
        told = connector.last_changes([Ref("salesforce", "Account", "not an id")], FIELDS)
        assert [(change.by, change.who) for change in told] == [("unknown", ""), ("unknown", "")]
        assert connector.usage().requests == 0
