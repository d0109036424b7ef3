"""The shape of a framework file. What the words mean is in docs/frameworks/format.md."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

Id = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z][a-zA-Z0-9_]*$", max_length=60)]
Key = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]
Sql = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Days = Annotated[int, Field(ge=0, le=36_500)]
"""At most a century: what no calendar has would end a run where it is added to a day."""
Parameter = bool | int | float | str
StreamName = Literal[
    "deals", "tickets", "meetings", "attendances", "calls", "surveys", "contracts", "milestones", "readings"
]
Feed = Literal["has_deals", "has_tickets", "has_meetings", "has_calls", "has_surveys", "has_usage"]

_DURATION = re.compile(r"(\d+)(d|w|mo|y)")
_UNITS = {"d": ("days", 1), "w": ("days", 7), "mo": ("months", 1), "y": ("months", 12)}


class Part(BaseModel):
    """Base of every part: unknown keys are mistakes, and nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class Duration(Part):
    """A calendar span: whole months (with the day held back to the month's end) and days."""

    months: int = 0
    days: int = 0


def _duration(raw: object) -> object:
    if isinstance(raw, Duration):
        return raw
    found = _DURATION.fullmatch(raw) if isinstance(raw, str) else None
    if found is None or int(found[1]) == 0:
        raise ValueError("has to be a span such as 14d, 2w, 3mo or 1y")
    unit, factor = _UNITS[found[2]]
    return Duration.model_validate({unit: int(found[1]) * factor})


Span = Annotated[Duration, BeforeValidator(_duration)]


class Fact(Part):
    """A named value per account: an aggregate over a child stream (`from`), or an expression over the account."""

    value: Sql
    from_: StreamName | None = Field(default=None, alias="from")
    where: Sql | None = None
    empty: Literal["zero", "missing"] = "missing"

    def looks_for(self, milestone: str) -> bool:
        """Whether it is over milestones, and names this one by its key or takes them whatever their key is."""
        text = f"{self.value} {self.where}"
        return self.from_ == "milestones" and (f"'{milestone}'" in text or re.search(r"\bkey\b", text) is None)


class Freshness(Part):
    """How old a value may be: days since the date in `column`."""

    column: Id
    days: Days


class CarryForward(Part):
    """Missing policy: use an old value for up to so many days."""

    carry_forward: Days


def _policy(raw: object) -> object:
    if isinstance(raw, CarryForward) or raw in ("reweight", "neutral", "zero"):
        return raw
    if isinstance(raw, dict) and list(raw) == ["carry_forward"] and type(raw["carry_forward"]) is int:
        return raw
    raise ValueError("has to be reweight, neutral, zero or {carry_forward: days}")


Missing = Annotated[Literal["reweight", "neutral", "zero"] | CarryForward, BeforeValidator(_policy)]


class Metric(Part):
    """One measured thing: a value, and how many of 100 points it is worth."""

    id: Id
    label: str
    weight: Positive = 1
    value: Sql
    curve: tuple[tuple[float, float], ...] | None = None
    points: dict[str, Annotated[float, Field(ge=0, le=100)]] | None = None
    missing: Missing = "reweight"
    zero_when: Sql | None = None
    fresh: Freshness | None = None
    format: Literal["number", "percent", "text"] = "number"
    meaning: str = ""


class Component(Part):
    """A group of metrics with a weight of its own."""

    id: Id
    label: str
    weight: Positive
    metrics: Annotated[tuple[Metric, ...], Field(min_length=1)]


class Band(Part):
    """A colour, from `min` points up to the next band."""

    id: Id
    label: str = ""
    min: Annotated[float, Field(ge=0, le=100)]
    meaning: str = ""


class Trend(Part):
    """Score now minus score `days` ago, from the snapshot nearest to it between `from` and `to` days ago."""

    days: Days = 30
    from_: Days = Field(default=23, alias="from")
    to: Days = 37
    improving: float = 5
    declining: float = -5


