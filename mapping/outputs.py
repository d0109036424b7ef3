"""The properties that Keepwell keeps in a CRM: what it writes, and the three that it only reads."""

from __future__ import annotations

from collections.abc import Iterable

from mapping.framework.load import Framework
from mapping.framework.spec import Band, Cadence, RuleSpec
from mapping.framework.structure import RENEWAL_STATUSES, UNKNOWN_BAND
from mapping.records import MEASURE, STAMP_FIELD, FieldSpec, ValueType

Options = tuple[tuple[str, str], ...]

TRENDS: Options = (("improving", "Improving"), ("stable", "Stable"), ("declining", "Declining"))
NOTHING: Options = (("none", "None"),)
"""The option of a list that a framework leaves empty: Salesforce makes no list without one. It is never written."""
GREEN, AMBER, RED, BLUE, GREY, DARK = "#2E844A", "#DD7A01", "#BA0517", "#0176D3", "#939393", "#444444"
TREND_MEANINGS: Options = (
    ("improving", "The score rose clearly."),
    ("stable", "The score moved little."),
    ("declining", "The score fell clearly."),
)
STATUS_MEANINGS = {
    "churned": "The customer has left, or the contract ended and was not renewed.",
    "projected_churn": "Notice was given, the renewal was lost, or a person expects the customer to leave.",
    "overdue": "The contract has ended, and is neither renewed nor lost yet.",
    "projected_downsell": "The renewal is expected to be worth less than the contract.",
    "at_risk": "The contract ends soon, and health is poor or nothing has been started.",
    "due": "The contract ends soon, and no renewal deal is open.",
    "on_track": "A renewal deal is open, or the contract renews by itself.",
    "renewed": "The renewal is won, or the next contract is there.",
    "not_due": "The contract ends later.",
    "not_applicable": "No end of a contract is known.",
}
STATUS_COLOURS = {
    "churned": DARK, "projected_churn": RED, "overdue": RED, "projected_downsell": AMBER, "at_risk": AMBER, "due": BLUE,
    "on_track": GREEN, "renewed": GREEN, "not_due": GREY, "not_applicable": GREY,
}  # fmt: skip
STATUS_LABELS = {
    "churned": "Churned",
    "projected_churn": "Projected to Churn",
    "overdue": "Overdue",
    "projected_downsell": "Projected to churn - Down sell",
    "at_risk": "At risk",
    "due": "Due",
    "on_track": "On track",
    "renewed": "Renewed",
    "not_due": "Not due",
    "not_applicable": "Not applicable",
}


def output_fields(framework: Framework) -> tuple[FieldSpec, ...]:
    """Every property that a run may write, in the order of the evaluation frame's columns."""
    return (*_health(framework), *_lifecycle(framework), *_renewal(framework), *_work(framework), *_provenance())


def measure_fields(framework: Framework) -> tuple[FieldSpec, ...]:
    """A number for each component of the score, for CRMs that compute a score of their own from ours."""
    score = framework.spec.score
    return tuple(
        _spec(MEASURE + one.id, ValueType.NUMBER, f"Health: {one.label}",
              f"Points of the component {one.label} of the health score, from 0 to 100. Empty without a score.",
              decimals=score.decimals)
        for one in score.components
    )  # fmt: skip


def override_fields() -> tuple[FieldSpec, ...]:
    """Properties in which a person overrules the renewal status: provisioned and read, never written."""
    status = tuple((name, STATUS_LABELS[name]) for name in RENEWAL_STATUSES if name != "not_applicable")
    return (
        _spec("renewal_status_override", ValueType.ENUM, "Renewal status: override",
              "Set this to overrule the computed renewal status. Needs a reason and an end date. Facts such as a won"
              " renewal or an ended contract still count first.", options=status, writable=False),
        _spec("override_reason", ValueType.TEXT, "Renewal status: reason for override",
              "Why the computed renewal status is overruled. Without a reason the override does not count.",
              writable=False),
        _spec("override_until", ValueType.DATE, "Renewal status: override until",
              "Last day on which the override counts.", writable=False),
    )  # fmt: skip


def _health(framework: Framework) -> tuple[FieldSpec, ...]:
    score = framework.spec.score
    bands = (*((band.id, band.label or _title(band.id)) for band in score.bands), (UNKNOWN_BAND, "Unknown"))
    limits = ", ".join(f"{band.label or band.id} from {band.min:g}" for band in score.bands)
    meanings = (*_meanings(score.bands), (UNKNOWN_BAND, "Too little is known to tell."))
    return (
        _spec("health_score", ValueType.NUMBER, "Health score",
              "Health of the customer from 0 to 100. Empty when too little is known.", decimals=score.decimals),
        _spec("health_band", ValueType.ENUM, "Health", f"Colour of the health score: {limits}.", options=bands,
              meanings=meanings, colours=_band_colours(framework)),
        _spec("health_trend", ValueType.ENUM, "Health trend",
              f"Direction of the score over the last {score.trend.days} days.", options=TRENDS,
              meanings=TREND_MEANINGS, colours=(("improving", GREEN), ("stable", GREY), ("declining", RED))),
        _spec("health_coverage", ValueType.NUMBER, "Health coverage (%)",
              "How much of the health model is known for this customer, in percent of its weight."),
        _spec("health_reasons", ValueType.TEXT, "Health: main reasons",
              "Where the customer loses most points, largest loss first."),
    )  # fmt: skip


