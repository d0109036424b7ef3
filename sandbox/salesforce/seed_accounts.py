"""The account's facts as fields of the Account object."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from sandbox.salesforce.fields import Value
from sandbox.salesforce.moments import stamp
from sandbox.salesforce.org import CORPORATE_CURRENCY, Org
from sandbox.salesforce.standard import milestone_field
from sandbox.world.ids import hubspot_company_id
from sandbox.world.model import Account, Term

# unified field -> custom field, for facts that are copied as they are
_COPIED = {
    "arr": "ARR__c",
    "acv": "ACV__c",
    "edition": "Product_Edition__c",
    "reference_status": "Reference_Status__c",
    "contract_signed_at": "Contract_Signed_Date__c",
    "renewal_forecast": "Renewal_Forecast__c",
    "churned_at": "Churn_Date__c",
    "go_live_at": "Go_Live_Date__c",
    "planned_go_live_at": "Planned_Go_Live_Date__c",
    "first_value_at": "First_Value_Date__c",
    "implementation_team_assigned_at": "Implementation_Team_Assigned__c",
    "success_criteria_documented_at": "Success_Criteria_Documented__c",
    "project_manager_identified_at": "Project_Manager_Identified__c",
    "logins_per_user_week": "Logins_Per_User_Week__c",
    "features_used": "Features_Used_30d__c",
    "features_licensed": "Features_Licensed__c",
    "data_volume": "Data_Volume_30d__c",
    "data_volume_contracted": "Data_Volume_Contracted__c",
    "usage_as_of": "Usage_Updated_On__c",
    "roi_realised": "ROI_Realised__c",
    "roi_target": "ROI_Target__c",
    "goals_achieved": "Goals_Achieved__c",
    "goals_agreed": "Goals_Agreed__c",
    "hours_saved": "Hours_Saved__c",
    "hours_saved_target": "Hours_Saved_Target__c",
    "value_as_of": "Value_Reviewed_On__c",
    "expansion_discussions": "Expansion_Discussions_180d__c",
    "quantity_used": "Quantity_Used_30d__c",
    "quantity_licensed": "Quantity_Licensed__c",
    "users_active": "Monthly_Active_Users__c",
    "users_licensed": "Licensed_Users__c",
    "users_provisioned": "Provisioned_Users__c",
    "users_activated": "Activated_Users__c",
    "last_activity_at": "Last_Product_Activity__c",
    "leads_achieved": "Leads_Achieved__c",
    "leads_goal": "Leads_Goal__c",
    "sales_achieved": "New_Sales_Achieved__c",
    "sales_goal": "New_Sales_Goal__c",
    "executives_engaged": "Executives_Engaged_180d__c",
    "delivery_budget": "Delivery_Budget__c",
    "delivery_cost": "Delivery_Cost__c",
}
_OTHER = {
    "name": "Name",
    "domain": "Website",
    "industry": "Industry",
    "country": "BillingCountry",
    "employees": "NumberOfEmployees",
    "contract_start_at": "Contract_Start_Date__c",
    "contract_end_at": "Contract_End_Date__c",
    "cancel_notice_at": "Cancel_Notice_Date__c",
}
_WEBSITES = ("{}", "https://www.{}/", "http://{}/home?ref=crm", "www.{}")


def stored(value: object) -> Value:
    """Return a world value as a stored one: money and fractions as floats, dates as text."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, date):
        return value.isoformat()
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise TypeError(f"no Salesforce form for {value!r}")


def account_values(account: Account, org: Org) -> dict[str, Value]:
    """Return the fields of an account except those that refer to other records."""
    kind = org.tables["Account"].kind
    values: dict[str, Value] = {}
    for source, target in _COPIED.items():
        value = stored(getattr(account, source))
        numeric = kind.fields[target].type in {"double", "currency"}
        values[target] = float(value) if numeric and isinstance(value, int | float) else value
    values.update({milestone_field(key): day.isoformat() for key, day in account.milestones.items()})
    values.update(_identity(account))
    values.update(_contract(account))
    values["Strategic_Account__c"] = bool(account.strategic)
    values["CSM_Assigned_At__c"] = stamp(account.csm_assigned_at) if account.csm_assigned_at else None
    if org.multi_currency:
        values["CurrencyIsoCode"] = account.currency or CORPORATE_CURRENCY
    return values


def _identity(account: Account) -> dict[str, Value]:
    name = (account.name or "").strip() or account.domain or f"Account {account.key}"
    website = _WEBSITES[account.key % len(_WEBSITES)].format(account.domain) if account.domain else None
    linked = account.linked and account.in_hubspot
    return {
        "Name": name[:255],
        "Website": website[:255] if website else None,
        "Industry": account.industry,
        "BillingCountry": account.country[:80] if account.country else None,
        "NumberOfEmployees": account.employees,
        "Type": "Prospect" if account.contract_signed_at is None else "Customer - Direct",
        "HubSpot_Company_Id__c": hubspot_company_id(account.key) if linked else None,
    }


def _contract(account: Account) -> dict[str, Value]:
    term = latest_term(account)
    if term is None:
        return {"Auto_Renew__c": False}
    return {
        "Contract_Start_Date__c": term.start.isoformat(),
        "Contract_End_Date__c": term.end.isoformat(),
        "Auto_Renew__c": term.auto_renew,
        "Cancel_Notice_Date__c": term.cancel_notice_at.isoformat() if term.cancel_notice_at else None,
    }


def latest_term(account: Account) -> Term | None:
    """Return the contract term that starts last."""
    return max(account.terms, key=lambda term: term.start, default=None)


def quirk_fields(account: Account) -> Iterator[tuple[str, str]]:
    """Yield (Salesforce field, absurd text) for the account's quirks that have a home here."""
    for source, raw in account.quirks.items():
        target = _COPIED.get(source) or _OTHER.get(source)
        if target is not None:
            yield target, raw