class Score(Part):
    """The health model."""

    min_coverage: Share = 0.5
    decimals: Annotated[int, Field(ge=0, le=2)] = 1
    bands: Annotated[tuple[Band, ...], Field(min_length=1)]
    components: Annotated[tuple[Component, ...], Field(min_length=1)]
    trend: Trend = Trend()


class RuleSpec(Part):
    """One entry of an ordered list of which the first that holds wins."""

    id: Id
    label: str = ""
    when: Sql
    meaning: str = ""


class Stage(RuleSpec):
    """A lifecycle stage; `tenure: false` keeps it out of `tenure_stage`.

    `entered_on` is the day on which the rule came true; `expected_on` the day on which it will come true if nothing
    else happens, where that is another expression.
    """

    entered_on: Sql | None = None
    expected_on: Sql | None = None
    tenure: bool = True


class Dimension(Part):
    """A way of dividing the accounts; the dimension named `segment` is written to the CRM."""

    dimension: Id
    rules: Annotated[tuple[RuleSpec, ...], Field(min_length=1)]


class DealWindow(Part):
    """Close dates at which an unlinked renewal deal belongs to a term, in days around its end."""

    before: Days = 180
    after: Days = 90


class Renewal(Part):
    """Numbers and names of the renewal engine; its rules are fixed."""

    window_days: Days = 90
    start_days: Days = 60
    grace_days: Days = 30
    flat: tuple[Positive, Positive] = (0.99, 1.01)
    deal_window: DealWindow = DealWindow()
    successor_days: Days = 31
    red_bands: tuple[str, ...] = ("red",)
    unsigned: tuple[str, ...] = ("draft", "in approval process", "in approval", "rejected", "cancelled", "canceled")
    labels: dict[str, str] = {}
    phases: tuple[RuleSpec, ...] = ()


class Milestone(Part):
    """A step that somebody records with the day on which it was reached; becomes the column `<key>_on`.

    It is due on the day that its record says, else `recommended_days` after `milestones_start`.
    """

    key: Key
    label: str
    stage: Id | None = None
    owner: str = ""
    recommended_days: Days | None = None
    meaning: str = ""


class Checklist(Part):
    """What has to be ticked off for the milestones that it serves; recorded by a day of its own, `<key>_on`."""

    key: Key
    label: str
    serves: Annotated[tuple[Key, ...], Field(min_length=1)]
    audience: Literal["customer", "internal"] = "customer"
    owner: str = ""
    meaning: str = ""


class Cadence(Part):
    """A touch that is due: once (`within` a span of the anchor) or again and again (`every` span)."""

    id: Id
    label: str
    when: Sql = "TRUE"
    anchor: Sql
    within: Span | None = None
    every: Span | None = None
    until: Sql | None = None
    types: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()
    after_churn: bool = False
    meaning: str = ""


class Level(Part):
    """An escalation level, highest first: ticket categories that belong to it, or a condition on the account."""

    id: Id
    label: str = ""
    rank: Annotated[int, Field(ge=1, le=9)]
    categories: tuple[str, ...] = ()
    when: Sql | None = None


class Escalation(Part):
    """Who has to look at the account now."""

    levels: tuple[Level, ...]


class Alert(RuleSpec):
    """A condition that somebody has to answer; `mapping/alert_life.py` says what becomes of it across runs.

    `resolve_after` counts runs in a row; `person` is who of the account's people answers by a meeting or a call.
    """

    owner: str = "csm"
    person: Literal["csm", "owner", "nobody"] | None = None
    sla_hours: Annotated[int, Field(gt=0, le=876_000)] | None = None
    resolve_after: Annotated[int, Field(ge=1)] = 2
    until_answered: bool = False
    cool_down_days: Days = 7

    def answered_by(self) -> Literal["csm", "owner", "nobody"]:
        """`person`, or whom the role means by itself."""
        if self.person is not None:
            return self.person
        return "csm" if self.owner == "csm" else "owner" if self.owner == "sales" else "nobody"


class Target(Part):
    """What a KPI has to reach; compared without rounding, so that an exact hit on `<` or `>` is a miss."""

    op: Literal[">=", ">", "<=", "<"]
    value: Annotated[float, Field(allow_inf_nan=False)]


