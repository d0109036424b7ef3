"""The object types of the portal: names, type ids, default properties, and the properties that exist from the start."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.hubspot.derived import ENTERED
from sandbox.hubspot.pipelines import PIPELINES, stage_ids
from sandbox.hubspot.schema import Group, Property, Schema, option_list
from sandbox.world.milestones import RECORDED
from sandbox.world.names import INDUSTRIES, MEETING_TYPES


@dataclass(frozen=True, slots=True)
class ObjectType:
    """One kind of record; `modified` and `created` name the properties that carry the two instants."""

    name: str
    singular: str
    type_id: str
    first_id: int
    defaults: tuple[str, ...] = ()
    modified: str = "hs_lastmodifieddate"
    created: str = "createdate"
    read_only: bool = False


OBJECT_TYPES = {
    kind.name: kind
    for kind in (
        ObjectType("companies", "company", "0-2", 10_000_000_000, ("name", "domain")),
        ObjectType("deals", "deal", "0-3", 20_000_000_000,
                   ("dealname", "amount", "closedate", "pipeline", "dealstage")),
        ObjectType("tickets", "ticket", "0-5", 30_000_000_000,
                   ("content", "hs_pipeline", "hs_pipeline_stage", "hs_ticket_category", "hs_ticket_priority",
                    "subject")),
        ObjectType("meetings", "meeting_event", "0-47", 40_000_000_000, created="hs_createdate"),
        ObjectType("contacts", "contact", "0-1", 50_000_000_000, ("email", "firstname", "lastname"),
                   modified="lastmodifieddate"),
        ObjectType("feedback_submissions", "feedback_submission", "0-19", 60_000_000_000,
                   created="hs_createdate", read_only=True),
        # A portal has these too; this one's people have not used them.
        ObjectType("calls", "call", "0-48", 71_000_000_000, created="hs_createdate"),
        ObjectType("emails", "email", "0-49", 72_000_000_000, created="hs_createdate"),
        ObjectType("notes", "note", "0-46", 73_000_000_000, created="hs_createdate"),
        ObjectType("tasks", "task", "0-27", 74_000_000_000, created="hs_createdate"),
        ObjectType("products", "product", "0-7", 75_000_000_000, ("name", "price", "description")),
        ObjectType("line_items", "line_item", "0-8", 76_000_000_000, ("name", "price", "quantity")),
        ObjectType("quotes", "quote", "0-14", 77_000_000_000, ("hs_title", "hs_expiration_date", "hs_status")),
    )
}  # fmt: skip
_ALIASES = {alias: kind for kind in OBJECT_TYPES.values() for alias in (kind.name, kind.singular, kind.type_id)}
_ALIASES["meeting"] = OBJECT_TYPES["meetings"]
LIFECYCLE = ("subscriber", "lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer",
             "evangelist", "other")  # fmt: skip
TICKET_CATEGORIES = ("PRODUCT_ISSUE", "BILLING_ISSUE", "FEATURE_REQUEST", "GENERAL_INQUIRY", "COMPLEX_INTEGRATION",
                     "CONTRACT_DISPUTE")  # fmt: skip
CALL_STATUSES = ("BUSY", "CALLING_CRM_USER", "CANCELED", "COMPLETED", "CONNECTING", "FAILED", "IN_PROGRESS", "MISSED",
                 "NO_ANSWER", "QUEUED", "RINGING")  # fmt: skip
_CURRENCIES = ("EUR", "USD", "GBP", "DKK")

# name: type, then after "=" the options, "@" for an owner, "!" for a read-only and "~" for a calculated value.
_STANDARD = {
    "companies": """name:string domain:string website:string phone:string city:string country:string description:string
        numberofemployees:number industry:enumeration=industry lifecyclestage:enumeration=lifecycle
        hubspot_owner_id:enumeration@ hs_parent_company_id:number!
        notes_last_contacted:datetime! hs_num_open_deals:number~ hs_num_child_companies:number~""",
    "deals": """dealname:string dealstage:enumeration=dealstage pipeline:enumeration=pipeline amount:number
        closedate:datetime dealtype:enumeration=dealtype deal_currency_code:enumeration=currency
        closed_lost_reason:string hubspot_owner_id:enumeration@ hs_manual_forecast_category:enumeration=forecast
        hs_acv:number hs_tcv:number hs_arr:number hs_mrr:number hs_closed_won_date:datetime! hs_is_closed:bool~
        hs_is_closed_won:bool~ hs_is_closed_lost:bool~ hs_deal_stage_probability:number~ days_to_close:number~
        description:string""",
    "tickets": """subject:string content:string hs_pipeline:enumeration=hs_pipeline
        hs_pipeline_stage:enumeration=hs_pipeline_stage hs_ticket_priority:enumeration=priority
        hs_ticket_category:enumeration=category closed_date:datetime first_agent_reply_date:datetime!
        hubspot_owner_id:enumeration@ time_to_close:number~""",
    "meetings": """hs_timestamp:datetime hs_meeting_title:string hs_meeting_body:string hs_meeting_start_time:datetime
        hs_meeting_end_time:datetime hs_meeting_outcome:enumeration=outcome hs_activity_type:enumeration=activity
        hubspot_owner_id:enumeration@""",
    "contacts": """email:string firstname:string lastname:string jobtitle:string phone:string
        lifecyclestage:enumeration=lifecycle hubspot_owner_id:enumeration@""",
    "feedback_submissions": """hs_survey_type:enumeration=survey hs_value:number hs_sentiment:string
        hs_survey_channel:string hs_submission_name:string hs_content:string hs_submission_timestamp:datetime""",
    "calls": """hs_timestamp:datetime hs_call_title:string hs_call_body:string hs_call_duration:number
        hs_call_direction:enumeration=direction hs_call_status:enumeration=call_status hs_call_disposition:string
        hubspot_owner_id:enumeration@""",
    "emails": "hs_timestamp:datetime hs_email_subject:string hs_email_text:string hubspot_owner_id:enumeration@",
    "notes": "hs_timestamp:datetime hs_note_body:string hubspot_owner_id:enumeration@",
    "tasks": """hs_timestamp:datetime hs_task_subject:string hs_task_body:string hs_task_type:enumeration=task_type
        hs_task_status:enumeration=task_status hs_task_priority:enumeration=task_priority
        hs_task_completion_date:datetime! hubspot_owner_id:enumeration@""",
    "products": "name:string price:number description:string hs_sku:string",
    "line_items": "name:string price:number quantity:number amount:number hs_product_id:number",
    "quotes": "hs_title:string hs_expiration_date:date hs_status:string hs_quote_amount:number",
}
_SYSTEM = "hs_object_id:number! hs_object_source:string! hs_merged_object_ids:string!"
_CUSTOM = {
    "companies": """salesforceaccountid:string csm_owner:enumeration@ csm_assigned_at:datetime
        executive_sponsor:enumeration@
        account_currency:enumeration=currency annual_recurring_revenue:number annual_contract_value:number
        product_edition:enumeration=edition strategic_account:bool reference_status:enumeration=reference
        contract_signed_date:date contract_start_date:date contract_end_date:date auto_renew:bool
        cancel_notice_date:date renewal_forecast:enumeration=renewal_forecast churn_date:date go_live_date:date
        planned_go_live_date:date first_value_date:date implementation_team_assigned_date:date
        success_criteria_documented_date:date project_manager_identified_date:date logins_per_user_week_30d:number
        features_used_30d:number features_licensed:number data_volume_30d:number data_volume_contracted:number
        usage_updated_on:date roi_realised:number roi_target:number goals_achieved:number goals_agreed:number
        hours_saved:number hours_saved_target:number value_reviewed_on:date expansion_discussions_180d:number
        quantity_used_30d:number quantity_licensed:number monthly_active_users:number licensed_users:number
        provisioned_users:number activated_users:number last_product_activity_date:date leads_achieved:number
        leads_goal:number new_sales_achieved:number new_sales_goal:number executives_engaged_180d:number
        delivery_budget:number delivery_cost:number""",
    "deals": "contract_term_months:number",
    "tickets": "ticket_sentiment:number escalation_level:number",
}
_OPTIONS = {
    "industry": INDUSTRIES, "lifecycle": LIFECYCLE, "currency": _CURRENCIES,
    "dealtype": ("newbusiness", "existingbusiness"), "forecast": ("OMIT", "PIPELINE", "BEST_CASE", "COMMIT", "CLOSED"),
    "priority": ("LOW", "MEDIUM", "HIGH", "URGENT"), "category": TICKET_CATEGORIES,
    "outcome": ("SCHEDULED", "COMPLETED", "RESCHEDULED", "NO_SHOW", "CANCELED"), "activity": MEETING_TYPES,
    "direction": ("INBOUND", "OUTBOUND"), "call_status": CALL_STATUSES,
    "task_status": ("COMPLETED", "DEFERRED", "IN_PROGRESS", "NOT_STARTED", "WAITING"),
    "task_priority": ("NONE", "LOW", "MEDIUM", "HIGH"), "task_type": ("CALL", "EMAIL", "LINKED_IN", "MEETING", "TODO"),
    "survey": ("NPS", "CSAT", "CES", "CUSTOM"), "edition": ("professional", "enterprise"),
    "reference": ("not_asked", "refused", "willing", "active"), "renewal_forecast": ("churn", "downsell"),
    "pipeline": tuple(line.id for line in PIPELINES["deals"]), "dealstage": tuple(stage_ids("deals")),
    "hs_pipeline": tuple(line.id for line in PIPELINES["tickets"]), "hs_pipeline_stage": tuple(stage_ids("tickets")),
}  # fmt: skip
_FIELD_TYPE = {"string": "text", "number": "number", "enumeration": "select", "bool": "booleancheckbox",
               "date": "date", "datetime": "date"}  # fmt: skip


def object_type(segment: str) -> ObjectType | None:
    """Find an object type by its plural or singular name or its type id."""
    return _ALIASES.get(segment)


def milestone_property(key: str) -> str:
    """Name the company property with the day on which a milestone was reached or a checklist was done."""
    return f"{key}_date"


def initial_schemas() -> dict[str, Schema]:
    """Return the properties and groups of a portal that nobody has extended for Keepwell."""
    schemas = {}
    for kind in OBJECT_TYPES.values():
        schema = schemas[kind.name] = Schema()
        standard, own = f"{kind.singular}information", f"{kind.singular}_facts"
        schema.groups[standard] = Group(standard, f"{kind.singular.capitalize()} information", hubspot_defined=True)
        system = f"{_SYSTEM} {kind.created}:datetime! {kind.modified}:datetime!"
        for item in f"{_STANDARD[kind.name]} {system}".split():
            _define(schema, item, standard, hubspot_defined=True)
        for stage in stage_ids(kind.name) if kind.name == "deals" else ():
            _define(schema, f"{ENTERED}{stage}:datetime~", standard, hubspot_defined=True)
        if kind.name in _CUSTOM:
            schema.groups[own] = Group(own, f"{kind.singular.capitalize()} facts")
            for item in _CUSTOM[kind.name].split():
                _define(schema, item, own, hubspot_defined=False)
        for key in RECORDED if kind.name == "companies" else ():
            _define(schema, f"{milestone_property(key)}:date", own, hubspot_defined=False)
    return schemas


def _define(schema: Schema, item: str, group: str, *, hubspot_defined: bool) -> None:
    name, _, rest = item.partition(":")
    kind, _, choice = rest.partition("=")
    source = {"!": "system", "~": "calculated"}.get(kind[-1], "user")
    owner = kind.endswith("@")
    kind = kind.rstrip("!~@")
    prop = Property(name, name.removeprefix("hs_").replace("_", " ").capitalize(), kind, _FIELD_TYPE[kind], group,
                    source=source, hubspot_defined=hubspot_defined, owner=owner)  # fmt: skip
    if kind == "bool":
        prop.options = option_list("true", "false")
    elif choice in _OPTIONS:
        prop.options = option_list(*_OPTIONS[choice])
    if name == "hs_ticket_category":
        prop.field_type = "checkbox"
    schema.properties[name] = prop
