"""The shape of a framework file. What the words mean is in docs/frameworks/format.md."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

Id = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z][a-zA-Z0-9_]*$", max_length=60)]
Sql = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Days = Annotated[int, Field(ge=0)]
Parameter = bool | int | float | str
StreamName = Literal["deals", "tickets", "meetings", "attendances", "calls", "surveys", "contracts", "milestones"]
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
    """A step that somebody records with the day on which it was reached; becomes the column `<key>_on`."""

    key: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]
    label: str
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
    """A condition that somebody has to answer."""

    owner: str = "csm"
    sla_hours: Annotated[int, Field(gt=0)] | None = None


class FrameworkSpec(Part):
    """A framework file."""

    framework: Id
    title: str
    description: str = ""
    parameters: dict[Id, Parameter] = {}
    milestones: tuple[Milestone, ...] = ()
    facts: dict[Id, Fact] = {}
    score: Score
    stages: Annotated[tuple[Stage, ...], Field(min_length=1)]
    overlays: tuple[RuleSpec, ...] = ()
    segments: Annotated[tuple[Dimension, ...], Field(min_length=1)]
    renewal: Renewal = Renewal()
    cadences: tuple[Cadence, ...] = ()
    escalation: Escalation | None = None
    alerts: tuple[Alert, ...] = ()
