"""Decisions about who is who are kept for ever, also once they were taken back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from mapping.decisions import Decision
from store import Store, decisions
from store.decisions import Made
from store.tables import identity_decision

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
LINK = Decision.about("link", [("salesforce", "A"), ("hubspot", "1")])
SPLIT = Decision.about("split", [("hubspot", "2")])


def test_a_decision_comes_back_as_it_was_made(store: Store) -> None:
    made = [Made(LINK, "they said so", NOON), Made(SPLIT, "", NOON + timedelta(minutes=1))]
    with store.write() as c:
        assert decisions.last_change(c, "made") is None
        for one in reversed(made):
            decisions.decide(c, "made", one)
            decisions.decide(c, "made", one)
    with store.read() as c:
        assert decisions.decisions(c, "made") == made
        assert decisions.decisions(c, "other") == []
        assert decisions.last_change(c, "made") == made[1].made_at


def test_one_that_was_taken_back_is_kept_and_can_be_made_again(store: Store) -> None:
    later = NOON + timedelta(hours=1)
    with store.write() as c:
        decisions.decide(c, "again", Made(LINK, "", NOON))
        decisions.decide(c, "again", Made(LINK, "", NOON, later))
        assert decisions.decisions(c, "again") == []
        assert decisions.decisions(c, "again", everything=True) == [Made(LINK, "", NOON, later)]
        assert decisions.last_change(c, "again") == later
        again = Made(LINK, "after all", later + timedelta(hours=1))
        decisions.decide(c, "again", again)
        assert decisions.decisions(c, "again") == [again]


def test_decisions_whose_names_were_equal_are_two(store: Store) -> None:
    some = [Decision.about("split", [("hubspot", number)]) for number in ("61286", "151088")]
    assert some[0].former_id == some[1].former_id
    with store.write() as c:
        for one in some:
            decisions.decide(c, "equal", Made(one, "", NOON))
        assert {made.decision for made in decisions.decisions(c, "equal")} == {*some}


def test_what_was_decided_under_a_former_name_can_be_taken_back(store: Store) -> None:
    one, other = (Decision.about("split", [("hubspot", number)]) for number in ("61286", "151088"))
    row = {"workspace": "former", "kind": "split", "refs": [["hubspot", "61286"]], "reason": "", "made_at": NOON}
    with store.write() as c:
        c.execute(identity_decision.insert(), row | {"id": one.former_id})
        decisions.decide(c, "former", Made(other, "", NOON))
        assert {made.decision for made in decisions.decisions(c, "former")} == {one, other}
        decisions.decide(c, "former", Made(one, "", NOON, NOON))
        assert [made.decision for made in decisions.decisions(c, "former")] == [other]
        assert len(decisions.decisions(c, "former", everything=True)) == 2
