"""The objects of the org: the standard fields that matter to customer success, and this org's own custom fields."""

from __future__ import annotations

from dataclasses import replace

from sandbox.salesforce.fields import Field
from sandbox.salesforce.schema import (
    ObjectType,
    choice,
    currency,
    day,
    define,
    external,
    flag,
    instant,
    integer,
    long_text,
    lookup,
    number,
    read_only,
    text,
)
from sandbox.world.milestones import RECORDED, words

CURRENCIES = ("USD", "EUR", "GBP", "DKK", "SEK", "NOK", "CHF", "JPY", "CAD", "AUD", "INR", "PLN", "BRL")
_ADDRESS_PARTS = (("Street", 255, "textarea"), ("City", 40, "string"), ("State", 80, "string"))
_ADDRESS_REST = (("PostalCode", 20, "string"), ("Country", 80, "string"))
_OWNED = ("User", "Group")


def _address(prefix: str, label: str) -> list[Field]:
    parts = [
        replace(text(f"{prefix}{part}", f"{label} {part}", length, kind=kind), compound=f"{prefix}Address")
        for part, length, kind in (*_ADDRESS_PARTS, *_ADDRESS_REST)
    ]
    whole = read_only(Field(f"{prefix}Address", f"{label} Address", "address", filterable=False))
    return [*parts, whole]


def milestone_field(key: str) -> str:
    """Name the Account field with the day on which a milestone was reached or a checklist was done."""
    return "_".join(words(key)) + "__c"


def _account() -> ObjectType:
    return define(
        "Account",
        "Account",
        "Accounts",
        [
            read_only(lookup("MasterRecordId", "Master Record ID", "Account", "MasterRecord")),
            text("Name", "Account Name", nillable=False),
            choice("Type", "Account Type", ("Prospect", "Customer - Direct", "Customer - Channel", "Other")),
            lookup("ParentId", "Parent Account ID", "Account", "Parent"),
            *_address("Billing", "Billing"),
            text("Phone", "Account Phone", 40, kind="phone"),
            text("AccountNumber", "Account Number", 40),
            text("Website", "Website", kind="url"),
            choice("Industry", "Industry", ("Technology", "Healthcare", "Finance", "Manufacturing", "Retail", "Other")),
            currency("AnnualRevenue", "Annual Revenue", 0),
            integer("NumberOfEmployees", "Employees"),
            long_text("Description", "Account Description"),
            replace(lookup("OwnerId", "Owner ID", "User", "Owner", nillable=False), defaulted=True),
            *_account_custom(),
        ],
    )


def _account_custom() -> list[Field]:
    return [
        external(text("HubSpot_Company_Id__c", "HubSpot Company Id", 20)),
        lookup("CSM__c", "CSM", "User", "CSM__r"),
        instant("CSM_Assigned_At__c", "CSM Assigned At"),
        lookup("Executive_Sponsor__c", "Executive Sponsor", "User", "Executive_Sponsor__r"),
        currency("ARR__c", "ARR"),
        currency("ACV__c", "ACV"),
        choice("Product_Edition__c", "Product Edition", ("professional", "enterprise")),
        flag("Strategic_Account__c", "Strategic Account"),
        choice("Reference_Status__c", "Reference Status", ("not_asked", "refused", "willing", "active")),
        day("Contract_Signed_Date__c", "Contract Signed Date"),
        day("Contract_Start_Date__c", "Contract Start Date"),
        day("Contract_End_Date__c", "Contract End Date"),
        flag("Auto_Renew__c", "Auto Renew"),
        day("Cancel_Notice_Date__c", "Cancel Notice Date"),
        choice("Renewal_Forecast__c", "Renewal Forecast", ("churn", "downsell")),
        day("Churn_Date__c", "Churn Date"),
        day("Go_Live_Date__c", "Go-Live Date"),
        day("Planned_Go_Live_Date__c", "Planned Go-Live Date"),
        day("First_Value_Date__c", "First Value Date"),
        day("Implementation_Team_Assigned__c", "Implementation Team Assigned"),
        day("Success_Criteria_Documented__c", "Success Criteria Documented"),
        day("Project_Manager_Identified__c", "Project Manager Identified"),
        *(day(milestone_field(key), " ".join(words(key))) for key in RECORDED),
        number("Logins_Per_User_Week__c", "Logins per User and Week", 6, 2),
        number("Features_Used_30d__c", "Features Used (30 d)", 6),
        number("Features_Licensed__c", "Features Licensed", 6),
        number("Data_Volume_30d__c", "Data Volume (30 d)", 16, 2),
        number("Data_Volume_Contracted__c", "Data Volume Contracted", 16, 2),
        day("Usage_Updated_On__c", "Usage Updated On"),
        number("ROI_Realised__c", "ROI Realised", 16, 2),
        number("ROI_Target__c", "ROI Target", 16, 2),
        number("Goals_Achieved__c", "Goals Achieved", 4),
        number("Goals_Agreed__c", "Goals Agreed", 4),
        number("Hours_Saved__c", "Hours Saved", 12, 2),
        number("Hours_Saved_Target__c", "Hours Saved Target", 12, 2),
        day("Value_Reviewed_On__c", "Value Reviewed On"),
        number("Expansion_Discussions_180d__c", "Expansion Discussions (180 d)", 4),
        number("Quantity_Used_30d__c", "Quantity Used (30 d)", 12),
        number("Quantity_Licensed__c", "Quantity Licensed", 12),
        number("Monthly_Active_Users__c", "Monthly Active Users", 9),
        number("Licensed_Users__c", "Licensed Users", 9),
        number("Provisioned_Users__c", "Provisioned Users", 9),
        number("Activated_Users__c", "Activated Users", 9),
        day("Last_Product_Activity__c", "Last Product Activity"),
        number("Leads_Achieved__c", "Leads Achieved", 9),
        number("Leads_Goal__c", "Leads Goal", 9),
        number("New_Sales_Achieved__c", "New Sales Achieved", 9),
        number("New_Sales_Goal__c", "New Sales Goal", 9),
        number("Executives_Engaged_180d__c", "Executives Engaged (180 d)", 4),
        currency("Delivery_Budget__c", "Delivery Budget"),
        currency("Delivery_Cost__c", "Delivery Cost"),
    ]


