"""Whatever is computed, seen and written before: what is a person's is never planned under `hold`, idle stays idle."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mapping.records import STAMP_FIELD
from sync.decide import HumanEdits, Known, Wanted, Written, compare_before_write, decide, decide_record

VALUES = st.one_of(st.none(), st.sampled_from(["1", "2", "3"]))
LEDGER = st.one_of(st.none(), VALUES.map(Written))
POLICY = st.sampled_from(["hold", "reclaim"])
NAMES = ("health_score", "health_band", "segment", STAMP_FIELD)


@given(VALUES, VALUES, LEDGER)
def test_hold_never_writes_over_a_value_that_is_not_ours(
    want: str | None, seen: str | None, ledger: Written | None
) -> None:
    verdict = decide(want, seen, Known(ledger), "hold")
    ours = seen == ledger.value if ledger is not None else seen is None
    if verdict.action == "write":
        assert ours
        assert want != seen
    if not ours and want != seen:
        assert verdict.action == "hold"


@given(VALUES, VALUES, LEDGER, POLICY)
def test_an_equal_value_is_never_written(
    want: str | None, seen: str | None, ledger: Written | None, policy: str
) -> None:
    verdict = decide(want, seen, Known(ledger), "hold" if policy == "hold" else "reclaim")
    assert (verdict.action in ("nothing", "adopt")) == (want == seen)


@given(st.fixed_dictionaries(dict.fromkeys(NAMES, VALUES)), st.fixed_dictionaries(dict.fromkeys(NAMES, VALUES)))
def test_after_a_write_nothing_is_left_to_do(want: dict[str, str | None], seen: dict[str, str | None]) -> None:
    wanted = [Wanted(name, name, value, human_edits="reclaim") for name, value in want.items()]
    first = decide_record(wanted, seen, {})
    now = seen | {change.property: change.after for change in first.changes}
    ledger = {change.property: Known(Written(change.after)) for change in first.changes}
    ledger |= {item.property: Known(Written(item.value)) for item in first.adopted}
    again = decide_record([Wanted(w.field, w.property, w.value) for w in wanted if w.field != STAMP_FIELD], now, ledger)
    assert again.changes == ()
    assert again.held == ()
    assert again.adopted == ()


@given(st.fixed_dictionaries(dict.fromkeys(NAMES, VALUES)), st.fixed_dictionaries(dict.fromkeys(NAMES, VALUES)), POLICY)
def test_every_property_is_in_one_place_and_the_stamp_never_travels_alone(
    want: dict[str, str | None], seen: dict[str, str | None], policy: str
) -> None:
    edits: HumanEdits = "hold" if policy == "hold" else "reclaim"
    wanted = [Wanted(name, name, value, human_edits=edits) for name, value in want.items()]
    decision = decide_record(wanted, seen, {})
    names = [change.property for change in decision.changes]
    names += [held.property for held in decision.held]
    names += [item.property for item in decision.adopted]
    assert len(names) == len(set(names))
    fields = {change.field for change in decision.changes}
    assert fields != {STAMP_FIELD}


@given(VALUES, VALUES, VALUES, LEDGER)
def test_the_guard_read_lets_through_only_what_the_plan_showed_or_we_wrote(
    current: str | None, before: str | None, after: str | None, ledger: Written | None
) -> None:
    reading = compare_before_write(current, before, after, ledger)
    if reading == "send":
        assert current == before or (ledger is not None and current == ledger.value)
        assert current != after
    if reading == "unchanged":
        assert current == after
