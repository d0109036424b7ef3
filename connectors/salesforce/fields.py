"""Keepwell's own fields in the org: compared with what is there, created, granted, and exported for an admin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from connectors.base import FieldFinding
from connectors.errors import MissingScope
from connectors.salesforce import package, soql
from connectors.salesforce.answers import CallRefused, NotOurs
from connectors.salesforce.client import SalesforceClient
from connectors.salesforce.metadata import definition, misfit, property_name
from connectors.salesforce.permissions import Permissions
from connectors.salesforce.schema import ObjectInfo, Schema
from mapping.records import FieldSpec

_EXPORT_HINT = "Let an admin deploy the package that 'keepwell fields export' writes, or grant 'Customize Application'."
_HOMES = {"Task": "Activity"}
_RIGHTS = {"Task": ("EditTask",)}
_EXISTS_ALREADY = "DUPLICATE_DEVELOPER_NAME"


class SalesforceFields:
    """Custom fields of one object; those of Task live on Activity, which Event shares."""

    form = "sfdx"
    use = "to deploy it, there:\n  sf project deploy start --source-dir force-app"

    def __init__(self, client: SalesforceClient, schema: Schema, target: str, prefix: str) -> None:
        self._client = client
        self._schema = schema
        self._object = target
        self._home = _HOMES.get(target, target)
        self._prefix = prefix
        self._permissions = Permissions(client, client.settings.permission_set)

    def property_name(self, spec: FieldSpec) -> str:
        """`health_score` → `CS_Health_Score__c`."""
        return property_name(spec, self._prefix)

    def plan(self, specs: Sequence[FieldSpec]) -> list[FieldFinding]:
        """Compare `specs` with the org; changes nothing."""
        self._schema.forget(self._object)
        info = self._schema.object(self._object)
        hidden = self._custom_fields() if any(self._visible(spec, info) is None for spec in specs) else frozenset()
        return [self._finding(spec, info, hidden) for spec in specs]

    def apply(self, findings: Sequence[FieldFinding]) -> list[FieldFinding]:
        """Create what is to be created, grant access, and return the findings as they are afterwards.

        Raises `MissingScope` when the user may not change the org's set-up; what was created stays.
        """
        for finding in findings:
            if finding.action == "create":
                self._create(finding)
        missing = {f.property: f.spec.writable for f in findings if f.action in {"create", "unreadable"}}
        if missing:
            self._permissions.grant(self._object, missing)
            self._schema.wait_until(self._object, lambda info: _granted(info, missing))
        after = self.plan([finding.spec for finding in findings])
        created = {finding.property for finding in findings if finding.action == "create"}
        return [replace(f, detail="created") if _is_new(f, created) else f for f in after]

    def export(self, specs: Sequence[FieldSpec], folder: Path) -> list[Path]:
        """Write `specs` with their permission set as a metadata project that an admin can deploy; the files written.

        Raises `ConfigError` when `folder` is in use for something else.
        """
        fields = {self.property_name(spec): spec for spec in specs}
        permission_set = self._client.settings.permission_set
        new = self._object in _HOMES  # the permission set of the accounts is another one, and makes no records
        name = f"{permission_set}_{self._object}" if new else permission_set
        target = package.Target(self._object, self._home, create=new, rights=_RIGHTS.get(self._object, ()))
        return package.write(folder, target, fields, name, self._client.version)

    def _finding(self, spec: FieldSpec, info: ObjectInfo | None, hidden: frozenset[str]) -> FieldFinding:
        name = self.property_name(spec)
        visible = self._visible(spec, info)
        found = info.fields.get(visible) if info is not None and visible is not None else None
        if found is None:
            if name.casefold() in hidden:
                return FieldFinding(spec, name, "unreadable", "it exists, but the integration user may not see it")
            return FieldFinding(spec, name, "create")
        problem = misfit(spec, found)
        if problem:
            return FieldFinding(spec, name, "conflict", problem)
        if spec.writable and not found.updateable:
            return FieldFinding(spec, name, "unreadable", "it exists, but the integration user may not write it")
        return FieldFinding(spec, name, "exists")

    def _visible(self, spec: FieldSpec, info: ObjectInfo | None) -> str | None:
        return info.exact(self.property_name(spec)) if info is not None else None

    def _custom_fields(self) -> frozenset[str]:
        """Lower-case names of all custom fields, hidden ones too; empty when the user may not ask."""
        query = soql.select(("Id", "DeveloperName"), "CustomField", (f"TableEnumOrId = {soql.text(self._home)}",))
        try:
            answer = self._client.get("tooling/query", {"q": query})
        except (CallRefused, MissingScope, NotOurs):
            return frozenset()  # without that right a hidden field shows when its creation is refused
        records = answer.get("records") if isinstance(answer, Mapping) else None
        records = records if isinstance(records, list) else []
        named = (record.get("DeveloperName") for record in records if isinstance(record, Mapping))
        return frozenset(f"{name}__c".casefold() for name in named)

    def _create(self, finding: FieldFinding) -> None:
        body = {"FullName": f"{self._home}.{finding.property}", "Metadata": definition(finding.spec)}
        try:
            self._client.send("POST", "tooling/sobjects/CustomField", json=body)
        except CallRefused as refused:
            # Two runs at once, or a field that was hidden: what is there is compared afterwards like any other.
            if refused.code != _EXISTS_ALREADY:
                raise MissingScope(
                    f"The field {finding.property} was not created: {refused.error}", hint=_EXPORT_HINT
                ) from refused
        except (MissingScope, NotOurs) as refused:
            raise MissingScope(
                f"The field {finding.property} was not created: {refused.message}", hint=_EXPORT_HINT
            ) from refused


def _granted(info: ObjectInfo, fields: dict[str, bool]) -> bool:
    return all(
        name in info.fields and (info.fields[name].updateable or not writable) for name, writable in fields.items()
    )


def _is_new(finding: FieldFinding, created: set[str]) -> bool:
    return finding.action == "exists" and finding.property in created
