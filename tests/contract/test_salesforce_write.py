"""Writing to the sandbox org by collections, and reading values back."""

from __future__ import annotations

import pytest

from connectors.base import Change, Outcome
from connectors.errors import SchemaDrift
from connectors.salesforce.ids import to18
from mapping.records import Ref
from tests.contract.salesforce_org import Org, org

STAFF = "NumberOfEmployees"


def ref(record_id: str) -> Ref:
    return Ref("salesforce", "Account", record_id)


def staff(one: Org, record_id: str) -> object:
    table = one.state.org.tables["Account"]
    return table.rows[record_id][table.columns[STAFF]]


def kinds(outcomes: list[Outcome]) -> list[str]:
    return [outcome.kind for outcome in outcomes]


def test_ids_of_either_length_are_the_same_record() -> None:
    with org() as one:
        connector = one.connector()
        record_id = min(one.live("Account"))
        short = record_id[:15]
        assert kinds(connector.write([Change(ref(short), {STAFF: "12"})])) == ["confirmed"]
        assert staff(one, record_id) == 12
        (seen,) = connector.read_values([ref(short)], [STAFF])
        assert (seen.ref.id, seen.values) == (short, {STAFF: 12})
        assert to18(short) == record_id


def test_reading_names_what_is_missing_and_where_merged_records_went() -> None:
    with org() as one:
        connector = one.connector()
        first, second, third, gone, *_ = sorted(one.live("Account"))
        one.post("merge", {"object": "Account", "id": second, "other": first})
        one.post("merge", {"object": "Account", "id": third, "other": second})
        one.post("delete", {"object": "Account", "id": gone})
        refs = [ref(i) for i in (third, first, gone, "001kW9999999999", "nonsense")]
        seen = connector.read_values(refs, [STAFF])
        assert [one.ref for one in seen] == refs
        assert [(one.missing, one.merged_into) for one in seen] == [
            (False, None),
            (True, third),
            (True, None),
            (True, None),
            (True, None),
        ]


def test_two_thousand_records_are_read_in_one_call() -> None:
    with org() as one:
        connector = one.connector()
        connector.streams()
        ids = sorted(one.live("Account"))
        before = connector.usage().requests
        assert len(connector.read_values([ref(i) for i in ids], [STAFF])) == len(ids)
        assert connector.usage().requests - before == 1


def test_reading_a_property_that_is_not_there_is_drift() -> None:
    with org() as one:
        connector = one.connector()
        with pytest.raises(SchemaDrift, match="Not_There__c"):
            connector.read_values([ref(min(one.live("Account")))], ["Not_There__c"])
        one.post("hide", {"object": "Account", "field": "ARR__c"})
        with pytest.raises(SchemaDrift, match="ARR__c"):
            connector.read_values([ref(min(one.live("Account")))], ["ARR__c"])


def test_locked_rows_are_pending_and_unchanged() -> None:
    with org(lock_rate=1.0) as one:
        connector = one.connector()
        record_id = min(one.live("Account"))
        before = staff(one, record_id)
        (outcome,) = connector.write([Change(ref(record_id), {STAFF: "31"})])
        assert (outcome.kind, outcome.code) == ("pending", "UNABLE_TO_LOCK_ROW")
        assert staff(one, record_id) == before


def test_a_write_that_was_carried_out_but_not_answered_is_in_doubt_and_sent_once() -> None:
    with org() as one:
        connector = one.connector()
        connector.streams()
        record_id = min(one.live("Account"))
        one.fault("commit_then_drop", "*/composite/sobjects", method="PATCH")
        assert kinds(connector.write([Change(ref(record_id), {STAFF: "32"})])) == ["in_doubt"]
        assert connector.read_values([ref(record_id)], [STAFF])[0].values == {STAFF: 32}
        sent = [route for route in one.state.stats.by_route if route.startswith("PATCH")]
        assert sum(one.state.stats.by_route[route] for route in sent) == 1


def test_a_field_hidden_after_it_was_described_rejects_its_rows_only() -> None:
    with org() as one:
        connector = one.connector()
        connector.streams()
        first, second, *_ = sorted(one.live("Account"))
        one.post("hide", {"object": "Account", "field": "ARR__c"})
        outcomes = connector.write([Change(ref(first), {"ARR__c": "5"}), Change(ref(second), {STAFF: "6"})])
        assert [(o.kind, o.property) for o in outcomes] == [("rejected", "ARR__c"), ("confirmed", None)]


def test_rows_of_one_parent_are_sent_side_by_side() -> None:
    with org() as one:
        connector = one.connector()
        a, b, *children = sorted(one.live("Account"))[:8]
        for number, child in enumerate(children):
            one.post("edit", {"object": "Account", "id": child, "properties": {"ParentId": (a, b)[number % 2]}})
        refs = [ref(child) for child in children]
        connector.read_values(refs, [STAFF])
        since = len(one.state.journal.as_json(0))
        connector.write([Change(r, {STAFF: "9999"}) for r in refs])
        order = [entry["id"] for entry in one.state.journal.as_json(0)[since:] if entry.get("id") in children]
        parents = [children.index(str(child)) % 2 for child in order]
        assert parents == sorted(parents)
        assert len(parents) == len(children)


def test_what_writing_costs_is_what_it_takes() -> None:
    with org() as one:
        connector = one.connector()
        connector.streams()
        ids = sorted(one.live("Account"))
        before = connector.usage().requests
        connector.read_values([ref(i) for i in ids], [STAFF])
        connector.write([Change(ref(i), {STAFF: "3"}) for i in ids])
        assert connector.usage().requests - before == connector.write_cost(len(ids)) == 2
        assert connector.write_cost(0) == 0
        assert connector.write_cost(201) == 4
        before = connector.usage().requests
        connector.read_values([ref(i) for i in ids], [STAFF])
        assert connector.usage().requests - before == connector.write_cost(0, len(ids)) == 1
        assert connector.write_cost(0, 2001) == 2