def override_fields() -> list[Field]:
    """Return the fields in which people overrule the engine, for orgs that were provisioned before."""
    values = ("renewed", "in_negotiation", "at_risk", "churned", "on_track", "not_due")
    return [
        choice("CS_Renewal_Status_Override__c", "Renewal Status Override", values),
        text("CS_Override_Reason__c", "Override Reason"),
        day("CS_Override_Until__c", "Override Until"),
    ]


def _opportunity() -> ObjectType:
    forecast = ("Omitted", "Pipeline", "Best Case", "Commit", "Closed")
    kinds = ("New Customer", "Renewal", "Existing Customer - Upgrade", "Existing Customer - Downgrade")
    stages = ("Qualification", "Proposal/Price Quote", "Negotiation/Review", "Closed Won", "Closed Lost")
    return define(
        "Opportunity",
        "Opportunity",
        "Opportunities",
        [
            lookup("AccountId", "Account ID", "Account", "Account"),
            text("Name", "Name", 120, nillable=False),
            long_text("Description", "Description"),
            choice("StageName", "Stage", stages, nillable=False),
            currency("Amount", "Amount"),
            replace(number("Probability", "Probability (%)", 3, 0, kind="percent"), defaulted=True),
            day("CloseDate", "Close Date", nillable=False),
            choice("Type", "Opportunity Type", kinds),
            text("NextStep", "Next Step"),
            read_only(flag("IsClosed", "Closed")),
            read_only(flag("IsWon", "Won")),
            read_only(choice("ForecastCategory", "Forecast Category", forecast)),
            choice("ForecastCategoryName", "Forecast Category", forecast),
            lookup("ContractId", "Contract ID", "Contract", "Contract"),
            read_only(instant("LastStageChangeDate", "Last Stage Change Date")),
            replace(lookup("OwnerId", "Owner ID", "User", "Owner", nillable=False), defaulted=True),
            number("Contract_Term_Months__c", "Contract Term (Months)", 4),
            text("Loss_Reason__c", "Loss Reason"),
        ],
    )


def _case() -> ObjectType:
    return define(
        "Case",
        "Case",
        "Cases",
        [
            read_only(lookup("MasterRecordId", "Master Record ID", "Case", "MasterRecord")),
            replace(read_only(text("CaseNumber", "Case Number", 30)), nillable=False, defaulted=True),
            lookup("ContactId", "Contact ID", "Contact", "Contact"),
            lookup("AccountId", "Account ID", "Account", "Account"),
            text("Subject", "Subject"),
            long_text("Description", "Description"),
            choice("Type", "Case Type", ("Question", "Problem", "Feature Request", "Other")),
            replace(
                choice("Status", "Status", ("New", "Working", "Escalated", "Closed")), default="New", defaulted=True
            ),
            choice("Priority", "Priority", ("Low", "Medium", "High", "Urgent")),
            choice("Origin", "Case Origin", ("Phone", "Email", "Web")),
            read_only(flag("IsClosed", "Closed")),
            read_only(instant("ClosedDate", "Closed Date")),
            flag("IsEscalated", "Escalated"),
            replace(lookup("OwnerId", "Owner ID", _OWNED, "Owner", nillable=False), defaulted=True),
            number("Sentiment__c", "Sentiment", 4, 3),
            number("Escalation_Level__c", "Escalation Level", 2),
            instant("First_Reply_At__c", "First Reply At"),
        ],
    )


