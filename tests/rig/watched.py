"""What stands between a run and the CRM of the rig: it listens to what is asked, and does the mischief.

Mischief is told beforehand: what goes wrong, and at the how-manieth read or write of the records that Keepwell writes.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from typing import Any, Literal, Protocol

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.faults import read_fault
from sandbox.gainsight.faults import KINDS
from sandbox.gainsight.state import GainsightState
from sandbox.http import JSONAnswer, drop
from sandbox.hubspot.faults import fault_from
from sandbox.hubspot.schema import Property
from sandbox.hubspot.state import HubSpotState
from sandbox.salesforce.rules import ValidationRule
from sandbox.salesforce.state import SalesforceState
from tests.rig import tenant
from tests.rig.clock import SharedClock
from tests.rig.truth import BESIDE, State, state_of

Vendor = Literal["hubspot", "salesforce", "gainsight", "gainsight_beside"]
"""The last one is Gainsight with Keepwell's fields in rows of a custom object, which lead to the companies."""
Role = Literal["read", "write", "other"]
LATE = 60.0
"""Seconds after which a late request has its effect: half of the grace that a run leaves it."""
ON_THE_WIRE = frozenset(
    {"drop", "commit_then_drop", "500", "502", "503", "504", "html_200", "truncated_json", "truncated_body",
     "unauthorized", "ten_secondly", "secondly", "locked", "concurrent", "unavailable", "429", "too_many"}
)  # fmt: skip
"""Kinds of mischief that the sandbox's own script of faults does."""
WRITE_PATHS = {
    "hubspot": ("POST", "*/batch/update"),
    "salesforce": ("PATCH", "*/composite/sobjects"),
    "gainsight": ("PUT", "*/objects/Company"),
    "gainsight_beside": ("PUT", f"*/objects/{BESIDE}"),
}
READ_PATHS = {
    "hubspot": ("POST", "*/companies/batch/read"),
    "salesforce": ("POST", "*/composite/sobjects/Account"),
    "gainsight": ("POST", "*/query/Company"),
    "gainsight_beside": ("POST", f"*/query/{BESIDE}"),
}
"""In Gainsight pages of a pull come the same way as guard reads."""

_ROLES: Mapping[Role, Mapping[Vendor, tuple[str, str]]] = {"write": WRITE_PATHS, "read": READ_PATHS}


@dataclass(frozen=True, slots=True)
class Mischief:
    """What goes wrong at the `nth` request of a role: a fault of the sandbox, `late`, or what a person does.

    Before the request is served `edit` sets `property` of `record` to `value`, `archive` deletes the record, `merge`
    merges it into record `value`; `forbid` refuses `value` in `property` from the start, as a rule of an admin does.
    """

    do: str
    on: Role = "write"
    nth: int = 1
    record: str = ""
    property: str = ""
    value: str = ""


class Crm(Protocol):
    """The CRM that is watched."""

    vendor: Vendor
    clock: SharedClock
    state: State

    def edit(self, record: str, values: Mapping[str, str]) -> None: ...

    def archive(self, record: str) -> None: ...

    def merge(self, record: str, into: str) -> None: ...


