"""Property definitions and groups: read, create, change, archive, revive."""

from __future__ import annotations

import re
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.http import JSONAnswer
from sandbox.hubspot.call import batch_answer, flag, inputs_of, json_body, kind_of, number_in, text_in
from sandbox.hubspot.errors import ApiError, invalid, not_found, partial
from sandbox.hubspot.objects import ObjectType
from sandbox.hubspot.schema import FIELD_TYPES, Group, Property, Schema, option_list
from sandbox.hubspot.state import HubSpotState

_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")
_REQUIRED = ("name", "label", "type", "fieldType", "groupName")
_KEPT = ("calculationFormula", "numberDisplayHint", "textDisplayHint", "showCurrencySymbol")
_MAX_UNIQUE = 10
_EXISTS = "Properties.PROPERTY_WITH_NAME_EXISTS"


class PropertiesApi:
    """Routes below `/crm/v3/properties/{type}`."""

    def __init__(self, state: HubSpotState) -> None:
        self._state, self._portal = state, state.portal

    def routes(self) -> list[Route]:
        """Return the routes, fixed names before property names."""
        base = "/crm/v3/properties/{kind}"
        return [
            Route(base, self.listing, methods=["GET"]),
            Route(base, self.create, methods=["POST"]),
            Route(f"{base}/batch/read", self.batch_read, methods=["POST"]),
            Route(f"{base}/batch/create", self.batch_create, methods=["POST"]),
            Route(f"{base}/batch/archive", self.batch_archive, methods=["POST"]),
            Route(f"{base}/groups", self.groups, methods=["GET"]),
            Route(f"{base}/groups", self.create_group, methods=["POST"]),
            Route(f"{base}/groups/{{name}}", self.read_group, methods=["GET"]),
            Route(f"{base}/groups/{{name}}", self.update_group, methods=["PATCH"]),
            Route(f"{base}/groups/{{name}}", self.archive_group, methods=["DELETE"]),
            Route(f"{base}/{{name}}", self.read, methods=["GET"]),
            Route(f"{base}/{{name}}", self.update, methods=["PATCH"]),
            Route(f"{base}/{{name}}", self.archive, methods=["DELETE"]),
        ]

    async def listing(self, request: Request) -> Response:
        """Answer all properties of one sensitivity, without pages."""
        schema = self._schema(kind_of(request))
        wanted = request.query_params.get("dataSensitivity", "non_sensitive")
        pool = schema.archived if flag(request, "archived") else schema.properties
        return JSONAnswer({"results": [prop.as_json() for prop in pool.values() if prop.sensitivity == wanted]})

    async def read(self, request: Request) -> Response:
        """Answer one definition."""
        schema = self._schema(kind_of(request))
        pool = schema.archived if flag(request, "archived") else schema.properties
        return JSONAnswer(_known(pool, request.path_params["name"]).as_json())

    async def create(self, request: Request) -> Response:
        """Create a property, or revive an archived one with the new definition."""
        kind, body = kind_of(request), await json_body(request)
        schema = self._schema(kind)
        name = text_in(body, "name")
        if name in schema.properties:
            message = f'Property named "{name}" already exists.'
            raise ApiError(409, {"status": "error", "message": message, "category": "OBJECT_ALREADY_EXISTS",
                                 "subCategory": _EXISTS, "context": {"name": [name]}})  # fmt: skip
        prop = self._define(schema, body)
        return JSONAnswer(prop.as_json(), 201, {"location": f"{request.url}/{prop.name}"})

    async def update(self, request: Request) -> Response:
        """Change a definition; options are replaced as a whole."""
        kind, body = kind_of(request), await json_body(request)
        schema = self._schema(kind)
        prop = _known(schema.properties, request.path_params["name"])
        if prop.hubspot_defined and {"type", "fieldType", "groupName"} & body.keys():
            raise invalid(f'The definition of "{prop.name}" is read only')
        _check_group(schema, str(body.get("groupName", prop.group)))
        new_type, field_type = str(body.get("type", prop.type)), str(body.get("fieldType", prop.field_type))
        _check_types(new_type, field_type)
        prop.type, prop.field_type = new_type, field_type
        prop.group, prop.label = str(body.get("groupName", prop.group)), str(body.get("label", prop.label))
        prop.description = str(body.get("description", prop.description))
        prop.hidden, prop.form_field = (
            bool(body.get("hidden", prop.hidden)),
            bool(body.get("formField", prop.form_field)),
        )
        prop.display_order = number_in(body, "displayOrder", prop.display_order)
        prop.extra |= {key: body[key] for key in _KEPT if key in body}
        if "options" in body:
            prop.options = _options(new_type, body["options"])
        prop.updated_ms = self._portal.now_ms()
        return JSONAnswer(prop.as_json())

    async def archive(self, request: Request) -> Response:
        """Archive a custom property; its values are no longer shown."""
        schema = self._schema(kind_of(request))
        self._archive(schema, _known(schema.properties, request.path_params["name"]))
        return Response(status_code=204)

    async def batch_read(self, request: Request) -> Response:
        """Answer several definitions; unknown names are listed in errors."""
        kind, body = kind_of(request), await json_body(request)
        schema = self._schema(kind)
        names = [str(item.get("name", "")) for item in inputs_of(body, 100)]
        pool = schema.archived if body.get("archived") else schema.properties
        errors = [
            partial("OBJECT_NOT_FOUND", f'Property "{name}" does not exist', {"name": [name]})
            for name in names
            if name not in pool
        ]
        return batch_answer(
            self._portal.now_ms(), [pool[name].as_json() for name in names if name in pool], errors, 200
        )

    async def batch_create(self, request: Request) -> Response:
        """Create several properties; those that exist already are listed in errors."""
        kind, body = kind_of(request), await json_body(request)
        schema = self._schema(kind)
        results, errors = [], []
        for item in inputs_of(body, 100):
            name = str(item.get("name", ""))
            if name in schema.properties:
                message = f'Property named "{name}" already exists.'
                errors.append(partial("OBJECT_ALREADY_EXISTS", message, {"name": [name]}, subCategory=_EXISTS))
            else:
                results.append(self._define(schema, item).as_json())
        return batch_answer(self._portal.now_ms(), results, errors, 201)

    async def batch_archive(self, request: Request) -> Response:
        """Archive several custom properties; unknown names are no error."""
        kind, body = kind_of(request), await json_body(request)
        schema = self._schema(kind)
        for item in inputs_of(body, 100):
            prop = schema.properties.get(str(item.get("name", "")))
            if prop is not None:
                self._archive(schema, prop)
        return Response(status_code=204)

    async def groups(self, request: Request) -> Response:
        """Answer all groups."""
        schema = self._schema(kind_of(request))
        return JSONAnswer({"results": [group.as_json() for group in schema.groups.values()]})

    async def read_group(self, request: Request) -> Response:
        """Answer one group."""
        return JSONAnswer(self._group(request).as_json())

    async def create_group(self, request: Request) -> Response:
        """Create a group."""
        kind, body = kind_of(request), await json_body(request)
        schema = self._schema(kind)
        name, label = body.get("name"), body.get("label")
        if not isinstance(name, str) or not _NAME.fullmatch(name) or not label:
            raise invalid("A property group needs a label and a name of small letters, digits and underscores")
        if name in schema.groups:
            message = f'Property group named "{name}" already exists.'
            raise ApiError(409, {"status": "error", "message": message, "category": "OBJECT_ALREADY_EXISTS"})
        schema.groups[name] = Group(name, str(label), number_in(body, "displayOrder", -1))
        return JSONAnswer(schema.groups[name].as_json(), 201, {"location": f"{request.url}/{name}"})

    async def update_group(self, request: Request) -> Response:
        """Change a group's label or place."""
        body, group = await json_body(request), self._group(request)
        group.label = str(body.get("label", group.label))
        group.display_order = number_in(body, "displayOrder", group.display_order)
        return JSONAnswer(group.as_json())

    async def archive_group(self, request: Request) -> Response:
        """Remove an empty group."""
        schema, group = self._schema(kind_of(request)), self._group(request)
        if any(prop.group == group.name for prop in schema.properties.values()):
            inner = {"status": "error", "message": "Cannot delete a group with active properties",
                     "subCategory": "PropertyGroupError.GROUP_WITH_ACTIVE_PROPERTIES"}  # fmt: skip
            raise invalid(orjson.dumps(inner).decode())
        del schema.groups[group.name]
        return Response(status_code=204)

    def _schema(self, kind: ObjectType) -> Schema:
        return self._portal.schemas[kind.name]

    def _group(self, request: Request) -> Group:
        group = self._schema(kind_of(request)).groups.get(request.path_params["name"])
        if group is None:
            raise not_found(f'Property group "{request.path_params["name"]}" does not exist')
        return group

    def _define(self, schema: Schema, body: dict[str, Any]) -> Property:
        """Check a definition and add it to the schema."""
        missing = [key for key in _REQUIRED if not isinstance(body.get(key), str) or not body[key]]
        if missing:
            raise invalid(f"Invalid input JSON: some required fields were not set: [{', '.join(missing)}]")
        name, kind, field_type = body["name"], body["type"], body["fieldType"]
        if not _NAME.fullmatch(name) or name.startswith("hs_"):
            raise invalid(f'"{name}" is not a valid property name')
        _check_types(kind, field_type)
        _check_group(schema, body["groupName"])
        self._check_limits(schema, unique=bool(body.get("hasUniqueValue")))
        now = self._portal.now_ms()
        prop = Property(
            name, body["label"], kind, field_type, body["groupName"], options=_options(kind, body.get("options") or []),
            source="calculated" if field_type == "calculation_equation" else "user",
            description=body.get("description") or "", display_order=number_in(body, "displayOrder", -1),
            unique=bool(body.get("hasUniqueValue")), hidden=bool(body.get("hidden")),
            form_field=bool(body.get("formField")), owner=body.get("referencedObjectType") == "OWNER",
            sensitivity=body.get("dataSensitivity") or "non_sensitive", created_ms=now, updated_ms=now,
            extra={key: body[key] for key in _KEPT if key in body},
        )  # fmt: skip
        schema.archived.pop(name, None)
        schema.properties[name] = prop
        return prop

    def _check_limits(self, schema: Schema, *, unique: bool) -> None:
        custom = sum(not prop.hubspot_defined for prop in schema.properties.values())
        if custom >= self._state.options.custom_property_limit:
            raise invalid(f"The limit of {self._state.options.custom_property_limit} custom properties is reached")
        if unique and sum(prop.unique for prop in schema.properties.values()) >= _MAX_UNIQUE:
            raise invalid(f"The limit of {_MAX_UNIQUE} properties with unique values is reached")

    def _archive(self, schema: Schema, prop: Property) -> None:
        if prop.hubspot_defined:
            raise invalid(f'"{prop.name}" is defined by HubSpot and cannot be archived')
        prop.archived_ms = self._portal.now_ms()
        schema.archived[prop.name] = schema.properties.pop(prop.name)


def _known(pool: dict[str, Property], name: str) -> Property:
    if name not in pool:
        raise not_found(f'Property "{name}" does not exist')
    return pool[name]


def _check_types(kind: str, field_type: str) -> None:
    if kind not in FIELD_TYPES:
        raise invalid(f'"{kind}" is not a valid property type; use one of {", ".join(FIELD_TYPES)}')
    if field_type not in FIELD_TYPES[kind]:
        raise invalid(f'Field type "{field_type}" does not fit type "{kind}"; use {" or ".join(FIELD_TYPES[kind])}')


def _check_group(schema: Schema, name: str) -> None:
    if name not in schema.groups:
        raise invalid(f'Property group "{name}" does not exist')


def _options(kind: str, given: Any) -> list[dict[str, Any]]:
    if kind == "bool":
        return option_list("true", "false")
    options, seen = [], set()
    for number, option in enumerate(given if isinstance(given, list) else []):
        if not isinstance(option, dict) or not option.get("label") or "value" not in option:
            raise invalid("Every option needs a label and a value")
        if option["value"] in seen:
            raise invalid(f'Option value "{option["value"]}" is given twice')
        seen.add(option["value"])
        options.append({"displayOrder": number, "hidden": False} | option)
    return options
