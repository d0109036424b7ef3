"""The words that every part of Keepwell shares: records as pulled, entities as understood, fields as written.

`Entity` tables are the unified model (one row type whatever CRM it came from). A *ref* field holds the id of
another record of the same connection; identity resolution turns account refs into account ids. Money is a
`Decimal` in the currency named by the record's `currency` field; instants are aware UTC datetimes; dates are
calendar dates; ratios and percentages are fractions (0.8, never 80).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType


class FieldType(StrEnum):
    """How a unified field's value is read, stored and compared."""

    TEXT = "text"
    INT = "int"
    NUMBER = "number"
    MONEY = "money"
    BOOL = "bool"
    DATE = "date"
    INSTANT = "instant"
    REF = "ref"


STAMP_FIELD = "scored_at"
"""Written only along with another change: by itself it would make every run write every record."""


MEASURE = "measure_"
"""Begins the names of the properties that hold the points of one component of the score each."""


IMPORTED = "imported"
"""The stream of milestones that came from a file and not from a CRM; no connector has one of this name."""


@dataclass(frozen=True, slots=True)
class Field:
    """One unified field: its name, its type and what it means."""

    name: str
    type: FieldType
    doc: str


@dataclass(frozen=True, slots=True)
class Ref:
    """Where a record lives: connection name, the CRM's own object name, the CRM's own id."""

    connection: str
    object: str
    id: str


@dataclass(frozen=True, slots=True)
class RawRecord:
    """A record as the CRM gave it; `properties` keeps the vendor's names and JSON types.

    `merged_from` lists ids that this record absorbed; `merged_into` names the survivor of a merge.
    """

    id: str
    properties: Mapping[str, object]
    modified_at: datetime | None = None
    archived: bool = False
    merged_from: tuple[str, ...] = ()
    merged_into: str | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """An association between two records of one connection, for instance `deals>companies`.

    `primary` marks the one that decides to which account a child belongs; `label` is the CRM's own name for it.
    """

    kind: str
    from_id: str
    to_id: str
    primary: bool = False
    label: str | None = None


class ValueType(StrEnum):
    """Type of a property that Keepwell writes."""

    NUMBER = "number"
    ENUM = "enum"
    TEXT = "text"
    DATE = "date"
    DATETIME = "datetime"


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """A property that Keepwell owns (or reads, when `writable` is false) in each CRM.

    `name` is neutral, for instance `health_score`; each connector gives it prefix and suffix. `decimals`
    concerns numbers, `length` text, `options` enumerations as (value, label), in the order in which people see them;
    `meanings` and `colours` say of an option's value what it means, and its colour as #RRGGBB. No two records may have
    the same value of a `unique` one.
    """

    name: str
    type: ValueType
    label: str
    description: str
    options: tuple[tuple[str, str], ...] = ()
    decimals: int = 0
    length: int = 255
    writable: bool = True
    unique: bool = False
    meanings: tuple[tuple[str, str], ...] = ()
    colours: tuple[tuple[str, str], ...] = ()


def _fields(**columns: tuple[FieldType, str]) -> tuple[Field, ...]:
    return tuple(Field(name, kind, doc) for name, (kind, doc) in columns.items())


_T, _I, _N, _M = FieldType.TEXT, FieldType.INT, FieldType.NUMBER, FieldType.MONEY
_B, _D, _TS, _R = FieldType.BOOL, FieldType.DATE, FieldType.INSTANT, FieldType.REF

