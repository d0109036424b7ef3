"""The conformance suite against the Gainsight sandbox."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from connectors.base import Connector, StreamMap
from connectors.testing import CHECKS, CrmUnderTest, Fault, Operation
from tests.contract.gainsight_tenant import OBJECT, TARGET, Tenant, put_aside, row_of, shipped_map, tenant

FAULTS: dict[Fault, str] = {
    "burst_limit": "too_many",
    "server_error": "500",
    "truncated": "truncated_json",
    "not_the_api": "html_200",
    "answer_lost": "commit_then_drop",
    "expired_token": "unauthorized",
}
CALLS: dict[Operation, tuple[str, str]] = {
    "read": ("POST", "/v1/data/objects/query/*"),
    "write": ("PUT", "/v1/data/objects/Company"),
}
NOT_FOR_GAINSIGHT = {
    "merged_record": "Gainsight tells of no merge: the loser is deleted, and nothing names its survivor",
    "links_resume": "nothing that is pulled hangs on a company by links",
}


class Crm:
    """The sandbox tenant as the conformance suite wants it."""

    writable = "CS_Health_Score__gc"
    also_writable = "CS_Health_Coverage__gc"
    read_only = "CurrentScore"
    bad_value = "many"

    def __init__(self, one: Tenant, target: Mapping[str, str] | None = None) -> None:
        self._tenant = one
        self._target = target

    def connect(self) -> Connector:
        return self._tenant.connector(pull={"page": 9}, target=self._target)

    def connect_wanting(self, property_name: str) -> Connector:
        companies = shipped_map("gainsight")["companies"]
        wanted = StreamMap(
            companies.entity, (*companies.properties, property_name), companies.custom, frozenset({property_name})
        )
        return self._tenant.connector({**shipped_map("gainsight"), "companies": wanted}, target=self._target)

    def connect_with_foreign_links(self) -> Connector:
        return self.connect()  # no answer of Gainsight's leads anywhere

    def foreign_requests(self) -> int:
        return 0

    def live_ids(self) -> frozenset[str]:
        return frozenset(self._tenant.rows())

    def unknown_ids(self, count: int) -> list[str]:
        return [f"1P02NOBODY{number:026d}" for number in range(count)]

    def value(self, account_id: str, property_name: str) -> object:
        found: object = self._holder(account_id)[property_name]
        return found

    def _holder(self, account_id: str) -> dict[str, Any]:
        """The row that holds an account's values."""
        return self._tenant.rows()[account_id] if self._target is None else row_of(self._tenant, account_id)

    def requests(self) -> int:
        return int(self._tenant.state.stats.requests)

    def break_requests(self, operation: Operation, fault: Fault, *, nth: int = 1, times: int = 1) -> None:
        self._tenant.state.faults.faults.clear()
        method, path = CALLS[operation]
        if self._target is not None and operation == "write":
            path = f"/v1/data/objects/{OBJECT}"
        if fault == "daily_limit":
            # Gainsight says the same of a minute and of a day: only a day goes on refusing.
            self._tenant.post("spend", {"day": 50_000})
        else:
            self._tenant.fault(FAULTS[fault], path, method=method, nth=nth, times=times)

    def edit(self, account_id: str, property_name: str, value: str) -> None:
        held = "Company" if self._target is None else OBJECT
        changed = {"object": held, "id": self._holder(account_id)["Gsid"], "properties": {property_name: int(value)}}
        self._tenant.post("edit", changed)

    def delete(self, account_id: str) -> None:
        self._tenant.post("delete", {"object": "Company", "id": account_id})

    def merge(self, account_id: str, other_id: str) -> str:
        raise NotImplementedError(NOT_FOR_GAINSIGHT["merged_record"])


@pytest.fixture
def crm() -> Iterator[CrmUnderTest]:
    with tenant() as one:
        yield Crm(one)


@pytest.fixture
def crm_aside() -> Iterator[CrmUnderTest]:
    """The same with Keepwell's fields in rows beside the companies."""
    with tenant() as one:
        put_aside(one)
        yield Crm(one, TARGET)


APPLICABLE = {name: check for name, check in CHECKS.items() if name not in NOT_FOR_GAINSIGHT}


@pytest.mark.parametrize("check", APPLICABLE.values(), ids=APPLICABLE)
def test_gainsight_conforms(check: Callable[[CrmUnderTest], None], crm: CrmUnderTest) -> None:
    check(crm)


@pytest.mark.parametrize("check", APPLICABLE.values(), ids=APPLICABLE)
def test_gainsight_conforms_with_fields_beside_companies(
    check: Callable[[CrmUnderTest], None], crm_aside: CrmUnderTest
) -> None:
    check(crm_aside)


def test_what_does_not_apply_is_known_by_name_and_holds_still(crm: CrmUnderTest) -> None:
    assert NOT_FOR_GAINSIGHT.keys() <= CHECKS.keys()
    assert {one.kind for one in crm.connect().streams()} == {"records", "reference"}
