from __future__ import annotations

from collections.abc import Callable, Iterator

import orjson
import pytest

from connectors.base import Connector, StreamMap
from connectors.budget import MemoryBudget
from connectors.clock import SystemClock
from connectors.http import Answer, Timeouts
from connectors.hubspot.connector import connect
from connectors.hubspot.transport import Request, SdkTransport
from connectors.testing import CHECKS, CrmUnderTest, Fault, Operation
from sandbox.hubspot.journal import Actor
from tests.contract.hubspot_kit import Box, portal, shipped_maps
from tests.unit.connectors.kit import http, raw_server

PERSON = Actor("user", "corr", source_id="userId:900001")
FAULTS: dict[Fault, str] = {
    "burst_limit": "ten_secondly",
    "daily_limit": "daily",
    "server_error": "502",
    "truncated": "truncated_body",
    "not_the_api": "html_200",
    "answer_lost": "commit_then_drop",
    "expired_token": "unauthorized",
}
PATHS: dict[Operation, str] = {"read": "/crm/v3/objects/companies", "write": "/crm/v3/objects/companies/batch/update"}


class ForeignLinks:
    """A transport that makes every page link lead to another server."""

    def __init__(self, inner: SdkTransport, foreign: str) -> None:
        self._inner = inner
        self._foreign = foreign

    def send(self, request: Request, token: str | None) -> Answer:
        answer = self._inner.send(request, token)
        body = orjson.loads(answer.body)
        if isinstance(body, dict) and "paging" in body:
            body["paging"]["next"]["link"] = f"{self._foreign}/crm/v3/objects/companies"
        return Answer(answer.status, answer.headers, orjson.dumps(body), proven=True)

    def close(self) -> None:
        self._inner.close()


class Portal:
    """HubSpot's sandbox as the conformance suite wants it."""

    writable = "numberofemployees"
    also_writable = "annual_contract_value"
    read_only = "hs_object_id"
    bad_value = "many"

    def __init__(self, box: Box, foreign: str, foreign_log: list[bytes]) -> None:
        self._box = box
        self._foreign = foreign
        self._foreign_log = foreign_log

    def connect(self) -> Connector:
        return self._box.connect(oauth=self._box.oauth())

    def connect_wanting(self, property_name: str) -> Connector:
        maps = shipped_maps()
        one = maps["companies"]
        wanted = StreamMap(one.entity, (*one.properties, property_name), one.custom, frozenset({property_name}))
        return self._box.connect({**maps, "companies": wanted})

    def connect_with_foreign_links(self) -> Connector:
        clock, settings = self._box.clock, self._box.settings()
        wire = SdkTransport(settings.base_url, clock=SystemClock(), timeouts=Timeouts())
        connector = connect(
            "hubspot",
            settings,
            shipped_maps(),
            budget=MemoryBudget(clock, clock.sleep),
            clock=clock,
            sleep=clock.sleep,
            transport=ForeignLinks(wire, self._foreign),
        )
        self._box._open.append(connector)
        return connector

    def foreign_requests(self) -> int:
        return len(self._foreign_log)

    def live_ids(self) -> frozenset[str]:
        return frozenset(self._box.live())

    def unknown_ids(self, count: int) -> list[str]:
        return [str(10**14 + number) for number in range(count)]

    def value(self, account_id: str, property_name: str) -> object:
        store = self._box.state.portal.stores["companies"]
        return self._box.state.portal.value("companies", store.live[int(account_id)], property_name)

    def requests(self) -> int:
        return self._box.state.stats.requests

    def break_requests(self, operation: Operation, fault: Fault, *, nth: int = 1, times: int = 1) -> None:
        self._box.state.faults.faults.clear()
        self._box.fault(FAULTS[fault], PATHS[operation], nth=nth, times=times)

    def edit(self, account_id: str, property_name: str, value: str) -> None:
        hubspot = self._box.state.portal
        hubspot.write("companies", hubspot.stores["companies"].live[int(account_id)], {property_name: value}, PERSON)

    def delete(self, account_id: str) -> None:
        hubspot = self._box.state.portal
        hubspot.archive("companies", hubspot.stores["companies"].live[int(account_id)], PERSON)

    def merge(self, account_id: str, other_id: str) -> str:
        hubspot = self._box.state.portal
        live = hubspot.stores["companies"].live
        return str(hubspot.merge("companies", live[int(account_id)], live[int(other_id)], PERSON).id)


@pytest.fixture
def crm() -> Iterator[CrmUnderTest]:
    with raw_server(lambda peer, _: peer.sendall(http(b"{}"))) as (foreign, log), portal(accounts=260) as box:
        box.call_everyone()
        yield Portal(box, foreign, log)


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_hubspot_conforms(check: Callable[[CrmUnderTest], None], crm: CrmUnderTest):
    check(crm)