class KpiSpec(Part):
    """A KPI of the catalogue (`mapping.kpis.catalogue`) that the framework reports, with its target.

    `name` tells two entries of one KPI apart; `where` narrows it to some accounts. Which of the keys from `anchor` on
    an entry may have depends on the KPI.
    """

    id: Id
    name: Annotated[str, StringConstraints(pattern=r"^([a-zA-Z][a-zA-Z0-9_]*)?$", max_length=60)] = ""
    label: str = ""
    target: Target | None = None
    period: Literal["12mo", "quarter"] | None = None
    where: Sql | None = None
    anchor: Sql | None = None
    having: Sql | None = None
    of: Sql | None = None
    value: Sql | None = None
    milestones: tuple[str, ...] | None = None
    types: tuple[str, ...] | None = None
    titles: tuple[str, ...] | None = None
    min_probability: Share | None = None
    planned_days: Days | None = None
    meaning: str = ""

    @property
    def key(self) -> str:
        """What the entry is called in a report."""
        return self.name or self.id


class Bounds(Part):
    """A range, both ends included; without `max` there is only a floor."""

    min: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0
    max: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None


Carrier = Literal["owner", "sponsor"]
"""As what somebody carries accounts: who looks after them day by day, or their executive sponsor."""


class Role(Part):
    """How much somebody of this role carries: accounts of a segment (else of all), and their annual recurring revenue.

    `by` says as what. With `owners` (names, e-mail addresses or CRM ids) the role is theirs alone; without, it is that
    of everybody else who has most accounts in `segment`. Without `arr` only accounts are counted.
    """

    id: Id
    label: str = ""
    by: Carrier = "owner"
    segment: Id | None = None
    accounts: Bounds
    arr: Bounds | None = None
    owners: tuple[str, ...] | None = None


class CapacityAlert(Part):
    """Who is told when somebody carries more than a role's norm, and until when that has to be answered."""

    owner: str
    sla_hours: Annotated[int, Field(gt=0, le=876_000)] | None = None
    resolve_after: Annotated[int, Field(ge=1)] = 2
    cool_down_days: Days = 7
    meaning: str = ""

    def rule(self) -> Alert:
        """The same as an alert, which is about an owner and not about an account."""
        label = "Somebody carries more than the norm"
        return Alert(id="capacity_over", label=label, when="TRUE", person="nobody", **self.model_dump())


class FrameworkSpec(Part):
    """A framework file."""

    framework: Id
    title: str
    description: str = ""
    parameters: dict[Id, Parameter] = {}
    milestones: tuple[Milestone, ...] = ()
    milestones_start: Sql | None = None
    checklists: tuple[Checklist, ...] = ()
    derive_from_checklists: bool = False
    facts: dict[Id, Fact] = {}
    score: Score
    stages: Annotated[tuple[Stage, ...], Field(min_length=1)]
    overlays: tuple[RuleSpec, ...] = ()
    segments: Annotated[tuple[Dimension, ...], Field(min_length=1)]
    renewal: Renewal = Renewal()
    cadences: tuple[Cadence, ...] = ()
    escalation: Escalation | None = None
    alerts: tuple[Alert, ...] = ()
    kpis: tuple[KpiSpec, ...] = ()
    capacity: tuple[Role, ...] = ()
    capacity_alert: CapacityAlert | None = None

    @property
    def recorded(self) -> tuple[str, ...]:
        """Keys of what people record by its day: milestones, then checklists."""
        return (*(one.key for one in self.milestones), *(one.key for one in self.checklists))

    def looks_for(self, milestone: str) -> bool:
        """Whether a milestone is listed, or counts for a fact."""
        return milestone in self.recorded or any(fact.looks_for(milestone) for fact in self.facts.values())

    def every_alert(self) -> tuple[Alert, ...]:
        """The alerts about accounts, and that about people who carry too much."""
        return (*self.alerts, *([] if self.capacity_alert is None else [self.capacity_alert.rule()]))
