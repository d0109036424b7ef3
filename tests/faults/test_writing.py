"""Rows 14, 15, 17, 18, 21 and 22 of the fault table: rows that are refused, locked, twice, gone, edited or late."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from connectors.base import Change
from mapping.records import Ref
from sandbox.salesforce.options import SalesforceOptions
from store import open_store, writes
from store.errors import StoreError
from store.intents import NewIntent
from store.tables import failure, intent
from store.writes import Claim, Found
from sync.deps import Timing
from tests.faults.writing import SEGMENT, Writing, once, written
from tests.flow.one_crm import SESSION, one_crm
from tests.flow.rig import Rig

NOW = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.fixture(params=["hubspot", "salesforce"])
def crm(request: pytest.FixtureRequest, tmp_path: Path, either_store: str | None) -> Iterator[Writing]:
    """Each vendor on each store."""
    with written(tmp_path, request.param, either_store) as made:
        yield made


@pytest.fixture
def hubspot(tmp_path: Path, either_store: str | None) -> Iterator[Writing]:
    """HubSpot with enough companies that a value is had by one of them alone."""
    with written(tmp_path, "hubspot", either_store, accounts=14) as made:
        yield made


@pytest.fixture
def salesforce(tmp_path: Path, either_store: str | None) -> Iterator[Writing]:
    """Salesforce alone."""
    with written(tmp_path, "salesforce", either_store) as made:
        yield made


def assert_one_refused(crm: Writing, record: str) -> None:
    """One record is quarantined with its reason and the moment of its next attempt."""
    with crm.made.deps() as deps, deps.store.read() as c:
        found = c.execute(select(failure)).all()
    assert {one.record_id for one in found} == {record}
    assert all(one.reason and one.attempts == 1 and one.due_at > datetime.now(UTC) for one in found)


def test_row_14_hubspot_one_bad_row_in_a_refused_batch_is_found_and_the_others_pass(hubspot: Writing) -> None:
    renewal = hubspot.made.crm.hubspot.portal.schemas["companies"].properties["cs_renewal_status"]
    kept = renewal.options
    state = hubspot.made.crm.hubspot
    state.options = replace(state.options, trace_ids_on_update=False)  # one bad row refuses the whole batch
    hubspot.goes_wrong("slow", nth=10_000)  # counts the requests that write
    with once("apply.claimed", lambda: setattr(renewal, "options", [o for o in kept if o["value"] != "overdue"])):
        report = hubspot.sync()
    renewal.options = kept
    (counter,) = state.faults.faults
    assert counter.seen > 4, "the batch was halved until the row was found"
    hubspot.assert_ended(report, "partial", "values_left", "1 value rejected by the CRM", "keepwell failures list")
    buckets = report.buckets()
    assert (buckets.rejected, buckets.confirmed) == (1, buckets.planned - 1)
    with hubspot.made.deps() as deps, deps.store.read() as c:
        (bad,) = c.execute(select(failure)).all()
    assert (bad.property, bad.want) == ("cs_renewal_status", "overdue")
    assert_one_refused(hubspot, bad.record_id)
    again = hubspot.sync()  # what was refused waits for its time and is not sent by every run
    assert (again.status, again.buckets().planned) == ("partial", 0)
    hubspot.assert_sound()


def test_row_14_salesforce_a_batch_refused_as_a_whole_is_halved_down_to_the_bad_row(salesforce: Writing) -> None:
    records = salesforce.accounts()
    sizes = [len(records)]
    while sizes[-1] > 1:  # the bad row is the first one of each first half
        sizes.append(sizes[-1] // 2)
    body = [{"errorCode": "JSON_PARSER_ERROR", "message": "Cannot deserialize a value"}]
    salesforce.goes_wrong("status", times=len(sizes), status=400, body=body)
    report = salesforce.sync()
    salesforce.assert_ended(report, "partial", "values_left", "rejected by the CRM", "keepwell failures list")
    assert salesforce.struck() == len(sizes)
    written_to = {str(one["id"]) for one in salesforce.effects()}
    (bad,) = set(records) - written_to
    assert_one_refused(salesforce, bad)
    salesforce.assert_sound()


def test_row_15_locked_rows_are_tried_again_and_pass_once_the_lock_is_gone(tmp_path: Path) -> None:
    options = SalesforceOptions(session_ids=(SESSION,), batch_size=20, lock_rate=0.5)
    with one_crm(tmp_path, "salesforce", accounts=14, salesforce_options=options) as made:
        made.provision()
        crm = Writing(Rig(made.crm, made.settings), "salesforce")
        report = crm.sync()
        crm.assert_ended(report, "partial", "values_left", "not sent yet")
        buckets = report.buckets()
        assert buckets.pending > 0
        assert buckets.pending + buckets.confirmed == buckets.planned
        assert buckets.rejected == 0, "a lock is nothing that a value is to blame for"
        crm.assert_sound(quiet=False)
        assert made.crm.salesforce is not None
        made.crm.salesforce.options = replace(options, lock_rate=0.0)
        crm.assert_caught_up()


def test_row_17_a_property_of_a_record_is_never_on_its_way_twice(tmp_path: Path, either_store: str | None) -> None:
    url = either_store or f"sqlite:///{tmp_path}/keepwell.db"
    row = NewIntent("crm", "companies", "1", "segment", "cs_segment", None, "standard", "because")
    claim = Claim("b1", 1, NOW, NOW + timedelta(minutes=1))
    booking = {"plan_id": "p", "run_id": "r", "model_version": "1", "claim": claim}
    with closing(open_store(url, "w", create=True)) as store:
        twice = {row: Found("sent", None), replace(row, want="strategic"): Found("sent", None)}
        with pytest.raises(ValueError, match="same record and property"), store.write() as c:
            writes.book(c, "w", rows=twice, **booking)
        with store.write() as c:
            (sent,) = writes.book(c, "w", rows={row: Found("sent", None)}, **booking).intents
        with store.write() as c:
            again = writes.book(c, "w", rows={replace(row, want="strategic"): Found("sent", None)}, **booking)
        assert (again.intents, len(again.blocked)) == ((), 1)
        with store.read() as c:
            columns = dict(c.execute(select(intent)).one()._mapping)
        with pytest.raises(StoreError), store.write() as c:  # and the database itself does not take it
            c.execute(insert(intent).values({**columns, "id": sent.id + 1}))
        with store.read() as c:
            assert len(c.execute(select(intent)).all()) == 1


def test_row_18_a_record_deleted_between_read_and_write_is_gone_and_not_made_again(crm: Writing) -> None:
    record = crm.accounts()[2]
    verb = "archive" if crm.name == "hubspot" else "delete"
    with once("plan.finished", lambda: crm.person(verb, record)) as done:
        report = crm.sync()
    assert done
    crm.assert_ended(report, "complete", None)
    buckets = report.buckets()
    assert buckets.gone > 0
    assert buckets.gone + buckets.confirmed == buckets.planned
    assert record not in crm.accounts()
    assert record not in {str(one["id"]) for one in crm.effects()}
    crm.assert_caught_up()


def test_row_18_a_record_deleted_while_the_request_is_under_way_is_gone_too(crm: Writing) -> None:
    record = crm.accounts()[2]
    verb = "archive" if crm.name == "hubspot" else "delete"
    with once("apply.claimed", lambda: crm.person(verb, record)) as done:
        report = crm.sync()
    assert done
    crm.assert_ended(report, "complete", None)
    assert report.buckets().gone > 0
    assert record not in crm.accounts()
    crm.assert_caught_up()


def test_row_21_what_a_person_sets_between_plan_and_write_stays(crm: Writing) -> None:
    record = crm.accounts()[1]
    with once("plan.finished", lambda: crm.sets_segment(record, "strategic")) as done:
        report = crm.sync()
    assert done
    crm.assert_ended(report, "partial", "values_left", "changed by somebody else while writing")
    buckets = report.buckets()
    assert (buckets.conflict, buckets.confirmed) == (1, buckets.planned - 1)
    assert crm.segment(record) == "strategic"
    crm.assert_sound()
    later = crm.sync()
    crm.assert_ended(later, "partial", "values_left", "held", "keepwell conflicts list")
    assert crm.segment(record) == "strategic"


def in_doubt(crm: Writing) -> list[Change]:
    """What a lost request asked for, as it would still arrive."""
    changes: dict[str, dict[str, str | None]] = {}
    with crm.made.deps() as deps, deps.store.read() as c:
        for one in c.execute(select(intent).where(intent.c.state == "in_doubt")):
            changes.setdefault(one.record_id, {})[one.property] = one.want
    return [Change(Ref(crm.name, SEGMENT[crm.name][1], one), values) for one, values in changes.items()]


@pytest.mark.parametrize("person_comes", ["after the late request", "before the late request"])
def test_row_22_nothing_is_decided_while_a_lost_request_may_still_arrive(crm: Writing, person_comes: str) -> None:
    """The residual: a person who edits before our late request arrives is overwritten by it, and by nothing else."""
    assert Timing().grace >= 2 * Timing().deadline
    record = crm.accounts()[1]
    crm.goes_wrong("drop")
    happened: list[tuple[str, datetime]] = []

    def late() -> None:
        happened.append(("late request", datetime.now(UTC)))
        with crm.made.deps() as deps:
            kinds = {one.kind for one in deps.connectors[crm.name].write(in_doubt(crm))}
        assert kinds == {"confirmed"}

    def person() -> None:
        happened.append(("person", datetime.now(UTC)))
        crm.sets_segment(record, "strategic")

    def sleep(seconds: float) -> None:
        """The pause before anything is read back."""
        if not happened and "in_doubt" in crm.states():
            assert crm.effects() == [], "nothing is sent again meanwhile"
            for act in (late, person) if person_comes.startswith("after") else (person, late):
                act()
        time.sleep(min(seconds, 0.1))

    report = crm.sync(timing=Timing(deadline=0.5, grace=3.0, lease_ttl=60.0, heartbeat=5.0), sleep=sleep)

    assert len(happened) == 2
    effects = [(str(one["id"]), one["property"]) for one in crm.effects()]
    assert len(effects) == len(set(effects)), "what was lost is not sent again"
    with crm.made.deps() as deps, deps.store.read() as c:
        sent = c.execute(select(intent.c.sent_at, intent.c.changed_at).where(intent.c.sent_at.is_not(None))).all()
    assert all(changed - at >= timedelta(seconds=2.9) for at, changed in sent), "decided before the grace was over"
    buckets = report.buckets()
    if person_comes.startswith("after"):
        assert crm.segment(record) == "strategic"
        assert (buckets.conflict, buckets.confirmed) == (1, buckets.planned - 1)
        crm.assert_ended(report, "partial", "values_left", "changed by somebody else")
    else:
        assert buckets.confirmed == buckets.planned
        crm.assert_ended(report, "complete", None)
