"""Field-level security: a new field is invisible, even to the user who made it, until a permission set grants it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.errors import BadAnswer, MissingScope
from connectors.salesforce import soql
from connectors.salesforce.answers import CallRefused, NotOurs, vendor_error
from connectors.salesforce.client import SalesforceClient
from connectors.salesforce.ids import is_id

_LABEL = "Keepwell write"
_DESCRIPTION = "Lets the integration user read and write the fields that Keepwell maintains."
_HINT = "Let an admin deploy what 'keepwell fields export' writes, or grant 'Manage Profiles and Permission Sets'."
_BATCH = 200


class Permissions:
    """The permission set that grants Keepwell's fields to the integration user."""

    def __init__(self, client: SalesforceClient, name: str) -> None:
        self._client = client
        self._name = name

    def grant(self, target: str, fields: Mapping[str, bool]) -> None:
        """Make `fields` (name → writable) of the object `target` visible to the running user.

        Raises `MissingScope` when the user may not manage permission sets.
        """
        if not fields:
            return
        try:
            holder = self._permission_set()
            self._grant_fields(holder, target, fields)
            self._assign(holder)
        except (CallRefused, MissingScope, NotOurs) as refused:
            raise MissingScope(f"The fields cannot be granted: {refused.message}", hint=_HINT) from refused

    def _permission_set(self) -> str:
        query = soql.select(("Id",), "PermissionSet", (f"Name = {soql.text(self._name)}",))
        found = self._client.rows(query)
        if found:
            return str(found[0]["Id"])
        body = {"Name": self._name, "Label": _LABEL, "Description": _DESCRIPTION}
        return self._created(self._client.send("POST", "sobjects/PermissionSet", json=body))

    def _grant_fields(self, holder: str, target: str, fields: Mapping[str, bool]) -> None:
        where = (f"ParentId = {soql.record_id(holder)}", f"SobjectType = {soql.text(target)}")
        columns = ("Id", "Field", "PermissionsRead", "PermissionsEdit")
        granted = {str(row["Field"]): row for row in self._client.rows(soql.select(columns, "FieldPermissions", where))}
        new: list[dict[str, Any]] = []
        for field, writable in fields.items():
            row = granted.get(f"{target}.{field}")
            wanted = {"PermissionsRead": True, "PermissionsEdit": writable}
            if row is None:
                names = {"ParentId": holder, "SobjectType": target, "Field": f"{target}.{field}"}
                new.append({"attributes": {"type": "FieldPermissions"}, **names, **wanted})
            elif not row["PermissionsRead"] or (writable and not row["PermissionsEdit"]):
                self._client.send("PATCH", f"sobjects/FieldPermissions/{row['Id']}", json=wanted)
        for start in range(0, len(new), _BATCH):
            self._create(new[start : start + _BATCH])

    def _create(self, records: Sequence[Mapping[str, Any]]) -> None:
        body = {"allOrNone": False, "records": list(records)}
        results = self._client.send("POST", "composite/sobjects", json=body)
        if not isinstance(results, list) or len(results) != len(records):
            raise BadAnswer("The grants were answered with another number of results.", sent=True)
        refused = [
            f"{record['Field']}: {vendor_error(result.get('errors')) if isinstance(result, Mapping) else result}"
            for record, result in zip(records, results, strict=True)
            if not isinstance(result, Mapping) or not result.get("success")
        ]
        if refused:
            raise MissingScope(self._client.redact("; ".join(refused)), hint=_HINT)

    def _assign(self, holder: str) -> None:
        user = running_user(self._client)
        where = (f"AssigneeId = {soql.record_id(user)}", f"PermissionSetId = {soql.record_id(holder)}")
        if self._client.rows(soql.select(("Id",), "PermissionSetAssignment", where)):
            return
        body = {"AssigneeId": user, "PermissionSetId": holder}
        self._created(self._client.send("POST", "sobjects/PermissionSetAssignment", json=body))

    def _created(self, answer: object) -> str:
        if isinstance(answer, Mapping) and answer.get("success") and answer.get("id"):
            return str(answer["id"])
        errors = answer.get("errors") if isinstance(answer, Mapping) else None
        raise MissingScope(self._client.redact(f"{vendor_error(errors) or 'the answer has no id'}"), hint=_HINT)


def running_user(client: SalesforceClient) -> str:
    """Id of the integration user; raises `BadAnswer` when Salesforce does not tell it."""
    user = client.grant().user or str(client.userinfo().get("user_id") or "")
    if not is_id(user):
        raise BadAnswer("Salesforce does not say who is logged in.", hint="Add the OAuth scope 'openid' or 'api'.")
    return user
