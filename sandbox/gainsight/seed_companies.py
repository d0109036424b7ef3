"""The account's facts as fields of the Company object."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from sandbox.gainsight.moments import day_ms, renewal_ms
from sandbox.gainsight.scorecards import SCORECARD_ID, score_id
from sandbox.gainsight.tenant import Row
from sandbox.journal import Value
from sandbox.world.ids import hubspot_company_id, salesforce_account_id
from sandbox.world.model import Account

if TYPE_CHECKING:
    from sandbox.gainsight.seed import Seeder

_INDUSTRIES = {
    "COMPUTER_SOFTWARE": "Technology", "LOGISTICS_AND_SUPPLY_CHAIN": "Logistics", "RETAIL": "Retail",
    "INSURANCE": "Insurance", "RENEWABLES_ENVIRONMENT": "Energy", "HOSPITAL_HEALTH_CARE": "Healthcare",
    "HIGHER_EDUCATION": "Education", "MACHINERY": "Manufacturing", "FOOD_PRODUCTION": "Food", "MARITIME": "Maritime",
}  # fmt: skip
_FULL_USAGE = 3.0  # logins a user and week that this tenant's scorecard takes for a full mark
_SHORT_IDS = 4  # one in so many Salesforce ids came in with fifteen characters
_MONTH_DAYS = 30.44


def company_values(seeder: Seeder, account: Account) -> Row:
    """Return the fields of a company, those that lead to other records included."""
    item, today = seeder.item, seeder.world.today
    term = max(account.terms, key=lambda one: one.start, default=None)
    signed = account.contract_signed_at
    arr = None if account.arr is None else float(account.arr)
    values: Row = {
        "Name": ((account.name or "").strip() or account.domain or f"Account {account.key}")[:250],
        "Arr": arr, "Mrr": None if arr is None else round(arr / 12, 2),
        "Employees": account.employees, "Users": account.users_licensed,
        "Industry": item("Company Industry", _INDUSTRIES.get(account.industry or "")),
        "CompanyType": item("Company Type", _type(account)), "ManagedAs": item("Managed As", _managed_as(account)),
        "Stage": item("Company Stage", _stage(account)), "Status": item("Company Status", _status(account)),
        "CurrencyIsoCode": item("Currency", account.currency),
        "RenewalDate": None if term is None else renewal_ms(term.end),
        "OriginalContractDate": None if signed is None else day_ms(signed),
        "LifecycleInWeeks": _days(signed, today, 7), "CustomerlifetimeInMonths": _days(signed, today, _MONTH_DAYS),
        "Csm": seeder.user(account.csm), "Executive_Sponsor__gc": seeder.user(account.sponsor),
        "BillingAddress": account.country, "Domain__gc": account.domain,
        "ParentCompany": None if account.parent is None else seeder.companies[account.parent],
        **_identity(account), **_scores(account),
    }  # fmt: skip
    tags = [item("Company Tags", "Strategic")] if account.strategic else []
    tags += [item("Company Tags", "Reference")] if account.reference_status == "active" else []
    values["Tags"] = ";".join(tag for tag in tags if tag) or None
    return values


def _identity(account: Account) -> Row:
    """Return the ids in the CRMs; the copies that colleagues typed in by hand have none."""
    salesforce = salesforce_account_id(account.key) if account.in_salesforce and account.linked else None
    if salesforce is not None and account.key % _SHORT_IDS == 0:
        salesforce = salesforce[:15]
    hubspot = hubspot_company_id(account.key) if account.in_hubspot and account.linked else None
    return {"SfdcAccountId": salesforce, "HubSpot_Company_Id__gc": hubspot}


def _scores(account: Account) -> Row:
    """Return what Gainsight's own scorecard makes of usage, and the last answers to surveys."""
    usage = account.logins_per_user_week
    answers: dict[str, Value] = {}
    for survey in sorted(account.surveys, key=lambda one: one.answered_at):
        answers[survey.kind] = survey.score
    score = None if usage is None else score_id(round(min(1.0, usage / _FULL_USAGE) * 100))
    return {
        "CurrentScore": score, "ScorecardId": SCORECARD_ID, "Trend": None if score is None else 0,
        "Nps": answers.get("NPS"), "Csat": answers.get("CSAT"),
    }  # fmt: skip


def _type(account: Account) -> str:
    if account.contract_signed_at is None:
        return "Prospect"
    return "Customer" if account.churned_at is None else "Former Customer"


def _managed_as(account: Account) -> str:
    return {"Former Customer": "Ex-customer"}.get(_type(account), _type(account))


def _status(account: Account) -> str:
    if account.contract_signed_at is None:
        return "Inactive"
    return "Active" if account.churned_at is None else "Churn"


def _stage(account: Account) -> str | None:
    if account.contract_signed_at is None:
        return None
    if account.churned_at is not None:
        return "Churn"
    if account.renewal_forecast == "churn":
        return "Will Churn"
    if account.first_value_at is not None:
        return "Adopting"
    if account.go_live_at is not None:
        return "Launched"
    return "New Customer" if account.csm is None else "Kicked Off"


def _days(start: date | None, end: date, unit: float) -> int | None:
    return None if start is None or start > end else int((end - start).days / unit)
