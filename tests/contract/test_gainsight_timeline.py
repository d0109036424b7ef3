"""Entries on timelines against the sandbox tenant: one a call, told by their keys, never made twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from connectors.base import Change, Outcome
from connectors.gainsight.timeline import OBJECT, PATH
from connectors.made import Entries
from mapping.records import Ref
from sandbox.gainsight.options import INTEGRATION_EMAIL
from tests.contract.gainsight_tenant import Tenant, tenant

NOTES = "Health <fell> & went from 81.2 to 44."


@pytest.fixture
def gs() -> Iterator[Tenant]:
    with tenant() as one:
        yield one


def entries(gs: Tenant, author: str = INTEGRATION_EMAIL, **changes: Any) -> Entries:
    found = gs.connector(timeline={"entries": {"author": author}}, **changes).entries()
    assert found is not None
    assert found.lacking() == ()
    return found


def ref(key: str) -> Ref:
    return Ref("gainsight", OBJECT, key)


def change(gs: Tenant, key: str, author: str = INTEGRATION_EMAIL, **others: str | None) -> Change:
    values = {
        "Subject": "Health fell from green to red",
        "Notes": NOTES,
        "GsCompanyId": min(gs.rows()),
        "ActivityDate": "2026-11-20T12:00:00Z",
        "Author": author,
        "TypeName": "Update",
        "ExternalId": key,
    }
    return Change(ref(key), {**values, **others}, new=True)


def made(gs: Tenant, key: str) -> list[dict[str, Any]]:
    return [row for row in gs.rows(OBJECT).values() if row["ExternalId"] == key]


def kinds(outcomes: list[Outcome]) -> list[tuple[str, str]]:
    return [(one.kind, one.code) for one in outcomes]


def test_an_entry_is_made_under_its_key_and_shows_what_was_written(gs: Tenant) -> None:
    timeline = entries(gs)
    one = change(gs, "kw-1")
    (outcome,) = timeline.write([one])
    (row,) = made(gs, "kw-1")
    assert (outcome.kind, outcome.record_id) == ("confirmed", row["Gsid"])
    assert row["Notes"] == "Health &lt;fell&gt; &amp; went from 81.2 to 44."
    (seen,) = timeline.read_values([ref("kw-1")], list(one.values))
    assert seen.record_id == row["Gsid"]
    assert seen.values == dict(one.values)
    assert [seen.missing for seen in timeline.read_values([ref("kw-1"), ref("kw-2")], ["Subject"])] == [False, True]


def test_notes_that_gainsight_dresses_up_are_the_same_notes(gs: Tenant) -> None:
    timeline = entries(gs)
    timeline.write([change(gs, "kw-1")])
    (row,) = made(gs, "kw-1")
    row["Notes"] = f"<div><p>{row['Notes']}</p></div>"
    (seen,) = timeline.read_values([ref("kw-1")], ["Notes"])
    assert seen.values["Notes"] == NOTES


def test_a_key_that_is_there_already_is_in_doubt_and_made_no_second_time(gs: Tenant) -> None:
    timeline = entries(gs)
    timeline.write([change(gs, "kw-1")])
    assert kinds(timeline.write([change(gs, "kw-1", Subject="Another one")])) == [("in_doubt", "GSOBJ_1008")]
    (row,) = made(gs, "kw-1")
    assert row["Subject"] == "Health fell from green to red"


def test_a_key_of_an_entry_that_somebody_deleted_is_used_up(gs: Tenant) -> None:
    timeline = entries(gs)
    timeline.write([change(gs, "kw-1")])
    gs.post("delete", {"object": OBJECT, "id": made(gs, "kw-1")[0]["Gsid"]})
    assert kinds(timeline.write([change(gs, "kw-1")])) == [("confirmed", "GSOBJ_1008")]
    assert made(gs, "kw-1") == []


def test_an_author_whom_nobody_knows_or_who_left_is_told_before_anything_is_sent(gs: Tenant) -> None:
    users = gs.rows("gsuser")
    gone = next(row for row in users.values() if row["Email"] != INTEGRATION_EMAIL)
    gone["IsActiveUser"] = False
    for author in ("nobody@elsewhere.example", str(gone["Email"])):
        (outcome,) = entries(gs, author).write([change(gs, "kw-1", author)])
        assert (outcome.kind, outcome.property) == ("rejected", "Author")
        assert "timeline.entries.author" in outcome.reason
        assert author not in outcome.reason
    assert gs.state.stats.by_route.get(f"POST {PATH}", 0) == 0


def test_a_refused_entry_is_named_and_costs_no_other_one(gs: Tenant) -> None:
    lost = max(gs.rows())
    gs.post("delete", {"object": "Company", "id": lost})
    batch = [change(gs, "kw-1"), change(gs, "kw-2", GsCompanyId=lost), change(gs, "kw-3", TypeName="Nonsense")]
    outcomes = entries(gs).write([*batch, change(gs, "kw-4")])
    assert [one.kind for one in outcomes] == ["confirmed", "rejected", "rejected", "confirmed"]
    assert [one.property for one in outcomes[1:3]] == ["GsCompanyId", "TypeName"]
    assert "Nonsense" not in outcomes[2].reason


def test_after_a_lost_answer_nothing_more_is_sent_and_the_lost_one_is_found_by_its_key(gs: Tenant) -> None:
    timeline = entries(gs)
    gs.fault("commit_then_drop", PATH, nth=2)
    outcomes = timeline.write([change(gs, f"kw-{number}") for number in range(3)])
    assert [one.kind for one in outcomes] == ["confirmed", "in_doubt", "pending"]
    assert [len(made(gs, f"kw-{number}")) for number in range(3)] == [1, 1, 0]
    assert [one.missing for one in timeline.read_values([ref("kw-1"), ref("kw-2")], ["Subject"])] == [False, True]


def test_entries_keep_to_a_limit_of_their_own(gs: Tenant) -> None:
    object.__setattr__(gs.state.options, "timeline_per_minute", 8)
    timeline = entries(gs, limits={"timeline_per_minute": 8, "minute_reserve": 0.5})
    begun = gs.clock.monotonic()
    for start in (0, 5):
        outcomes = timeline.write([change(gs, f"kw-{start + number}") for number in range(5)])
        assert {one.kind for one in outcomes} == {"confirmed"}
    assert gs.state.quota.refused == 0
    assert gs.clock.monotonic() - begun >= 60
    assert gs.state.stats.by_route[f"POST {PATH}"] == 10
    assert timeline.write_cost(10) == 12


def test_a_throttled_timeline_leaves_the_other_calls_alone(gs: Tenant) -> None:
    timeline = entries(gs)
    gs.fault("too_many", PATH)
    outcomes = timeline.write([change(gs, "kw-1"), change(gs, "kw-2")])
    assert [one.kind for one in outcomes] == ["pending", "pending"]
    begun = gs.clock.monotonic()
    timeline.read_values([ref("kw-1")], ["Subject"])
    assert gs.clock.monotonic() - begun < 1, "a query waits for no timeline"
    assert {one.kind for one in timeline.write([change(gs, "kw-1"), change(gs, "kw-2")])} == {"confirmed"}


def test_a_tenant_that_shows_no_keys_lacks_what_entries_need(gs: Tenant) -> None:
    del gs.state.tenant.tables[OBJECT].kind.fields["ExternalId"]
    found = gs.connector(timeline={"entries": {"author": INTEGRATION_EMAIL}}).entries()
    assert found is not None
    assert found.lacking() == ("ExternalId",)
