"""What stands against the computed values: held for somebody's sake or refused, to be decided from a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, insert

from dashboard.web.app import create_app
from store import pins, plans, resolutions, runs
from store.plans import MADE, PlanHeader, PlanRecord
from store.resolutions import Resolution
from store.tables import failure
from tests.dashboard.client import Answer, Client
from tests.dashboard.kit import HOSTILE, NOW, World, world
from tests.dashboard.reader import Reader

WS = "default"
TOLD = {"by": "somebody", "of": "property", "kind": "user", "who": "o1", "at": NOW.isoformat()}
ODD_ID = "9'; rm -rf /\u202e"


def found(made: World, address: str) -> Answer:
    answer = Client(create_app(made.parts)).get(address)
    assert answer.status == 200, answer.text[-2000:]
    return answer


def held(record_id: str, reason: str = "human_edit", **more: Any) -> PlanRecord:
    segment = {"field": "segment", "property": "cs_segment", "seen": HOSTILE, "last_written": "a", "want": "b"}
    stage = {"field": "lifecycle_stage", "property": "cs_stage", "seen": "x", "last_written": None, "want": "y"}
    both = ({**segment, "reason": reason, **more}, {**stage, "reason": "not_ours"})
    return PlanRecord("crm", "companies", record_id, f"crm:{record_id}", (), both)


def planned(c: Connection, *records: PlanRecord) -> None:
    header = PlanHeader("plan", NOW, NOW, "cradle_to_grave", "m2", {"workspace": WS, "timezone": "UTC"})
    key = plans.create(c, WS, header)
    plans.add_records(c, WS, key, records)
    plans.finish(c, WS, key, cost={}, counts={"crm": {}, MADE: {"run_id": "run-0", "made_at": NOW.isoformat()}})
    runs.start(c, WS, "planning", "plan", as_of=NOW, version="1", now=NOW)
    runs.finish(c, WS, "planning", status="complete", reason=None, report={}, now=NOW + timedelta(minutes=9))


def decide(c: Connection, verdict: Any, record_id: str, name: str, seen: str) -> None:
    made = Resolution("crm", "companies", record_id, name, verdict, seen, NOW)
    resolutions.decide(c, WS, [made])


def refuse(c: Connection, count: int) -> None:
    row = {"workspace": WS, "connection": "crm", "object": "companies", "field": "segment", "property": "cs_segment",
           "want": HOSTILE, "reason": HOSTILE, "code": "INVALID_OPTION", "run_id": "run-0", "attempts": 3,
           "first_at": NOW, "last_at": NOW, "due_at": NOW + timedelta(hours=1)}  # fmt: skip
    c.execute(insert(failure), [{**row, "record_id": f"{number}"} for number in range(1, count + 1)])


def test_each_conflict_says_what_is_there_what_would_be_who_did_it_and_what_to_type(whole: World) -> None:
    with whole.writing() as c:
        planned(c, held("1", told=TOLD))
    page = found(whole, "/conflicts.json").json()
    assert (page["standing"], page["waiting"]) == ({"open": 2, "reclaimed": 0, "accepted": 0}, 2)
    (record,) = page["records"]
    assert (record["account_id"], record["account"], record["url"]) == ("crm:1", HOSTILE, None)
    assert record["accept"] == "keepwell conflicts accept crm:1"
    assert record["reclaim"] == "keepwell conflicts reclaim crm:1"
    segment, stage = record["values"]
    assert (segment["seen"], segment["last_written"], segment["want"]) == (HOSTILE, "a", "b")
    assert segment["reason"] == "somebody changed it since Keepwell wrote it"
    assert segment["who"].startswith("changed at 2026-06-30 12:00 UTC by Olga ")
    assert (stage["who"], stage["state"]) == ("", "open")
    text = Reader(found(whole, "/conflicts").text).text
    assert "keepwell conflicts accept crm:1" in text


def test_a_decision_shows_at_once_and_a_run_when_it_ended(whole: World) -> None:
    with whole.writing() as c:
        planned(c, held("1"))
    app = Client(create_app(whole.parts))
    assert app.get("/conflicts.json").json()["standing"]["open"] == 2
    with whole.writing() as c:
        decide(c, "accept", "1", "cs_segment", HOSTILE)
        decide(c, "reclaim", "1", "cs_stage", "x")
    page = app.get("/conflicts.json").json()
    assert page["standing"] == {"open": 0, "reclaimed": 1, "accepted": 1}
    assert [one["property"] for one in page["records"][0]["values"]] == ["cs_stage"], (
        "accepted ones only when asked for"
    )
    assert [one["matching"] for one in (app.get(f"/conflicts.json?state={name}").json() for name in
            ("open", "reclaimed", "accepted"))] == [0, 1, 1]  # fmt: skip
    with whole.writing() as c:
        runs.start(c, WS, "next", "sync", as_of=NOW, version="1", now=NOW)
        plan = PlanHeader("plan", NOW, NOW, "cradle_to_grave", "m2", {"workspace": WS})
        key = plans.create(c, WS, plan)
        plans.finish(c, WS, key, cost={}, counts={MADE: {"run_id": "next", "made_at": NOW.isoformat()}})
    assert app.get("/conflicts.json").json()["standing"]["accepted"] == 1
    with whole.writing() as c:
        runs.finish(c, WS, "next", status="complete", reason=None, report={}, now=NOW + timedelta(hours=1))
    assert app.get("/conflicts.json").json()["standing"] == {"open": 0, "reclaimed": 0, "accepted": 0}


def test_a_page_of_which_all_was_accepted_does_not_say_that_nobody_changed_a_value(whole: World) -> None:
    with whole.writing() as c:
        planned(c, held("1"))
        decide(c, "accept", "1", "cs_segment", HOSTILE)
        decide(c, "accept", "1", "cs_stage", "x")
    assert "what somebody changed was accepted" in Reader(found(whole, "/conflicts").text).text


def test_conflicts_are_paged_without_a_gap_and_narrowed(whole: World) -> None:
    with whole.writing() as c:
        planned(c, *(held(f"{number:03}") for number in range(120)), held("2", "in_doubt"), held("x/y"))
    seen, address = list[str](), "/conflicts.json"
    while address:
        page = found(whole, address).json()
        seen += [one["record_id"] for one in page["records"]]
        address = f"/conflicts.json?after={page['next']}" if page["next"] else ""
    assert seen == [*(f"{number:03}" for number in range(120)), "2", "x/y"]
    assert found(whole, "/conflicts.json?property=cs_stage").json()["matching"] == 122
    assert found(whole, "/conflicts.json?connection=crm").json()["matching"] == 244
    assert found(whole, "/conflicts.json?connection=other").json()["records"] == []
    bolt = found(whole, "/conflicts.json?account=bolt").json()
    assert [one["account"] for one in bolt["records"]] == ["Bolt & Sons"]
    assert "No value is like that" in found(whole, "/conflicts?account=nobody").text


def test_what_is_in_doubt_is_not_to_be_decided(here: World) -> None:
    one = held("1", "in_doubt")
    with here.writing() as c:
        planned(c, PlanRecord(one.connection, one.object, one.record_id, one.account_id, (), one.held[:1]))
    (record,) = found(here, "/conflicts.json").json()["records"]
    assert (record["accept"], record["reclaim"]) == (None, None)
    assert found(here, "/conflicts.json").json()["waiting"] == found(here, "/overview.json").json()["conflicts"] == 0
    assert "reads it back" in found(here, "/conflicts").text


def test_a_command_with_an_odd_id_is_quoted_and_shown_as_text(here: World) -> None:
    with here.writing() as c:
        planned(c, held(ODD_ID))
    (record,) = found(here, "/conflicts.json").json()["records"]
    assert record["accept"] == "keepwell conflicts accept 'crm:9'\"'\"'; rm -rf /\u202e'"
    page = found(here, "/conflicts").text
    assert "\u202e" not in page
    assert "crm:9'\"'\"'; rm -rf /" in Reader(page).text


def test_failures_are_listed_with_reason_and_next_attempt_and_paged(whole: World) -> None:
    with whole.writing() as c:
        refuse(c, 130)
    first = found(whole, "/failures.json").json()
    assert (first["total"], len(first["records"])) == (130, 100)
    second = found(whole, "/failures.json?" + "&".join(f"after={one}" for one in first["next"])).json()
    ids = [one["record_id"] for one in first["records"] + second["records"]]
    assert len(ids) == len(set(ids)) == 130
    assert second["next"] is None
    (mine,) = [one for one in first["records"] if one["record_id"] == "1"]
    assert (mine["account_id"], mine["values"][0]["attempts"], mine["values"][0]["due"]) == ("crm:1", 3, False)
    text = Reader(found(whole, "/failures").text).text
    assert "keepwell failures retry" in text
    assert "INVALID_OPTION: <script>window.hacked=1</script>" in text


def test_an_account_shows_what_stands_against_it(whole: World) -> None:
    with whole.writing() as c:
        planned(c, held("1", told=TOLD), held("2"))
        refuse(c, 2)
    page = found(whole, "/accounts/crm:1.json").json()
    assert [one["record_id"] for one in page["held"] + page["refused"]] == ["1", "1"]
    links = [str(one.get("href")) for one in Reader(found(whole, "/accounts/crm:1").text).named("a")]
    assert "/conflicts?account=crm%3A1" in links
    assert found(whole, "/conflicts.json?account=crm%3A1").json()["matching"] == 2


@pytest.mark.parametrize("address", ["/conflicts", "/failures", "/accounts/crm:1"])
def test_hostile_text_of_what_stands_does_nothing(here: World, address: str) -> None:
    with here.writing() as c:
        planned(c, held("1", told=TOLD | {"kind": HOSTILE, "who": HOSTILE}), held(ODD_ID))
        refuse(c, 1)
    page = found(here, address).text
    reader = Reader(page)
    assert not [name for _, one in reader.tags for name in one if name.startswith("on") or name == "style"]
    assert "<img src=x onerror=window.hacked=1>" in reader.text
    assert "\u202e" not in page


@pytest.mark.parametrize(("address", "said"), [("/conflicts", "There is no plan yet"), ("/failures", "No CRM refuses")])
def test_without_anything_that_stands_the_page_says_so(here: World, address: str, said: str) -> None:
    assert said in found(here, address).text


CRMS: list[tuple[Mapping[str, Any], str, str | None]] = [
    ({"access_token": "pat-na1-x"}, "4711", "https://app.hubspot.com/contacts/4711/record/0-2/1"),
    ({"access_token": "pat-eu1-x"}, "4711", "https://app-eu1.hubspot.com/contacts/4711/record/0-2/1"),
    ({"access_token": "t", "web_url": "https://crm.acme.example/"}, "4711",
     "https://crm.acme.example/contacts/4711/record/0-2/1"),
    ({"access_token": "pat-na1-x", "base_url": "http://127.0.0.1:8701"}, "4711", None),
    ({"access_token": "pat-na1-x"}, "4711/../x", None),
]  # fmt: skip


@pytest.mark.parametrize(("settings", "portal", "expected"), CRMS)
def test_a_record_is_opened_in_its_crm(
    here: World, settings: Mapping[str, Any], portal: str, expected: str | None
) -> None:
    with here.writing() as c:
        pins.repin(c, WS, "crm", portal, NOW)
        planned(c, held("1"), held(ODD_ID))
    made = world(here.url, connections={"crm": {"type": "hubspot", **settings}})
    (one,) = found(made, "/accounts/crm:1.json").json()["records"]
    assert one["url"] == expected
    records = found(made, "/conflicts.json").json()["records"]
    assert [one["url"] for one in records] == [expected, None], "an id that is no number makes no address"
    outside = [one for one in Reader(found(made, "/accounts/crm:1").text).named("a") if "//" in str(one["href"])]
    assert {str(one["href"]) for one in outside} == ({expected} if expected else set())
    assert {str(one["rel"]) for one in outside} <= {"noopener noreferrer"}
    made.parts.shelf.close()
