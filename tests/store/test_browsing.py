"""Looking through runs, plans and quarantine, a page at a time, on both kinds of store."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from mapping.records import Quarantined
from store import Store, browsing, epochs, identity, plans, quarantine, runs
from store.browsing import Wanted
from store.identity import AccountLink
from store.plans import PlanHeader, PlanRecord

HOUR = timedelta(hours=1)


@pytest.fixture
def filled(store: Store, ws: str, now: datetime) -> Store:
    """Five runs, of which two began at once and the last has not ended; a plan of three records."""
    with store.write() as c:
        for number, hours in enumerate((0, 1, 1, 2, 3)):
            at = now + hours * HOUR
            runs.start(c, ws, f"r{number}", "sync" if number % 2 else "plan", as_of=at, version="1", now=at)
            if number < 4:
                runs.finish(c, ws, f"r{number}", status="complete", reason=None, report={}, now=at + HOUR / 2)
        key = plans.create(c, ws, PlanHeader("plan", now, now, "f", "v", {"workspace": ws}))
        made = {"field": "x", "property": "cs_x", "before": None, "after": 'say "property":"cs_y"', "because": ""}
        held = {"field": "y", "property": "cs_y", "seen": "1", "last_written": "2", "want": "3", "reason": "human_edit"}
        plans.add_records(c, ws, key, [
            PlanRecord("hubspot", "companies", "1", "a", (made,)),
            PlanRecord("hubspot", "companies", "2", "b", (made,), (held,)),
            PlanRecord("salesforce", "Account", "3", "a", (), (held,)),
        ])  # fmt: skip
        plans.finish(c, ws, key, cost={}, counts={})
        identity.replace_identity(c, ws, [AccountLink("a", "hubspot", "companies", "1", "alone")], [], now)
    return store


def test_every_run_is_met_once_newest_first(filled: Store, ws: str) -> None:
    with filled.read() as c:
        pages: list[list[str]] = []
        before = None
        while found := browsing.runs_before(c, ws, before, 2):
            pages.append([one.id for one in found])
            before = found[-1].id
        assert pages == [["r4", "r3"], ["r2", "r1"], ["r0"]]
        assert [one.id for one in browsing.runs_before(c, ws, None, 9, commands=["sync"])] == ["r3", "r1"]
        assert [one.id for one in browsing.runs_before(c, ws, None, 9, statuses=["running"])] == ["r4"]


def test_the_run_that_ended_last_is_not_the_one_that_runs(filled: Store, ws: str) -> None:
    with filled.read() as c:
        assert browsing.last_ended(c, ws) == "r3"
        assert browsing.last_ended(c, "another") is None


def ids(store: Store, ws: str, wanted: Wanted, after: browsing.Place | None = None) -> list[str]:
    with store.read() as c:
        (made,) = browsing.finished_plans(c, ws, 5)
        return [one.record_id for one in browsing.plan_records(c, ws, made.key, wanted, after, 10)]


def test_records_of_a_plan_are_narrowed(filled: Store, ws: str) -> None:
    assert ids(filled, ws, Wanted()) == ["1", "2", "3"]
    assert ids(filled, ws, Wanted(), ("hubspot", "companies", "2")) == ["3"]
    assert ids(filled, ws, Wanted(connection="hubspot")) == ["1", "2"]
    assert ids(filled, ws, Wanted(part="changes")) == ["1", "2"]
    assert ids(filled, ws, Wanted(part="held")) == ["2", "3"]
    assert ids(filled, ws, Wanted(property="cs_y")) == ["2", "3"], "a value that looks like a property is none"
    assert ids(filled, ws, Wanted(property="cs_y", part="changes")) == []
    assert ids(filled, ws, Wanted(property="cs%")) == []
    assert ids(filled, ws, Wanted(accounts=["a"])) == ["1", "3"]
    assert ids(filled, ws, Wanted(accounts=[])) == []


def test_accounts_are_found_by_their_own_and_the_crms_id(filled: Store, ws: str) -> None:
    with filled.read() as c:
        assert browsing.accounts_called(c, ws, "1") == ["a"]
        assert browsing.accounts_called(c, ws, "a") == ["a"]
        assert browsing.accounts_called(c, ws, "%") == []


def test_the_unreadable_are_counted_by_record_and_paged(store: Store, ws: str, now: datetime) -> None:
    odd = [Quarantined("hubspot", "deals", str(n), field, "no number", "x") for n in range(3) for field in ("a", "b")]
    with store.write() as c:
        quarantine.put_many(c, ws, odd, now)
    with store.read() as c:
        assert browsing.unreadable_by_reason(c, ws, 5) == [("hubspot", "deals", "no number", 3)]
        first = browsing.unreadable(c, ws, None, 4)
        last = first[-1]
        rest = browsing.unreadable(c, ws, (last.connection, last.stream, last.id, last.field), 4)
        assert [(one.id, one.field) for one in first + rest] == [
            (str(n), field) for n in range(3) for field in ("a", "b")
        ]
        assert browsing.unreadable(c, ws, None, 4, "no date") == []


def test_a_stream_is_as_old_as_its_last_full_answer(store: Store, ws: str, now: datetime) -> None:
    with store.write() as c:
        for hours in (0, 1):
            begun = epochs.open_epoch(c, ws, "hubspot", "deals", "full", since=None, now=now + hours * HOUR)
            epochs.advance(c, begun.id, position=None, high_water=now, rows=7)
            epochs.seal(c, begun.id, proof={}, cursor=now, now=now + hours * HOUR)
        epochs.open_epoch(c, ws, "hubspot", "deals", "increment", since=now, now=now + 5 * HOUR)
        epochs.open_epoch(c, ws, "hubspot", "tickets", "full", since=None, now=now)
    with store.read() as c:
        deals, tickets = browsing.streams(c, ws)
    assert (deals.mode, deals.sealed_at, deals.rows, deals.open_since) == ("full", now + HOUR, 7, now + 5 * HOUR)
    assert (tickets.mode, tickets.sealed_at, tickets.open_since) == ("full", None, now)


def test_a_place_may_be_any_text_that_somebody_types(filled: Store, ws: str) -> None:
    assert ids(filled, ws, Wanted(), ("hubspot", "companies", "1\0")) == ["2", "3"]
    with filled.read() as c:
        assert browsing.unreadable(c, ws, ("\0", "", "", ""), 10) == browsing.unreadable(c, ws, None, 10)
