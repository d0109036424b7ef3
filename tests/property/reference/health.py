"""The health score: twelve metrics in four components, what is missing, rounding, bands, and what to say about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

from tests.property.reference.records import Moment, Records, Row, deals_as_known, key_of, outcome, there, usual

Curve = list[tuple[float, float]]
Policies = dict[str, Any]

COMPONENTS: dict[str, tuple[int, list[str]]] = {
    "usage": (30, ["login_frequency", "feature_utilization", "data_volume_ratio"]),
    "business_value": (30, ["roi_achievement", "goal_completion", "time_savings_ratio"]),
    "relationship": (20, ["stakeholder_engagement", "ticket_sentiment", "meeting_attendance"]),
    "growth": (20, ["expansion_activity", "reference_status", "feature_request_activity"]),
}
METRICS = [name for _, names in COMPONENTS.values() for name in names]
FULL: Curve = [(0, 0), (1, 100)]
CURVES: dict[str, Curve] = {
    "login_frequency": [(0, 0), (1, 50), (3, 100)],
    "feature_utilization": [(0, 0), (0.5, 60), (0.8, 100)],
    "data_volume_ratio": [(0, 0), (0.5, 50), (1, 100)],
    "roi_achievement": FULL,
    "goal_completion": FULL,
    "time_savings_ratio": FULL,
    "stakeholder_engagement": [(0, 0), (3, 100)],
    "ticket_sentiment": [(-1, 0), (1, 100)],
    "meeting_attendance": FULL,
    "expansion_activity": [(0, 0), (1, 70), (2, 100)],
    "feature_request_activity": [(0, 0), (1, 60), (3, 100)],
}
REFERENCE = {"refused": 0, "willing": 80, "active": 100}
LABELS = {
    "login_frequency": "Logins per user and week",
    "feature_utilization": "Licensed features in use",
    "data_volume_ratio": "Contracted data volume in use",
    "roi_achievement": "Return against target",
    "goal_completion": "Success-plan goals reached",
    "time_savings_ratio": "Hours saved against target",
    "stakeholder_engagement": "People met in 90 days",
    "ticket_sentiment": "Mood of tickets",
    "meeting_attendance": "Meetings that took place",
    "expansion_activity": "Expansion deals and talks",
    "reference_status": "Willingness to be a reference",
    "feature_request_activity": "Feature requests in 90 days",
}
PERCENT = {
    "feature_utilization", "data_volume_ratio", "roi_achievement", "goal_completion", "time_savings_ratio",
    "meeting_attendance",
}  # fmt: skip
USAGE_DAYS, VALUE_DAYS = 7, 120


@dataclass
class Health:
    """Score and band, coverage in whole percent, and the sentence about it."""

    score: Decimal | None
    band: str
    coverage: Decimal
    reasons: str
    losses: dict[str, Fraction] = field(default_factory=dict)


def health(records: Records, at: Moment, policies: Policies) -> Health:
    """`policies` names the metrics whose missing policy is not `reweight`."""
    values = measured(records, at, policies)
    known = {name: _points(name, value) for name, value in values.items()}
    known = {name: points for name, points in known.items() if points is not None}
    coverage = sum(
        (Fraction(weight, 100) / len(names) for weight, names in COMPONENTS.values() for one in names if one in known),
        Fraction(0),
    )
    percent = rounded(coverage * 100, 0)
    if coverage < Fraction(1, 2):
        missing = ", ".join(LABELS[name] for name in METRICS if name not in known)
        sentence = f"Too little is known for a score ({percent}%). Missing: {missing}"
        return Health(None, "unknown", percent, cut(sentence))
    counted = dict(known)
    for name in METRICS:
        if name not in known and policies.get(name) in ("neutral", "zero"):
            counted[name] = Fraction(50 if policies[name] == "neutral" else 0)
    weights = _weights(counted)
    losses = {name: weights[name] * (100 - counted[name]) / 100 for name in METRICS if name in counted}
    score = rounded(100 - sum(losses.values()), 1)
    band = "green" if score >= 80 else "yellow" if score >= 60 else "red"
    return Health(score, band, percent, _reasons(losses, {name: values[name] for name in known}), losses)


def _weights(counted: dict[str, Fraction]) -> dict[str, Fraction]:
    """What is missing is left out: its component's others take over, and an empty component's others do."""
    alive = {
        name: (weight, inside)
        for name, (weight, names) in COMPONENTS.items()
        if (inside := [one for one in names if one in counted])
    }
    total = sum(weight for weight, _ in alive.values())
    return {one: Fraction(100 * weight, total * len(inside)) for weight, inside in alive.values() for one in inside}


def measured(records: Records, at: Moment, policies: Policies) -> dict[str, Any]:
    """Metric → value, None where it is missing."""
    account = records.account
    found = {**_usage(account, usual(records, at, "data_volume")), **_business_value(account)}
    for names, column, days in (
        (COMPONENTS["usage"][1], "usage_as_of", USAGE_DAYS),
        (COMPONENTS["business_value"][1], "value_as_of", VALUE_DAYS),
    ):
        age = at.days_since(account[column])
        for name in names:
            policy = policies.get(name)
            limit = max(days, policy["carry_forward"]) if isinstance(policy, dict) else days
            # A feed may date its figures by another zone's day: one day ahead is still today.
            if age is not None and not -1 <= age <= limit:
                found[name] = None
    return {**found, **_relationship(records, at), **_growth(records, at)}


def _usage(account: Row, usual_volume: float | None) -> Row:
    reported = bool(account["has_usage"])
    logins = account["logins_per_user_week"]
    return {
        "login_frequency": _fill(account, ["logins_per_user_week"], logins, reported),
        "feature_utilization": _share(account, "features_used", "features_licensed", reported),
        "data_volume_ratio": _volume(account, usual_volume, reported),
    }


def _business_value(account: Row) -> Row:
    return {
        "roi_achievement": _share(account, "roi_realised", "roi_target", reported=False),
        "goal_completion": _share(account, "goals_achieved", "goals_agreed", reported=False),
        "time_savings_ratio": _share(account, "hours_saved", "hours_saved_target", reported=False),
    }


def _share(account: Row, above: str, below: str, reported: bool) -> float | None:
    top, bottom = account[above], account[below]
    value = None if top is None or bottom is None or bottom == 0 else top / bottom
    zero = reported and top is None and bottom is not None and bottom > 0
    return _fill(account, [above, below], value, zero)


def _volume(account: Row, usual_volume: float | None, reported: bool) -> float | None:
    """Against the contracted volume; where none is agreed, against the usual one."""
    volume, agreed = account["data_volume"], account["data_volume_contracted"]
    whole = agreed or usual_volume
    value = volume / whole if volume is not None and whole else None
    zero = reported and volume is None and any(one is not None and one > 0 for one in (agreed, usual_volume))
    return _fill(account, ["data_volume", "data_volume_contracted"], value, zero)


def _fill(account: Row, columns: list[str], value: float | None, zero: bool) -> float | None:
    """Nothing where a feed reports is zero; nothing where the CRM has no such property is not known."""
    if value is None and zero and not set(columns) & set(account["not_connected"] or ()):
        return 0.0
    return value


def _relationship(records: Records, at: Moment) -> Row:
    seen, heard = records.account["has_meetings"], records.account["has_tickets"]
    near = [(one, outcome(one, at)) for one in records.meetings if at.in_window(one["starts_at"])]
    held = [one for one, became in near if became == "completed"]
    planned = [one for one, became in near if became in ("completed", "no_show", "cancelled")]
    met = {person for one in held for person in records.people.get(one["id"], []) if person is not None}
    recent = [one for one in there(records.tickets, at) if at.in_window(one["created_at"])]
    moods = [one["sentiment"] for one in recent if one["sentiment"] is not None]
    return {
        "stakeholder_engagement": len(met) if seen else None,
        "ticket_sentiment": sum(moods) / len(moods) if heard and moods else None,
        "meeting_attendance": len(held) / len(planned) if seen and planned else None,
    }


def _growth(records: Records, at: Moment) -> Row:
    account = records.account
    open_deals = [
        one for one in deals_as_known(records.deals, at) if one["kind"] == "expansion" and one["state"] == "open"
    ]
    asked = [
        one
        for one in there(records.tickets, at)
        if key_of(one["category"]) == "feature_request" and at.in_window(one["created_at"])
    ]
    return {
        "expansion_activity": len(open_deals) + (account["expansion_discussions"] or 0)
        if account["has_deals"]
        else None,
        "reference_status": account["reference_status"],
        "feature_request_activity": len(asked) if account["has_tickets"] else None,
    }


def _points(name: str, value: Any) -> Fraction | None:
    if value is None:
        return None
    if name == "reference_status":
        return Fraction(REFERENCE[value]) if value in REFERENCE else None
    x, curve = exact(value), [(exact(at), exact(points)) for at, points in CURVES[name]]
    if x <= curve[0][0]:
        return curve[0][1]
    for (x0, y0), (x1, y1) in pairwise(curve):
        if x <= x1:
            return y0 + (x - x0) * (y1 - y0) / (x1 - x0)
    return curve[-1][1]


def exact(value: Any) -> Fraction:
    return Fraction(repr(value)) if isinstance(value, float) else Fraction(str(value))


def rounded(value: Fraction, decimals: int) -> Decimal:
    """Half up (away from zero); the engine promises it for whatever has at most nine decimals."""
    # Adding zero makes a zero of minus zero.
    return (Decimal(round(value * 10**9)) / 10**9).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP) + 0


def _reasons(losses: dict[str, Fraction], values: dict[str, Any]) -> str:
    """The three largest losses; of equal ones the first in the file."""
    order = sorted(losses, key=lambda name: (-round(losses[name], 9), METRICS.index(name)))
    worst = [name for name in order[:3] if losses[name] >= Fraction(1, 20)]
    said = [f"{LABELS[one]}: {_figure(one, values.get(one))} (-{rounded(losses[one], 1)} points)" for one in worst]
    return cut("; ".join(said)) if said else "No points lost"


def _figure(name: str, value: Any) -> str:
    if value is None:
        return "no data"
    if name == "reference_status":
        return str(value).replace("_", " ")
    if name in PERCENT:
        return f"{rounded(exact(value) * 100, 0)}%"
    return str(rounded(exact(value), 1)).removesuffix(".0")


def cut(sentence: str) -> str:
    return sentence if len(sentence) <= 255 else sentence[:254] + "…"