def _contract() -> ObjectType:
    statuses = ("Draft", "In Approval Process", "Activated", "Expired")
    return define(
        "Contract",
        "Contract",
        "Contracts",
        [
            lookup("AccountId", "Account ID", "Account", "Account", nillable=False),
            replace(read_only(text("ContractNumber", "Contract Number", 30)), nillable=False, defaulted=True),
            day("StartDate", "Contract Start Date"),
            day("EndDate", "Contract End Date"),
            integer("ContractTerm", "Contract Term"),
            replace(choice("Status", "Status", statuses), default="Draft", defaulted=True, nillable=False),
            read_only(choice("StatusCode", "Status Category", ("Draft", "InApproval", "Activated"))),
            instant("ActivatedDate", "Activated Date"),
            long_text("Description", "Description"),
            replace(lookup("OwnerId", "Owner ID", "User", "Owner", nillable=False), defaulted=True),
            currency("ARR__c", "ARR"),
            flag("Auto_Renew__c", "Auto Renew"),
            day("Cancel_Notice_Date__c", "Cancel Notice Date"),
        ],
    )


def _contact() -> ObjectType:
    return define(
        "Contact",
        "Contact",
        "Contacts",
        [
            lookup("AccountId", "Account ID", "Account", "Account"),
            text("LastName", "Last Name", 80, nillable=False),
            text("FirstName", "First Name", 40),
            read_only(text("Name", "Full Name", 121)),
            text("Title", "Title", 128),
            text("Email", "Email", 80, kind="email"),
            replace(lookup("OwnerId", "Owner ID", "User", "Owner", nillable=False), defaulted=True),
        ],
    )


def _activity_fields() -> list[Field]:
    what = ("Account", "Opportunity", "Case", "Contract")
    return [
        lookup("WhoId", "Name ID", "Contact", "Who"),
        lookup("WhatId", "Related To ID", what, "What"),
        read_only(lookup("AccountId", "Account ID", "Account", "Account")),
        text("Subject", "Subject"),
        replace(lookup("OwnerId", "Assigned To ID", "User", "Owner", nillable=False), defaulted=True),
        long_text("Description", "Description"),
    ]


def _event() -> ObjectType:
    outcomes = ("Scheduled", "Completed", "No Show", "Cancelled", "Rescheduled")
    built = define(
        "Event",
        "Event",
        "Events",
        [
            *_activity_fields(),
            instant("StartDateTime", "Start Date Time"),
            instant("EndDateTime", "End Date Time"),
            instant("ActivityDateTime", "Due Date Time"),
            day("ActivityDate", "Due Date Only"),
            integer("DurationInMinutes", "Duration"),
            choice("Type", "Type", ("Meeting", "Call", "QBR", "EBR", "Kickoff", "Check-in", "Training")),
            choice("Outcome__c", "Outcome", outcomes),
        ],
    )
    built.name_field = "Subject"
    return built


def _task() -> ObjectType:
    statuses = ("Not Started", "In Progress", "Completed", "Deferred")
    built = define(
        "Task",
        "Task",
        "Tasks",
        [
            *_activity_fields(),
            day("ActivityDate", "Due Date Only"),
            replace(choice("Status", "Status", statuses), default="Not Started", defaulted=True),
            choice("Priority", "Priority", ("High", "Normal", "Low")),
            replace(
                choice("TaskSubtype", "Task Subtype", ("Task", "Email", "Call"), restricted=True),
                default="Task",
                defaulted=True,
                updateable=False,
            ),
            read_only(flag("IsClosed", "Closed")),
            read_only(instant("CompletedDateTime", "Completed Date")),
            choice("CallType", "Call Type", ("Internal", "Inbound", "Outbound")),
            integer("CallDurationInSeconds", "Call Duration"),
        ],
    )
    built.name_field = "Subject"
    return built


def business_objects() -> list[ObjectType]:
    """Return the objects that hold customers and what happens with them."""
    return [_account(), _opportunity(), _case(), _contract(), _contact(), _event(), _task()]
