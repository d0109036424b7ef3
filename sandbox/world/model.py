"""What the seeded portfolio is made of, before any vendor gives it its own shape.

Nothing here is HubSpot's or Salesforce's: each server projects these values into its own records, ids,
property names and gaps. Money is `Decimal`, instants are aware UTC `datetime`s, dates are calendar dates.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal


@dataclass(slots=True)
class Person:
    """A member of the vendor's staff who owns records; `active=False` is someone who left."""

    key: int
    first_name: str
    last_name: str
    email: str
    active: bool = True


@dataclass(slots=True)
class Contact:
    """A person at the customer; takes part in meetings and answers surveys."""

    key: int
    first_name: str
    last_name: str
    email: str
    title: str


@dataclass(slots=True)
class Deal:
    """A deal of one kind; `state` is open, won or lost; amounts are in `currency`."""

    key: int
    name: str
    kind: str  # new | renewal | expansion | contraction
    state: str  # open | won | lost
    stage: str  # appointment | proposal | contract_sent | won | lost
    amount: Decimal | None
    currency: str
    created_at: datetime
    close_date: date
    closed_won_at: datetime | None = None
    term_months: int | None = 12
    lost_reason: str | None = None
    owner: int | None = None
    in_hubspot: bool = True  # a company in both CRMs keeps each child in one of them, so nothing counts twice
    in_salesforce: bool = True


@dataclass(slots=True)
class Ticket:
    """A support case; `sentiment` is −1…+1 or unknown, `level` is the escalation level 1…4."""

    key: int
    subject: str
    category: str | None
    priority: str  # LOW | MEDIUM | HIGH | URGENT
    created_at: datetime
    closed_at: datetime | None = None
    first_reply_at: datetime | None = None
    sentiment: float | None = None
    level: int = 1
    owner: int | None = None
    in_hubspot: bool = True
    in_salesforce: bool = True


@dataclass(slots=True)
class Meeting:
    """A meeting with the customer and the contacts who were invited to it."""

    key: int
    title: str
    starts_at: datetime
    ends_at: datetime
    outcome: str  # scheduled | completed | no_show | cancelled | rescheduled
    type: str | None  # QBR, Check-in, Kickoff, …
    contacts: list[int] = field(default_factory=list)
    owner: int | None = None
    in_hubspot: bool = True
    in_salesforce: bool = True


@dataclass(slots=True)
class Survey:
    """One survey answer."""

    key: int
    kind: str  # NPS | CSAT
    score: float
    answered_at: datetime
    contact: int | None = None


@dataclass(slots=True)
class Term:
    """One contract term; `end` is the last covered day."""

    key: int
    start: date
    end: date
    arr: Decimal
    currency: str
    signed_at: date | None
    auto_renew: bool = False
    cancel_notice_at: date | None = None


@dataclass(slots=True)
class Account:
    """A customer or prospect with everything known about it; absent facts are None, not zero."""

    key: int
    name: str | None
    domain: str | None
    industry: str | None
    country: str | None
    employees: int | None
    currency: str
    in_hubspot: bool
    in_salesforce: bool
    created_at: datetime
    story: str  # which life the generator gave it: thriving, declining, onboarding, renewal_won, …
    linked: bool = True  # carries the other CRM's id explicitly (else only the domain can join it)
    archived: bool = False  # in the recycle bin
    merged_into: int | None = None  # loser of a merge: key of the survivor
    duplicate_of: int | None = None  # a second, unmerged record of the same company
    parent: int | None = None
    owner: int | None = None
    csm: int | None = None
    sponsor: int | None = None
    csm_assigned_at: datetime | None = None
    arr: Decimal | None = None
    acv: Decimal | None = None
    edition: str | None = None  # professional | enterprise
    strategic: bool | None = None
    reference_status: str | None = None  # not_asked | refused | willing | active
    contract_signed_at: date | None = None
    churned_at: date | None = None
    renewal_forecast: str | None = None  # churn | downsell | None
    go_live_at: date | None = None
    planned_go_live_at: date | None = None
    first_value_at: date | None = None
    implementation_team_assigned_at: date | None = None
    success_criteria_documented_at: date | None = None
    project_manager_identified_at: date | None = None
    logins_per_user_week: float | None = None
    features_used: int | None = None
    features_licensed: int | None = None
    data_volume: float | None = None
    data_volume_contracted: float | None = None
    usage_as_of: date | None = None
    roi_realised: float | None = None
    roi_target: float | None = None
    goals_achieved: int | None = None
    goals_agreed: int | None = None
    hours_saved: float | None = None
    hours_saved_target: float | None = None
    value_as_of: date | None = None
    expansion_discussions: int | None = None
    quantity_used: int | None = None
    quantity_licensed: int | None = None
    users_active: int | None = None
    users_licensed: int | None = None
    users_provisioned: int | None = None
    users_activated: int | None = None
    last_activity_at: date | None = None
    leads_achieved: int | None = None
    leads_goal: int | None = None
    sales_achieved: int | None = None
    sales_goal: int | None = None
    executives_engaged: int | None = None
    delivery_budget: Decimal | None = None
    delivery_cost: Decimal | None = None
    milestones: dict[str, date] = field(default_factory=dict)  # milestone, checklist or task -> day it was done
    quirks: dict[str, str] = field(default_factory=dict)  # unified field -> absurd raw text to show instead
    terms: list[Term] = field(default_factory=list)
    contacts: list[Contact] = field(default_factory=list)
    deals: list[Deal] = field(default_factory=list)
    tickets: list[Ticket] = field(default_factory=list)
    meetings: list[Meeting] = field(default_factory=list)
    surveys: list[Survey] = field(default_factory=list)

    def term_on(self, day: date) -> Term | None:
        """Return the term in force on `day`, else the last one that ended before it, else the first to come."""
        started = [term for term in self.terms if term.start <= day]
        if started:
            return max(started, key=lambda term: term.start)
        return min(self.terms, key=lambda term: term.start, default=None)


@dataclass(slots=True)
class World:
    """The whole portfolio: the same seed, size and `today` always give the same world."""

    seed: int
    today: date
    people: list[Person]
    accounts: list[Account]
    orphan_deals: list[Deal] = field(default_factory=list)  # deals without any company
    orphan_tickets: list[Ticket] = field(default_factory=list)
    orphan_meetings: list[Meeting] = field(default_factory=list)
