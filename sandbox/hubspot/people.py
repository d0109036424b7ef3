"""`/_sandbox`: what people do in HubSpot's user interface, told one verb at a time; no token, no quota, no faults.

Every verb that changes records takes `user` (whose name history shows) and `index_delay` (seconds after which search
learns of this change, instead of the portal's own delay).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.http import JSONAnswer
from sandbox.hubspot.call import is_number, json_body, number_in, text_in
from sandbox.hubspot.errors import bad_values, invalid, unknown_id
from sandbox.hubspot.journal import USER, Actor
from sandbox.hubspot.objects import ObjectType, object_type
from sandbox.hubspot.records import Record
from sandbox.hubspot.state import HubSpotState
from sandbox.hubspot.views import Selection, can_associate

Verb = Callable[[dict[str, Any]], Any]

_MOST_CREATED = 100_000


class PeopleApi:
    """Edits by people."""

    def __init__(self, state: HubSpotState) -> None:
        self._portal = state.portal

    def routes(self) -> list[Route]:
        """Return the routes."""
        verbs: dict[str, Verb] = {
            "create": self.create, "edit": self.edit, "archive": self.archive, "restore": self.restore,
            "purge": self.purge, "merge": self.merge, "flood": self.flood, "recalculate": self.recalculate,
            "associate": self.associate, "dissociate": self.dissociate,
        }  # fmt: skip
        return [Route(f"/_sandbox/{name}", self._served(verb), methods=["POST"]) for name, verb in verbs.items()]

    def create(self, body: dict[str, Any]) -> Any:
        """Create records: {object, properties, id?, count?}; with a count they differ by their ids only."""
        kind, count = _kind(body), number_in(body, "count", 1)
        if not 0 < count <= _MOST_CREATED:
            raise invalid(f"count must be between 1 and {_MOST_CREATED}, not {count}")
        values = self._checked(kind, body)
        identity = self._free_id(kind, body)
        if identity is not None and count > 1:
            raise invalid("an id is for one record; leave out id or count")
        made = [self._portal.create(kind.name, values, _person(body), identity) for _ in range(count)]
        return {"id": str(made[0].id), "ids": [str(record.id) for record in made]}

    def edit(self, body: dict[str, Any]) -> Any:
        """Change a record: {object, id, properties}."""
        kind, record = self._record(body)
        values = self._checked(kind, body)
        self._portal.write(kind.name, record, values, _person(body))
        return Selection(self._portal, kind, values).show(record)

    def archive(self, body: dict[str, Any]) -> Any:
        """Move a record into the recycle bin: {object, id}."""
        kind, record = self._record(body)
        self._portal.archive(kind.name, record, _person(body))
        return {"id": str(record.id), "archived": True}

    def restore(self, body: dict[str, Any]) -> Any:
        """Take a record out of the recycle bin: {object, id}; its last-modified instant stays as it was."""
        kind, record = self._record(body, archived=True)
        self._portal.restore(kind.name, record, _person(body))
        return {"id": str(record.id), "archived": False}

    def purge(self, body: dict[str, Any]) -> Any:
        """Delete a record for good, live or archived: {object, id}; no list knows it any more."""
        kind = _kind(body)
        store, identity = self._portal.stores[kind.name], _number(body.get("id"))
        record = store.live.get(identity) or store.archived.get(identity)
        if record is None:
            raise unknown_id()
        self._portal.forget(kind.name, record, _person(body))
        return {"id": str(record.id), "purged": True}

    def merge(self, body: dict[str, Any]) -> Any:
        """Merge two records: {object, id, other}; answers the new id."""
        kind, primary = self._record(body)
        _, other = self._record({**body, "id": body.get("other")})
        if primary is other:
            raise invalid("A record cannot be merged with itself")
        merged = self._portal.merge(kind.name, primary, other, _person(body))
        return Selection(self._portal, kind, ["hs_merged_object_ids"]).show(merged)

    def flood(self, body: dict[str, Any]) -> Any:
        """Give many records one last-modified millisecond, as a bulk job does: {object, count? or ids?, at_ms?}.

        Without ids it takes the lowest ones, all of them without a count.
        """
        kind = _kind(body)
        live, at = self._portal.stores[kind.name].live, body.get("at_ms")
        if at is not None and (not isinstance(at, int) or isinstance(at, bool) or not 0 < at <= self._portal.now_ms()):
            raise invalid("at_ms must be milliseconds since 1970, and not in the future")
        given = body.get("ids")
        if given is None:
            chosen = sorted(live)[: number_in(body, "count", len(live))]
        else:
            chosen = [_number(one) for one in given] if isinstance(given, list) else []
        if not chosen or any(identity not in live for identity in chosen):
            raise unknown_id()
        now = self._portal.now_ms() if at is None else at
        self._portal.flood(kind.name, [live[identity] for identity in chosen], now)
        return {"object": kind.name, "records": len(chosen), "at_ms": now}

    def recalculate(self, body: dict[str, Any]) -> Any:
        """Give properties other values as roll-ups get them: {object, id, properties}; no stamp, no history."""
        kind, record = self._record(body)
        given = body.get("properties")
        known = self._portal.schemas[kind.name].properties
        if not isinstance(given, dict) or not given or not given.keys() <= known.keys():
            raise invalid("properties must be an object of names that exist, and values")
        self._portal.recalculate(kind.name, record, {name: str(value) for name, value in given.items()})
        return Selection(self._portal, kind, given).show(record)

    def associate(self, body: dict[str, Any]) -> Any:
        """Associate two records: {object, id, to_object, to, primary?, label?}; neither's last-modified moves.

        `label` is a user-defined one, made when it is new. `primary` moves the mark here from another company.
        """
        start, end = self._ends(body)
        links = self._portal.links
        if body.get("primary") is True:
            child, company = (start, end) if end[0] == "companies" else (end, start)
            links.join(*child, *company, primary=True)
        elif end[1] not in links.of(*start, end[0]):
            links.join(*start, *end)
        if label := text_in(body, "label"):
            links.label(start, end, label)
        return {"types": [[number, label] for number, label in [*links.types(*start, *end), *links.own(start, end)]]}

    def dissociate(self, body: dict[str, Any]) -> Any:
        """Remove every association of two records, or only a user-defined {label}."""
        start, end = self._ends(body)
        if label := text_in(body, "label"):
            self._portal.links.unlabel(start, end, label)
        else:
            self._portal.links.part(start, end)
        return {}

    def _served(self, verb: Verb) -> Callable[[Request], Any]:
        async def serve(request: Request) -> Response:
            body = await json_body(request)
            delay = body.get("index_delay")
            if delay is not None and (not isinstance(delay, int | float) or isinstance(delay, bool) or delay < 0):
                raise invalid("index_delay must be a number of seconds")
            with self._portal.index.delayed(delay):
                return JSONAnswer(verb(body))

        return serve

    def _checked(self, kind: ObjectType, body: dict[str, Any]) -> dict[str, str]:
        given = body.get("properties")
        if not isinstance(given, dict):
            raise invalid("properties must be an object of names and values")
        values, problems = self._portal.check(kind.name, given)
        if problems:
            raise bad_values(problems)
        return values

    def _free_id(self, kind: ObjectType, body: dict[str, Any]) -> int | None:
        if body.get("id") is None:
            return None
        identity, store = _number(body["id"]), self._portal.stores[kind.name]
        if identity <= 0 or identity in store.live or identity in store.archived or identity in store.retired:
            raise invalid(f"id {body['id']!r} is no id that a new record could have")
        return identity

    def _ends(self, body: dict[str, Any]) -> tuple[tuple[str, int], tuple[str, int]]:
        kind, record = self._record(body)
        other, target = self._record({"object": body.get("to_object"), "id": body.get("to")})
        if not can_associate(kind.name, other.name):
            raise invalid(f"No association type exists between {kind.name} and {other.name}")
        return (kind.name, record.id), (other.name, target.id)

    def _record(self, body: dict[str, Any], *, archived: bool = False) -> tuple[ObjectType, Record]:
        kind = _kind(body)
        record = self._portal.stores[kind.name].find(_number(body.get("id")), archived=archived)
        if record is None:
            raise unknown_id()
        return kind, record


def _kind(body: dict[str, Any]) -> ObjectType:
    kind = object_type(str(body.get("object", "")))
    if kind is None:
        raise invalid(f"object {body.get('object')!r} is not an object type of this portal")
    return kind


def _number(identity: object) -> int:
    return int(str(identity)) if is_number(str(identity)) else -1


def _person(body: dict[str, Any]) -> Actor:
    return Actor("user", "", source_id=f"{USER}{body.get('user') or 900001}")
