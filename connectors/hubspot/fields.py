"""Plans and creates the properties that Keepwell owns; what people made is never changed or removed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from connectors.base import FieldFinding
from connectors.errors import MissingScope
from connectors.hubspot.answers import NotFound
from connectors.hubspot.client import HubSpotClient, RequestRefused
from connectors.hubspot.paths import Paths
from connectors.hubspot.read import batch_problems
from connectors.hubspot.schema import Property, Schema, definition
from connectors.hubspot.transport import Request
from mapping.records import FieldSpec, ValueType

GROUP_LABEL = "Customer success"
SCHEMA_SCOPES = {"companies": ("crm.schemas.companies.write",), "tasks": ("crm.schemas.contacts.write",)}
_LONG_TEXT = 255  # more than a line fits: a text area

_TYPES: Mapping[ValueType, tuple[str, str]] = {
    ValueType.NUMBER: ("number", "number"),
    ValueType.ENUM: ("enumeration", "select"),
    ValueType.TEXT: ("string", "text"),
    ValueType.DATE: ("date", "date"),
    ValueType.DATETIME: ("datetime", "date"),
}


class Provisioner:
    """The custom properties of one object type, in one group and with one prefix."""

    def __init__(
        self, client: HubSpotClient, paths: Paths, schema: Schema, *, kind: str, prefix: str, group: str
    ) -> None:
        self._client = client
        self._paths = paths
        self._schema = schema
        self._kind = kind
        self._prefix = prefix
        self._group = group

    def property_name(self, spec: FieldSpec) -> str:
        """HubSpot's name of a field, for instance `cs_health_score`."""
        return self._prefix + spec.name

    def plan(self, specs: Sequence[FieldSpec]) -> list[FieldFinding]:
        """Compare with the portal's properties, archived ones included."""
        try:
            defined = self._schema.definitions(self._kind, fresh=True)
            archived = self._schema.archived(self._kind)
        except MissingScope as error:
            return [FieldFinding(spec, self.property_name(spec), "unreadable", str(error)) for spec in specs]
        return [self._finding(spec, defined, archived) for spec in specs]

    def apply(self, findings: Sequence[FieldFinding]) -> list[FieldFinding]:
        """Create what is to be created and add missing options; running it again changes nothing.

        Raises `MissingScope` naming the scope that lets an app create properties.
        """
        wanted = [finding for finding in findings if finding.action == "create"]
        if not wanted:
            return list(findings)
        before = self._schema.definitions(self._kind)
        done = {one.property: "options added" if one.property in before else "created" for one in wanted}
        try:
            refused = self._create(wanted)
        except MissingScope as error:
            scopes = error.scopes or SCHEMA_SCOPES[self._kind]
            raise MissingScope(
                f"The token may not create properties of {self._kind} in HubSpot.",
                scopes=scopes,
                hint=f"Grant the app the scope {' or '.join(scopes)}, or create the properties by hand.",
            ) from error
        after = {found.property: found for found in self.plan([finding.spec for finding in findings])}
        return [self._told(after[finding.property], refused, done) for finding in findings]

    def _finding(self, spec: FieldSpec, defined: Mapping[str, Property], archived: frozenset[str]) -> FieldFinding:
        name = self.property_name(spec)
        found = defined.get(name)
        if found is None:
            detail = "was archived and comes back with our definition" if name in archived else ""
            return FieldFinding(spec, name, "create", detail)
        kind, _field_type = _TYPES[spec.type]
        if found.type != kind:
            return FieldFinding(spec, name, "conflict", f"is there with type {found.type}, needed is {kind}")
        if spec.writable and found.read_only:
            return FieldFinding(spec, name, "conflict", "is there, but its values are calculated or read-only")
        if spec.unique and not found.unique:
            return FieldFinding(spec, name, "conflict", "is there, but two records may have the same value of it")
        if missing := _missing_options(spec, found):
            return FieldFinding(spec, name, "create", f"options to add: {', '.join(value for value, _ in missing)}")
        return FieldFinding(spec, name, "exists")

    def _create(self, wanted: Sequence[FieldFinding]) -> dict[str, str]:
        """Send what is needed; returns property → reason for what HubSpot did not accept."""
        defined = self._schema.definitions(self._kind)
        fresh = [finding for finding in wanted if finding.property not in defined]
        refused: dict[str, str] = {}
        if fresh:
            self._ensure_group()
            refused |= self._create_batch(fresh)
        for finding in wanted:
            found = defined.get(finding.property)
            if found is not None:
                refused |= self._add_options(finding, found)
        return refused

    def _ensure_group(self) -> None:
        request = Request("GET", self._paths.properties(self._kind, "groups"))
        groups = self._client.read(request).get("results")
        names = (
            {str(group.get("name")) for group in groups if isinstance(group, dict)}
            if isinstance(groups, list)
            else set()
        )
        if self._group in names:
            return
        body = {"name": self._group, "label": GROUP_LABEL, "displayOrder": -1}
        try:
            self._client.once(Request("POST", self._paths.properties(self._kind, "groups"), body=body))
        except RequestRefused as error:
            if not _exists(error.envelope.text):  # somebody else made it just now
                raise

    def _create_batch(self, fresh: Sequence[FieldFinding]) -> dict[str, str]:
        """One call for all; when HubSpot refuses it as a whole, one by one, so that the good ones are made."""
        path = self._paths.properties(self._kind, "batch", "create")
        inputs = [self._definition(finding) for finding in fresh]
        try:
            body = self._client.once(Request("POST", path, body={"inputs": inputs}))
        except (RequestRefused, NotFound):
            return self._create_singly(fresh)
        problems = [one for one in batch_problems(body) if not _exists(f"{one.code} {one.category} {one.message}")]
        made = body.get("results")
        names = {definition(one).name for one in made if isinstance(one, dict)} if isinstance(made, list) else set()
        reason = "; ".join(dict.fromkeys(problem.message for problem in problems))
        return {one.property: reason for one in fresh if reason and one.property not in names}

    def _create_singly(self, fresh: Sequence[FieldFinding]) -> dict[str, str]:
        refused: dict[str, str] = {}
        for finding in fresh:
            request = Request("POST", self._paths.properties(self._kind), body=self._definition(finding))
            try:
                self._client.once(request)
            except RequestRefused as error:
                if not _exists(error.envelope.text):
                    refused[finding.property] = error.envelope.message or error.message
        return refused

    def _add_options(self, finding: FieldFinding, found: Property) -> dict[str, str]:
        """Send the full list, ours after theirs: HubSpot replaces the whole list by what it is given."""
        missing = _missing_options(finding.spec, found)
        if not missing:
            return {}
        options = [*found.options, *_options(finding.spec, missing, start=len(found.options))]
        request = Request("PATCH", self._paths.properties(self._kind, finding.property), body={"options": options})
        try:
            self._client.once(request)
        except (RequestRefused, NotFound) as error:
            return {finding.property: error.message}
        return {}

    def _definition(self, finding: FieldFinding) -> dict[str, object]:
        spec = finding.spec
        kind, field_type = _TYPES[spec.type]
        long_text = spec.type is ValueType.TEXT and spec.length > _LONG_TEXT
        body: dict[str, object] = {
            "name": finding.property,
            "label": spec.label,
            "description": spec.description,
            "groupName": self._group,
            "type": kind,
            "fieldType": "textarea" if long_text else field_type,
            "formField": False,
            "hasUniqueValue": spec.unique,
        }
        if spec.type is ValueType.ENUM:
            body["options"] = _options(spec, spec.options)
        return body

    def _told(self, finding: FieldFinding, refused: Mapping[str, str], done: Mapping[str, str]) -> FieldFinding:
        """A property as it is afterwards, with why it is not there, or what was done to it."""
        reason = refused.get(finding.property)
        if finding.action == "create" and reason:
            return FieldFinding(finding.spec, finding.property, "conflict", f"HubSpot refused it: {reason}")
        return replace(finding, detail=done.get(finding.property, "")) if finding.action == "exists" else finding


def _missing_options(spec: FieldSpec, found: Property) -> list[tuple[str, str]]:
    present = {str(option.get("value")) for option in found.options}
    return [(value, label) for value, label in spec.options if value not in present]


def _options(spec: FieldSpec, pairs: Iterable[tuple[str, str]], start: int = 0) -> list[dict[str, object]]:
    """Options in the order of the spec; the API takes no colour of an option, people set it in HubSpot."""
    meanings = dict(spec.meanings)
    return [
        {"value": value, "label": label, "description": meanings.get(value, ""), "displayOrder": place, "hidden": False}
        for place, (value, label) in enumerate(pairs, start)
    ]


def _exists(text: str) -> bool:
    """Whether HubSpot refused to make something because it is there already."""
    return "EXISTS" in text.upper()
