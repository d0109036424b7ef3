"""The columnar health model against a plain one that reads the specification account by account, in exact fractions."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from mapping.engine import evaluate
from mapping.frames import Frames
from tests.property.test_mapping_engine import AT, QUICK, TODAY, made_up
from tests.unit.mapping.portfolio import f4

Row = dict[str, Any]
Curve = list[tuple[float, float]]
WEIGHTS = {"usage": 30, "business_value": 30, "relationship": 20, "growth": 20}
REFERENCE = {"refused": 0, "willing": 80, "active": 100}


def exact(value: object) -> Fraction:
    return Fraction(repr(value)) if isinstance(value, float) else Fraction(str(value))


def points(value: Fraction | None, curve: Curve) -> Fraction | None:
    if value is None:
        return None
    (low, first), (high, last) = curve[0], curve[-1]
    if value <= exact(low):
        return exact(first)
    if value >= exact(high):
        return exact(last)
    for (x0, y0), (x1, y1) in pairwise(curve):
        if value <= exact(x1):
            return exact(y0) + (value - exact(x0)) * (exact(y1) - exact(y0)) / (exact(x1) - exact(x0))
    raise AssertionError("a curve covers every value")


def ratio(row: Row, above: str, below: str, *, zero: bool = False) -> Fraction | None:
    top, bottom = row[above], row[below]
    if bottom is None or bottom == 0:
        return None
    if top is None:
        return Fraction(0) if zero else None
    # The engine divides binary floats; so does this, and is exact from there on.
    return exact(top / bottom)


def fresh(row: Row, column: str, days: int) -> bool:
    return row[column] is None or -1 <= (TODAY - row[column]).days <= days


def plain_points(
    row: Row, tickets: list[Row], meetings: list[Row], people: dict[str, list[str]], deals: list[Row]
) -> Row:
    def recent(moment: datetime) -> bool:
        return 0 <= (TODAY - moment.astimezone(ZoneInfo(AT.zone)).date()).days <= 89

    usage, value = fresh(row, "usage_as_of", 7), fresh(row, "value_as_of", 120)
    logins = row["logins_per_user_week"] if row["logins_per_user_week"] is not None else 0.0
    near = [one for one in meetings if recent(one["starts_at"])]
    held = [one for one in near if (one["outcome"] or _passed(one)) == "completed"]
    planned = [one for one in near if (one["outcome"] or _passed(one)) in ("completed", "no_show", "cancelled")]
    met = {person for one in held for person in people.get(one["id"], [])}
    moods = [one["sentiment"] for one in tickets if recent(one["created_at"]) and one["sentiment"] is not None]
    seen, heard = row["has_meetings"], row["has_tickets"]
    expansion = sum(1 for one in deals if one["kind"] == "expansion" and one["state"] == "open")
    full: Curve = [(0, 0), (1, 100)]
    return {
        "usage": [
            points(exact(logins), [(0, 0), (1, 50), (3, 100)]) if usage else None,
            points(ratio(row, "features_used", "features_licensed", zero=True), [(0, 0), (0.5, 60), (0.8, 100)])
            if usage
            else None,
            points(ratio(row, "data_volume", "data_volume_contracted", zero=True), full) if usage else None,
        ],
        "business_value": [
            points(ratio(row, above, below), full) if value else None
            for above, below in (
                ("roi_realised", "roi_target"),
                ("goals_achieved", "goals_agreed"),
                ("hours_saved", "hours_saved_target"),
            )
        ],
        "relationship": [
            points(Fraction(len(met)), [(0, 0), (3, 100)]) if seen else None,
            points(exact(sum(moods) / len(moods)), [(-1, 0), (1, 100)]) if heard and moods else None,
            points(exact(len(held) / len(planned)), full) if seen and planned else None,
        ],
        "growth": [
            points(Fraction(expansion), [(0, 0), (1, 70), (2, 100)]),
            None if row["reference_status"] not in REFERENCE else Fraction(REFERENCE[row["reference_status"]]),
            Fraction(0) if heard else None,
        ],
    }


def _passed(meeting: Row) -> str:
    return "completed" if meeting["starts_at"] <= AT.utc else "scheduled"


def plain_score(found: Row) -> tuple[float | None, str]:
    known = sum(Fraction(WEIGHTS[name], 300) for name, metrics in found.items() for one in metrics if one is not None)
    if known < Fraction(1, 2):
        return None, "unknown"
    parts = {name: [one for one in metrics if one is not None] for name, metrics in found.items()}
    total = sum(WEIGHTS[name] for name, metrics in parts.items() if metrics)
    raw = (
        sum(Fraction(WEIGHTS[name]) * sum(metrics) / len(metrics) for name, metrics in parts.items() if metrics) / total
    )
    # The engine's promise: exact for every score that has at most nine decimals.
    snapped = Decimal(round(raw * 10**9)) / 10**9
    score = snapped.quantize(Decimal("0.1"), ROUND_HALF_UP)
    return float(score), "green" if score >= 80 else "yellow" if score >= 60 else "red"


def by_account(frames: Frames, name: str) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in getattr(frames, name).iter_rows(named=True):
        found.setdefault(row["account_id"], []).append(row)
    return found


@settings(max_examples=10, **QUICK)
@given(seed=st.integers(0, 10**6))
def test_score_agrees_with_a_plain_reading_of_the_model(seed: int) -> None:
    frames = made_up(seed)
    tickets, meetings, deals = (by_account(frames, name) for name in ("tickets", "meetings", "deals"))
    people: dict[str, list[str]] = {}
    for row in frames.attendances.iter_rows(named=True):
        people.setdefault(row["meeting_ref"], []).append(row["contact_ref"])
    result = evaluate(frames, f4(), AT).frame
    computed = {
        name: (score, band) for name, score, band in result.select("account_id", "health_score", "health_band").rows()
    }
    for account in frames.accounts.iter_rows(named=True):
        name = account["account_id"]
        mine = (tickets.get(name, []), meetings.get(name, []), people, deals.get(name, []))
        assert computed[name] == plain_score(plain_points(account, *mine)), name


def test_made_up_portfolio_has_every_band() -> None:
    bands = set(evaluate(made_up(3, 300), f4(), AT).frame["health_band"].to_list())
    assert bands == {"green", "yellow", "red", "unknown"}
    assert timedelta(0) == TODAY - AT.date