class Watched:
    """The CRM with somebody who listens to what is asked of it, and does the mischief."""

    def __init__(self, crm: Crm, app: ASGIApp, mischief: Sequence[Mischief] = ()) -> None:
        self._crm, self._app = crm, app
        self._mischief = list(mischief)
        self._passed: Counter[Role] = Counter()
        self._under_way = 0
        self._asked: list[dict[str, Any]] = []
        self._due: list[tuple[float, Callable[[], Awaitable[None]]]] = []
        self._ticking: asyncio.Task[None] | None = None
        for one in mischief:
            if one.do in ON_THE_WIRE:
                self._script(one)
            elif one.do == "forbid":
                self._forbid(one)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; `/_rig/` is the rig's own."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"].startswith("/_rig/"):
            await self._own(scope["path"])(scope, receive, send)
        else:
            self._under_way += 1
            try:
                await self._serve(scope, receive, send)
            finally:
                self._under_way -= 1

    def _own(self, path: str) -> JSONAnswer:
        if path == "/_rig/heal":
            self._heal()
        data = {**state_of(self._crm.state), "asked": self._asked, "under_way": self._under_way, "late": len(self._due)}
        return JSONAnswer(data)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        role = self._role(scope["method"], scope["path"])
        if role == "other":
            await self._app(scope, receive, send)
            return
        self._passed[role] += 1
        now = [one for one in self._mischief if (one.on, one.nth) == (role, self._passed[role])]
        for one in now:
            if one.do == "edit":
                self._crm.edit(one.record, {one.property: one.value})
            elif one.do == "archive":
                self._crm.archive(one.record)
            elif one.do == "merge":
                self._crm.merge(one.record, one.value)
        if role == "write":
            body = await _body(receive)
            self._asked.append({"at": self._crm.clock.seconds(), "named": self._named(body)})
            receive = _again(body, receive)
            if any(one.do == "late" for one in now):
                self._later(scope, body)
                await drop(scope, receive)
                return
        await self._app(scope, receive, send)

    def _named(self, body: bytes) -> dict[str, list[str]]:
        named, state = _named(self._crm.vendor, body), self._crm.state
        if self._crm.vendor != "gainsight_beside" or not isinstance(state, GainsightState):
            return named
        leads = tenant.companies_of(state)
        return {leads.get(row, row): names for row, names in named.items()}

    def _role(self, method: str, path: str) -> Role:
        for role, paths in _ROLES.items():
            wanted, pattern = paths[self._crm.vendor]
            if method == wanted and fnmatchcase(path, pattern):
                return role
        return "other"

    def _later(self, scope: Scope, body: bytes) -> None:
        """Carry a request out when the clock is further on; its answer goes nowhere."""

        async def carry_out() -> None:
            await self._app(scope, _again(body, None), _nowhere)

        self._due.append((self._crm.clock.shift + LATE, carry_out))
        self._crm.clock.take_part()
        if self._ticking is None:
            self._ticking = asyncio.ensure_future(self._tick())

    async def _tick(self) -> None:
        clock = self._crm.clock
        while True:
            shift = clock.shift
            for entry in [one for one in self._due if one[0] <= shift]:
                self._due.remove(entry)
                await entry[1]()
            clock.acted(shift)
            await asyncio.sleep(0.001)

    def _script(self, one: Mischief) -> None:
        method, path = (WRITE_PATHS if one.on == "write" else READ_PATHS)[self._crm.vendor]
        fault = {"kind": one.do, "method": method, "path": path, "nth": one.nth}
        if isinstance(self._crm.state, HubSpotState):
            self._crm.state.faults.faults.append(fault_from(fault))
        elif isinstance(self._crm.state, GainsightState):
            self._crm.state.faults.faults.append(read_fault(fault, KINDS))
        else:
            self._crm.state.faults.add([fault])

    def _forbid(self, one: Mischief) -> None:
        state = self._crm.state
        if isinstance(state, SalesforceState):
            state.rules.append(ValidationRule("Account", one.property, "This value is not wanted here.", (one.value,)))
            return
        if isinstance(state, GainsightState):
            tenant.forbid(state, one.property, one.value)
            return
        properties = state.portal.schemas["companies"].properties
        properties[one.property] = _narrowed(properties[one.property], one.value)

    def _heal(self) -> None:
        self._mischief = [one for one in self._mischief if one.do == "forbid"]
        if isinstance(self._crm.state, HubSpotState | GainsightState):
            self._crm.state.faults.faults.clear()
        else:
            self._crm.state.faults.clear()


def _narrowed(prop: Property, refused: str) -> Property:
    """A property that takes one value less than it shows: an admin removed the option a moment ago."""
    taken = property(lambda self: [value for value in Property.values.fget(self) if value != refused])
    kind = type("Narrowed", (Property,), {"values": taken})
    return kind(**{item.name: getattr(prop, item.name) for item in fields(prop)})


def _named(vendor: Vendor, body: bytes) -> dict[str, list[str]]:
    """Record → the properties that a request that writes names."""
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    if vendor == "hubspot":
        return {str(one["id"]): list(one["properties"]) for one in data["inputs"]}
    aside = {"attributes", "Id", "id", "Gsid"}
    records = [(one.get("Gsid") or one.get("Id", one.get("id")), one) for one in data["records"]]
    return {str(record): [name for name in one if name not in aside] for record, one in records}


async def _body(receive: Receive) -> bytes:
    """The whole body; empty when whoever asked is gone before it came."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b""
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _again(body: bytes, receive: Receive | None) -> Receive:
    """A receiver that gives a body that was read already."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if not given:
            given = True
            return {"type": "http.request", "body": body, "more_body": False}
        return {"type": "http.disconnect"} if receive is None else await receive()

    return replay


async def _nowhere(_: Message) -> None:
    """Nobody waits for the answer any more."""