def _lifecycle(framework: Framework) -> tuple[FieldSpec, ...]:
    spec = framework.spec
    segment = next(item for item in spec.segments if item.dimension == "segment")
    return (
        _spec("lifecycle_stage", ValueType.ENUM, "Customer stage",
              "Where the customer stands in the customer-success lifecycle.", options=_options(spec.stages),
              meanings=_meanings(spec.stages)),
        _spec("tenure_stage", ValueType.ENUM, "Customer stage by tenure",
              "Stage by time with us, not hidden by a running renewal.",
              options=_options(stage for stage in spec.stages if stage.tenure),
              meanings=_meanings(stage for stage in spec.stages if stage.tenure)),
        _spec("stage_entered_on", ValueType.DATE, "Customer stage since", "Day on which its stage began."),
        _spec("segment", ValueType.ENUM, "Customer segment", "Decides how the customer is looked after.",
              options=_options(segment.rules), meanings=_meanings(segment.rules)),
    )  # fmt: skip


def _renewal(framework: Framework) -> tuple[FieldSpec, ...]:
    renewal = framework.spec.renewal
    status = tuple((name, renewal.labels.get(name, STATUS_LABELS[name])) for name in RENEWAL_STATUSES)
    return (
        _spec("renewal_status", ValueType.ENUM, "Renewal status", "How the next renewal stands.", options=status,
              meanings=tuple((name, STATUS_MEANINGS[name]) for name in RENEWAL_STATUSES),
              colours=tuple((name, STATUS_COLOURS[name]) for name in RENEWAL_STATUSES)),
        _spec("renewal_sub_status", ValueType.TEXT, "Renewal status: detail", "Why the renewal status is what it is."),
        _spec("renewal_phase", ValueType.ENUM, "Renewal phase", "Step of the renewal path, by days left.",
              options=_options(renewal.phases), meanings=_meanings(renewal.phases)),
    )  # fmt: skip


def _work(framework: Framework) -> tuple[FieldSpec, ...]:
    spec = framework.spec
    levels = spec.escalation.levels if spec.escalation else ()
    return (
        _spec("next_touch_type", ValueType.ENUM, "Next touch", "The next planned touch with the customer.",
              options=tuple((item.id, item.label) for item in spec.cadences),
              meanings=tuple((item.id, item.meaning or _rhythm(item)) for item in spec.cadences)),
        _spec("next_touch_due_on", ValueType.DATE, "Next touch due", "Day by which the next touch is due."),
        _spec("escalation_level", ValueType.ENUM, "Escalation level", "Highest level that has to act now.",
              options=tuple((item.id, f"{item.id} {item.label}".strip()) for item in levels)),
    )  # fmt: skip


def _provenance() -> tuple[FieldSpec, ...]:
    return (
        _spec("framework", ValueType.TEXT, "Customer-success framework", "Framework that computed these values."),
        _spec("model_version", ValueType.TEXT, "Customer-success model version", "Version of the framework's rules."),
        _spec(STAMP_FIELD, ValueType.DATETIME, "Customer-success values changed",
              "When these values were last written with a change."),
    )  # fmt: skip


def _spec(
    name: str, kind: ValueType, label: str, description: str, *, options: Options = (), decimals: int = 0,
    writable: bool = True, meanings: Options = (), colours: Options = (),
) -> FieldSpec:  # fmt: skip
    if kind is ValueType.ENUM:
        options = options or NOTHING
    told = tuple((value, meaning) for value, meaning in meanings if meaning)
    return FieldSpec(
        name, kind, label, description, options, decimals, writable=writable, meanings=told, colours=colours
    )


def _band_colours(framework: Framework) -> Options:
    """From best to worst: green, amber in between, red; grey where nothing is known."""
    ids = [band.id for band in framework.spec.score.bands]
    between = dict.fromkeys(ids, AMBER)
    return (*(between | {ids[-1]: RED, ids[0]: GREEN}).items(), (UNKNOWN_BAND, GREY))


def _rhythm(cadence: Cadence) -> str:
    length = cadence.every or cadence.within
    if length is None:
        return ""
    parts = ((length.months, "month"), (length.days, "day"))
    span = " and ".join(f"{number} {unit}{'' if number == 1 else 's'}" for number, unit in parts if number)
    return f"Every {span}" if cadence.every else f"Once, within {span}"


def _meanings(rules: Iterable[RuleSpec | Cadence | Band]) -> Options:
    return tuple((rule.id, rule.meaning[:1].upper() + rule.meaning[1:]) for rule in rules)


def _options(rules: Iterable[RuleSpec]) -> Options:
    return tuple((rule.id, rule.label or _title(rule.id)) for rule in rules)


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()
