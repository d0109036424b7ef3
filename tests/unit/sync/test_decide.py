"""The decision table of one property, row by row, and of one record."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sync.decide import (
    HeldValue,
    Known,
    PlannedChange,
    Refusal,
    Resolved,
    Told,
    Undone,
    Verdict,
    Wanted,
    Written,
    compare_after_loss,
    compare_before_write,
    decide,
    decide_record,
)

W = Written


@pytest.mark.parametrize(
    ("want", "seen", "written", "under_hold", "under_reclaim"),
    [
        # want == seen: never a write
        (None, None, None, Verdict("nothing"), Verdict("nothing")),
        ("85", "85", W("85"), Verdict("nothing"), Verdict("nothing")),
        ("85", "85", None, Verdict("adopt"), Verdict("adopt")),
        ("85", "85", W("70"), Verdict("adopt"), Verdict("adopt")),
        (None, None, W("70"), Verdict("adopt"), Verdict("adopt")),
        # never written and empty: the first fill
        ("85", None, None, Verdict("write"), Verdict("write")),
        # still what we wrote: ours to change, and to clear when the band is unknown
        ("85", "70", W("70"), Verdict("write"), Verdict("write")),
        (None, "70", W("70"), Verdict("write"), Verdict("write")),
        ("85", None, W(None), Verdict("write"), Verdict("write")),
        # somebody changed or cleared what we wrote
        ("85", "12", W("70"), Verdict("hold", "human_edit"), Verdict("write")),
        ("85", None, W("70"), Verdict("hold", "human_edit"), Verdict("write")),
        (None, "12", W("70"), Verdict("hold", "human_edit"), Verdict("write")),
        ("85", "12", W(None), Verdict("hold", "human_edit"), Verdict("write")),
        # a value that was never ours
        ("85", "12", None, Verdict("hold", "not_ours"), Verdict("write")),
        (None, "12", None, Verdict("hold", "not_ours"), Verdict("write")),
    ],
)
def test_decision_table(
    want: str | None, seen: str | None, written: Written | None, under_hold: Verdict, under_reclaim: Verdict
) -> None:
    assert decide(want, seen, Known(written), "hold") == under_hold
    assert decide(want, seen, Known(written), "reclaim") == under_reclaim


@pytest.mark.parametrize(
    ("want", "seen", "known", "verdict"),
    [
        # accepted: the person's value stands, whatever is computed, as long as it is that value
        ("85", "12", Known(W("70"), resolved=Resolved("accept", "12")), Verdict("hold", "accepted")),
        ("86", "12", Known(None, resolved=Resolved("accept", "12")), Verdict("hold", "accepted")),
        ("85", "13", Known(W("70"), resolved=Resolved("accept", "12")), Verdict("hold", "human_edit")),
        ("85", "70", Known(W("70"), resolved=Resolved("accept", "12")), Verdict("write")),
        # reclaimed: that value may be replaced, and no other
        ("85", "12", Known(W("70"), resolved=Resolved("reclaim", "12")), Verdict("write")),
        ("85", "12", Known(None, resolved=Resolved("reclaim", "12")), Verdict("write")),
        ("85", None, Known(W("70"), resolved=Resolved("reclaim", None)), Verdict("write")),
        ("85", "13", Known(W("70"), resolved=Resolved("reclaim", "12")), Verdict("hold", "human_edit")),
        # taken back: the very value that was removed is not written again, another one is
        ("85", "70", Known(W("70", Undone("85"))), Verdict("hold", "undone")),
        ("90", "70", Known(W("70", Undone("85"))), Verdict("write")),
        (None, "70", Known(W("70", Undone(None))), Verdict("hold", "undone")),
        ("85", "12", Known(W("70", Undone("85"))), Verdict("hold", "human_edit")),
        ("85", "70", Known(W("70", Undone("85")), resolved=Resolved("reclaim", "70")), Verdict("write")),
        ("85", "70", Known(W("70", Undone("85")), resolved=Resolved("accept", "70")), Verdict("hold", "accepted")),
        # accepted, and computed by chance: it stays the person's, so that no later value replaces it
        ("12", "12", Known(W("70"), resolved=Resolved("accept", "12")), Verdict("nothing")),
        ("12", "12", Known(None, resolved=Resolved("accept", "12")), Verdict("nothing")),
        ("12", "12", Known(W("70"), resolved=Resolved("reclaim", "12")), Verdict("adopt")),
        ("13", "13", Known(W("70"), resolved=Resolved("accept", "12")), Verdict("adopt")),
        # the CRM says that we set this very value: a late write, a store from a backup
        ("85", "12", Known(W("70"), told=Told("ours", "property")), Verdict("write")),
        ("85", "12", Known(None, told=Told("ours", "property")), Verdict("write")),
        (None, "12", Known(W("70"), told=Told("ours", "property")), Verdict("write")),
        ("85", "12", Known(W("70"), told=Told("ours", "record")), Verdict("hold", "human_edit")),
        ("85", "12", Known(W("70"), told=Told("somebody", "property")), Verdict("hold", "human_edit")),
        ("85", "12", Known(None, told=Told("unknown", "property")), Verdict("hold", "not_ours")),
        ("85", "12", Known(W("70"), in_doubt=True, told=Told("ours", "property")), Verdict("hold", "in_doubt")),
        (
            "85",
            "12",
            Known(W("70"), resolved=Resolved("accept", "12"), told=Told("ours", "property")),
            Verdict("hold", "accepted"),
        ),
        # refused before and not due: that value waits, another one is tried
        ("85", "70", Known(W("70"), refusal=Refusal("85")), Verdict("hold", "refused")),
        ("90", "70", Known(W("70"), refusal=Refusal("85")), Verdict("write")),
        ("85", "12", Known(W("70"), refusal=Refusal("85")), Verdict("hold", "human_edit")),
        ("85", "85", Known(W("70"), refusal=Refusal("85")), Verdict("adopt")),
        # in doubt: nothing else is looked at
        ("85", "12", Known(W("70"), in_doubt=True, resolved=Resolved("reclaim", "12")), Verdict("hold", "in_doubt")),
    ],
)
def test_decision_with_what_people_and_the_crm_said(
    want: str | None, seen: str | None, known: Known, verdict: Verdict
) -> None:
    assert decide(want, seen, known, "hold") == verdict


def wanted(**values: str | None) -> list[Wanted]:
    return [Wanted(name, f"cs_{name}", value, f"why {name}") for name, value in values.items()]


def reclaimed(**values: str | None) -> list[Wanted]:
    return [replace(one, human_edits="reclaim") for one in wanted(**values)]


def test_the_time_stamp_goes_only_along_with_another_change() -> None:
    both = wanted(health_score="85", scored_at="2026-11-22T10:00:00Z")
    alone = decide_record(both, {"cs_health_score": "85"}, {})
    assert alone.changes == ()
    assert [item.field for item in alone.adopted] == ["health_score"]

    along = decide_record(both, {}, {})
    assert [change.field for change in along.changes] == ["health_score", "scored_at"]


def test_a_held_value_alone_does_not_move_the_time_stamp() -> None:
    decision = decide_record(wanted(health_score="85", scored_at="2026-11-22T10:00:00Z"), {"cs_health_score": "12"}, {})
    assert decision.changes == ()
    assert decision.held == (HeldValue("health_score", "cs_health_score", "12", None, "85", "not_ours"),)


def test_a_change_says_what_was_there_and_why_it_changes() -> None:
    decision = decide_record(wanted(health_score="85"), {"cs_health_score": "70"}, {"cs_health_score": Known(W("70"))})
    assert decision.changes == (PlannedChange("health_score", "cs_health_score", "70", "85", "why health_score"),)


def test_the_policy_counts_for_each_field() -> None:
    both = [*wanted(health_score="85"), *reclaimed(segment="enterprise")]
    decision = decide_record(both, {"cs_health_score": "12", "cs_segment": "mid_market"}, {})
    assert [change.field for change in decision.changes] == ["segment"]
    assert [held.field for held in decision.held] == ["health_score"]


def test_a_property_in_doubt_is_held_even_under_reclaim() -> None:
    decision = decide_record(reclaimed(health_score="85"), {}, {"cs_health_score": Known(in_doubt=True)})
    assert decision.changes == ()
    assert decision.held[0].reason == "in_doubt"


@pytest.mark.parametrize(
    ("current", "before", "after", "written", "reading"),
    [
        ("85", "70", "85", W("70"), "unchanged"),
        ("70", "70", "85", W("70"), "send"),
        ("60", "70", "85", W("60"), "send"),
        (None, None, "85", None, "send"),
        ("12", "70", "85", W("70"), "conflict"),
        (None, "70", "85", W("70"), "conflict"),
    ],
)
def test_guard_read(
    current: str | None, before: str | None, after: str | None, written: Written | None, reading: str
) -> None:
    assert compare_before_write(current, before, after, written) == reading


@pytest.mark.parametrize(
    ("current", "before", "after", "meaning"),
    [
        ("85", "70", "85", "confirmed"),
        ("70", "70", "85", "pending"),
        ("12", "70", "85", "conflict"),
        (None, None, "1", "pending"),
    ],
)
def test_read_back_of_a_lost_answer(current: str | None, before: str | None, after: str | None, meaning: str) -> None:
    assert compare_after_loss(current, before, after) == meaning
