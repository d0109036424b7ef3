"""The engine against the reference implementation of the default framework, account by account, field by field."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mapping.engine import Evaluation, evaluate
from mapping.frames import AsOf, Frames
from mapping.framework import Framework, load_framework
from tests.property.drawn import AT, QUICK, made_up
from tests.property.reference.account import Answers, answers
from tests.property.reference.health import METRICS
from tests.property.reference.records import Moment, Records
from tests.unit.mapping.portfolio import f4, noon, shipped

CHILDREN = ("deals", "tickets", "meetings", "contracts", "milestones", "readings")
PROVENANCE = ("account_id", "framework", "model_version", "scored_at")


def records_of(frames: Frames) -> dict[str, Records]:
    """Account → its records as plain rows."""
    found = {row["account_id"]: Records(row) for row in frames.accounts.iter_rows(named=True)}
    for name in CHILDREN:
        for row in getattr(frames, name).iter_rows(named=True):
            getattr(found[row["account_id"]], name).append(row)
    for row in frames.attendances.iter_rows(named=True):
        found[row["account_id"]].people.setdefault(row["meeting_ref"], []).append(row["contact_ref"])
    for row in frames.history.iter_rows(named=True):
        found[row["account_id"]].history.append(row)
    for row in frames.stage_history.iter_rows(named=True):
        found[row["account_id"]].stages.append(row)
    return found


def differences(evaluation: Evaluation, expected: dict[str, Answers]) -> list[str]:
    """Every field of every account that is not as expected, in words."""
    alerts: dict[str, set[str]] = {}
    for name, alert in evaluation.alerts().iter_rows():
        alerts.setdefault(name, set()).add(alert)
    found = []
    for row in evaluation.frame.iter_rows(named=True):
        name = row["account_id"]
        wanted = expected[name]
        seen = {**evaluation.row(name), **row, "alerts": alerts.get(name, set())}
        for field, value in {**wanted.outputs, **wanted.marks, "alerts": wanted.alerts}.items():
            if not same(seen[field], value):
                found.append(f"{name} {field}: the engine says {seen[field]!r}, the reference {value!r}")
    return found


def same(seen: Any, wanted: Any) -> bool:
    """Floats of the engine are the nearest to the reference's exact decimals."""
    return bool(seen == float(wanted) if isinstance(seen, float) and wanted is not None else seen == wanted)


@cache
def altered(policies: tuple[tuple[str, Any], ...], *, strict: bool, recorded: bool) -> Framework:
    """The default framework with other missing policies and parameters."""
    data = shipped()
    data["parameters"] |= {"strict_handoff": strict, "renewal_steps_recorded": recorded}
    for component in data["score"]["components"]:
        for metric in component["metrics"]:
            if (policy := dict(policies).get(metric["id"])) is not None:
                metric["missing"] = {"carry_forward": policy} if isinstance(policy, int) else policy
    return load_framework(data, "altered")


def compared(frames: Frames, framework: Framework, at: AsOf, **rules: Any) -> list[str]:
    moment = Moment(at.utc, at.zone)
    expected = {name: answers(records, moment, **rules) for name, records in records_of(frames).items()}
    return differences(evaluate(frames, framework, at), expected)


@settings(max_examples=25, **QUICK)
@given(seed=st.integers(0, 10**9))
def test_every_field_agrees_with_a_plain_reading_of_the_specification(seed: int) -> None:
    assert compared(made_up(seed), f4(), AT) == []


@settings(max_examples=6, **QUICK)
@given(seed=st.integers(0, 10**9), day=st.dates(noon("2024-06-01").date(), noon("2026-12-31").date()))
def test_they_agree_for_any_day_and_zone(seed: int, day: Any) -> None:
    for zone in ("UTC", "America/Los_Angeles", "Pacific/Auckland"):
        assert compared(made_up(seed, 20), f4(), AsOf.end_of(day, zone)) == []


POLICIES = st.dictionaries(st.sampled_from(METRICS), st.sampled_from(["reweight", "neutral", "zero"]), max_size=6)
CARRIED = st.dictionaries(st.sampled_from(METRICS[:6]), st.integers(0, 150), max_size=3)


@settings(max_examples=8, **QUICK)
@given(seed=st.integers(0, 10**9), plain=POLICIES, carried=CARRIED, strict=st.booleans(), recorded=st.booleans())
def test_they_agree_whatever_is_done_about_what_is_missing(
    seed: int, plain: dict[str, str], carried: dict[str, int], strict: bool, recorded: bool
) -> None:
    framework = altered(tuple({**plain, **carried}.items()), strict=strict, recorded=recorded)
    policies = {**plain, **{name: {"carry_forward": days} for name, days in carried.items()}}
    rules: dict[str, Any] = {"policies": policies, "strict_handoff": strict, "steps_recorded": recorded}
    assert compared(made_up(seed, 40), framework, AT, **rules) == []


def test_what_is_drawn_reaches_every_answer() -> None:
    moment = Moment(AT.utc, AT.zone)
    seen: Counter[tuple[str, Any]] = Counter()
    for records in records_of(made_up(1, 2000)).values():
        found = answers(records, moment, steps_recorded=True)
        if (found.outputs["renewal_sub_status"] or "").endswith("%"):
            found.outputs["renewal_sub_status"] = "percent"
        seen.update(found.outputs.items())
        seen.update(("alert", name) for name in found.alerts)
    spec = f4().spec
    wanted = {("alert", alert.id) for alert in spec.alerts}
    wanted |= {("lifecycle_stage", stage.id) for stage in spec.stages}
    wanted |= {("renewal_phase", phase.id) for phase in spec.renewal.phases}
    wanted |= {("next_touch_type", cadence.id) for cadence in spec.cadences}
    wanted |= {("health_band", band) for band in ("green", "yellow", "red", "unknown")}
    wanted |= {("health_trend", trend) for trend in ("improving", "stable", "declining", None)}
    wanted |= {("escalation_level", level) for level in ("L1", "L2", "L3", "L4", None)}
    wanted |= {("renewal_status", status) for status in STATUSES}
    wanted |= {("renewal_sub_status", sub) for sub in SUB_STATUSES}
    assert wanted - set(seen) == set()


STATUSES = (
    "churned", "projected_churn", "overdue", "projected_downsell", "at_risk", "due", "on_track", "renewed", "not_due",
    "not_applicable",
)  # fmt: skip
SUB_STATUSES = (
    "missing_end_date", "manual", "expansion", "flat", "contraction", "amount_unknown", "auto", "terminated_early",
    "lost", "lapsed", "in_negotiation", "no_deal", "notice", "deal_lost", "forecast", "percent", "health_red",
    "not_started", "both", None,
)  # fmt: skip
