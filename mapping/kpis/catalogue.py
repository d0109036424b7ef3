"""The KPIs that a framework can name: what each is made of, in which unit, and which way is better."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Unit = Literal["share", "money", "count", "number", "points", "days", "hours"]
"""A share is a fraction (0.96 is 96 %); points go from −100 to 100; days and hours may have decimals."""
Shape = Literal["ratio", "total", "median", "points", "product"]
"""How it is made: top ÷ bottom, top alone, the middle of all values, 100 · top ÷ bottom, or the lifetime value."""
Better = Literal["higher", "lower"]
Period = Literal["12mo", "quarter"]


_OF_MONEY = frozenset({"cohort", "renewals", "pipeline", "lifetime", "won"})
_COUNTS = frozenset({"logos", "decided"})
"""Columns of measures of money that count things."""
_OF_THE_MOMENT = frozenset({"pipeline", "health", "usage", "executives", "references", "chosen"})


@dataclass(frozen=True, slots=True)
class Kpi:
    """One KPI.

    `top` and `bottom` name columns of its `measure` (see `mapping.kpis.measures`); `made_of` says both in words.
    `also` are further figures of the same rows: name → (top, bottom). `takes` are the keys that an entry of a framework
    may have for it, `needs` those that it must have. `figure` names what no CRM has and the configuration gives;
    `figure_is` says where that figure stands. Without anything in the column `evidence` there is no value: what nobody
    records is not zero.
    """

    id: str
    label: str
    unit: Unit
    better: Better | None
    measure: str
    top: str
    bottom: str | None
    made_of: str
    shape: Shape = "ratio"
    period: Period = "12mo"
    also: tuple[tuple[str, str, str], ...] = ()
    takes: frozenset[str] = frozenset()
    needs: frozenset[str] = frozenset()
    figure: str | None = None
    figure_is: Literal["top", "factor"] = "top"
    evidence: str | None = None
    lacking: str = "no account has what this is made of"

    @property
    def of_money(self) -> bool:
        """Whether the sums are amounts, whatever the unit of what is made of them."""
        return self.measure in _OF_MONEY and self.bottom not in _COUNTS

    @property
    def of_the_moment(self) -> bool:
        """Whether it says how things stand, not what happened in a period."""
        return (self.measure in _OF_THE_MOMENT or self.id == "milestone_completion") and self.figure is None


def _cohort(name: str, label: str, better: Better | None, top: str, made_of: str) -> Kpi:
    return Kpi(
        name, label, "share", better, "cohort", top, "start", made_of,
        lacking="no account is known to have had revenue when the period began",
    )  # fmt: skip


def _health(name: str, label: str, better: Better | None, top: str) -> Kpi:
    return Kpi(
        name, label, "share", better, "health", top, "scored", f"accounts in {top} ÷ accounts with a score",
        also=(("unknown_share", "unscored", "active"),), lacking="no active account has a score",
    )  # fmt: skip


def _usage(name: str, label: str, top: str, bottom: str, made_of: str) -> Kpi:
    return Kpi(
        name, label, "share", "higher", "usage", top, bottom, f"mean of {made_of} over live accounts",
        lacking=f"no live account has {made_of.replace(' ÷ ', ' and ')}",
    )  # fmt: skip


_REVENUE = (
    _cohort("nrr", "Net revenue retention", "higher", "end",
            "ARR now ÷ ARR when the period began, of the accounts that had revenue then"),
    _cohort("grr", "Gross revenue retention", "higher", "kept",
            "ARR kept, expansion left out ÷ ARR when the period began"),
    Kpi("logo_retention", "Logo retention", "share", "higher", "cohort", "retained", "logos",
        "accounts that still have revenue ÷ accounts that had revenue when the period began",
        lacking="no account is known to have had revenue when the period began"),
    Kpi("logo_churn", "Logo churn", "share", "lower", "cohort", "left", "logos",
        "accounts without revenue now ÷ accounts that had revenue when the period began",
        lacking="no account is known to have had revenue when the period began"),
    _cohort("contraction_rate", "Contraction", "lower", "contraction",
            "ARR lost by accounts that stayed ÷ ARR when the period began"),
    _cohort("churned_arr", "Churned ARR", "lower", "churned", "ARR of accounts that left ÷ ARR when the period began"),
    _cohort("expansion_rate", "Expansion", "higher", "expansion",
            "ARR won with existing accounts ÷ ARR when the period began"),
    Kpi("expansion_share", "Expansion share of net new ARR", "share", "higher", "cohort", "expansion", "net_new",
        "expansion ARR ÷ net new ARR (new + expansion − contraction − churn)",
        also=(("of_gross_new", "expansion", "gross_new"),), lacking="net new ARR is not above zero"),
    Kpi("expansion_revenue", "Expansion revenue", "money", "higher", "cohort", "expansion", None,
        "ARR won with existing accounts in the period", shape="total", period="quarter"),
    Kpi("expansion_pipeline", "Expansion pipeline", "money", "higher", "pipeline", "amount", None,
        "amounts of open expansion deals with a chance", shape="total", takes=frozenset({"min_probability"})),
    Kpi("eligible_churn", "Eligible churn", "share", "lower", "renewals", "lost", "due",
        "ARR lost ÷ ARR that came up for renewal in the period",
        also=(("churn_only", "churned", "due"),), lacking="nothing came up for renewal in the period"),
    Kpi("renewal_rate", "Renewals won", "share", "higher", "renewals", "renewed", "decided",
        "terms renewed ÷ terms that came up for renewal in the period and are decided",
        lacking="no renewal was decided in the period"),
    Kpi("clv", "Customer lifetime value", "money", "higher", "lifetime", "mrr", "paying",
        "MRR per account × gross margin ÷ monthly revenue churn", shape="product", figure="gross_margin",
        figure_is="factor", also=(("churn", "churned", "start"),), lacking="no account has revenue"),
    Kpi("cs_spend_ratio", "Customer-success spend", "share", "lower", "lifetime", "nothing", "acv",
        "spend on customer success ÷ ACV of existing customers", figure="cs_spend", lacking="no account has an ACV"),
    Kpi("acq_spend_ratio", "Acquisition spend", "share", "lower", "won", "nothing", "new_acv",
        "spend on sales ÷ ACV won with new customers in the period", figure="sales_spend",
        lacking="no new customer was won in the period"),
)  # fmt: skip
_HEALTH = (
    _health("green_share", "Accounts in green", "higher", "green"),
    _health("yellow_share", "Accounts in yellow", None, "yellow"),
    _health("red_share", "Accounts in red", "lower", "red"),
    Kpi("unknown_share", "Accounts without a score", "share", "lower", "health", "unscored", "active",
        "active accounts without a score ÷ active accounts", lacking="no account is active"),
    Kpi("unhealthy_share", "Unhealthy accounts", "share", "lower", "health", "unhealthy", "active",
        "accounts in red or with little activity ÷ active accounts",
        also=(("low_activity", "quiet", "active"),), lacking="no account is active"),
    _usage("feature_adoption", "Feature adoption", "features", "features_known", "features in use ÷ features licensed"),
    _usage("user_activation", "User activation", "activated", "activated_known", "users activated ÷ users provisioned"),
    _usage("mau", "Monthly active users", "users", "users_known", "active users ÷ licensed users"),
    _usage("licence_consumption", "Licence consumption", "quantity", "quantity_known",
           "quantity in use ÷ quantity licensed"),
)  # fmt: skip
_SERVICE = (
    Kpi("csat", "Customer satisfaction", "number", "higher", "csat", "score", "answers",
        "mean answer, on a scale from 1 to 5", period="quarter", lacking="no such survey was answered in the period"),
    Kpi("nps", "Net promoter score", "points", "higher", "nps", "balance", "answers",
        "share of 9 and 10 minus share of 0 to 6, the latest answer of each person", shape="points",
        lacking="no such survey was answered in the period"),
    Kpi("support_resolution_h", "Time to resolution", "hours", "lower", "tickets_closed", "hours", "tickets",
        "median hours from opened to closed, tickets closed in the period", shape="median",
        also=(("within_24h", "quick", "tickets"), ("mean", "hours", "tickets")),
        lacking="no ticket was closed in the period"),
    Kpi("escalation_rate", "Escalations", "share", "lower", "tickets_created", "escalated", "tickets",
        "tickets that reached level 2 ÷ tickets opened in the period", lacking="no ticket was opened in the period"),
    Kpi("ttfv_days", "Time to first value", "days", "lower", "first_value", "days", "reached",
        "median days from go-live to first value, reached in the period", shape="median",
        takes=frozenset({"anchor"}), lacking="no account reached its first value in the period"),
    Kpi("on_time_delivery", "Go-lives on time", "share", "higher", "go_lives", "on_time", "went_live",
        "go-lives on or before the planned day ÷ go-lives in the period", takes=frozenset({"planned_days"}),
        lacking="no account went live in the period"),
    Kpi("on_budget", "Go-lives within budget", "share", "higher", "go_lives", "within_budget", "budgeted",
        "go-lives that cost no more than their budget ÷ go-lives in the period",
        lacking="no account that went live in the period has a budget and a cost"),
    Kpi("value_realization_12m", "Value within a year", "share", "higher", "first_year", "realised", "judged",
        "accounts that met all success metrics ÷ accounts whose first year since go-live ended in the period",
        takes=frozenset({"anchor"}), lacking="no account with success metrics ended its first year in the period"),
    Kpi("plan_coverage", "Accounts with a current plan", "share", "higher", "plans", "planned", "accounts",
        "active accounts with a plan made in the period ÷ active accounts", evidence="recorded",
        takes=frozenset({"milestones"}), needs=frozenset({"milestones"}),
        lacking="no plan is recorded: map the milestone that says when it was made"),
    Kpi("qbr_coverage", "Accounts with a business review", "share", "higher", "reviews", "reviewed", "accounts",
        "active accounts with a review held in the period ÷ active accounts", period="quarter",
        takes=frozenset({"types", "titles"}), lacking="no active account whose meetings are known"),
    Kpi("alert_response_48h", "Alerts answered within 48 hours", "share", "higher", "responses", "answered", "asked",
        "alerts with a deadline that were answered within 48 hours ÷ those raised in the period, 48 hours or more ago",
        lacking="no alert that has to be answered was raised in the period"),
    Kpi("exec_depth", "Executives engaged", "number", "higher", "executives", "engaged", "accounts",
        "engaged executives ÷ active accounts", also=(("with_three", "with_three", "accounts"),),
        lacking="no active account has a number of engaged executives"),
    Kpi("owner_assigned_72h", "Assigned within 72 hours", "share", "higher", "assignments", "in_time", "decided",
        "new deals with somebody assigned in time ÷ new deals won in the period, assigned or older than 72 hours",
        lacking="no new deal was won in the period"),
    Kpi("reference_share", "Reference customers", "share", "higher", "references", "active", "accounts",
        "active references ÷ active accounts", lacking="no active account says whether it is a reference"),
    Kpi("advocacy", "Advocates", "share", "higher", "references", "nothing", "base",
        "customers who take part in advocacy ÷ active accounts", figure="advocates", lacking="no account is active"),
    Kpi("case_studies", "Case studies", "count", "higher", "references", "nothing", None,
        "case studies published in the period", shape="total", period="quarter", figure="case_studies"),
)  # fmt: skip
_STEPS = (
    Kpi("milestones_completed", "Milestones reached", "count", "higher", "milestones", "reached", None,
        "milestones reached in the period", shape="total", takes=frozenset({"milestones"}),
        lacking="the framework has no milestones"),
    Kpi("milestone_completion", "Milestone completion", "share", "higher", "milestones", "done", "steps",
        "milestones reached so far ÷ milestones of active accounts", takes=frozenset({"milestones"}),
        lacking="the framework has no milestones"),
    Kpi("milestones_on_time", "Milestones on time", "share", "higher", "milestones", "on_time", "timed",
        "milestones reached by the day on which they were due ÷ those due or reached with such a day in the period",
        takes=frozenset({"milestones"}), lacking="no milestone has a day on which it is due"),
    Kpi("account_share", "Share of accounts", "share", None, "chosen", "having", "accounts",
        "accounts for which `having` holds ÷ active accounts for which `of` holds", takes=frozenset({"having", "of"}),
        needs=frozenset({"having"}), lacking="there is no such account"),
    Kpi("account_mean", "Mean over accounts", "number", None, "chosen", "value", "valued",
        "mean of `value` over active accounts for which `of` holds", takes=frozenset({"value", "of"}),
        needs=frozenset({"value"}), lacking="no such account has a value"),
)  # fmt: skip

CATALOGUE: Mapping[str, Kpi] = MappingProxyType({one.id: one for one in (*_REVENUE, *_HEALTH, *_SERVICE, *_STEPS)})
"""Every KPI by its id."""

OWN_KEYS = frozenset().union(*(one.takes for one in CATALOGUE.values()))
"""Keys of an entry that only some KPIs take."""