ACCOUNT = _fields(
    name=(_T, "company name"),
    domain=(_T, "registered domain, lower case, taken from a domain or website property"),
    industry=(_T, "the CRM's own industry value"),
    country=(_T, "country as the CRM has it"),
    employees=(_I, "number of employees"),
    owner_ref=(_R, "owner (account manager)"),
    csm_ref=(_R, "customer-success manager"),
    sponsor_ref=(_R, "executive sponsor: somebody of our own management who answers for the account"),
    parent_ref=(_R, "parent account"),
    hubspot_ref=(_T, "explicit id of the same company in HubSpot"),
    salesforce_ref=(_T, "explicit id of the same account in Salesforce"),
    csm_assigned_at=(_TS, "when the customer-success manager was assigned"),
    currency=(_T, "ISO 4217 code of the account's money fields"),
    arr=(_M, "annual recurring revenue in force"),
    acv=(_M, "annual contract value"),
    edition=(_T, "product edition"),
    strategic_flag=(_B, "manual mark: strategic account"),
    reference_status=(_T, "not_asked, refused, willing or active"),
    contract_signed_at=(_D, "first contract signature"),
    contract_start_at=(_D, "first covered day of the current contract"),
    contract_end_at=(_D, "last covered day of the current contract"),
    auto_renew=(_B, "the contract renews by itself"),
    cancel_notice_at=(_D, "day on which the customer gave notice"),
    renewal_forecast=(_T, "manual forecast: churn or downsell"),
    churned_at=(_D, "day on which the customer left"),
    go_live_at=(_D, "first productive day"),
    planned_go_live_at=(_D, "planned first productive day"),
    first_value_at=(_D, "first value reached"),
    implementation_team_assigned_at=(_D, "handoff milestone"),
    success_criteria_documented_at=(_D, "handoff milestone"),
    project_manager_identified_at=(_D, "handoff milestone"),
    logins_per_user_week=(_N, "logins per active user and week, last 30 days"),
    features_used=(_N, "features used, last 30 days"),
    features_licensed=(_N, "features licensed"),
    data_volume=(_N, "data volume, last 30 days"),
    data_volume_contracted=(_N, "contracted data volume for 30 days"),
    quantity_used=(_N, "quantity of the product used, last 30 days"),
    quantity_licensed=(_N, "quantity licensed for 30 days"),
    users_active=(_N, "users who were active in the last 30 days"),
    users_licensed=(_N, "users licensed"),
    users_provisioned=(_N, "users who were given access"),
    users_activated=(_N, "users who have logged in at least once"),
    usage_as_of=(_D, "day of the usage figures"),
    last_activity_at=(_D, "last day on which anybody did anything in the product"),
    roi_realised=(_N, "return realised"),
    roi_target=(_N, "return agreed as target"),
    goals_achieved=(_N, "success-plan goals achieved"),
    goals_agreed=(_N, "success-plan goals agreed"),
    hours_saved=(_N, "hours saved"),
    hours_saved_target=(_N, "hours agreed as target"),
    leads_achieved=(_N, "leads won through the product in the contract year"),
    leads_goal=(_N, "leads agreed as the year's goal"),
    sales_achieved=(_N, "new sales won through the product in the contract year"),
    sales_goal=(_N, "new sales agreed as the year's goal"),
    value_as_of=(_D, "day of the value figures"),
    expansion_discussions=(_N, "logged expansion discussions, last 180 days"),
    executives_engaged=(_N, "executives of the customer with whom there was contact, last 180 days"),
    delivery_budget=(_M, "agreed cost of the implementation"),
    delivery_cost=(_M, "what the implementation has cost"),
    external_score=(_N, "health score that a CRM computes by itself, 0 to 100; shown beside ours"),
    renewal_status_override=(_T, "renewal status set by a person; read, never written"),
    override_reason=(_T, "why a person set it"),
    override_until=(_D, "last day on which the override counts"),
    created_at=(_TS, "record created"),
    updated_at=(_TS, "record last modified"),
)
DEAL = _fields(
    account_ref=(_R, "account"),
    name=(_T, "deal name"),
    kind=(_T, "new, renewal, expansion or contraction"),
    stage=(_T, "the CRM's stage id"),
    pipeline=(_T, "the CRM's pipeline id"),
    state=(_T, "open, won or lost"),
    amount=(_M, "amount in the deal's currency"),
    currency=(_T, "ISO 4217"),
    acv=(_M, "annual contract value"),
    tcv=(_M, "total contract value"),
    arr=(_M, "annual recurring revenue"),
    term_months=(_I, "contract term in months"),
    probability=(_N, "0…1"),
    forecast=(_T, "the CRM's forecast category"),
    lost_reason=(_T, "closed-lost reason"),
    close_date=(_D, "expected or real close date"),
    closed_won_at=(_TS, "instant of closed-won; midnight UTC where the CRM only has a date"),
    contract_ref=(_R, "contract that this deal renews or made"),
    owner_ref=(_R, "owner"),
    created_at=(_TS, "record created"),
    updated_at=(_TS, "record last modified"),
)
TICKET = _fields(
    account_ref=(_R, "account"),
    subject=(_T, "subject"),
    stage=(_T, "the CRM's stage or status"),
    pipeline=(_T, "the CRM's pipeline id"),
    created_at=(_TS, "opened"),
    closed_at=(_TS, "closed"),
    first_reply_at=(_TS, "first answer by a person"),
    priority=(_T, "the CRM's priority"),
    category=(_T, "the CRM's category"),
    escalation_level=(_I, "1…4"),
    is_escalated=(_B, "the CRM's own escalation mark"),
    sentiment=(_N, "−1…+1"),
    owner_ref=(_R, "owner"),
    updated_at=(_TS, "record last modified"),
)
MEETING = _fields(
    account_ref=(_R, "account"),
    title=(_T, "title"),
    starts_at=(_TS, "start"),
    ends_at=(_TS, "end"),
    outcome=(_T, "scheduled, completed, rescheduled, no_show, cancelled or cancelled_by_us"),
    type=(_T, "kind of meeting, for instance QBR"),
    owner_ref=(_R, "owner"),
    created_at=(_TS, "record created"),
    updated_at=(_TS, "record last modified"),
)
ATTENDANCE = _fields(
    meeting_ref=(_R, "meeting"),
    contact_ref=(_R, "contact who was invited"),
)
CALL = _fields(
    account_ref=(_R, "account"),
    title=(_T, "title"),
    starts_at=(_TS, "start"),
    duration=(_N, "seconds"),
    direction=(_T, "inbound or outbound"),
    outcome=(_T, "the CRM's own outcome in lower case, for instance completed or no_answer"),
    owner_ref=(_R, "owner"),
    created_at=(_TS, "record created"),
    updated_at=(_TS, "record last modified"),
)
SURVEY = _fields(
    account_ref=(_R, "account"),
    contact_ref=(_R, "contact who answered"),
    type=(_T, "nps, csat, ces or custom"),
    score=(_N, "the answer on the survey's own scale"),
    scale_min=(_N, "lowest answer of the scale"),
    scale_max=(_N, "highest answer of the scale"),
    answered_at=(_TS, "answer given"),
    updated_at=(_TS, "record last modified"),
)
CONTRACT = _fields(
    account_ref=(_R, "account"),
    start_at=(_D, "first covered day"),
    end_at=(_D, "last covered day"),
    signed_at=(_D, "signature"),
    status=(_T, "the CRM's status"),
    arr=(_M, "annualised recurring revenue of the term"),
    currency=(_T, "ISO 4217"),
    term_months=(_I, "length in months"),
    auto_renew=(_B, "renews by itself"),
    cancel_notice_at=(_D, "day of notice"),
    updated_at=(_TS, "record last modified"),
)
MILESTONE = _fields(
    account_ref=(_R, "account"),
    key=(_T, "which milestone, for instance kick_off"),
    due_on=(_D, "day on which it is due"),
    completed_on=(_D, "day on which it was reached"),
)
READING = _fields(
    account_ref=(_R, "account"),
    read_on=(_D, "day of the usage figures; the last one of its month"),
    logins_per_user_week=(_N, "logins per active user and week, last 30 days"),
    features_used=(_N, "features used, last 30 days"),
    data_volume=(_N, "data volume, last 30 days"),
    quantity_used=(_N, "quantity of the product used, last 30 days"),
    users_active=(_N, "users who were active in the last 30 days"),
)
OWNER = _fields(
    name=(_T, "full name"),
    email=(_T, "e-mail"),
    active=(_B, "still works here"),
)
STAGE = _fields(
    object=(_T, "deal or ticket"),
    pipeline=(_T, "pipeline id"),
    label=(_T, "label"),
    is_closed=(_B, "closed stage"),
    is_won=(_B, "won stage"),
    probability=(_N, "0…1"),
)

ENTITIES: Mapping[str, tuple[Field, ...]] = MappingProxyType(
    {
        "account": ACCOUNT,
        "deal": DEAL,
        "ticket": TICKET,
        "meeting": MEETING,
        "attendance": ATTENDANCE,
        "call": CALL,
        "survey": SURVEY,
        "contract": CONTRACT,
        "milestone": MILESTONE,
        "reading": READING,
        "owner": OWNER,
        "stage": STAGE,
    }
)
"""Every unified entity with its fields, in storage order."""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A record, or one field of it, that could not be read, with the reason in plain words."""

    connection: str
    stream: str
    id: str
    field_name: str | None
    reason: str
    value: str = field(default="", repr=False)
