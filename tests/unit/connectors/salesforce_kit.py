"""A Salesforce org of a few canned answers, for tests of single calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import responses

from connectors.base import StreamMap
from connectors.budget import MemoryBudget
from connectors.salesforce.client import SalesforceClient
from connectors.salesforce.connector import SalesforceConnector
from connectors.salesforce.settings import SalesforceSettings

ORIGIN = "https://acme.my.salesforce.com"
DATA = f"{ORIGIN}/services/data/v62.0"
TOKEN_URL = f"{ORIGIN}/services/oauth2/token"
SERVER_TIME = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)
DATE_HEADER = "Sun, 01 Mar 2026 12:00:30 GMT"
EXPIRED = [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]


class StillClock:
    """Time that moves only by sleeping."""

    def __init__(self, now: datetime = SERVER_TIME) -> None:
        self.at = now
        self.naps: list[float] = []

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.at += timedelta(seconds=seconds)


def account_id(number: int) -> str:
    """The id of account `number`, 18 characters."""
    from connectors.salesforce.ids import to18

    return to18(f"001kW{number:010d}")


def settings(**changes: Any) -> SalesforceSettings:
    """Settings with client credentials for the canned org."""
    auth = {"flow": "client_credentials", "consumer_key": "key-of-app", "consumer_secret": "secret-of-app"}
    return SalesforceSettings.model_validate({"auth": auth, "login_url": ORIGIN, **changes})


def client(clock: StillClock | None = None, **changes: Any) -> SalesforceClient:
    """A client of the canned org."""
    clock = clock or StillClock()
    return SalesforceClient(
        settings(**changes), budget=MemoryBudget(clock, clock.sleep), clock=clock, sleep=clock.sleep
    )


def connector(clock: StillClock | None = None, **changes: Any) -> SalesforceConnector:
    """A connector of the canned org that pulls accounts with their names."""
    accounts = StreamMap("account", ("Name", "SystemModstamp"))
    return SalesforceConnector("salesforce", client(clock, **changes), {"accounts": accounts}, "CS_")


def let_log_in(mock: responses.RequestsMock, token: str | None = None, instance: str = ORIGIN) -> None:
    """Answer the next login."""
    token = token or "00Dxx0000001gPL!AQ.first"
    mock.post(TOKEN_URL, json={"access_token": token, "instance_url": instance}, headers={"Date": DATE_HEADER})


def field(name: str, kind: str = "string", **keys: Any) -> dict[str, Any]:
    """An entry of describe's `fields`."""
    return {"name": name, "type": kind, "length": 255 if kind == "string" else 0, "updateable": True, **keys}


def picklist(name: str, *values: str, restricted: bool = True) -> dict[str, Any]:
    """A picklist's entry of describe's `fields`."""
    entries = [{"value": value, "active": True, "label": value} for value in values]
    return field(name, "picklist", restrictedPicklist=restricted, picklistValues=entries)


ACCOUNT_FIELDS = (
    field("Id", "id", updateable=False),
    field("Name"),
    field("ParentId", "reference"),
    field("SystemModstamp", "datetime", updateable=False),
    field("IsDeleted", "boolean", updateable=False),
    field("MasterRecordId", "reference", updateable=False),
    field("CS_Health_Score__c", "double", precision=18, scale=1),
    picklist("CS_Health_Band__c", "green", "yellow", "red"),
    field("CS_Health_Reasons__c", "textarea", length=1000),
    field("CS_Scored_At__c", "datetime"),
    field("CS_Stage_Entered_On__c", "date"),
)


def let_describe(
    mock: responses.RequestsMock, name: str = "Account", fields: Sequence[Mapping[str, Any]] = ACCOUNT_FIELDS
) -> None:
    """Answer describes of an object."""
    body = {"name": name, "queryable": True, "updateable": True, "fields": list(fields)}
    mock.get(f"{DATA}/sobjects/{name}/describe", json=body, headers={"Date": DATE_HEADER})


def let_describe_absent(mock: responses.RequestsMock, *names: str) -> None:
    """Let objects be unknown to the org."""
    for name in names:
        body = [{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}]
        mock.get(f"{DATA}/sobjects/{name}/describe", json=body, status=404)
