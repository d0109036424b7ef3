"""Why a property has its value, in one sentence for the plan, the ledger and the person who reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LONGEST = 240


def reasons(detail: Mapping[str, Any]) -> dict[str, str]:
    """Field → reason, out of an account's explanation."""
    health, renewal = detail["health"], detail["renewal"]
    stage = _matched(detail["lifecycle"]["rules"])
    segment = _matched(detail["segments"].get("segment", {}).get("rules", []))
    score = _score(health)
    model = f"framework {detail['framework']}, version {detail['model_version']}"
    found = {
        "health_score": score,
        "health_band": score,
        "health_coverage": score,
        "health_trend": _trend(health),
        "health_reasons": score,
        "lifecycle_stage": stage,
        "tenure_stage": stage,
        "stage_entered_on": stage,
        "segment": segment,
        "renewal_status": str(renewal["because"]),
        "renewal_sub_status": str(renewal["because"]),
        "renewal_phase": f"days to the end of the contract: {_shown(renewal['days_to_end'])}",
        "next_touch_type": _touch(detail["next_touch"]),
        "next_touch_due_on": _touch(detail["next_touch"]),
        "escalation_level": f"escalation level {_shown(detail['escalation']['level'])}",
        "framework": model,
        "model_version": model,
        "scored_at": "another value changed",
    }
    return {name: text[:LONGEST] for name, text in found.items()}


def _score(health: Mapping[str, Any]) -> str:
    coverage = health["coverage"]
    known = f"{coverage:.0%} of the model is known" if isinstance(coverage, float | int) else "nothing is known"
    return f"{health['reasons'] or 'no losses'} ({known})"


def _trend(health: Mapping[str, Any]) -> str:
    if health["change"] is None:
        return "no score to compare with yet"
    return f"score changed by {health['change']:+g} since {health['compared_with']}"


def _matched(rules: list[Mapping[str, Any]]) -> str:
    for rule in rules:
        if rule["matched"]:
            return f"rule {rule['id']}: {rule['when']}"
    return "no rule matches"


def _touch(touch: Mapping[str, Any]) -> str:
    return f"{touch['type']} is due on {touch['due_on']}" if touch["type"] else "no touch is due"


def _shown(value: object) -> str:
    return "none" if value is None else str(value)
