"""The objects of a fresh tenant and their fields, as describe lists them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sandbox.gainsight.fields import Field, custom
from sandbox.gainsight.ids import key_prefix


@dataclass(slots=True)
class ObjectType:
    """An object: the lower-case name that the object list shows, `clock` the field that says when a row last changed.

    `writable` objects take the writes of the data API; the others are written by endpoints of their own.
    """

    name: str
    label: str
    fields: dict[str, Field] = field(default_factory=dict)
    clock: str = "ModifiedDate"
    writable: bool = False

    @property
    def kind(self) -> str:
        """STANDARD or CUSTOM."""
        return "CUSTOM" if self.name.endswith("__gc") else "STANDARD"

    def add(self, *fields: Field) -> ObjectType:
        """Define fields, or define them anew."""
        self.fields |= {one.name: one for one in fields}
        return self

    def by_path(self, path: str) -> Field | None:
        """Return the lookup that queries follow by this name."""
        return next((one for one in self.fields.values() if one.path == path), None)

    def listed(self) -> dict[str, Any]:
        """Return the entry of the object list."""
        return {
            "objectName": self.name, "label": self.label, "objectType": self.kind, "keyPrefix": key_prefix(self.name),
            "transactional": self.kind == "CUSTOM", "multiCurrencySupported": False, "readable": True,
            "createable": self.writable, "schemaUpdateable": True,
        }  # fmt: skip


def _lookup(name: str, label: str, target: str, **more: Any) -> Field:
    return Field(name, label, "LOOKUP", lookup=target, **more)


def _picklist(name: str, label: str, category: str, **more: Any) -> Field:
    return Field(name, label, "PICKLIST", category=category, **more)


def _item(name: str, label: str, category: str) -> Field:
    """A state of a call to action or plan: a lookup to the picklist items, so that its name can be selected."""
    return Field(name, label, "LOOKUP", lookup="da_picklist", category=category)


def _system(clock: str) -> tuple[Field, ...]:
    made = [
        Field("Gsid", "GSID", "GSID", "SYSTEM", read_only=True, length=36),
        Field("CreatedDate", "Created Date", "DATETIME", "SYSTEM", read_only=True),
        Field(clock, "Modified Date", "DATETIME", "SYSTEM", read_only=True),
    ]
    made += [
        Field(name, label, "LOOKUP", "SYSTEM", read_only=True, lookup="gsuser")
        for name, label in (("CreatedBy", "Created By"), ("ModifiedBy", "Modified By"))
    ]
    return tuple(made)


def _object(name: str, label: str, *fields: Field, clock: str = "ModifiedDate", writable: bool = False) -> ObjectType:
    return ObjectType(name, label, {}, clock, writable).add(*_system(clock), *fields)


def _company() -> ObjectType:
    computed = (
        _lookup("CurrentScore", "Current Score", "scorecard_scheme", read_only=True),
        _lookup("PreviousScore", "Previous Score", "scorecard_scheme", read_only=True),
        Field("ScorecardId", "Scorecard Id", "STRING", read_only=True),
        Field("Trend", "Trend", "NUMBER", read_only=True),
        Field("Nps", "NPS®", "NUMBER", read_only=True),
        Field("Csat", "CSAT", "NUMBER", read_only=True),
    )
    made_by_admin = (
        custom("HubSpot_Company_Id", "HubSpot Company Id", "STRING"),
        custom("Domain", "Domain", "STRING"),
        custom("Executive_Sponsor", "Executive Sponsor", "LOOKUP", lookup="gsuser"),
        custom("Ext_Health_Score", "External Health Score", "NUMBER"),
        custom("Ext_Health_Band", "External Health Band", "PICKLIST", category="Health Band"),
        custom("Ext_Health_Reason", "External Health Reason", "STRING", length=4_000),
        custom("Ext_Health_As_Of", "External Health As Of", "DATE"),
    )
    return _object(
        "company", "Company",
        Field("Name", "Name", "STRING", required=True),
        Field("Arr", "ARR", "CURRENCY"), Field("Mrr", "MRR", "CURRENCY"),
        Field("Employees", "Employees", "NUMBER"), Field("Users", "Users", "NUMBER"),
        _picklist("Industry", "Industry", "Company Industry"), _picklist("CompanyType", "Company Type", "Company Type"),
        _picklist("Stage", "Stage", "Company Stage"), _picklist("Status", "Status", "Company Status"),
        _picklist("ManagedAs", "Managed As", "Managed As"), _picklist("CurrencyIsoCode", "Currency", "Currency"),
        Field("RenewalDate", "Renewal Date", "DATE"),
        Field("OriginalContractDate", "Original Contract Date", "DATE"),
        Field("LifecycleInWeeks", "Lifecycle in Weeks", "NUMBER"),
        Field("CustomerlifetimeInMonths", "Lifetime in Months", "NUMBER"),
        _lookup("Csm", "CSM", "gsuser"), _lookup("ParentCompany", "Parent Company", "company"),
        Field("SfdcAccountId", "SFDC Account Id", "SFDCID", length=18),
        Field("Tags", "Tags", "MULTISELECTDROPDOWNLIST", category="Company Tags"),
        Field("Summary", "Summary", "RICHTEXTAREA"), Field("BillingAddress", "Billing Address", "STRING"),
        Field("TickerSymbol", "Ticker Symbol", "STRING"),
        *computed, *made_by_admin, writable=True,
    )  # fmt: skip


def _people() -> list[ObjectType]:
    user = _object(
        "gsuser", "User",
        Field("Name", "Name", "STRING", required=True), Field("FirstName", "First Name", "STRING"),
        Field("LastName", "Last Name", "STRING"), Field("Email", "Email", "EMAIL", required=True),
        Field("SFDCUserName", "SFDC User Name", "STRING"), Field("SfdcUserId", "SFDC User Id", "SFDCID", length=18),
        Field("IsActiveUser", "Is Active", "BOOLEAN"), Field("Title", "Title", "STRING"),
        _picklist("LicenseType", "License Type", "License Type"), Field("Timezone", "Timezone", "STRING"),
    )  # fmt: skip
    person = _object(
        "person", "Person",
        Field("Name", "Name", "STRING"), Field("FirstName", "First Name", "STRING"),
        Field("LastName", "Last Name", "STRING"), Field("Email", "Email", "EMAIL", required=True),
        Field("LinkedinUrl", "LinkedIn", "URL"), Field("Location", "Location", "STRING"),
        Field("Timezone", "Timezone", "STRING"), Field("Comments", "Comments", "STRING", length=4_000),
        Field("ExternalRecordID", "External Record Id", "STRING"),
    )  # fmt: skip
    company_person = _object(
        "company_person", "Company Person",
        _lookup("Person_ID", "Person", "person", required=True),
        _lookup("Company_ID", "Company", "company", required=True),
        Field("Title", "Title", "STRING"), Field("Role", "Role", "STRING"),
        Field("IsPrimaryCompany", "Is Primary Company", "BOOLEAN"),
    )  # fmt: skip
    return [user, person, company_person]


def _work() -> list[ObjectType]:
    call = _object(
        "call_to_action", "Call To Action",
        Field("Name", "Name", "STRING", required=True), _lookup("CompanyId", "Company", "company", required=True),
        _lookup("RelationshipId", "Relationship", "relationship"), _lookup("OwnerId", "Owner", "gsuser"),
        Field("DueDate", "Due Date", "DATE"), _item("TypeId", "Type", "CTA_TYPE"),
        _item("StatusId", "Status", "CTA_STATUS"), _item("PriorityId", "Priority", "CTA_PRIORITY"),
        _item("ReasonId", "Reason", "CTA_REASON"), Field("IsClosed", "Is Closed", "BOOLEAN", read_only=True),
        Field("ClosedDate", "Closed Date", "DATE", read_only=True), Field("IsImportant", "Is Important", "BOOLEAN"),
        Field("Comments", "Comments", "RICHTEXTAREA"), Field("EntityType", "Entity Type", "STRING", read_only=True),
        Field("ReferenceId", "External Reference Id", "STRING"),
    )  # fmt: skip
    task = _object(
        "cs_task", "CS Task",
        Field("Name", "Name", "STRING", required=True), _lookup("CallToActionId", "CTA", "call_to_action"),
        _lookup("CompanyId", "Company", "company"), _lookup("OwnerId", "Owner", "gsuser"),
        Field("DueDate", "Due Date", "DATE"), Field("IsClosed", "Is Closed", "BOOLEAN", read_only=True),
    )  # fmt: skip
    plan = _object(
        "cta_group", "Success Plan",
        Field("Name", "Name", "STRING", required=True), _lookup("CompanyId", "Company", "company", required=True),
        _lookup("OwnerId", "Owner", "gsuser"), Field("DueDate", "Due Date", "DATE"),
        Field("ActiveDate", "Active Date", "DATE", read_only=True),
        Field("ClosedDate", "Closed Date", "DATE", read_only=True),
        _item("TypeId", "Type", "SUCCESS_PLAN_TYPE"), _item("StatusId", "Status", "SUCCESS_PLAN_STATUS"),
        Field("PercentComplete", "Percent Complete", "PERCENTAGE", read_only=True),
        Field("ActionPlan", "Action Plan", "RICHTEXTAREA"), Field("ReferenceId", "External Reference Id", "STRING"),
    )  # fmt: skip
    activity = _object(
        "activity_timeline", "Activity Timeline",
        Field("ExternalId", "External Id", "STRING", required=True),
        Field("ContextName", "Context Name", "STRING", required=True), Field("ContextId", "Context Id", "STRING"),
        _lookup("GsCompanyId", "Company", "company"), _lookup("GsRelationshipId", "Relationship", "relationship"),
        _lookup("AuthorId", "Author", "gsuser", required=True), Field("TypeName", "Type", "STRING", required=True),
        Field("Subject", "Subject", "STRING", required=True), Field("Notes", "Notes", "RICHTEXTAREA", required=True),
        Field("ActivityDate", "Activity Date", "DATETIME", required=True),
        Field("DurationInMins", "Duration", "NUMBER"), Field("InternalAttendees", "Internal Attendees", "STRING"),
        Field("ExternalAttendees", "External Attendees", "STRING"),
        clock="LastModifiedDate",
    )  # fmt: skip
    # Nothing is said of this object's fields; it has no ids of its own, as those who copy it elsewhere show.
    attendee = ObjectType("activity_attendee", "Activity Attendee", {}, "CreatedDate").add(
        _lookup("ActivityId", "Activity", "activity_timeline"), Field("AttendeeType", "Attendee Type", "STRING"),
        _lookup("ExternalAttendeeGsId", "External Attendee", "person"),
        _lookup("InternalAttendeeGsId", "Internal Attendee", "gsuser"),
    )  # fmt: skip
    return [call, task, plan, activity, attendee]


def _others() -> list[ObjectType]:
    relationship = _object(
        "relationship", "Relationship",
        Field("Name", "Name", "STRING", required=True), _lookup("CompanyId", "Company", "company", required=True),
        _picklist("TypeId", "Relationship Type", "Relationship Type"), Field("Arr", "ARR", "CURRENCY"),
        _picklist("Stage", "Stage", "Relationship Stage"), _lookup("Csm", "CSM", "gsuser"),
        Field("RenewalDate", "Renewal Date", "DATE"), custom("External_Id", "External Id", "STRING"), writable=True,
    )  # fmt: skip
    scheme = _object(
        "scorecard_scheme", "Scorecard Scheme Definition",
        Field("Name", "Name", "STRING"), Field("Score", "Score", "NUMBER"), Field("Color", "Color", "STRING"),
    )  # fmt: skip
    item = _object(
        "da_picklist", "Picklist",
        Field("Name", "Name", "STRING"), Field("CategoryId", "Category Id", "GSID"),
        Field("CategoryName", "Category Name", "STRING"), Field("IsActive", "Is Active", "BOOLEAN"),
    )  # fmt: skip
    deleted = ObjectType("record_delete_log", "Record Delete Log", {}, "DeletedOn").add(
        Field("RecordId", "Record Id", "GSID", length=36), Field("DeletedOn", "Deleted On", "DATETIME"),
        Field("ObjectName", "Object Name", "STRING"),
    )  # fmt: skip
    usage = _object(
        "usage_metrics__gc", "Usage Metrics",
        custom("Company", "Company", "LOOKUP", lookup="company", required=True),
        custom("External_Key", "External Key", "STRING"), custom("As_Of", "As Of", "DATE"),
        custom("Logins_Per_User_Week", "Logins per User and Week", "NUMBER"),
        custom("Active_Users", "Active Users", "NUMBER"), custom("Licensed_Users", "Licensed Users", "NUMBER"),
        custom("Features_Used", "Features Used", "NUMBER"), custom("Features_Licensed", "Features Licensed", "NUMBER"),
        custom("Data_Volume", "Data Volume", "NUMBER"), writable=True,
    )  # fmt: skip
    metric = _object(
        "ext_health_metric__gc", "External Health Metric",
        custom("Company", "Company", "LOOKUP", lookup="company", required=True),
        custom("Measure", "Measure", "STRING", required=True), custom("Value", "Value", "NUMBER"),
        custom("As_Of", "As Of", "DATE"), custom("External_Key", "External Key", "STRING"), writable=True,
    )  # fmt: skip
    return [relationship, scheme, item, deleted, usage, metric]


def objects() -> list[ObjectType]:
    """Return the objects of a fresh tenant."""
    return [_company(), *_people(), *_work(), *_others()]
