"""Why a property has its value and why an alert was raised, in words."""

from __future__ import annotations

import pytest

from config.frameworks import load_framework_file, shipped_frameworks
from mapping.framework import load_framework
from sync.because import LONGEST, Reasons, Sentences, alert_reasons
from tests.unit.mapping.portfolio import Portfolio, f4, shipped

VALUES = {
    "health_score": "61.5", "health_coverage": "83", "health_reasons": "Logins cost 8 points",
    "lifecycle_stage": "renewal_or_transition", "tenure_stage": "adoption",
    "segment": "standard", "next_touch_type": "business_review",
    "next_touch_due_on": "2026-10-30", "escalation_level": None,
}  # fmt: skip
TOLD = {"change": -4.7, "compared_with": "2026-09-30T12:00:00Z", "renewal_rule": 7, "days_to_end": 34}
SENTENCES = Sentences(f4())


def told(**changes: object) -> Reasons:
    return Reasons({"values": VALUES, "told": {**TOLD, **changes}}, SENTENCES)


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        ("health_score", "Logins cost 8 points (83% of the model is known)"),
        ("health_trend", "score changed by -4.7 since 2026-09-30T12:00:00Z"),
        ("renewal_status", "the end is near and the health is red or nothing has been started"),
        ("renewal_phase", "days to the end of the contract: 34"),
        ("next_touch_due_on", "Business review is due on 2026-10-30"),
        ("escalation_level", "no open ticket and no rule asks for a level"),
        ("model_version", f"framework cradle_to_grave, version {f4().version}"),
        ("unheard_of", ""),
    ],
)
def test_each_field_says_what_it_was_made_of(field: str, reason: str) -> None:
    assert told().of(field) == reason


def test_a_stage_and_a_segment_say_the_rule_that_matched_in_words() -> None:
    renewal = (
        "Renewal or transition: signed is on or before today and days to end is at most 90 and "
        "renewal status is not Renewed"
    )
    assert told().of("lifecycle_stage") == told().of("stage_entered_on") == renewal
    assert told().of("tenure_stage") == "Adoption: go live is on or before today"
    assert told().of("segment") == "Standard: no other rule holds"
    gone = Reasons({"values": {"lifecycle_stage": "abolished"}, "told": TOLD}, SENTENCES)
    assert gone.of("lifecycle_stage") == gone.of("segment") == "no rule matches"


def test_every_shipped_rule_of_a_stage_and_a_segment_has_words() -> None:
    for name in shipped_frameworks():
        chosen = load_framework_file(name)
        sentences, spec = Sentences(chosen), chosen.spec
        lists = [
            (("stages",), spec.stages),
            *((("segments", index, "rules"), one.rules) for index, one in enumerate(spec.segments)),
        ]
        for path, rules in lists:
            for rule in rules:
                said = sentences.matched(path, rules, rule.id)
                assert said.startswith(f"{rule.label}: "), (name, rule.id)
                assert rule.when not in said, name


def test_a_rule_without_words_shows_its_expression_and_one_of_its_own_holds_for_everybody() -> None:
    raw = shipped()
    raw["segments"] = [{"dimension": "segment", "rules": [{"id": "all", "when": "TRUE"}]}]
    raw["stages"][0] = {"id": "long", "when": "LENGTH(name) > 3"}
    raw["cadences"], raw["alerts"], raw["escalation"] = [], [], None
    sentences = Sentences(load_framework(raw, "ours"))
    reasons = Reasons({"values": {"lifecycle_stage": "long", "segment": "all"}, "told": TOLD}, sentences)
    assert reasons.of("lifecycle_stage") == "long: LENGTH(name) > 3"
    assert reasons.of("segment") == "all: holds for every account"


def test_a_rule_is_put_into_words_once() -> None:
    sentences = Sentences(f4())
    first, second = (Reasons({"values": VALUES, "told": TOLD}, sentences).of("tenure_stage") for _ in range(2))
    assert first is second


def test_what_is_not_there_is_said() -> None:
    assert told(change=None).of("health_trend") == "no score to compare with yet"
    assert told(renewal_rule=None).of("renewal_status") == "no contract end date is known"
    nothing = Reasons({"values": {}, "told": TOLD}, SENTENCES)
    assert nothing.of("health_score") == "no losses (nothing is known)"
    assert nothing.of("next_touch_type") == "no touch is due"


def test_an_evaluation_from_before_the_upgrade_has_its_sentences() -> None:
    old = Reasons({"values": VALUES, "because": {"segment": "rule old: TRUE"}}, SENTENCES)
    assert (old.of("segment"), old.of("health_score")) == ("rule old: TRUE", "")


def raised(when: str) -> str:
    """What an alert with this condition says of one account."""
    raw = shipped()
    raw["alerts"] = [{"id": "seen", "label": "Seen", "when": when, "owner": "csm", "meaning": "Look."}]
    portfolio = Portfolio().account(contract_end_at="2025-12-01", auto_renew=False)
    evaluation = portfolio.on("2025-11-10", load_framework(raw, "seen")).evaluation
    return alert_reasons(evaluation, "seen", ["a"])["a"]


@pytest.mark.parametrize(
    ("when", "reason"),
    [
        ("health_band = 'unknown' AND days_to_end < 90", "health band: unknown; days to end: 21"),
        ("NOT renewal_deal_open AND NOT auto_renews", "not renewal deal open; not auto renews"),
        ("health_score IS NULL", "health score: none"),
        ("account_id = 'a' OR arr > 100", "account id: a; arr: none"),
        ("created_at IS NULL OR days_to_end < 3", "created at: none; days to end: 21"),
        ("NOT band_fell OR TRUE", "health fell from none to unknown"),
        ("touch_overdue OR TRUE", "no touch is due"),
        ("TRUE", ""),
    ],
)
def test_an_alert_says_what_its_condition_saw(when: str, reason: str) -> None:
    assert raised(when) == reason


def test_it_is_cut_to_what_a_line_holds() -> None:
    assert len(told(compared_with="x" * 1000).of("health_trend")) == LONGEST
