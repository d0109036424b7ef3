"""The conformance suite against the Salesforce sandbox."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from connectors.base import Connector, StreamMap
from connectors.salesforce.ids import to18
from connectors.testing import CHECKS, CrmUnderTest, Fault, Operation
from tests.contract.salesforce_org import Org, org, shipped_map
from tests.unit.connectors.kit import http, raw_server

FAULTS: dict[Fault, str] = {
    "burst_limit": "429",
    "daily_limit": "daily",
    "server_error": "502",
    "truncated": "truncated_body",
    "not_the_api": "html_200",
    "answer_lost": "commit_then_drop",
    "expired_token": "unauthorized",
}
CALLS: dict[Operation, tuple[str, str]] = {
    "read": ("GET", "/services/data/v*/query*"),
    "write": ("PATCH", "/services/data/v*/composite/sobjects"),
}


SMALL: Mapping[str, Any] = {}
BULK: Mapping[str, Any] = {"bulk_from": 1, "bulk_page": 13, "rows_a_page": 5}


class Crm:
    """The sandbox org as the conformance suite wants it."""

    writable = "NumberOfEmployees"
    also_writable = "AnnualRevenue"
    read_only = "SystemModstamp"
    bad_value = "many"

    def __init__(self, one: Org, foreign: str, foreign_log: list[bytes], pull: Mapping[str, Any] = SMALL) -> None:
        self._org = one
        self._pull = dict(pull)
        self._foreign = foreign
        self._foreign_log = foreign_log

    def connect(self) -> Connector:
        return self._org.connector(pull=self._pull)

    def connect_wanting(self, property_name: str) -> Connector:
        accounts = shipped_map()["accounts"]
        wanted = StreamMap(
            accounts.entity, (*accounts.properties, property_name), accounts.custom, frozenset({property_name})
        )
        return self._org.connector({**shipped_map(), "accounts": wanted})

    def connect_with_foreign_links(self) -> Connector:
        link = f"{self._foreign}/services/data/v62.0/query/0r8kW0000000001AAA-2000"
        page = {"totalSize": 60, "done": False, "records": [], "nextRecordsUrl": link}
        self._org.fault("status", CALLS["read"][1], status=200, body=page, times=0)
        return self._org.connector()

    def foreign_requests(self) -> int:
        return len(self._foreign_log)

    def live_ids(self) -> frozenset[str]:
        return frozenset(self._org.live("Account"))

    def unknown_ids(self, count: int) -> list[str]:
        return [to18(f"00UkW9{number:09d}") for number in range(count)]

    def value(self, account_id: str, property_name: str) -> object:
        table = self._org.state.org.tables["Account"]
        found: Any = table.rows[account_id][table.columns[property_name]]
        return found

    def requests(self) -> int:
        return int(self._org.state.stats.requests)

    def break_requests(self, operation: Operation, fault: Fault, *, nth: int = 1, times: int = 1) -> None:
        self._org.state.faults.clear()
        method, path = CALLS[operation]
        self._org.fault(FAULTS[fault], path, method=method, nth=nth, times=times)

    def edit(self, account_id: str, property_name: str, value: str) -> None:
        self._org.post("edit", {"object": "Account", "id": account_id, "properties": {property_name: int(value)}})

    def delete(self, account_id: str) -> None:
        self._org.post("delete", {"object": "Account", "id": account_id})

    def merge(self, account_id: str, other_id: str) -> str:
        return str(self._org.post("merge", {"object": "Account", "id": account_id, "other": other_id})["id"])


@pytest.fixture
def crm() -> Iterator[CrmUnderTest]:
    with raw_server(lambda peer, _: peer.sendall(http(b"{}"))) as (foreign, log), org(batch_size=9) as one:
        yield Crm(one, foreign, log)


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_salesforce_conforms(check: Callable[[CrmUnderTest], None], crm: CrmUnderTest) -> None:
    check(crm)


@pytest.mark.parametrize("name", ["resume", "resume_before_the_end"])
def test_salesforce_conforms_when_it_is_read_by_bulk_jobs(name: str) -> None:
    with org(batch_size=9) as one:
        CHECKS[name](Crm(one, "", [], BULK))
        assert any(route.endswith("jobs/query") for route in one.state.stats.by_route)
