"""The objects around the business ones: people, stages, histories, currencies and permissions."""

from __future__ import annotations

from dataclasses import replace

from sandbox.salesforce.schema import (
    ObjectType,
    choice,
    currency,
    day,
    define,
    flag,
    instant,
    integer,
    lookup,
    number,
    read_only,
    text,
)


def _user() -> ObjectType:
    fields = [
        text("Username", "Username", 80, nillable=False),
        text("LastName", "Last Name", 80, nillable=False),
        text("FirstName", "First Name", 40),
        read_only(text("Name", "Full Name", 121)),
        text("Email", "Email", 128, kind="email", nillable=False),
        flag("IsActive", "Active", default=True),
        choice("UserType", "User Type", ("Standard", "AutomatedProcess")),
        lookup("ProfileId", "Profile ID", "Profile", "Profile"),
        text("TimeZoneSidKey", "Time Zone", 40),
        text("LocaleSidKey", "Locale", 40),
    ]
    return define("User", "User", "Users", fields, deletable=False)


def _relation() -> ObjectType:
    fields = [
        lookup("EventId", "Event ID", "Event", "Event", nillable=False),
        lookup("RelationId", "Relation ID", ("Contact", "User", "Account"), "Relation", nillable=False),
        flag("IsWhat", "Is What"),
        flag("IsParent", "Is Parent"),
        flag("IsInvitee", "Is Invitee"),
        choice("Status", "Status", ("New", "Accepted", "Declined")),
        lookup("AccountId", "Account ID", "Account", "Account"),
    ]
    built = define("EventRelation", "Event Relation", "Event Relations", fields)
    built.name_field = "Status"
    return built


def _stage() -> ObjectType:
    fields = [
        text("MasterLabel", "Master Label"),
        text("ApiName", "Api Name"),
        flag("IsActive", "Is Active", default=True),
        flag("IsClosed", "Closed"),
        flag("IsWon", "Won"),
        number("DefaultProbability", "Probability (%)", 3, 0, kind="percent"),
        text("ForecastCategory", "Forecast Category"),
        text("ForecastCategoryName", "Forecast Category Name"),
        integer("SortOrder", "Order"),
    ]
    built = define("OpportunityStage", "Opportunity Stage", "Opportunity Stages", fields, deletable=False)
    built.name_field = "MasterLabel"
    return built


def _opportunity_history() -> ObjectType:
    built = define(
        "OpportunityHistory",
        "Opportunity: History",
        "Opportunity: Histories",
        [
            lookup("OpportunityId", "Opportunity ID", "Opportunity", "Opportunity"),
            text("StageName", "Stage"),
            currency("Amount", "Amount"),
            number("Probability", "Probability (%)", 3, 0, kind="percent"),
            day("CloseDate", "Close Date"),
            text("ForecastCategory", "Forecast Category"),
        ],
    )
    built.name_field = "StageName"
    return built


def _opportunity_field_history() -> ObjectType:
    built = define(
        "OpportunityFieldHistory",
        "Opportunity Field History",
        "Opportunity Field Histories",
        [
            lookup("OpportunityId", "Opportunity ID", "Opportunity", "Opportunity"),
            text("Field", "Changed Field"),
            text("OldValue", "Old Value"),
            text("NewValue", "New Value"),
        ],
    )
    built.name_field = "Field"
    return built


def _organization() -> ObjectType:
    fields = [
        text("Name", "Name", 80),
        flag("IsSandbox", "Is Sandbox"),
        text("OrganizationType", "Edition", 40),
        text("TimeZoneSidKey", "Time Zone", 40),
        text("DefaultLocaleSidKey", "Locale", 40),
        text("InstanceName", "Instance Name", 10),
        text("NamespacePrefix", "Namespace Prefix", 15),
        instant("TrialExpirationDate", "Trial Expiration Date"),
    ]
    return define("Organization", "Organization", "Organizations", fields, deletable=False)


def _currency_type() -> ObjectType:
    fields = [
        text("IsoCode", "Currency ISO Code", 3),
        number("ConversionRate", "Conversion Rate", 18, 6),
        integer("DecimalPlaces", "Decimal Places"),
        flag("IsActive", "Active", default=True),
        flag("IsCorporate", "Corporate Currency"),
    ]
    built = define("CurrencyType", "Currency Type", "Currency Types", fields, deletable=False)
    built.name_field = "IsoCode"
    return built


def _group() -> ObjectType:
    fields = [text("Name", "Name", 40), text("DeveloperName", "Developer Name", 80), choice("Type", "Type", ("Queue",))]
    return define("Group", "Group", "Groups", fields, deletable=False)


def _permission_set() -> ObjectType:
    fields = [
        text("Name", "Permission Set Name", 80, nillable=False),
        text("Label", "Permission Set Label", 80, nillable=False),
        text("Description", "Description"),
        flag("IsOwnedByProfile", "Is Owned By Profile"),
    ]
    return define("PermissionSet", "Permission Set", "Permission Sets", fields, deletable=False)


def _field_permissions() -> ObjectType:
    fields = [
        replace(lookup("ParentId", "Parent ID", "PermissionSet", "Parent", nillable=False), updateable=False),
        replace(text("SobjectType", "SObject Type", nillable=False), updateable=False),
        replace(text("Field", "Field Name", nillable=False), updateable=False),
        flag("PermissionsRead", "Read Access"),
        flag("PermissionsEdit", "Edit Access"),
    ]
    built = define("FieldPermissions", "Field Permissions", "Field Permissions", fields, deletable=False)
    built.name_field = "Field"
    return built


def _assignment() -> ObjectType:
    fields = [
        lookup("AssigneeId", "Assignee ID", "User", "Assignee", nillable=False),
        lookup("PermissionSetId", "Permission Set ID", "PermissionSet", "PermissionSet", nillable=False),
        flag("IsActive", "Is Active", default=True),
    ]
    built = define(
        "PermissionSetAssignment", "Permission Set Assignment", "Permission Set Assignments", fields, deletable=False
    )
    built.name_field = "Id"
    return built


def _profile() -> ObjectType:
    return define("Profile", "Profile", "Profiles", [text("Name", "Name")], deletable=False)


def setup_objects(*, multi_currency: bool) -> list[ObjectType]:
    """Return the objects of people, sales process and permissions; no CurrencyType in a single-currency org."""
    sealed = [_stage(), _opportunity_history(), _opportunity_field_history(), _organization(), _group(), _profile()]
    if multi_currency:
        sealed.append(_currency_type())
    for built in sealed:
        built.createable = built.updateable = built.deletable = built.replicateable = False
    open_ones = [_user(), _relation(), _permission_set(), _field_permissions(), _assignment()]
    for built in open_ones[2:]:
        built.bulk = False
    return [*open_ones, *sealed]
